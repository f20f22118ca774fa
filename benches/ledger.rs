//! `recordUsage` over HTTP, against a bare multi-row insert of the same rows into the same table.
//!
//! The server is the real one, in this process, as is the client, from a thread of its own: 8 connections send batches of 500 records,
//! none twice, and ask for the outcomes only; each is checked, looked up by its key, priced, inserted, counted and told of, and answered
//! after its commit. The rows that came of it are then written into an empty table with the same indexes in another database of the same
//! kind: SeaORM's `insert_many`, already in memory, 500 rows in a statement and a commit for each. Then 64 connections send single
//! records, against single rows with a commit for each; how many records share a commit is told by the events. SQLite waits for the disk
//! at each commit in both. PostgreSQL does with `WABACUS_POSTGRES_FSYNC=on`, in both, and not without it.
//! `cargo bench --bench ledger -- 200` for 200 batches on each connection.

mod figure;
#[path = "../tests/support/postgres.rs"]
#[expect(dead_code, reason = "the tests share a server, and this has one of its own")]
mod postgres;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use entity::{event, usage_record};
use figure::{per_second, percentile, ratio, say, size, whole};
use futures_util::future::join_all;
use postgres::Postgres;
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _, QueryFilter as _};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::service::access::{Caller, NewToken};
use wabacus::service::organisation::NewOrganisation;
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 8;
const BATCH: usize = 500;
const SINGLES: usize = 64;
/// The share of a bare insert's rate, and the records in each commit, that are aimed at.
const SHARE_AIM: &str = "0.35";
const GROUP_AIM: usize = 5;

/// A running server on a database of its own, and where that is.
struct Bench {
    app: App,
    token: String,
    database: String,
}

impl Bench {
    async fn start(database: String) -> Self {
        let settings = BTreeMap::from([
            ("DATABASE_URL".to_owned(), database.clone()),
            ("DATABASE_DURABLE".to_owned(), "on".to_owned()),
            ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
            ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
        ]);
        let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
        let app = App::start(config, Wiring::default()).await.expect("the server starts");
        let caller = Caller::command_line();
        let new = NewOrganisation {
            name: "Toko Kopi".to_owned(),
            time_zone: "Asia/Jakarta".to_owned(),
            currency: "USD".to_owned(),
            plan_code: "professional".to_owned(),
            external_id: None,
        };
        let organisation = app.services().organisation.create(&caller, new).await.expect("an organisation");
        let organisation_id = Some(organisation.id);
        let new = NewToken { name: "bench".to_owned(), organisation_id, scopes: None, expires_at: None };
        let (_, secret) = app.services().access.create_token(&caller, new).await.expect("a token");
        Self { app, token: secret.expose_secret().to_owned(), database }
    }

    /// Requests of `records` records each for a connection, as they go over the wire.
    fn requests(&self, connection: usize, count: usize, records: usize, mark: &str) -> Vec<Vec<u8>> {
        (0..count).map(|request| self.request(&format!("{mark}-{connection}-{request}"), records)).collect()
    }

    fn request(&self, mark: &str, records: usize) -> Vec<u8> {
        let address = self.app.address();
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

/// Sends each connection's requests one after the other, all connections at once; how long each took, and all together.
async fn drive(address: SocketAddr, requests: Vec<Vec<Vec<u8>>>, records: usize) -> (Vec<Duration>, Duration) {
    let driven = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.expect("a runtime").block_on(async {
            let began = Instant::now();
            let all = requests.iter().map(|requests| connection(address, requests, records));
            let mut latencies: Vec<_> = join_all(all).await.into_iter().flatten().collect();
            latencies.sort_unstable();
            (latencies, began.elapsed())
        })
    });
    driven.await.expect("the load generator does not panic")
}

