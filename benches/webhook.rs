//! Updates of messages, joined, counted and made usage, against a bare upsert of the same message rows.
//!
//! 8 callers hand over batches of 500 updates to the service that webhooks hand theirs to, on the server's own database: each message is told
//! of as sent, delivered and read, by updates of their own, one in four of them in the reverse order, so that two thirds of the updates meet a
//! message that is known. The rows that came of it are then written as often into an empty table with the same indexes in another database of the
//! same kind: SeaORM's `insert_many` with a conflict that updates, already in memory, 500 rows in a statement and a commit for each. SQLite
//! waits for the disk at each commit in both. PostgreSQL does with `WABACUS_POSTGRES_FSYNC=on`, in both, and not without it.
//! `cargo bench --bench webhook -- 20` for 20 batches of each caller.

mod figure;
#[path = "../tests/support/postgres.rs"]
#[expect(dead_code, reason = "the tests share a server, and this has one of its own")]
mod postgres;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use entity::message;
use figure::{per_second, percentile, ratio, say, size, whole};
use futures_util::future::join_all;
use postgres::Postgres;
use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _};
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::channel::{BspAccountRef, BspKind, Channel, ChannelKind, ChannelStatus};
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::id::{ChannelId, OrganisationId};
use wabacus::domain::message::{Life, Outcome, Pricing, Update};
use wabacus::domain::phone::PhoneNumber;
use wabacus::domain::recording::Direction;
use wabacus::service::access::Caller;
use wabacus::service::organisation::NewOrganisation;
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CALLERS: usize = 8;
const BATCH: usize = 500;
/// How often a message is told of.
const STATUSES: usize = 3;
/// How many people the messages go to.
const CUSTOMERS: usize = 2_000;
/// The share of a bare upsert's rate that is aimed at.
const SHARE_AIM: &str = "0.30";

/// A running server on a database of its own, with an organisation that has a channel.
struct Bench {
    app: App,
    organisation: OrganisationId,
    channel: ChannelId,
}

impl Bench {
    async fn start(database: &str) -> Self {
        let settings = BTreeMap::from([
            ("DATABASE_URL".to_owned(), database.to_owned()),
            ("DATABASE_DURABLE".to_owned(), "on".to_owned()),
            ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
            ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
        ]);
        let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
        let app = App::start(config, Wiring::default()).await.expect("the server starts");
        let new = NewOrganisation {
            name: "Toko Kopi".to_owned(),
            time_zone: "Asia/Jakarta".to_owned(),
            currency: "USD".to_owned(),
            plan_code: "professional".to_owned(),
            external_id: None,
        };
        let caller = Caller::command_line();
        let organisation = app.services().organisation.create(&caller, new).await.expect("an organisation").id;
        let now = SystemClock.now();
        let channel = Channel {
            id: ChannelId::generate(now),
            organisation_id: organisation,
            kind: ChannelKind::Whatsapp,
            account: Some(BspAccountRef { bsp: BspKind::Gupshup, account: "toko".to_owned() }),
            name: "Toko".to_owned(),
            phone_number: None,
            // Nobody asks for its usage.
            status: ChannelStatus::Paused,
            status_reason: None,
            usage_high_water: None,
            account_zone: None,
            created_at: now,
        };
        let store = open(database).await;
        let tx = store.begin().await.expect("a transaction");
        store::channel::insert(&tx, &channel, None, now).await.expect("a channel");
        Store::commit(tx).await.expect("a commit");
        store.close().await.expect("nothing else uses it");
        Self { app, organisation, channel: channel.id }
    }

    /// What a caller hands over: as many batches, in which each message is told of [`STATUSES`] times.
    fn batches(&self, caller: usize, batches: usize, mark: &str) -> Vec<Vec<Update>> {
        let messages = batches * BATCH / STATUSES;
        let now = SystemClock.now();
        let update = |place: usize| {
            // The statuses of a message are a third of all updates apart.
            let (message, turn) = (place % messages, place / messages);
            let status = if message % 4 == 0 { STATUSES - 1 - turn } else { turn };
            let created_at = now - chrono::TimeDelta::seconds(i64::try_from(message % 86_400).unwrap_or(0) + 60);
            let at = Some(created_at + chrono::TimeDelta::seconds(i64::try_from(status).unwrap_or(0) + 1));
            let seen = Life::seen(created_at);
            let life = match status {
                0 => Life { sent_at: at, ..seen },
                1 => Life { delivered_at: at, ..seen },
                _ => Life { read_at: at, ..seen },
            };
            let number = (caller * messages + message) % CUSTOMERS;
            Update {
                field: "update".to_owned(),
                external_id: format!("wamid.{mark}.{caller}.{message}"),
                channel_id: self.channel,
                direction: Direction::Outbound,
                phone: PhoneNumber::parse("phone", &format!("+62812{number:07}")).expect("a number"),
                customer_name: None,
                campaign_id: None,
                conversation_id: Some(format!("conversation-{mark}-{number}")),
                conversation_expires_at: None,
                pricing: Pricing { category: None, pricing_type: Some("regular".to_owned()) },
                life,
                failure: None,
            }
        };
        let updates: Vec<_> = (0..messages * STATUSES).map(update).collect();
        updates.chunks(BATCH).map(<[Update]>::to_vec).collect()
    }

