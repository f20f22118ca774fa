//! Closing a month: `INVOICE_CLOSE` of many organisations, each with its records in the ledger, on SQLite.
//!
//! The job is the real one: it makes the month's draft, computes its lines out of the rollups, settles the credits, takes the number, and
//! writes lines, entries and events, in two transactions for each organisation. The records and rollups are put there in bulk before; how
//! many records there are must not matter, so a second round with another number of them says whether it does.
//! `cargo bench --bench invoice -- 1000` for 1,000 organisations; `WABACUS_BENCH_RECORDS=10000` for so many records of each.

mod figure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use figure::{per_second, percentile, ratio, say, size};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, Statement};
use tokio_util::sync::CancellationToken;
use wabacus::bsp::{self, Bsps};
use wabacus::domain::attempt::Verdict;
use wabacus::domain::clock::{Clock as _, ManualClock};
use wabacus::domain::id::{JobRunId, OrganisationId};
use wabacus::domain::job::{JobKind, JobRun, JobRunState, JobTrigger};
use wabacus::domain::period::Month;
use wabacus::service::access::Caller;
use wabacus::service::dispatch::Standing;
use wabacus::service::job::{InvoiceClose, Registry};
use wabacus::service::organisation::NewOrganisation;
use wabacus::service::wake::{SchedulerReport, SchedulerView};
use wabacus::service::{Core, CoreParts, SchedulingOptions, Services};
use wabacus::store::{self, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of each organisation, unless `WABACUS_BENCH_RECORDS` says otherwise.
const RECORDS: usize = 10_000;

/// Records of the organisation `$1`: six resources in twenty countries, at the seeded rates of the plan Starter.
const FILL: &str = "
    INSERT INTO usage_record (id, organisation_id, idempotency_key, content_hash, kind, resource_type, resource_id, quantity_micros,
        unit_price_nanos, cost_nanos, rate_id, category, country, customer_id, channel_id, metadata, occurred_at, date, hour,
        billing_month, counts, amends, reason, recorded_at)
    WITH RECURSIVE numbered (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbered WHERE n < $2)
    SELECT randomblob(16), $1, 'record-' || n, zeroblob(16), 'WHATSAPP', 'message', NULL, 1000000,
        5000000, 5000000, x'00000000000070008000000002000005', '', char(65 + n % 4, 65 + n / 4 % 5), NULL, NULL, NULL,
        '2026-06-15T06:00:00+00:00', '2026-06-15', 11, '2026-06-01', 1, NULL, NULL, '2026-06-15T06:00:00+00:00'
    FROM numbered";

/// The rollups of all records.
const COUNT: &str = "
    INSERT INTO usage_period (organisation_id, billing_month, usage_month, kind, resource_type, category, country, rate_id,
        quantity_micros, cost_nanos, records, unpriced)
    SELECT organisation_id, billing_month, billing_month, kind, resource_type, category, country, rate_id,
        SUM(quantity_micros), SUM(cost_nanos), SUM(counts), 0
    FROM usage_record GROUP BY 1, 2, 3, 4, 5, 6, 7, 8";

/// A scheduler that is not there: the jobs are run by hand.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl SchedulerView for Nobody {
    async fn report(&self) -> SchedulerReport {
        SchedulerReport::default()
    }
}

fn core(store: Store, clock: &ManualClock) -> Arc<Core> {
    let bsps = Bsps::new(bsp::Options::default(), Arc::new(clock.clone())).expect("HTTP clients");
    let scheduling = SchedulingOptions { herd_window: TimeDelta::zero(), ..SchedulingOptions::default() };
    Core::new(CoreParts { scheduling, ..CoreParts::alone(store, Arc::new(clock.clone()), bsps) })
}

