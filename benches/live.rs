//! `realTimeMetrics` from the cache over HTTP, against `/healthz` of the same server.
//!
//! Both are asked in turns over 32 connections that are kept open, each asking again as soon as it is answered. The aim is 0.6 of the requests.
//! The organisation has messages in the day; every answer is checked to be the one that is kept. `cargo bench --bench live -- 5` for 5 seconds
//! a turn.

#[path = "figure/mod.rs"]
mod figure;
#[path = "http/load.rs"]
mod load;

use std::collections::BTreeMap;
use std::time::Duration;

use figure::{ratio, say, size};
use load::{Question, Seen};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::id::OrganisationId;
use wabacus::service::access::{Caller, NewToken};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TURNS: usize = 3;
const CONNECTIONS: usize = 32;

/// How many messages the day has.
const MESSAGES: usize = 1_000;

const LIVE: &str = "{ organisation { realTimeMetrics { cachedAt metrics { generatedAt
    messages { total sent delivered read failed replied deliveryRate readRate replyRate failureRate }
    contacts { total new active } conversations { total open } } } } }";

#[actix_web::main]
async fn main() {
    let turn = Duration::from_secs(u64::try_from(size(5)).expect("a number of seconds"));
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().expect("a folder for the database");
    let app = start(folder.path()).await;
    let token = fill(&app).await;
    let live = Question::graphql(app.address(), &token, LIVE, &json!({}));
    let health = Question {
        address: app.address(),
        bytes: format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", app.address()).into_bytes(),
    };
    let first = load::answer(&live).await;
    let total = &first["data"]["organisation"]["realTimeMetrics"]["metrics"]["messages"]["total"];
    assert_eq!(*total, MESSAGES, "{first}");
    assert_eq!(load::answer(&live).await, first, "the second answer is the one that is kept");

    let questions = [live, health];
    let mut seen = [Seen::default(), Seen::default()];
    for question in &questions {
        load::drive(question, CONNECTIONS, Duration::from_secs(1)).await;
    }
    for _ in 0..TURNS {
        for (question, seen) in questions.iter().zip(&mut seen) {
            seen.add(load::drive(question, CONNECTIONS, turn).await);
        }
    }
    let [mut live, mut health] = seen;
    say(&format!(
        "realTimeMetrics from the cache, {CONNECTIONS} connections, {TURNS} turns of {} s each",
        turn.as_secs()
    ));
    say(&format!("  realTimeMetrics: {} requests a second, p99 {} us", live.rate(), live.p99().as_micros()));
    say(&format!("  /healthz: {} requests a second, p99 {} us", health.rate(), health.p99().as_micros()));
    say(&format!("  {} of the requests, aim 0.60", ratio(live.rate(), health.rate())));
    app.stop().await;
}

async fn start(folder: &std::path::Path) -> App {
    let settings = BTreeMap::from([
        ("DATABASE_URL".to_owned(), format!("sqlite://{}", folder.join("bench.db").display())),
        ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
        ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ]);
    let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
    App::start(config, Wiring::default()).await.expect("the server starts")
}

/// An organisation with messages in its day; a token of it.
async fn fill(app: &App) -> String {
    let admin = token(app, None).await;
    let ask = async |query: &str, variables: Value| {
        let mut answer = load::answer(&Question::graphql(app.address(), &admin, query, &variables)).await;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].take()
    };
    let query = "mutation { createOrganisation(input: { name: \"Toko Kopi\", timeZone: \"UTC\" }) { id } }";
    let organisation = ask(query, json!({})).await["createOrganisation"]["id"].take();
    let query =
        "mutation($id: ID!) { createChannel(organisationId: $id, input: { kind: SMS, name: \"Kasir\" }) { id } }";
    let channel = ask(query, json!({ "id": organisation })).await["createChannel"]["id"].take();
    let at = SystemClock.now().to_rfc3339();
    let messages: Vec<_> = (0..MESSAGES)
        .map(|number| {
            json!({
                "externalId": format!("sms.{number}"), "channelId": channel, "direction": "OUTBOUND",
                "customerPhone": format!("+62811{:06}", number % 300), "createdAt": at, "deliveredAt": at,
            })
        })
        .collect();
    let query = "mutation($id: ID!, $messages: [MessageInput!]!) {
        recordMessages(organisationId: $id, messages: $messages) { outcome } }";
    ask(query, json!({ "id": organisation, "messages": messages })).await;
    let id = OrganisationId::parse("id", organisation.as_str().expect("an id")).expect("an organisation's id");
    token(app, Some(id)).await
}

async fn token(app: &App, organisation_id: Option<OrganisationId>) -> String {
    let new = NewToken { name: "bench".to_owned(), organisation_id, scopes: None, expires_at: None };
    let (_, secret) = app.services().access.create_token(&Caller::command_line(), new).await.expect("a token");
    secret.expose_secret().to_owned()
}