    /// Hands each caller's batches over one after the other, all callers at once; how long each took, and all together.
    ///
    /// Over HTTP it would be `POST /webhooks/meta` with the same updates; this is what its handler hands them to.
    async fn drive(&self, callers: Vec<Vec<Vec<Update>>>) -> (Vec<Duration>, Duration) {
        let began = Instant::now();
        let all = callers.into_iter().map(|batches| async {
            let mut latencies = Vec::with_capacity(batches.len());
            for batch in batches {
                let began = Instant::now();
                let outcomes = self.app.services().message.receive(self.organisation, batch).await;
                latencies.push(began.elapsed());
                let outcomes = outcomes.expect("they are taken in");
                assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Recorded { .. })), "{outcomes:?}");
            }
            latencies
        });
        let mut latencies: Vec<_> = join_all(all).await.into_iter().flatten().collect();
        latencies.sort_unstable();
        (latencies, began.elapsed())
    }
}

async fn open(database: &str) -> Store {
    let options = store::Options { url: database.to_owned(), durable: true, ..store::Options::default() };
    Store::open(&options).await.expect("a database")
}

/// Writes each row [`STATUSES`] times into a database's empty table, [`BATCH`] in a statement and a commit.
async fn bare(database: &str, rows: &[message::Model]) -> Duration {
    use message::Column;
    let store = open(database).await;
    store.migrate().await.expect("tables");
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::ExternalId])
        .update_columns([Column::SentAt, Column::DeliveredAt, Column::ReadAt, Column::CreatedAt, Column::UpdatedAt])
        .to_owned();
    let batches: Vec<Vec<message::ActiveModel>> = (0..STATUSES)
        .flat_map(|_| rows.chunks(BATCH))
        .map(|rows| rows.iter().cloned().map(message::Model::into_active_model).collect())
        .collect();
    let began = Instant::now();
    for batch in batches {
        let tx = store.begin().await.expect("a transaction");
        let upsert = message::Entity::insert_many(batch).on_conflict(on_conflict.clone());
        upsert.exec_without_returning(&tx).await.expect("an upsert");
        Store::commit(tx).await.expect("a commit");
    }
    let took = began.elapsed();
    store.close().await.expect("nothing else uses it");
    took
}

async fn measure(kind: &str, batches: usize, databases: [String; 2]) {
    let [real, plain] = databases;
    let bench = Bench::start(&real).await;
    // Prices, statements and the plan of the world's numbers are known to the server before it is measured.
    bench.drive(vec![bench.batches(0, STATUSES, "warm")]).await;
    let callers: Vec<_> = (0..CALLERS).map(|caller| bench.batches(caller, batches, "real")).collect();
    let updates = callers.iter().flatten().map(Vec::len).sum();
    let (latencies, took) = bench.drive(callers).await;

    let store = open(&real).await;
    let rows = message::Entity::find().all(store.read()).await.expect("the messages");
    let rows: Vec<_> = rows.into_iter().filter(|row| row.external_id.starts_with("wamid.real.")).collect();
    let records = entity::usage_record::Entity::find().count(store.read()).await.expect("a count");
    assert!(usize::try_from(records).is_ok_and(|records| records >= rows.len()), "each has reached somebody");
    store.close().await.expect("nothing else uses it");
    bench.app.stop().await;
    let bare_took = bare(&plain, &rows).await;

    let (rate, bare_rate) = (per_second(updates, took), per_second(rows.len() * STATUSES, bare_took));
    let p99 = percentile(&latencies, 99).as_millis();
    say(&format!("{kind}: {updates} updates of {} messages in batches of {BATCH} by {CALLERS} callers", rows.len()));
    say(&format!("  taken in, counted and made usage: {rate} updates a second, p99 of a batch {p99} ms"));
    say(&format!("  bare upsert of {BATCH} rows a commit: {bare_rate} rows a second"));
    say(&format!("  share of the bare upsert: {}; the aim is {SHARE_AIM}", ratio(rate, bare_rate.max(whole(1)))));
}

#[actix_web::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let batches = size(30);
    let folder = tempfile::tempdir().expect("a folder for the databases");
    let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    measure("SQLite", batches, [file("real.db"), file("bare.db")]).await;
    match tokio::task::spawn_blocking(Postgres::start).await {
        Ok(server) => {
            let databases = [server.create_database().await, server.create_database().await];
            measure("PostgreSQL", batches, databases).await;
        }
        Err(_) => say("POSTGRESQL WAS LEFT OUT: it is not installed, or does not start"),
    }
}
