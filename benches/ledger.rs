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
mod record;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use entity::{event, usage_record};
use figure::{per_second, percentile, ratio, say, size, whole};
use postgres::Postgres;
use record::{Client, drive};
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _, QueryFilter as _};
use secrecy::ExposeSecret as _;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
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

    /// Who is asked, and as whom.
    fn client(&self) -> Client {
        Client { address: self.app.address(), token: self.token.clone() }
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
    let client = bench.client();
    // Prices and statements are known to the server before it is measured.
    drive(vec![client.line("warm", 3, BATCH)], BATCH).await;
    let lines =
        (0..CONNECTIONS).map(|connection| client.line(&format!("batch-{connection}"), batches, BATCH)).collect();
    let (latencies, took) = drive(lines, BATCH).await;
    let records = CONNECTIONS * batches * BATCH;

    let options = store::Options { url: bench.database.clone(), ..store::Options::default() };
    let store = Store::open(&options).await.expect("the database is there");
    let db = store.read();
    let changes = || event::Entity::find().filter(event::Column::Kind.eq("usage.changed")).count(db);
    let commits_before = changes().await.expect("a count");
    let single = batches * 10;
    let lines = (0..SINGLES).map(|connection| client.line(&format!("single-{connection}"), single, 1)).collect();
    let (single_latencies, single_took) = drive(lines, 1).await;
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
