//! The server around GraphQL: tokens, limits, methods, cross-origin, health, and its start and stop.

mod toy_server;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use toy_server::{TOKEN, Toy, http};
use wabacus::http::server::{self, Options, PortTaken, StartError};

fn toy() -> Toy {
    toy_server::start(toy_server::options())
}

async fn post(toy: &Toy, body: &Value, token: Option<&str>) -> Response {
    let request = http().post(toy.url("/graphql")).json(body);
    let request = match token {
        Some(token) => request.header("authorization", token),
        None => request,
    };
    request.send().await.expect("an answer")
}

async fn code(answer: Response) -> (StatusCode, String) {
    let status = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    assert!(body.get("data").is_none(), "{body}");
    (status, body["errors"][0]["extensions"]["code"].as_str().expect("a code").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_names_its_owner_and_no_token_names_nobody() {
    let toy = toy();
    let query = json!({"query": "{ whoami __schema { queryType { name } } }"});
    let answer: Value = post(&toy, &query, Some("Bearer good")).await.json().await.expect("JSON");
    assert_eq!(answer["data"]["whoami"], TOKEN);
    let answer: Value = post(&toy, &query, None).await.json().await.expect("JSON");
    assert_eq!(answer["data"], json!({"whoami": null, "__schema": {"queryType": {"name": "Query"}}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_wrong_is_refused_even_where_none_would_do() {
    let toy = toy();
    for token in ["Bearer wrong", "Bearer", "Basic good", "good"] {
        let answer = post(&toy, &json!({"query": "{ hello }"}), Some(token)).await;
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(answer).await, (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED".to_owned()), "{token}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hasty_token_is_told_when_to_return_and_a_broken_table_is_not_shown() {
    let toy = toy();
    let answer = post(&toy, &json!({"query": "{ hello }"}), Some("Bearer hasty")).await;
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(code(answer).await, (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED".to_owned()));
    toy.tokens.unreadable.store(true, Ordering::SeqCst);
    let answer = post(&toy, &json!({"query": "{ hello }"}), Some("Bearer good")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = answer.text().await.expect("a body");
    assert!(body.contains("UNAVAILABLE") && !body.contains("locked"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mutations_are_not_run_by_get_or_as_another_type_or_in_a_batch() {
    let toy = toy();
    let get = http().get(toy.url("/graphql?query=mutation%7Bbump%7D")).send().await.expect("an answer");
    assert_eq!(get.headers()["allow"], "POST");
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    let mutation = json!({"query": "mutation { bump }"});
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let post = http().post(toy.url("/graphql")).header("content-type", kind).body(mutation.to_string());
        let answer = post.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let answer = post(&toy, &json!([mutation, mutation]), None).await;
    assert_eq!(code(answer).await, (StatusCode::BAD_REQUEST, "BAD_USER_INPUT".to_owned()));
    let first: Value = post(&toy, &mutation, None).await.json().await.expect("JSON");
    assert_eq!(first, json!({"data": {"bump": 1}}), "none of them ran before");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_picks_the_operation_by_name_before_it_decides() {
    let toy = toy();
    let both = "query%20A%7Bhello%7Dmutation%20B%7Bbump%7D";
    let by = async |name: &str| {
        let url = toy.url(&format!("/graphql?query={both}&operationName={name}"));
        http().get(url).send().await.expect("an answer").status()
    };
    assert_eq!(by("A").await, StatusCode::OK);
    assert_eq!(by("B").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(by("").await, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_413_announced_or_streamed() {
    let toy = toy_server::start(Options { body_bytes_max: 1_000, ..toy_server::options() });
    let query = json!({"query": "{ hello }", "extensions": {"text": "x".repeat(1_500)}});
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, "BAD_USER_INPUT".to_owned());
    assert_eq!(code(post(&toy, &query, None).await).await, too_large);
    // The second body announces no length: it comes in chunks, as a stream does.
    let mut stream = TcpStream::connect(toy.handle.address()).await.expect("a connection");
    let chunk = "x".repeat(700);
    let head =
        "POST /graphql HTTP/1.1\r\nhost: toy\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}2bc\r\n{chunk}\r\n2bc\r\n{chunk}\r\n").as_bytes()).await.expect("it is sent");
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fragment_bomb_and_text_too_deep_to_parse_cost_next_to_nothing() {
    let toy = toy();
    let began = Instant::now();
    for query in [
        toy_server::fragment_bomb(24, "query"),
        "{again".repeat(100_000),
        "{hello(a:".to_owned() + &"[".repeat(500_000),
    ] {
        let request = http().post(toy.url("/graphql")).header("accept", "application/graphql-response+json");
        let answer = request.json(&json!({"query": query})).send().await.expect("an answer");
        assert_eq!(code(answer).await, (StatusCode::BAD_REQUEST, "BAD_USER_INPUT".to_owned()));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_resolver_leaves_the_rest_of_the_data() {
    let toy = toy();
    let answer: Value = post(&toy, &json!({"query": "{ hello broken }"}), None).await.json().await.expect("JSON");
    assert_eq!(answer["data"], json!({"hello": "world", "broken": null}));
    assert_eq!(answer["errors"][0]["path"], json!(["broken"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_resolver_costs_its_operation_and_shows_an_id() {
    let toy = toy();
    let answer: Value = post(&toy, &json!({"query": "{ panics }"}), None).await.json().await.expect("JSON");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
    let message = answer["errors"][0]["message"].as_str().expect("a message");
    assert!(message.starts_with("Internal error ") && !message.contains("resolver"), "{message}");
    let answer: Value = post(&toy, &json!({"query": "{ hello }"}), None).await.json().await.expect("JSON");
    assert_eq!(answer["data"]["hello"], "world");
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_and_graphiql_can_be_switched_off() {
    let toy = toy_server::start(Options { introspection: false, graphiql: false, ..toy_server::options() });
    let schema = json!({"query": "{ __schema { queryType { name } } }"});
    let answer: Value = post(&toy, &schema, None).await.json().await.expect("JSON");
    assert!(answer["data"].get("__schema").is_none_or(Value::is_null), "{answer}");
    let hello: Value = post(&toy, &json!({"query": "{ hello __typename }"}), None).await.json().await.expect("JSON");
    assert_eq!(hello["data"]["hello"], "world");
    for path in ["/", "/graphiql", "/assets/wabacus.svg"] {
        let answer = http().get(toy.url(path)).send().await.expect("an answer");
        assert_eq!(code(answer).await, (StatusCode::NOT_FOUND, "NOT_FOUND".to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_may_read_answers() {
    let origins = vec!["https://app.example.com/".to_owned(), "data:x".to_owned()];
    let toy = toy_server::start(Options { cors_origins: origins, ..toy_server::options() });
    let preflight = async |origin: &str| {
        let request = http().request(reqwest::Method::OPTIONS, toy.url("/graphql")).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let headers = "authorization, content-type";
        request.header("access-control-request-headers", headers).send().await.expect("an answer")
    };
    let listed = preflight("https://app.example.com").await;
    assert_eq!(listed.headers()["access-control-allow-origin"], "https://app.example.com");
    for origin in ["https://evil.example.com", "http://app.example.com", "https://app.example.com:8443", "null"] {
        let answer = preflight(origin).await;
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_no_origin_is_allowed_and_same_origin_still_works() {
    let toy = toy();
    let request = http().post(toy.url("/graphql")).header("origin", toy.url(""));
    let answer = request.json(&json!({"query": "{ hello }"})).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "a browser sends Origin to its own origin too");
    assert!(answer.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_alive_from_ready_and_names_what_is_not() {
    let toy = toy();
    let get = async |path: &str| {
        let answer = http().get(toy.url(path)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    assert_eq!(get("/healthz").await, (200, json!({"alive": true})));
    let (status, body) = get("/readyz").await;
    assert_eq!((status, &body["ready"]), (200, &json!(true)));
    toy.parlour.database_down.store(true, Ordering::SeqCst);
    let parts = json!([{"name": "database", "ready": false, "detail": "no answer"}, {"name": "cache", "ready": true}]);
    assert_eq!(get("/readyz").await, (503, json!({"ready": false, "parts": parts})));
    assert_eq!(get("/healthz").await.0, 200);
    let figures = http().get(toy.url("/metrics")).send().await.expect("an answer");
    assert_eq!(figures.text().await.expect("text"), "toy_figure 1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_the_clients_own_if_it_is_sane() {
    let toy = toy();
    let id = async |sent: &str| {
        let request = http().get(toy.url("/healthz")).header("x-request-id", sent);
        let answer = request.send().await.expect("an answer");
        answer.headers()["x-request-id"].to_str().expect("text").to_owned()
    };
    assert_eq!(id("support-case-4711").await, "support-case-4711");
    let made = id("two words").await;
    assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_leads_to_graphiql_and_assets_are_kept_by_their_tag() {
    let toy = toy();
    let root = http().get(toy.url("/")).send().await.expect("an answer");
    assert_eq!((root.status().as_u16(), root.headers()["location"].to_str().expect("text")), (307, "/graphiql"));
    let icon = http().get(toy.url("/assets/wabacus.svg")).send().await.expect("an answer");
    assert_eq!(icon.headers()["content-type"], "image/svg+xml");
    let tag = icon.headers()["etag"].clone();
    let again = http().get(toy.url("/assets/wabacus.svg")).header("if-none-match", tag);
    assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_for_those_who_ask_and_events_never() {
    let toy = toy();
    let query = json!({"query": "query($t: String!) { echo(text: $t) }", "variables": {"t": "x".repeat(10_000)}});
    let request = http().post(toy.url("/graphql")).header("accept-encoding", "gzip").json(&query);
    assert_eq!(request.send().await.expect("an answer").headers()["content-encoding"], "gzip");
    let request =
        http().post(toy.url("/graphql")).header("accept-encoding", "gzip").header("accept", "text/event-stream");
    let answer = request.json(&json!({"query": "subscription { count(to: 1) }"})).send().await.expect("an answer");
    assert!(answer.headers().get("content-encoding").is_none_or(|encoding| encoding == "identity"));
    let events = "event: next\ndata: {\"data\":{\"count\":1}}\n\nevent: complete\ndata:\n\n";
    assert_eq!(answer.text().await.expect("text"), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_fails_a_server_and_moves_a_demo() {
    let first = toy();
    let taken = first.handle.address();
    let second = |port_taken| {
        let schema = async_graphql::Schema::new(toy_server::Query, toy_server::Mutation, toy_server::Counts);
        let parts = server::Parts {
            schema,
            authenticate: first.tokens.clone(),
            services: None,
            readiness: first.parlour.clone(),
            metrics: std::sync::Arc::new(String::new),
        };
        server::start(Options { bind: taken, port_taken, ..toy_server::options() }, parts)
    };
    let failed = second(PortTaken::Fail).expect_err("the port is taken");
    assert!(matches!(failed, StartError::Listen { address, .. } if address == taken), "{failed}");
    let moved = second(PortTaken::TakeFree).expect("another port is free");
    assert_eq!(moved.address().ip(), taken.ip());
    assert_ne!(moved.address().port(), taken.port());
    moved.stop().await;
    let hello: Value = post(&first, &json!({"query": "{ hello }"}), None).await.json().await.expect("JSON");
    assert_eq!(hello["data"]["hello"], "world");
}