async fn fill(services: &Services, store: &Store, organisations: usize, records: usize) -> Vec<OrganisationId> {
    let mut ids = Vec::new();
    for number in 0..organisations {
        let new = NewOrganisation {
            name: format!("Organisation {number}"),
            time_zone: "Asia/Jakarta".to_owned(),
            currency: "USD".to_owned(),
            plan_code: "starter".to_owned(),
            external_id: None,
        };
        let made = services.organisation.create(&Caller::command_line(), new).await.expect("an organisation");
        ids.push(made.id);
    }
    let tx = store.begin().await.expect("a transaction");
    let records = i64::try_from(records).expect("a number of records");
    for id in &ids {
        let values = [id.uuid().into(), records.into()];
        let statement = Statement::from_sql_and_values(tx.get_database_backend(), FILL, values);
        tx.execute_raw(statement).await.expect("records");
    }
    tx.execute_unprepared(COUNT).await.expect("rollups");
    Store::commit(tx).await.expect("a commit");
    ids
}

fn run(organisation_id: OrganisationId, now: wabacus::domain::clock::Instant) -> JobRun {
    JobRun {
        id: JobRunId::generate(now),
        organisation_id,
        schedule_id: None,
        kind: JobKind::InvoiceClose,
        trigger: JobTrigger::Manual,
        state: JobRunState::Running,
        scheduled_for: now,
        started_at: Some(now),
        finished_at: None,
        attempt: 1,
        max_attempts: 8,
        next_attempt_at: None,
        error: None,
        range: None,
        progress: None,
        cancel_requested: false,
        customer_id: None,
        bootstrap: None,
        subject: None,
    }
}

/// Closes June of so many organisations with so many records each, all at once; how long that took, and after how long each was done, the
/// earliest first.
async fn round(organisations: usize, records: usize) -> (Duration, Vec<Duration>) {
    let folder = tempfile::tempdir().expect("a folder for the database");
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let store = Store::open(&store::Options { url, ..store::Options::default() }).await.expect("a SQLite file");
    store.migrate().await.expect("tables");
    let clock = ManualClock::at("2026-06-01T06:00:00Z".parse().expect("a literal time"));
    let core = core(store.clone(), &clock);
    let services = Services::new(&core, Arc::new(Registry::default().with(InvoiceClose::default())), Arc::new(Nobody));
    let ids = fill(&services, &store, organisations, records).await;
    clock.set("2026-07-04T06:00:00Z".parse().expect("a literal time"));
    services.dispatch.beat(&Standing::default()).await.expect("the lease");
    let runs: Vec<JobRun> = ids.iter().map(|id| run(*id, clock.now())).collect();
    let tx = store.begin().await.expect("a transaction");
    store::job_run::insert_many(&tx, &runs, 1, clock.now()).await.expect("runs");
    Store::commit(tx).await.expect("a commit");
    let began = Instant::now();
    let attempts = runs.into_iter().map(|run| {
        let dispatch = services.dispatch.clone();
        tokio::spawn(async move {
            let term = dispatch.term_of(run.organisation_id).expect("it is alone");
            let verdict = dispatch.execute(term, run, CancellationToken::new()).await;
            (verdict, began.elapsed())
        })
    });
    let mut done = Vec::with_capacity(organisations);
    for attempt in join_all(attempts).await {
        let (verdict, after) = attempt.expect("no job panics");
        assert_eq!(verdict, Verdict::Done);
        done.push(after);
    }
    let took = began.elapsed();
    done.sort_unstable();
    let june = Month::parse("month", "2026-06").expect("a month");
    for id in [ids.first(), ids.last()].into_iter().flatten() {
        let invoice = store::invoice::find_of_month(store.read(), *id, june).await.expect("an answer");
        assert!(invoice.and_then(|invoice| invoice.number).is_some(), "it is final");
    }
    (took, done)
}

#[actix_web::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let records = std::env::var("WABACUS_BENCH_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(RECORDS);
    let organisations = size(1_000);
    let mut rates = Vec::new();
    for records in [records.div_ceil(100), records] {
        let (took, done) = round(organisations, records).await;
        let rate = per_second(organisations, took);
        rates.push(rate);
        say(&format!(
            "closing a month of {organisations} organisations with {records} records each: {rate} organisations a second ({took:.1?}), half of \
             them after {:.1?}",
            percentile(&done, 50)
        ));
    }
    if let [few, many] = rates[..] {
        say(&format!(
            "with a hundred times the records, the organisations a second are {} of what they were",
            ratio(many, few)
        ));
    }
}
