//! A daily snapshot of an organisation with many messages in the day, against the aggregates over those messages that it replaces, and the same
//! snapshot when the history is ten times longer.
//!
//! The services as a server has them, on SQLite. Messages are written by SQL, a tenth as many customers, three channels and twenty campaigns, the
//! same on every day; the counters are those that recording would have kept. `cargo bench --bench snapshot -- 10000` for a quick run; the usual
//! day has a million messages, and the long history ten such days.

mod figure;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use figure::{percentile, ratio, say, size};
use sea_orm::{ConnectionTrait as _, Statement};
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::id::OrganisationId;
use wabacus::domain::organisation::PLAN_CODE_DEFAULT;
use wabacus::domain::snapshot::{Snapshot, SnapshotType};
use wabacus::service::access::Caller;
use wabacus::service::organisation::NewOrganisation;
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const ROWS_A_TRANSACTION: usize = 500_000;
const DAYS: u64 = 10;

/// Whether a message came so far: `{reached}` is whether it reached the customer.
const REACHED: &str =
    "(direction = 'OUTBOUND' AND (delivered_at IS NOT NULL OR read_at IS NOT NULL OR replied_at IS NOT NULL))";

/// The aggregate that gives a day's counts.
fn counts() -> String {
    format!(
        "SELECT count(*), sum(direction = 'OUTBOUND' AND (sent_at IS NOT NULL OR {REACHED})), sum({REACHED}),
            sum(direction = 'OUTBOUND' AND read_at IS NOT NULL),
            sum(direction = 'OUTBOUND' AND failed_at IS NOT NULL AND NOT {REACHED}),
            sum(direction = 'OUTBOUND' AND replied_at IS NOT NULL), sum(direction = 'INBOUND'), sum(direction = 'OUTBOUND'),
            sum(campaign_id IS NOT NULL AND direction = 'OUTBOUND' AND (sent_at IS NOT NULL OR {REACHED})),
            count(DISTINCT customer_id)
         FROM message WHERE organisation_id = $1 AND date = $2"
    )
}

/// The aggregate that gives what the people of a day score together, without rounding each.
fn scores() -> String {
    format!(
        "SELECT count(*), sum(min(40, 2 * messages) + 20 + 30 * replied / messages + 10 * engaged / max(received, 1)) FROM (
            SELECT customer_id, count(*) AS messages, sum(direction = 'OUTBOUND' AND replied_at IS NOT NULL) AS replied,
                count(DISTINCT CASE WHEN {REACHED} THEN campaign_id END) AS received,
                count(DISTINCT CASE WHEN read_at IS NOT NULL OR replied_at IS NOT NULL THEN campaign_id END) AS engaged
            FROM message WHERE organisation_id = $1 AND date = $2 GROUP BY customer_id)"
    )
}

/// The services over a database with one organisation.
struct Bench {
    app: App,
    store: Store,
    organisation: OrganisationId,
    date: NaiveDate,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the database");
        let url = format!("sqlite://{}", folder.path().join("bench.db").display());
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("BIND", "127.0.0.1:0"),
            ("MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ];
        let settings: BTreeMap<_, _> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
        let app = App::start(config, Wiring::default()).await.expect("the server starts");
        let new = NewOrganisation {
            name: "Kirana".to_owned(),
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            plan_code: PLAN_CODE_DEFAULT.to_owned(),
            external_id: None,
        };
        let organisation = app.services().organisation.create(&Caller::command_line(), new).await;
        let organisation = organisation.expect("an organisation").id;
        let store = Store::open(&store::Options { url, ..store::Options::default() }).await.expect("the database");
        // A day that is over, whenever this runs.
        let date = NaiveDate::from_ymd_opt(2026, 6, 15).expect("a day");
        Self { app, store, organisation, date, _folder: folder }
    }

    /// A day of messages, so many days before the one that is measured, and its counters.
    async fn fill(&self, days_before: u64, messages: usize) {
        let organisation = self.organisation.uuid().simple().to_string();
        let date = self.date - Days::new(days_before);
        let customers = (messages / 10).max(1);
        for first in (0..messages).step_by(ROWS_A_TRANSACTION) {
            let last = messages.min(first + ROWS_A_TRANSACTION) - 1;
            let at = |step: usize, after: usize| {
                format!("CASE WHEN i % 20 < {step} THEN '{date}T12:00:{after:02}+00:00' END")
            };
            let [sent, delivered, read, replied] = [at(19, 1), at(18, 2), at(14, 3), at(4, 4)];
            self.write(&format!(
                "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
                 INSERT INTO message (organisation_id, external_id, channel_id, direction, customer_id, campaign_id, conversation_id,
                    category, pricing_type, created_at, sent_at, delivered_at, read_at, failed_at, replied_at, failure, date,
                    received_at, updated_at)
                 SELECT x'{organisation}', printf('wamid.{days_before}.%016x', i * 7919 % {messages}),
                    unhex(printf('0192b7c0f00070008001%012x', i % 3)), 'OUTBOUND',
                    unhex(printf('0192b7c0f00070008002%012x', i * 7919 % {customers})),
                    unhex(printf('0192b7c0f00070008003%012x', i / 7 % 20)), NULL, 'MARKETING', 'regular',
                    '{date}T12:00:00+00:00', {sent}, {delivered}, {read},
                    CASE WHEN i % 20 = 18 THEN '{date}T12:00:02+00:00' END, {replied}, NULL, '{date}',
                    '{date}T12:00:05+00:00', '{date}T12:00:05+00:00' FROM n"
            ))
            .await;
        }
        self.count(date, &organisation).await;
    }

