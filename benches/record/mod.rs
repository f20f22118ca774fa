//! A client that records usage over HTTP: connections that each send their requests one after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wabacus::domain::clock::{Clock as _, SystemClock};

/// Who is asked, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// What one connection sends.
pub(crate) struct Line {
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
}

impl Client {
    /// Requests of `records` records each for a connection, as they go over the wire. None is recorded twice, whoever sends it, but under the
    /// same `mark`.
    pub(crate) fn line(&self, mark: &str, count: usize, records: usize) -> Line {
        let requests = (0..count).map(|request| self.request(&format!("{mark}-{request}"), records)).collect();
        Line { address: self.address, requests }
    }

    fn request(&self, mark: &str, records: usize) -> Vec<u8> {
        let address = self.address;
        let query = "mutation($records: [UsageRecordInput!]!) { recordUsage(records: $records) { outcome } }";
        let now = SystemClock.now();
        let one = |number: usize| {
            let at = now - chrono::TimeDelta::seconds(i64::try_from(number).unwrap_or(0) * 60);
            let id = format!("{mark}-{number}");
            match number % 3 {
                0 => {
                    json!({ "kind": "VOICE", "resourceType": "minute", "resourceId": id, "quantity": "2.416667", "occurredAt": at.to_rfc3339() })
                }
                1 => {
                    json!({ "kind": "SMS", "resourceType": "message", "resourceId": id, "country": "ID", "occurredAt": at.to_rfc3339() })
                }
                _ => {
                    json!({ "kind": "WHATSAPP", "resourceType": "message", "resourceId": id, "category": "MARKETING", "country": "ID", "occurredAt": at.to_rfc3339() })
                }
            }
        };
        let records: Vec<_> = (0..records).map(one).collect();
        let body = json!({ "query": query, "variables": { "records": records } }).to_string();
        let (token, length) = (&self.token, body.len());
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\naccept: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        format!("{head}{body}").into_bytes()
    }
}

/// Sends everything, all connections at once, on a thread of its own; how long each request took, sorted, and all together.
pub(crate) async fn drive(lines: Vec<Line>, records: usize) -> (Vec<Duration>, Duration) {
    let driven = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.expect("a runtime").block_on(async {
            let began = Instant::now();
            let all = lines.iter().map(|line| connection(line, records));
            let mut latencies: Vec<_> = join_all(all).await.into_iter().flatten().collect();
            latencies.sort_unstable();
            (latencies, began.elapsed())
        })
    });
    driven.await.expect("the load generator does not panic")
}

async fn connection(line: &Line, records: usize) -> Vec<Duration> {
    let mut stream = TcpStream::connect(line.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP connection");
    let mut latencies = Vec::with_capacity(line.requests.len());
    for request in &line.requests {
        let began = Instant::now();
        stream.write_all(request).await.expect("the server listens");
        let answer = read(&mut stream).await;
        latencies.push(began.elapsed());
        assert_eq!(answer.matches("\"RECORDED\"").count(), records, "{answer}");
    }
    latencies
}
/// The body of an answer.
async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await.expect("the server answers");
        assert!(read > 0, "the server hung up");
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if length.is_some_and(|length| answer.len() >= head + 4 + length) {
            return String::from_utf8_lossy(&answer[head + 4..]).into_owned();
        }
    }
}
