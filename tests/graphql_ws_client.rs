//! graphql-transport-ws: the real `graphql-ws` client, and by hand what that client would never send.

mod toy_server;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use toy_server::{TOKEN, Toy};
use wabacus::http::limit::Limits;
use wabacus::http::server::Options;

/// A client without manners.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(toy: &Toy) -> Self {
        let mut request = toy.url("/graphql/ws").replace("http", "ws").into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
        let (stream, answer) = connect_async(request).await.expect("the server shakes hands");
        assert_eq!(answer.headers()["sec-websocket-protocol"], "graphql-transport-ws");
        Self(stream)
    }

    async fn ready(toy: &Toy) -> Self {
        let mut client = Self::connect(toy).await;
        client.say(json!({"type": "connection_init", "payload": {"token": TOKEN}})).await;
        assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
        client
    }

    async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("the server reads");
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({"type": "subscribe", "id": id, "payload": {"query": query}})).await;
    }

    /// The next text message; pings of the server are passed over.
    async fn hear(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("the connection is open").expect("the server keeps to the protocol") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("expected text, got {other:?}")
                }
            }
        }
    }

    /// The code and reason with which the server closes; whatever it says before is passed over.
    async fn closed(mut self) -> (u16, String) {
        while let Some(message) = self.0.next().await {
            if let Message::Close(frame) = message.expect("the server closes in order") {
                return frame.map_or((0, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
            }
        }
        panic!("the connection was cut without a close frame");
    }

    async fn close_code(self) -> u16 {
        self.closed().await.0
    }
}

fn toy() -> Toy {
    toy_server::start(toy_server::options())
}

fn toy_with(limits: Limits) -> Toy {
    toy_server::start(Options { websocket: limits, ..toy_server::options() })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_client_subscribes_completes_and_is_told_what_is_wrong() {
    let toy = toy();
    let url = toy.url("/graphql/ws").replace("http", "ws");
    let report = toy_server::node("ws.mjs", &[&url, TOKEN]).await;
    let report: Value = serde_json::from_str(&report).expect("the script prints JSON");
    let count = |number: i32| json!({"data": {"count": number}});
    assert_eq!(report["counted"], json!([count(1), count(2), count(3)]));
    assert_eq!(report["owner"], json!([{"data": {"owner": TOKEN}}]));
    assert_eq!(report["query"], json!([{"data": {"hello": "world", "whoami": TOKEN}}]));
    assert_eq!(report["mutation"], json!([{"data": {"bump": 1}}]));
    assert_eq!(report["completedEarly"], json!({"data": {"endless": 1}}));
    assert_eq!(report["together"], json!([[count(1), count(2)], {"data": {"endless": 1}}]));
    assert_eq!(report["invalid"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(report["badToken"], json!({"close": [4403, "Forbidden"]}));
    assert_eq!(report["noToken"], json!([{"data": {"whoami": null}}]));
    toy.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_before_the_handshake_closes_with_4401() {
    let toy = toy();
    let mut client = Client::connect(&toy).await;
    client.subscribe("1", "{ hello }").await;
    assert_eq!(client.closed().await, (4401, "Unauthorized".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_handshake_closes_with_4429_and_a_duplicate_id_with_4409() {
    let toy = toy();
    let mut client = Client::ready(&toy).await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.close_code().await, 4429);

    let mut client = Client::ready(&toy).await;
    client.subscribe("twice", "subscription { endless }").await;
    client.subscribe("twice", "{ hello }").await;
    assert_eq!(client.closed().await, (4409, "Subscriber for twice already exists".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_free_again_once_its_operation_ended_failed_or_was_completed() {
    let toy = toy();
    let mut client = Client::ready(&toy).await;
    let next = json!({"type": "next", "id": "a", "payload": {"data": {"hello": "world"}}});
    let complete = json!({"type": "complete", "id": "a"});
    for _ in 0..2 {
        client.subscribe("a", "{ hello }").await;
        assert_eq!((client.hear().await, client.hear().await), (next.clone(), complete.clone()));
    }
    client.subscribe("a", "{ nothing }").await;
    let error = client.hear().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("a")));
    client.subscribe("a", "subscription { endless }").await;
    assert_eq!(client.hear().await["payload"], json!({"data": {"endless": 1}}));
    client.say(json!({"type": "complete", "id": "a"})).await;
    client.subscribe("a", "{ hello }").await;
    assert_eq!((client.hear().await, client.hear().await), (next, complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_closes_with_4400_and_what_is_no_text_with_1003() {
    let toy = toy();
    for text in ["hello", r#"{"type":"start","id":"1"}"#, r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#] {
        let mut client = Client::ready(&toy).await;
        client.send(Message::text(text)).await;
        assert_eq!(client.close_code().await, 4400, "{text}");
    }
    let mut client = Client::ready(&toy).await;
    client.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(client.close_code().await, 1003);
    let mut client = Client::ready(&toy).await;
    client.send(Message::Frame(Frame::message(Bytes::from_static(b"\xff"), OpCode::Data(Data::Text), true))).await;
    assert_eq!(client.close_code().await, 1007);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_closes_with_1009_in_one_frame_or_many() {
    let toy = toy_with(Limits { message_bytes_max: 2_000, ..Limits::default() });
    let mut client = Client::ready(&toy).await;
    client.say(json!({"type": "ping", "payload": {"text": "x".repeat(1_900)}})).await;
    assert_eq!(client.hear().await["type"], "pong");
    client.say(json!({"type": "ping", "payload": {"text": "x".repeat(3_000)}})).await;
    assert_eq!(client.close_code().await, 1009);

    let mut client = Client::ready(&toy).await;
    let part = |code, last| Message::Frame(Frame::message(Bytes::from(vec![b'x'; 900]), OpCode::Data(code), last));
    client.send(part(Data::Text, false)).await;
    client.send(part(Data::Continue, false)).await;
    client.send(part(Data::Continue, true)).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_claims_to_be_endless_is_not_collected() {
    let toy = toy_with(Limits { message_bytes_max: 2_000, ..Limits::default() });
    let mut client = Client::ready(&toy).await;
    let stream = client.0.get_mut();
    // Final text frame, masked by zero, of 2^40 bytes.
    stream.write_all(&[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await.expect("the server reads");
    stream.write_all(&vec![b'x'; 2_000 + 256 * 1024]).await.expect("the server reads");
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_of_both_layers_are_answered_with_their_payload() {
    let toy = toy();
    let mut client = Client::connect(&toy).await;
    client.say(json!({"type": "ping"})).await;
    assert_eq!(client.hear().await, json!({"type": "pong"}));
    client.say(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(client.hear().await, json!({"type": "pong", "payload": {"n": 1}}));
    client.send(Message::Ping(Bytes::from_static(b"abc"))).await;
    assert_eq!(client.0.next().await.expect("an answer").expect("in order"), Message::Pong(Bytes::from_static(b"abc")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_introduces_itself_is_closed_with_4408() {
    let toy = toy_with(Limits { init_timeout: Duration::from_millis(20), ..Limits::default() });
    assert_eq!(Client::connect(&toy).await.close_code().await, 4408);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_pinged_and_given_up() {
    let toy = toy_with(Limits { ping_interval: Duration::from_millis(300), ..Limits::default() });
    // This client reads, and so answers pings, only when it is asked to.
    let mut client = Client::ready(&toy).await;
    let pinged = client.0.next().await.expect("a ping").expect("in order");
    assert!(pinged.is_ping(), "{pinged:?}");
    // It is polled no more, so its pong stays unsent and the server hangs up: the raw stream comes to its end.
    let MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("the stream is plain") };
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("the server ends the stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operation_too_many_is_refused_and_the_others_go_on() {
    let toy = toy_with(Limits { operations_max: 2, ..Limits::default() });
    let mut client = Client::ready(&toy).await;
    for id in ["1", "2"] {
        client.subscribe(id, "subscription { endless }").await;
        assert_eq!(client.hear().await["id"], id);
    }
    client.subscribe("3", "{ hello }").await;
    let refusal = client.hear().await;
    assert_eq!((&refusal["type"], &refusal["id"]), (&json!("error"), &json!("3")));
    assert_eq!(refusal["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    client.say(json!({"type": "complete", "id": "1"})).await;
    client.subscribe("3", "{ hello }").await;
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_passes_the_same_gate_as_a_query() {
    let toy = toy();
    let mut client = Client::ready(&toy).await;
    client.subscribe("bomb", &toy_server::fragment_bomb(24, "subscription")).await;
    let refusal = client.hear().await;
    assert_eq!(refusal["type"], "error");
    let message = refusal["payload"][0]["message"].as_str().expect("a message");
    assert!(message.contains("more than 5000 selections"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_resolver_leaves_the_connection_and_its_other_operations() {
    let toy = toy();
    let mut client = Client::ready(&toy).await;
    client.subscribe("1", "{ panics }").await;
    let error = client.hear().await;
    assert_eq!((&error["type"], &error["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("INTERNAL")));
    client.subscribe("1", "{ hello }").await;
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_loses_its_connection() {
    let toy = toy_with(Limits { recheck_interval: Duration::from_millis(20), ..Limits::default() });
    let mut client = Client::ready(&toy).await;
    client.subscribe("1", "subscription { endless }").await;
    assert_eq!(client.hear().await["type"], "next");
    // A table that cannot be read is no reason to hang up; a revoked token is.
    toy.tokens.unreadable.store(true, Ordering::SeqCst);
    client.subscribe("2", "{ hello }").await;
    assert_eq!(client.hear().await["type"], "next");
    toy.tokens.revoked.store(true, Ordering::SeqCst);
    toy.tokens.unreadable.store(false, Ordering::SeqCst);
    assert_eq!(client.close_code().await, 4403);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_checked_close_with_1013() {
    let toy = toy();
    toy.tokens.unreadable.store(true, Ordering::SeqCst);
    let mut client = Client::connect(&toy).await;
    client.say(json!({"type": "connection_init", "payload": {"authorization": "Bearer good"}})).await;
    assert_eq!(client.close_code().await, 1013);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_with_1001_and_does_not_wait_for_subscriptions() {
    let toy = toy();
    let mut client = Client::ready(&toy).await;
    client.subscribe("1", "subscription { endless }").await;
    assert_eq!(client.hear().await["type"], "next");
    let stopping = tokio::spawn(toy.handle.stop());
    assert_eq!(client.close_code().await, 1001);
    stopping.await.expect("the server stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_subprotocol_or_no_websocket_at_all_is_answered_in_json() {
    let toy = toy();
    let answer = toy_server::http().get(toy.url("/graphql/ws")).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let mut request = toy.url("/graphql/ws").replace("http", "ws").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("graphql-ws"));
    connect_async(request).await.expect_err("the predecessor is not spoken");
}
