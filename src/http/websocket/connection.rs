//! One client's connection: a single task that reads messages, runs operations and writes their results.
//!
//! Everything a client costs is bounded: the size of its messages, its operations, its silence and its slowness in
//! reading. Results are pulled from the operations only when the previous one was written, so nothing piles up here.

use super::protocol::{ClientMessage, End, ServerMessage};
use crate::http::api::{Api, Denied};
use crate::http::auth::{self, AuthFault, Credential, Presented};
use crate::http::guard::{never_began, with_code};
use crate::http::request;
use crate::service::ServiceError;
use actix_ws::{AggregatedMessage, AggregatedMessageStream, Closed, ProtocolError, Session};
use async_graphql::{Data, Executor, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval_at, sleep_until, timeout};
use tokio_stream::StreamMap;

/// Runs until the client leaves, breaks the protocol, loses its token, or the server drains.
pub(super) async fn run<E: Executor>(
    api: Arc<Api<E>>,
    session: Session,
    messages: AggregatedMessageStream,
    unread: Rc<Cell<usize>>,
) {
    let gauge = metrics::gauge!("wabacus_websocket_connections");
    gauge.increment(1);
    let operations = StreamMap::new();
    let ended = Box::pin(std::future::pending());
    let mut connection = Connection { api, session, caller: None, credential: None, ended, operations, unread };
    let end = connection.live(messages).await;
    gauge.decrement(1);
    tracing::debug!(?end, "a WebSocket connection ended");
    let Connection { session, api, .. } = connection;
    // Closing can only fail because the client has gone, which is what closing is for.
    let _closed = timeout(api.websocket.send_timeout, session.close(end.frame())).await;
}

/// What an operation yields, in order.
enum Frame {
    Result { first: bool, response: Box<Response> },
    End,
}

/// What a client said of itself, to be looked at again.
struct Kept {
    secret: String,
    is_key: bool,
    organisation: Option<String>,
}

impl Kept {
    fn of(presented: &Presented<'_>) -> Option<Self> {
        let (secret, is_key) = match presented.credential {
            Credential::Bearer(secret) => (secret, false),
            Credential::ApiKey(secret) => (secret, true),
            Credential::Absent | Credential::Malformed => return None,
        };
        Some(Self { secret: secret.to_owned(), is_key, organisation: presented.organisation.map(str::to_owned) })
    }

    fn presented(&self) -> Presented<'_> {
        let secret = self.secret.as_str();
        let credential = if self.is_key { Credential::ApiKey(secret) } else { Credential::Bearer(secret) };
        Presented { credential, organisation: self.organisation.as_deref() }
    }
}

struct Connection<E> {
    api: Arc<Api<E>>,
    session: Session,
    /// Set once `connection_init` was accepted; replaced when the token is checked again.
    caller: Option<Arc<Data>>,
    credential: Option<Kept>,
    /// Resolves once the token opens nothing any more.
    ended: BoxFuture<'static, ()>,
    operations: StreamMap<String, BoxStream<'static, Frame>>,
    /// Bytes that came since the last whole message; whoever collects them gives up at a limit.
    unread: Rc<Cell<usize>>,
}

