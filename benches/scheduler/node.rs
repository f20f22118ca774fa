//! A whole node: the scheduler over the real dispatch service and a database, with a daily job that does nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{self, Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use wabacus::bsp::{self, Bsps};
use wabacus::domain::attempt::Verdict;
use wabacus::domain::clock::{Clock as _, Instant, ManualClock};
use wabacus::domain::id::{OrganisationId, ScheduleId};
use wabacus::domain::job::{JobKind, Schedule};
use wabacus::domain::money::Currency;
use wabacus::domain::organisation::{Organisation, PLAN_CODE_DEFAULT};
use wabacus::domain::period::Zone;
use wabacus::domain::schedule::Cron;
use wabacus::scheduler::{NoFaults, Options, Scheduler};
use wabacus::service::dispatch::DispatchService;
use wabacus::service::job::{Job, JobContext, Registry};
use wabacus::service::{Core, CoreParts, SchedulingOptions, ServiceError};
use wabacus::store::{self, Store};

use crate::{ALLOCATOR, Seen};

/// Everybody is due so long after the start: less than the pause between two sweeps, which would be measured too.
const DUE_AFTER: TimeDelta = TimeDelta::seconds(30);

/// A daily job that only notes, by the wall clock, how long after the herd was let go it began.
#[derive(Debug, Clone, Default)]
struct EmptyJob(Arc<Mutex<Herd>>);

#[derive(Debug, Default)]
struct Herd {
    let_go: Option<time::Instant>,
    lags: Vec<Duration>,
}

fn every_morning() -> Cron {
    Cron::parse("cron", "0 9 * * *").expect("every morning at nine is a cron text")
}

#[async_trait]
impl Job for EmptyJob {
    fn kind(&self) -> JobKind {
        JobKind::DailyUsage
    }

    fn default_cron(&self) -> Option<Cron> {
        Some(every_morning())
    }

    async fn run(&self, _context: &JobContext) -> Result<Verdict, ServiceError> {
        let mut herd = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lag = herd.let_go.map(|let_go| let_go.elapsed()).unwrap_or_default();
        herd.lags.push(lag);
        Ok(Verdict::Done)
    }
}

/// Fills the database with `count` organisations, starts a node on it, then has all of them due at once.
pub(crate) async fn measure(count: usize, url: String) -> Seen {
    let store = Store::open(&store::Options { url, ..store::Options::default() }).await.expect("a database");
    store.migrate().await.expect("tables");
    let clock = ManualClock::at("2026-06-05T08:59:30Z".parse().expect("a literal time"));
    fill(&store, count, clock.now()).await;

    let job = EmptyJob::default();
    let work = Arc::new(dispatch(store.clone(), &clock, job.clone()));
    let (before, began) = (ALLOCATOR.allocated(), time::Instant::now());
    let limiters = Arc::new(Vec::new);
    let shared = Arc::new(clock.clone());
    let started =
        Scheduler::start(Options::default(), work, shared, "bench".to_owned(), limiters, Arc::new(NoFaults)).await;
    let scheduler = started.expect("the database answers and threads are to be had");
    scheduler.settled().await;
    let ready = began.elapsed();
    let heap_each = ALLOCATOR.allocated().saturating_sub(before) / count.max(1);

    let began = time::Instant::now();
    job.0.lock().unwrap_or_else(PoisonError::into_inner).let_go = Some(began);
    clock.advance(DUE_AFTER);
    scheduler.settled().await;
    let over = began.elapsed();
    let lags = std::mem::take(&mut job.0.lock().unwrap_or_else(PoisonError::into_inner).lags);
    scheduler.drain().await;
    Seen { organisations: count, ready, heap_each, lags, over }
}

fn dispatch(store: Store, clock: &ManualClock, job: EmptyJob) -> DispatchService {
    drop(rustls::crypto::ring::default_provider().install_default());
    let bsps = Bsps::new(bsp::Options::default(), Arc::new(clock.clone())).expect("clients that are never used");
    let scheduling = SchedulingOptions { herd_window: TimeDelta::zero(), ..SchedulingOptions::default() };
    let core = Core::new(CoreParts { scheduling, ..CoreParts::alone(store, Arc::new(clock.clone()), bsps) });
    DispatchService::new(core, Arc::new(Registry::default().with(job)))
}

/// Organisations in UTC, each with its daily schedule, in one transaction.
async fn fill(store: &Store, count: usize, now: Instant) {
    let zone = Zone::from_name("UTC").expect("UTC is a zone");
    let currency = Currency::from_code("USD").expect("the dollar is a currency");
    let cron = every_morning();
    let tx = store.begin().await.expect("a transaction");
    let mut schedules = Vec::with_capacity(count);
    for number in 0..count {
        let organisation = Organisation {
            id: OrganisationId::generate(now),
            name: format!("Organisation {number}"),
            external_id: None,
            time_zone: zone,
            currency,
            plan_code: PLAN_CODE_DEFAULT.to_owned(),
            active: true,
            created_at: now,
        };
        store::organisation::insert(&tx, &organisation, now).await.expect("a row");
        schedules.push(Schedule {
            id: ScheduleId::generate(now),
            organisation_id: organisation.id,
            kind: JobKind::DailyUsage,
            cron: cron.clone(),
            time_zone: zone,
            paused: false,
            next_run_at: Some(now + DUE_AFTER),
        });
    }
    store::schedule::insert_many(&tx, &schedules, now).await.expect("rows");
    Store::commit(tx).await.expect("a commit");
}
