//! A client of the API's WebSocket that speaks graphql-transport-ws and hears one thing after the other.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use wabacus::domain::event::{Cursor, Log};

/// How long a story waits for a message before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the log of one organisation begins: who gives it as `after` is told everything.
pub fn beginning() -> String {
    Cursor { log: Log::Organisation, after: 0 }.to_string()
}

/// Where the log of all organisations begins.
pub fn beginning_of_all() -> String {
    Cursor { log: Log::All, after: 0 }.to_string()
}

/// One subscription on a connection of its own. Dropping it cuts the connection without a word.
pub struct Watch {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    field: String,
}

/// What a subscription is told.
#[derive(Debug)]
pub enum Told {
    /// The value of its field.
    Event(Value),
    /// The errors of a message that has no value.
    Errors(Value),
    /// It is over, and the connection with it where there is a code.
    End(Option<u16>),
}

impl Watch {
    /// Subscribes to `field`, which is asked for `selection`, as whoever holds `token`.
    pub async fn begin(url: &str, token: &str, field: &str, arguments: &Value, selection: &str) -> Self {
        let authorization = format!("Bearer {token}");
        Self::begin_as(url, &json!({ "authorization": authorization }), field, arguments, selection).await
    }

    /// What the server says to a client that introduces itself by `payload`.
    pub async fn introduce(url: &str, payload: &Value) -> Result<Value, u16> {
        let mut watch = Self::connect(url, "connection").await;
        watch.say(&json!({ "type": "connection_init", "payload": payload })).await;
        watch.hear().await
    }

    async fn connect(url: &str, field: &str) -> Self {
        let mut request = url.into_client_request().expect("a WebSocket's address");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
        let (stream, _) = connect_async(request).await.expect("the server shakes hands");
        Self { stream, field: field.to_owned() }
    }

    /// Subscribes as whoever introduces themselves by `payload`.
    pub async fn begin_as(url: &str, payload: &Value, field: &str, arguments: &Value, selection: &str) -> Self {
        let mut watch = Self::connect(url, field).await;
        watch.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(watch.hear().await, Ok(json!({ "type": "connection_ack" })));
        let arguments = arguments.as_object().expect("arguments by name");
        let arguments: Vec<_> = arguments.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let query = format!("subscription {{ {field}{arguments} {selection} }}");
        watch.say(&json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
        watch
    }

    async fn say(&mut self, message: &Value) {
        self.stream.send(Message::text(message.to_string())).await.expect("the server reads");
    }

    /// The next message of the protocol, or the code with which the server closes.
    async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match message.unwrap_or_else(|_| panic!("{} is silent", self.field)) {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(other)) => panic!("expected text, got {other:?}"),
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// What comes next, whatever it is.
    pub async fn told(&mut self) -> Told {
        match self.hear().await {
            Ok(mut message) if message["type"] == "next" => {
                let value = message["payload"]["data"][&self.field].take();
                if value.is_null() { Told::Errors(message["payload"]["errors"].take()) } else { Told::Event(value) }
            }
            Ok(mut message) if message["type"] == "error" => Told::Errors(message["payload"].take()),
            Ok(_) => Told::End(None),
            Err(code) => Told::End(Some(code)),
        }
    }

    /// The next event, or a failed story.
    pub async fn next(&mut self) -> Value {
        match self.told().await {
            Told::Event(event) => event,
            other @ (Told::Errors(_) | Told::End(_)) => panic!("expected an event of {}, got {other:?}", self.field),
        }
    }

    /// Passes over events until one is as wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }
}
