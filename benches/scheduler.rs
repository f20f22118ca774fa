//! What the scheduler costs by itself: many organisations with nothing to do, then all of them due at once with an empty job.
//!
//! Prints the time from start to all actors being up, the resident memory that each idle organisation adds, and how late jobs
//! start when everybody is due in one instant. `cargo bench --bench scheduler`, with the number of organisations as argument.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use wabacus::domain::attempt::Verdict;
use wabacus::domain::clock::{Clock, Instant, SystemClock};
use wabacus::domain::id::{JobRunId, OrganisationId};
use wabacus::domain::job::{JobKind, JobRun, JobRunState, JobTrigger};
use wabacus::scheduler::{NoFaults, Options, Scheduler, Work, WorkError};
use wabacus::service::dispatch::{Claim, Epoch, Finished, Look};
use wabacus::service::wake::{SchedulerView as _, Wake as _};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Work that costs nothing: what is measured is the scheduler.
#[derive(Default)]
struct EmptyWork {
    organisations: Vec<OrganisationId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: HashSet<OrganisationId>,
    due: Option<Instant>,
    lags: Vec<TimeDelta>,
}

impl fmt::Debug for EmptyWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmptyWork")
    }
}

impl EmptyWork {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }
}

fn run(organisation_id: OrganisationId, due: Instant) -> JobRun {
    JobRun {
        id: JobRunId::generate(due),
        organisation_id,
        schedule_id: None,
        kind: JobKind::DailyUsage,
        trigger: JobTrigger::Schedule,
        state: JobRunState::Running,
        scheduled_for: due,
        started_at: None,
        finished_at: None,
        attempt: 1,
        max_attempts: 8,
        next_attempt_at: None,
        error: None,
        range: None,
        progress: None,
        cancel_requested: false,
    }
}

#[async_trait]
impl Work for EmptyWork {
    async fn start(&self, _node: &str) -> Result<Epoch, WorkError> {
        Ok(Epoch(1))
    }

    async fn organisations(&self, each: &mut (dyn FnMut(OrganisationId) + Send)) -> Result<(), WorkError> {
        self.organisations.iter().copied().for_each(each);
        Ok(())
    }

    async fn for_each_due(
        &self,
        _before: Option<Instant>,
        each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError> {
        let state = self.state();
        // Each has its next occurrence in the delay queue, as in earnest.
        let tomorrow = SystemClock.now() + TimeDelta::days(1);
        for (organisation, micros) in self.organisations.iter().zip(0..) {
            if !state.waiting.contains(organisation) {
                each(*organisation, tomorrow + TimeDelta::microseconds(micros));
            }
        }
        Ok(())
    }

    async fn look(&self, _epoch: Epoch, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
        let mut state = self.state();
        let now = SystemClock.now();
        let due = state.due.unwrap_or(now);
        let mut look = Look { claims: Vec::new(), next: HashMap::new(), left: Vec::new() };
        for organisation in idle {
            if !state.waiting.contains(organisation) {
                look.next.insert(*organisation, Some(now + TimeDelta::days(1)));
            } else if look.claims.len() < slots {
                state.waiting.remove(organisation);
                look.claims.push(Claim { run: run(*organisation, due), lateness: now - due });
            } else {
                look.left.push(*organisation);
            }
        }
        Ok(look)
    }

    async fn execute(&self, _epoch: Epoch, run: JobRun, _cancel: CancellationToken) -> Verdict {
        let lag = SystemClock.now() - run.scheduled_for;
        self.state().lags.push(lag);
        Verdict::Done
    }

    async fn finish(&self, _epoch: Epoch, _finished: Vec<Finished>) -> Result<(), WorkError> {
        Ok(())
    }

    async fn cancel_requested(&self, _running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError> {
        Ok(Vec::new())
    }

    async fn quarantined(&self, _organisation: OrganisationId, _restarts: u32) -> Result<(), WorkError> {
        Ok(())
    }
}

/// Resident memory of this process in bytes; 0 where there is no `/proc`.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

#[tokio::main]
async fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let organisations = (0..count).map(|_| OrganisationId::generate(SystemClock.now())).collect::<Vec<_>>();
    let work = Arc::new(EmptyWork { organisations, ..EmptyWork::default() });
    let shared: Arc<dyn Work> = work.clone();
    let (before, began) = (resident(), SystemClock.now());
    let clock = Arc::new(SystemClock);
    let started =
        Scheduler::start(Options::default(), shared, clock, "bench".to_owned(), Arc::new(Vec::new), Arc::new(NoFaults));
    let scheduler = started.await.expect("empty work gives no errors and threads are to be had");
    scheduler.settled().await;
    let ready = SystemClock.now() - began;
    let each = resident().saturating_sub(before) / count;

    let due = SystemClock.now();
    {
        let mut state = work.state();
        state.due = Some(due);
        state.waiting = work.organisations.iter().copied().collect();
    }
    for organisation in &work.organisations {
        scheduler.wake(*organisation);
    }
    scheduler.settled().await;
    let over = SystemClock.now() - due;
    let mut lags = std::mem::take(&mut work.state().lags);
    lags.sort_unstable();
    let p99 = lags.get(lags.len() * 99 / 100).map_or(0, TimeDelta::num_milliseconds);
    let actors = scheduler.report().await.actors;
    let line = format!(
        "{actors} organisations: ready in {} ms, {each} bytes resident each; all due at once: {} runs in {} ms, lag p99 {p99} ms\n",
        ready.num_milliseconds(),
        lags.len(),
        over.num_milliseconds()
    );
    std::io::stdout().write_all(line.as_bytes()).expect("standard output is open");
    scheduler.drain().await;
}