async fn connection(address: SocketAddr, requests: &[Vec<u8>], records: usize) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP connection");
    let mut latencies = Vec::with_capacity(requests.len());
    for request in requests {
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

/// Writes rows into a database's empty table, so many in a statement and a commit.
async fn bare(database: &str, rows: &[usage_record::Model], size: usize) -> Duration {
    let options = store::Options { url: database.to_owned(), durable: true, ..store::Options::default() };
    let store = Store::open(&options).await.expect("a database");
    store.migrate().await.expect("tables");
    let batches: Vec<Vec<usage_record::ActiveModel>> = rows
        .chunks(size)
        .map(|rows| rows.iter().cloned().map(usage_record::Model::into_active_model).collect())
        .collect();
    let began = Instant::now();
    for batch in batches {
        let tx = store.begin().await.expect("a transaction");
        usage_record::Entity::insert_many(batch).exec_without_returning(&tx).await.expect("an insert");
        Store::commit(tx).await.expect("a commit");
    }
    let took = began.elapsed();
    store.close().await.expect("nothing else uses it");
    took
}

async fn measure(kind: &str, batches: usize, databases: [String; 3]) {
    let [real, bare_batches, bare_singles] = databases;
    let bench = Bench::start(real).await;
    let address = bench.app.address();
    // Prices and statements are known to the server before it is measured.
    drive(address, vec![bench.requests(0, 3, BATCH, "warm")], BATCH).await;
    let requests = (0..CONNECTIONS).map(|connection| bench.requests(connection, batches, BATCH, "batch")).collect();
    let (latencies, took) = drive(address, requests, BATCH).await;
    let records = CONNECTIONS * batches * BATCH;

    let options = store::Options { url: bench.database.clone(), ..store::Options::default() };
    let store = Store::open(&options).await.expect("the database is there");
    let db = store.read();
    let changes = || event::Entity::find().filter(event::Column::Kind.eq("usage.changed")).count(db);
    let commits_before = changes().await.expect("a count");
    let single = batches * 10;
    let requests = (0..SINGLES).map(|connection| bench.requests(connection, single, 1, "single")).collect();
    let (single_latencies, single_took) = drive(address, requests, 1).await;
    let commits = usize::try_from(changes().await.expect("a count") - commits_before).expect("a count");
    let singles = SINGLES * single;

    let rows = usage_record::Entity::find()
        .filter(usage_record::Column::IdempotencyKey.like("%/batch-%"))
        .all(db)
        .await
        .expect("the rows");
    assert_eq!(rows.len(), records);
    bench.app.stop().await;
    let bare_took = bare(&bare_batches, &rows, BATCH).await;
    let alone = &rows[..singles.min(rows.len())];
    let alone_took = bare(&bare_singles, alone, 1).await;

    let (rate, bare_rate) = (per_second(records, took), per_second(records, bare_took));
    say(&format!("{kind}: {records} records in batches of {BATCH} over {CONNECTIONS} connections"));
    say(&format!(
        "  recordUsage: {rate} records a second, p99 of a batch {} ms",
        percentile(&latencies, 99).as_millis()
    ));
    say(&format!("  bare insert of {BATCH} rows a commit: {bare_rate} records a second"));
    say(&format!("  recordUsage does {} of the bare insert; the aim is {SHARE_AIM}", ratio(rate, bare_rate)));
    let (rate, alone_rate) = (per_second(singles, single_took), per_second(alone.len(), alone_took));
    let p99 = percentile(&single_latencies, 99).as_millis();
    say(&format!("{kind}: {singles} single records over {SINGLES} connections"));
    say(&format!("  recordUsage: {rate} records a second, p99 {p99} ms, {commits} commits"));
    say(&format!("  records a commit: {}; the aim is {GROUP_AIM}", ratio(whole(singles), whole(commits))));
    say(&format!(
        "  bare insert of one row a commit: {alone_rate} a second; recordUsage does {} of it",
        ratio(rate, alone_rate)
    ));
}

#[actix_web::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let batches = size(50);
    let folder = tempfile::tempdir().expect("a folder for the databases");
    let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    measure("SQLite", batches, [file("real.db"), file("batches.db"), file("singles.db")]).await;
    match tokio::task::spawn_blocking(Postgres::start).await {
        Ok(server) => {
            let databases =
                [server.create_database().await, server.create_database().await, server.create_database().await];
            measure("PostgreSQL", batches, databases).await;
        }
        Err(_) => say("POSTGRESQL WAS LEFT OUT: it is not installed, or does not start"),
    }
}
