//! Statistics of 30 days over ten times as many records, and the memory that an export of them takes.
//!
//! A whole server on SQLite, asked over HTTP. The records and their rollups are written by SQL, the same 1,000 customers and the same hours
//! for both sizes. `cargo bench --bench usage_stats -- 10000` for a quick run; the usual size is a million, and ten.

mod figure;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use figure::{per_second, percentile, ratio, say, size};
use sea_orm::ConnectionTrait as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::id::OrganisationId;
use wabacus::domain::organisation::PLAN_CODE_DEFAULT;
use wabacus::service::access::{Caller, NewToken};
use wabacus::service::organisation::NewOrganisation;
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 40;
const CUSTOMERS: usize = 1_000;
const ROWS_A_TRANSACTION: usize = 500_000;

const QUESTION: &str = "query($id: ID!) { organisation(id: $id) { usageStats(from: \"2026-06-01\", to: \"2026-06-30\") {
    totalCost totalRecords averageDailyCost growth peakHour busiestDay daily { date cost records } hourly { hour cost records }
    monthly { month cost records } topCustomers { cost records } topCustomersByCount { cost records } } } }";

/// A server with so many records.
struct Bench {
    app: App,
    organisation: OrganisationId,
    token: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn begin(records: usize) -> Self {
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
        let caller = Caller::command_line();
        let new = NewOrganisation {
            name: "Kirana".to_owned(),
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            plan_code: PLAN_CODE_DEFAULT.to_owned(),
            external_id: None,
        };
        let organisation = app.services().organisation.create(&caller, new).await.expect("an organisation").id;
        let new = NewToken { name: "bench".to_owned(), organisation_id: None, scopes: None, expires_at: None };
        let (_, secret) = app.services().access.create_token(&caller, new).await.expect("a token");
        let store = Store::open(&store::Options { url, ..store::Options::default() }).await.expect("the database");
        fill(&store, organisation, records).await;
        store.close().await.expect("it closes");
        let token = secret.expose_secret().to_owned();
        Self { app, organisation, token, client: reqwest::Client::new(), _folder: folder }
    }

    async fn ask(&self, records: usize) -> Duration {
        let body = json!({ "query": QUESTION, "variables": { "id": self.organisation } });
        let began = Instant::now();
        let request = self.client.post(format!("http://{}/graphql", self.app.address())).bearer_auth(&self.token);
        let answer: Value = request.json(&body).send().await.expect("an answer").json().await.expect("JSON");
        let took = began.elapsed();
        let stats = &answer["data"]["organisation"]["usageStats"];
        assert_eq!(stats["totalRecords"], records, "{answer}");
        took
    }

    /// The median of some rounds.
    async fn asked(&self, records: usize) -> Duration {
        self.ask(records).await;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(self.ask(records).await);
        }
        times.sort_unstable();
        percentile(&times, 50)
    }

    /// Exports the days up to one of June: how many bytes, and the time that it took.
    async fn export(&self, to: &str) -> (usize, Duration) {
        let organisation = self.organisation;
        let path = format!("v1/organisations/{organisation}/usage/export?format=csv&from=2026-06-01&to={to}");
        let began = Instant::now();
        let request = self.client.get(format!("http://{}/{path}", self.app.address())).bearer_auth(&self.token);
        let mut response = request.send().await.expect("an answer").error_for_status().expect("no refusal");
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await.expect("the export is whole") {
            bytes += chunk.len();
        }
        (bytes, began.elapsed())
    }
}

/// Records of June 2026 evenly over its 30 days, and the rollups made of them.
async fn fill(store: &Store, organisation: OrganisationId, records: usize) {
    let organisation = organisation.uuid().simple().to_string();
    for first in (0..records).step_by(ROWS_A_TRANSACTION) {
        let last = records.min(first + ROWS_A_TRANSACTION) - 1;
        let rows = format!(
            "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}),
             t(i, at) AS (SELECT i, 1780272000 + i * 2592000 / {records} FROM n)
             INSERT INTO usage_record (id, organisation_id, idempotency_key, content_hash, kind, resource_type, resource_id,
                quantity_micros, unit_price_nanos, cost_nanos, rate_id, category, country, customer_id, channel_id, metadata,
                occurred_at, date, hour, billing_month, counts, amends, reason, recorded_at)
             SELECT unhex(printf('0192b7c0f00070008000%012x', i)), x'{organisation}', printf('%016x', i), zeroblob(16),
                CASE i % 3 WHEN 0 THEN 'WHATSAPP' WHEN 1 THEN 'SMS' ELSE 'EMAIL' END, 'message', printf('SM%016x', i),
                1000000, 5000000, 5000000, unhex(printf('00000000000070008000000001%06x', i % 3 + 1)), '', '',
                unhex(printf('0192b7c0f00070008001%012x', i * 7919 % {CUSTOMERS})), NULL, NULL,
                strftime('%Y-%m-%dT%H:%M:%S+00:00', at, 'unixepoch'), date(at, 'unixepoch'),
                CAST(strftime('%H', at, 'unixepoch') AS INTEGER), '2026-06-01', 1, NULL, NULL,
                strftime('%Y-%m-%dT%H:%M:%S+00:00', at, 'unixepoch') FROM t"
        );
        write(store, &rows).await;
    }
    let sums = "sum(quantity_micros), sum(cost_nanos), sum(counts), 0 FROM usage_record GROUP BY";
    let key = "organisation_id, date, hour, kind, resource_type, category, country, rate_id";
    write(store, &format!("INSERT INTO usage_hour ({key}, channel_id, quantity_micros, cost_nanos, records, unpriced) SELECT {key}, zeroblob(16), {sums} {key}")).await;
    let key = "organisation_id, billing_month, kind, resource_type, category, country, rate_id";
    write(store, &format!("INSERT INTO usage_period ({key}, usage_month, quantity_micros, cost_nanos, records, unpriced) SELECT {key}, billing_month, {sums} {key}")).await;
    let key = "organisation_id, date, customer_id";
    write(store, &format!("INSERT INTO usage_customer_day ({key}, cost_nanos, records) SELECT {key}, sum(cost_nanos), sum(counts) FROM usage_record GROUP BY {key}")).await;
    write(store, "ANALYZE").await;
}

async fn write(store: &Store, sql: &str) {
    let tx = store.begin().await.expect("a transaction");
    tx.execute_unprepared(sql).await.expect("rows");
    Store::commit(tx).await.expect("a commit");
}

/// The most memory that the process has had since it was last forgotten, in kilobytes; only Linux knows.
fn peak_kilobytes() -> u128 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

/// See `proc_pid_clear_refs(5)`.
fn forget_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

#[tokio::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let records = size(1_000_000);
    let few = Bench::begin(records).await;
    let of_few = few.asked(records).await;
    for (to, count) in [("2026-06-03", records / 10), ("2026-06-30", records)] {
        forget_peak();
        let (bytes, took) = few.export(to).await;
        let (peak, rate) = (peak_kilobytes(), per_second(count, took));
        say(&format!(
            "export of {count} records: {bytes} bytes, {rate} records a second, peak {peak} KB, reader included"
        ));
    }
    few.app.stop().await;
    let many = Bench::begin(records * 10).await;
    let of_many = many.asked(records * 10).await;
    say(&format!(
        "usageStats of 30 days over HTTP, median of {ROUNDS}: {} us over {records} records, {} us over {}, {} times as long",
        of_few.as_micros(),
        of_many.as_micros(),
        records * 10,
        ratio(of_many.as_micros(), of_few.as_micros()),
    ));
    many.app.stop().await;
}
