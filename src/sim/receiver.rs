//! A receiver of webhooks on loopback, which keeps what it got and fails on demand.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use tokio::sync::watch;
use url::Url;

use super::answer;
use super::server::{Port, Server};

/// Messages that are kept.
const RECEIVED_MAX: usize = 10_000;

/// A message as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    pub body: String,
    /// How it was answered; `None`: not at all.
    pub status: Option<u16>,
}

/// What the receiver does instead of taking a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverFault {
    /// It answers so.
    Answer { status: u16, body: String, retry_after: Option<String> },
    /// It sends the sender elsewhere.
    Redirect(String),
    /// It takes the message, but only after this long.
    Delay(Duration),
    /// It ends the connection instead of answering.
    Drop,
}

impl ReceiverFault {
    /// A bare answer with this status.
    pub const fn status(status: u16) -> Self {
        Self::Answer { status, body: String::new(), retry_after: None }
    }
}

/// A running receiver. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    state: Arc<State>,
    server: Server,
}

#[derive(Debug)]
struct State {
    desk: Mutex<Desk>,
    /// Told whenever a message arrives or the latch is moved.
    moved: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Desk {
    received: VecDeque<Received>,
    count: usize,
    /// The faults in store, each with how many messages it spoils yet.
    faults: VecDeque<(ReceiverFault, u32)>,
    is_held: bool,
}

impl Receiver {
    /// Starts on a free port of 127.0.0.1, in a thread of its own; any path takes messages.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(State { desk: Mutex::default(), moved: watch::Sender::new(()) });
        let shared = web::Data::from(Arc::clone(&state));
        let server = Port::free()?.serve("sim-receiver", move |app| {
            app.app_data(shared.clone()).default_service(web::to(receive));
        })?;
        Ok(Self { state, server })
    }

    /// Its address with a path of one's choice.
    ///
    /// # Panics
    /// Where `path` makes no URL.
    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.server.address())).expect("a socket address and a path make a URL")
    }

    /// What came in, in order, spoilt or not; the last ten thousand.
    pub fn received(&self) -> Vec<Received> {
        self.state.desk().received.iter().cloned().collect()
    }

    /// What came in and was taken.
    pub fn taken(&self) -> Vec<Received> {
        let is_taken = |message: &Received| message.status.is_some_and(|status| (200..300).contains(&status));
        self.received().into_iter().filter(is_taken).collect()
    }

    /// Spoils so many of the messages that come, after those that earlier faults spoil.
    pub fn fail(&self, fault: ReceiverFault, times: u32) {
        self.state.desk().faults.push_back((fault, times));
    }

    /// Forgets the faults that are still in store.
    pub fn clear(&self) {
        self.state.desk().faults.clear();
    }

    /// Parks messages until [`Receiver::release`]; they count as arrived.
    pub fn hold(&self) {
        self.state.desk().is_held = true;
    }

    /// Answers what is parked, and further messages at once.
    pub fn release(&self) {
        self.state.desk().is_held = false;
        self.state.moved.send_replace(());
    }

    /// Resolves once so many messages have arrived in all.
    pub async fn arrived(&self, count: usize) {
        self.state.until(|| self.state.desk().count >= count).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.release();
        self.server.stop();
    }
}

impl State {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        let mut moved = self.moved.subscribe();
        while !condition() {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Desk {
    fn next_fault(&mut self) -> Option<ReceiverFault> {
        let (fault, left) = self.faults.front_mut()?;
        let fault = fault.clone();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.faults.pop_front();
        }
        Some(fault)
    }
}

async fn receive(request: HttpRequest, body: Bytes, state: web::Data<State>) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let fault = {
        let mut desk = state.desk();
        let fault = desk.next_fault();
        let status = match &fault {
            None | Some(ReceiverFault::Delay(_)) => Some(200),
            Some(ReceiverFault::Answer { status, .. }) => Some(*status),
            Some(ReceiverFault::Redirect(_)) => Some(307),
            Some(ReceiverFault::Drop) => None,
        };
        desk.count += 1;
        desk.received.push_back(Received {
            path: request.path().to_owned(),
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: String::from_utf8_lossy(&body).into_owned(),
            status,
        });
        if desk.received.len() > RECEIVED_MAX {
            desk.received.pop_front();
        }
        fault
    };
    state.moved.send_replace(());
    state.until(|| !state.desk().is_held).await;
    match fault {
        None => HttpResponse::Ok().finish(),
        Some(ReceiverFault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            HttpResponse::Ok().finish()
        }
        Some(ReceiverFault::Answer { status, body, retry_after }) => {
            let mut builder = answer::status(status);
            if let Some(text) = retry_after {
                builder.insert_header((RETRY_AFTER, text));
            }
            builder.body(body)
        }
        Some(ReceiverFault::Redirect(target)) => {
            HttpResponse::TemporaryRedirect().insert_header((LOCATION, target)).finish()
        }
        // A body that fails before anything of the answer was sent ends the connection without a word.
        Some(ReceiverFault::Drop) => {
            let chunks = [Err::<Bytes, _>(io::Error::other("dropped on demand"))];
            HttpResponse::Ok().body(SizedStream::new(1, stream::iter(chunks)))
        }
    }
}
