//! A receiver of webhooks on loopback, which keeps what it got and fails on demand.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream;
use tokio::sync::{oneshot, watch};
use url::Url;

use super::answer;

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
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { desk: Mutex::default(), moved: watch::Sender::new(()) });
        let shared = web::Data::from(Arc::clone(&state));
        let (stop, stopped) = oneshot::channel();
        let (started, is_started) = mpsc::channel();
        let serve = move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || App::new().app_data(shared.clone()).default_service(web::to(receive));
                let bound = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0).listen(listener);
                let server = match bound {
                    Ok(server) => server.run(),
                    Err(error) => {
                        // Whoever started this has gone, if it does not hear it.
                        drop(started.send(Err(error)));
                        return;
                    }
                };
                drop(started.send(Ok(())));
                let handle = server.handle();
                actix_web::rt::spawn(async move {
                    // The sender that is dropped says the same as one that speaks.
                    drop(stopped.await);
                    handle.stop(false).await;
                });
                if let Err(error) = server.await {
                    tracing::warn!(%error, "the receiver ended badly");
                }
            });
        };
        let thread = thread::Builder::new().name("sim-receiver".to_owned()).spawn(serve)?;
        is_started.recv().map_err(io::Error::other)??;
        Ok(Self { state, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Its address with a path of one's choice.
    ///
    /// # Panics
    /// Where `path` makes no URL.
    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).expect("a socket address and a path make a URL")
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
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the thread itself.
            drop(thread.join());
        }
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
