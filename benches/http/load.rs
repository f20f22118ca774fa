//! A load generator that does little: connections that are kept open, each asking the same again as soon as it was answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::figure::{per_second, percentile};

/// A request, as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) address: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Question {
    /// A GraphQL request of whoever holds `token`.
    pub(crate) fn graphql(address: SocketAddr, token: &str, query: &str, variables: &Value) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let length = body.len();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\naccept: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        Self { address, bytes: format!("{head}{body}").into_bytes() }
    }
}

/// What came of asking for a while.
pub(crate) struct Load {
    pub(crate) took: Duration,
    pub(crate) latencies: Vec<Duration>,
}

/// What came of several turns.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    took: Duration,
    latencies: Vec<Duration>,
}

impl Seen {
    pub(crate) fn add(&mut self, load: Load) {
        self.requests += load.latencies.len();
        self.took += load.took;
        self.latencies.extend(load.latencies);
    }

    pub(crate) fn rate(&self) -> u128 {
        per_second(self.requests, self.took)
    }

    pub(crate) fn p99(&mut self) -> Duration {
        self.latencies.sort_unstable();
        percentile(&self.latencies, 99)
    }
}

/// Asks over `connections` connections for the time of `turn`, on a thread of its own.
pub(crate) async fn drive(question: &Question, connections: usize, turn: Duration) -> Load {
    let question = question.clone();
    let driven = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.expect("a runtime").block_on(async {
            let began = Instant::now();
            let until = began + turn;
            let all = (0..connections).map(|_| connection(&question, until));
            let latencies = join_all(all).await.into_iter().flatten().collect();
            Load { took: began.elapsed(), latencies }
        })
    });
    driven.await.expect("the load generator does not panic")
}

async fn connection(question: &Question, until: Instant) -> Vec<Duration> {
    let mut stream = connect(question).await;
    let (mut latencies, mut answer) = (Vec::new(), Vec::new());
    loop {
        let began = Instant::now();
        if began >= until {
            return latencies;
        }
        ask(&mut stream, question, &mut answer).await;
        latencies.push(began.elapsed());
    }
}

/// The body of one answer.
pub(crate) async fn answer(question: &Question) -> Value {
    let mut stream = connect(question).await;
    let mut answer = Vec::new();
    let head = ask(&mut stream, question, &mut answer).await;
    let body = answer.split_off(head);
    serde_json::from_slice(&body).expect("the answer is JSON")
}

async fn connect(question: &Question) -> TcpStream {
    let stream = TcpStream::connect(question.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP connection");
    stream
}

/// Sends the question and reads the whole answer; how long its head is.
async fn ask(stream: &mut TcpStream, question: &Question, answer: &mut Vec<u8>) -> usize {
    stream.write_all(&question.bytes).await.expect("the server listens");
    answer.clear();
    let mut whole = None;
    loop {
        let read = stream.read_buf(answer).await.expect("the server answers");
        assert!(read > 0, "the server hung up: {}", String::from_utf8_lossy(answer));
        if whole.is_none() {
            whole = length(answer);
        }
        if let Some((head, body)) = whole.filter(|(head, body)| answer.len() >= head + body) {
            assert_eq!(answer.len(), head + body, "more than was asked for");
            return head;
        }
    }
}

/// How long the head and the body are, once the head is there.
fn length(answer: &[u8]) -> Option<(usize, usize)> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some((head, body.unwrap_or_else(|| panic!("an answer without its length: {text}"))))
}