impl<E: Executor> Connection<E> {
    async fn live(&mut self, mut messages: AggregatedMessageStream) -> End {
        let began = Instant::now();
        let every = |period: Duration| interval_at(began + period, period);
        let mut ping = every(self.api.websocket.ping_interval);
        let mut recheck = every(self.api.websocket.recheck_interval);
        let init_deadline = began + self.api.websocket.init_timeout;
        let draining = self.api.draining.clone();
        let mut heard = true;
        loop {
            let step = tokio::select! {
                () = &mut self.ended => Err(End::forbidden()),
                message = messages.recv() => {
                    heard = true;
                    match message {
                        Some(message) => self.read(message).await,
                        None => Err(End::Gone),
                    }
                }
                Some((id, frame)) = self.operations.next(), if !self.operations.is_empty() => {
                    self.write(&id, frame).await
                }
                () = sleep_until(init_deadline), if self.caller.is_none() => Err(End::init_timeout()),
                _ = ping.tick() => {
                    if std::mem::replace(&mut heard, false) { self.ping().await } else { Err(End::Gone) }
                }
                _ = recheck.tick(), if self.credential.is_some() => self.recheck().await,
                () = draining.cancelled() => Err(End::going_away()),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn read(&mut self, message: Result<AggregatedMessage, ProtocolError>) -> Result<(), End> {
        self.unread.set(0);
        match message {
            Ok(AggregatedMessage::Text(text)) => match serde_json::from_str(&text) {
                Ok(message) => self.obey(message).await,
                Err(error) => Err(End::bad_message(&format!("Invalid message: {error}"))),
            },
            Ok(AggregatedMessage::Ping(bytes)) => {
                within(self.api.websocket.send_timeout, self.session.pong(&bytes)).await
            }
            Ok(AggregatedMessage::Pong(_)) => Ok(()),
            Ok(AggregatedMessage::Binary(_)) => Err(End::binary()),
            Ok(AggregatedMessage::Close(_)) => Err(End::normal()),
            Err(ProtocolError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => Err(End::not_utf8()),
            // actix-ws reports frames that add up to too much, or never end, like this, and a lost connection too, where the close
            // frame goes nowhere.
            Err(ProtocolError::Overflow | ProtocolError::Io(_)) => Err(End::too_big()),
            Err(_) => Err(End::violation()),
        }
    }

    async fn obey(&mut self, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::ConnectionInit { payload } => self.init(&payload).await,
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, payload).await,
            ClientMessage::Complete { id } => {
                self.operations.remove(&id);
                Ok(())
            }
            ClientMessage::Ping { payload } => self.say(&ServerMessage::Pong { payload }).await,
            ClientMessage::Pong {} => Ok(()),
        }
    }

    async fn init(&mut self, payload: &Value) -> Result<(), End> {
        if self.caller.is_some() {
            return Err(End::second_init());
        }
        let presented = auth::of_init_payload(payload);
        self.credential = Kept::of(&presented);
        match self.api.identify(presented).await {
            Ok(caller) => {
                self.ended = self.api.authenticate.ended(&caller);
                self.caller = Some(Arc::new(caller));
            }
            Err(Denied::Organisation(ServiceError::BadInput(bad))) => return Err(End::bad_message(&bad.to_string())),
            Err(Denied::NotValid | Denied::Misplaced | Denied::Organisation(_)) => return Err(End::forbidden()),
            Err(Denied::Fault(fault)) => {
                if let AuthFault::Unavailable(source) = &fault {
                    tracing::error!(error = source.as_ref(), "a token could not be checked");
                }
                return Err(End::try_again_later());
            }
        }
        self.say(&ServerMessage::ConnectionAck).await
    }

    /// A token that cannot be checked now is kept until it can.
    async fn recheck(&mut self) -> Result<(), End> {
        let Some(kept) = &self.credential else { return Ok(()) };
        match self.api.identify(kept.presented()).await {
            Ok(caller) => self.caller = Some(Arc::new(caller)),
            Err(Denied::NotValid | Denied::Misplaced | Denied::Organisation(_)) => return Err(End::forbidden()),
            Err(Denied::Fault(fault)) => tracing::warn!(%fault, "a token on a WebSocket could not be checked again"),
        }
        Ok(())
    }

    async fn subscribe(&mut self, id: String, payload: Value) -> Result<(), End> {
        let Some(caller) = self.caller.clone() else { return Err(End::unauthorized()) };
        if self.operations.contains_key(&id) {
            return Err(End::duplicate(&id));
        }
        let request = request::of_value(payload).map_err(|error| End::bad_message(&error.to_string()))?;
        if self.operations.len() >= self.api.websocket.operations_max {
            let max = self.api.websocket.operations_max;
            let error = with_code(format!("More than {max} operations run on this connection."), "RATE_LIMITED");
            return self.say(&ServerMessage::Error { id: &id, payload: &[error] }).await;
        }
        let results = self.api.schema.execute_stream(request, Some(caller)).enumerate();
        let results =
            results.map(|(index, response)| Frame::Result { first: index == 0, response: Box::new(response) });
        self.operations.insert(id, results.chain(stream::once(async { Frame::End })).boxed());
        Ok(())
    }

    async fn write(&mut self, id: &str, frame: Frame) -> Result<(), End> {
        match frame {
            Frame::Result { first: true, response } if never_began(&response) => {
                self.operations.remove(id);
                self.say(&ServerMessage::Error { id, payload: &response.errors }).await
            }
            Frame::Result { response, .. } => self.say(&ServerMessage::Next { id, payload: &response }).await,
            Frame::End => {
                self.operations.remove(id);
                self.say(&ServerMessage::Complete { id }).await
            }
        }
    }

    async fn say(&mut self, message: &ServerMessage<'_>) -> Result<(), End> {
        let text = serde_json::to_string(message).map_err(|error| {
            tracing::error!(%error, "a WebSocket message could not be written as JSON");
            End::Close(1011, "Internal error".to_owned())
        })?;
        within(self.api.websocket.send_timeout, self.session.text(text)).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        within(self.api.websocket.send_timeout, self.session.ping(b"")).await
    }
}

/// A client that does not read in time is as good as gone.
async fn within(limit: Duration, sending: impl Future<Output = Result<(), Closed>>) -> Result<(), End> {
    match timeout(limit, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