    async fn count(&self, date: NaiveDate, organisation: &str) {
        let of_day = format!("FROM message WHERE organisation_id = x'{organisation}' AND date = '{date}'");
        let far = format!(
            "count(*), sum(sent_at IS NOT NULL OR {REACHED}), sum({REACHED}), sum(read_at IS NOT NULL),
             sum(failed_at IS NOT NULL AND NOT {REACHED}), sum(replied_at IS NOT NULL)"
        );
        let key = "organisation_id, date, channel_id";
        self.write(&format!(
            "INSERT INTO metric_day ({key}, total, sent, delivered, read, failed, replied, inbound, outbound, conversations, responses,
                response_seconds, contacts_new) SELECT {key}, {far}, 0, count(*), 0, 0, 0, 0 {of_day} GROUP BY {key}"
        ))
        .await;
        let key = "organisation_id, date, campaign_id, channel_id";
        self.write(&format!(
            "INSERT INTO campaign_day ({key}, total, sent, delivered, read, failed, replied, engaged)
             SELECT {key}, {far}, sum(read_at IS NOT NULL OR replied_at IS NOT NULL) {of_day} GROUP BY {key}"
        ))
        .await;
        let key = "organisation_id, date, customer_id, channel_id, campaign_id";
        self.write(&format!(
            "INSERT INTO contact_day ({key}, messages, delivered, engaged, replied)
             SELECT {key}, count(*), sum({REACHED}), sum(read_at IS NOT NULL OR replied_at IS NOT NULL), sum(replied_at IS NOT NULL)
             {of_day} GROUP BY {key}"
        ))
        .await;
    }

    async fn write(&self, sql: &str) {
        let tx = self.store.begin().await.expect("a transaction");
        tx.execute_unprepared(sql).await.expect("rows");
        Store::commit(tx).await.expect("a commit");
    }

    async fn snapshot(&self) -> Snapshot {
        let snapshots = &self.app.services().snapshot;
        let made = snapshots.generate(&Caller::command_line(), self.organisation, SnapshotType::Daily, self.date, None);
        made.await.expect("a snapshot")
    }

    /// The one row of an aggregate over the day's messages.
    async fn aggregate<const N: usize>(&self, sql: &str) -> [i64; N] {
        let values = [self.organisation.uuid().into(), self.date.into()];
        let statement = Statement::from_sql_and_values(sea_orm::DbBackend::Sqlite, sql, values);
        let row = self.store.read().query_one_raw(statement).await.expect("an answer").expect("a row");
        std::array::from_fn(|place| row.try_get_by_index(place).expect("a number"))
    }

    async fn end(self) {
        self.app.stop().await;
        self.store.close().await.expect("it closes");
    }
}

/// The median of some rounds, after one that is not counted.
async fn median<T>(mut round: impl AsyncFnMut() -> T) -> Duration {
    round().await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        round().await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    percentile(&times, 50)
}

#[tokio::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let messages = size(1_000_000);
    let bench = Bench::begin().await;
    bench.fill(0, messages).await;
    bench.write("ANALYZE").await;
    let figures = bench.snapshot().await.figures;
    let of = figures.messages;
    let counted: [i64; 10] = bench.aggregate(&counts()).await;
    let expected = [
        of.total,
        of.sent,
        of.delivered,
        of.read,
        of.failed,
        of.replied,
        of.inbound,
        of.outbound,
        figures.campaigns.messages_sent,
        figures.contacts.active,
    ];
    assert_eq!(counted, expected, "the snapshot is what the messages are");
    let snapshot = median(async || bench.snapshot().await).await;
    let plain = median(async || bench.aggregate::<10>(&counts()).await).await;
    let people = median(async || bench.aggregate::<2>(&scores()).await).await;
    say(&format!(
        "a day of {messages} messages, median of {ROUNDS}: the snapshot takes {} us, the aggregate of the counts {} us ({} of it), \
         with that of the scores {} us ({} of both)",
        snapshot.as_micros(),
        plain.as_micros(),
        ratio(snapshot.as_micros(), plain.as_micros()),
        (plain + people).as_micros(),
        ratio(snapshot.as_micros(), (plain + people).as_micros()),
    ));
    for day in 1..DAYS {
        bench.fill(day, messages).await;
    }
    bench.write("ANALYZE").await;
    assert_eq!(bench.snapshot().await.figures.messages, of, "other days are none of its business");
    let later = median(async || bench.snapshot().await).await;
    say(&format!(
        "with a history ten times as long: {} us, {} times as long",
        later.as_micros(),
        ratio(later.as_micros(), snapshot.as_micros()),
    ));
    bench.end().await;
}
