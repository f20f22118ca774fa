//! PostgreSQL ends every connection, starts anew, dies and is away for a while, under load.
//!
//! Callers are told to come again, and nothing is lost or counted twice.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::postgres::Postgres;
use crate::support::{NOON, Setup, World};

const SENDERS: usize = 6;
const RECORDS: usize = 5;

const RECORD: &str = "mutation($id: ID!, $records: [UsageRecordInput!]!) {
    recordUsage(organisationId: $id, records: $records) { outcome } }";

/// A PostgreSQL of this story's own, which may be stopped; none where these tests were asked to be left out.
async fn server() -> Option<Arc<Postgres>> {
    if std::env::var("WABACUS_TEST_BACKENDS").is_ok_and(|backends| backends == "sqlite") {
        writeln!(std::io::stderr(), "left out: WABACUS_TEST_BACKENDS asks for SQLite only").expect("stderr is open");
        return None;
    }
    let server = tokio::task::spawn_blocking(Postgres::start).await.expect("PostgreSQL starts");
    Some(Arc::new(server))
}

async fn with(server: &Arc<Postgres>, change: impl FnOnce(&Postgres) + Send + 'static) {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || change(&server)).await.expect("the server obeys");
}

/// Somebody who asks by HTTP.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    fn of(world: &World) -> Self {
        Self { http: reqwest::Client::new(), url: world.url(), token: world.admin.clone() }
    }

    /// The data, or `None` where the server says that it is not available. Any other refusal would be a wrong answer.
    async fn ask(&self, query: &str, variables: &Value) -> Option<Value> {
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(&self.token);
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await;
        let mut answer: Value = answer.expect("the server answers").json().await.expect("the answer is JSON");
        let Some(errors) = answer.get("errors") else { return Some(answer["data"].take()) };
        for error in errors.as_array().expect("a list of errors") {
            assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{answer:#}");
        }
        None
    }

    /// What `/readyz` says: whether the server is ready, and whether its database is.
    async fn ready(&self) -> (u16, bool) {
        let answer = self.http.get(format!("{}/readyz", self.url)).send().await.expect("the server answers");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("the answer is JSON");
        let parts = body["parts"].as_array().expect("the parts");
        let database = parts.iter().find(|part| part["name"] == "database").expect("the database is a part");
        (status, database["ready"] == true)
    }

    /// Asks until `/readyz` says so.
    async fn until_ready(&self, ready: (u16, bool)) {
        let found = tokio::time::timeout(std::time::Duration::from_secs(60), async {
            while self.ready().await != ready {
                tokio::task::yield_now().await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("/readyz does not become {ready:?}"));
    }
}

/// What senders and readers met.
#[derive(Debug, Default)]
struct Met {
    sent: usize,
    unavailable: usize,
}

/// Sends batch after batch, each again until it is taken.
async fn send(client: Client, organisation: String, sender: usize, over: Arc<AtomicBool>) -> Met {
    let mut met = Met::default();
    let mut batch = 0;
    while !over.load(Ordering::Relaxed) {
        let record = |number: usize| {
            json!({ "kind": "SMS", "resourceType": "message", "resourceId": format!("{sender}-{batch}-{number}"),
                "quantity": (number + 1).to_string() })
        };
        let variables = json!({ "id": organisation, "records": (0..RECORDS).map(record).collect::<Vec<_>>() });
        while client.ask(RECORD, &variables).await.is_none() {
            met.unavailable += 1;
        }
        met.sent += RECORDS;
        batch += 1;
    }
    met
}

/// Asks for what is there all the time.
async fn read(client: Client, organisation: String, over: Arc<AtomicBool>) -> Met {
    let mut met = Met::default();
    let query = "query($id: ID!) { organisation(id: $id) { id name } }";
    while !over.load(Ordering::Relaxed) {
        match client.ask(query, &json!({ "id": organisation })).await {
            Some(data) => assert_eq!(data["organisation"]["name"], "Shop"),
            None => met.unavailable += 1,
        }
        met.sent += 1;
    }
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_end_and_postgresql_starts_anew_under_load_and_every_record_is_counted_once() {
    let Some(server) = server().await else { return };
    let database = server.create_database().await;
    let world = Setup::at(NOON).with("DATABASE_URL", &database).begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let client = Client::of(&world);
    assert_eq!(client.ready().await, (200, true));

    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| tokio::spawn(send(client.clone(), organisation.clone(), sender, Arc::clone(&over))))
        .collect();
    let reader = tokio::spawn(read(client.clone(), organisation.clone(), Arc::clone(&over)));
    let mut recorded = Database::look_into(&database).await;
    for _ in 0..10 {
        let before = recorded.rows("usage_record").await;
        assert!(server.terminate().await > 0, "there are connections");
        recorded = Database::look_into(&database).await;
        while recorded.rows("usage_record").await <= before {
            tokio::task::yield_now().await;
        }
    }
    for mode in ["fast", "immediate"] {
        with(&server, move |server| server.restart(mode)).await;
        client.until_ready((200, true)).await;
    }
    with(&server, Postgres::stop).await;
    client.until_ready((503, false)).await;
    with(&server, Postgres::start_again).await;
    client.until_ready((200, true)).await;

    over.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.expect("a sender is answered rightly").sent;
    }
    let reader = reader.await.expect("a reader is answered rightly");
    assert!(reader.sent > reader.unavailable, "it is away for a moment only: {reader:?}");

    let mut database = Database::look_into(&database).await;
    assert_eq!(usize::try_from(database.rows("usage_record").await), Ok(sent));
    let different = "SELECT count(*) FROM (
        SELECT date, hour, quantity_micros, records FROM usage_hour
        EXCEPT SELECT date, hour, sum(quantity_micros), sum(counts) FROM usage_record GROUP BY 1, 2) AS different";
    assert_eq!(database.count(different).await, 0, "hours that are not the sum of their records");
    // And the scheduler works as before.
    world.settle().await;
    world.channel(&organisation, wabacus::domain::channel::BspKind::Gupshup, "account", "Asia/Kolkata").await;
    world.settle().await;
    let runs = world.runs(&organisation).await;
    assert!(runs.iter().any(|run| run["state"] == "SUCCEEDED"), "{runs:#?}");
}
