//! The scheduler by itself: work that answers at once and remembers nothing but who is due.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{self, Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use wabacus::domain::attempt::Verdict;
use wabacus::domain::clock::{Clock, Instant, SystemClock};
use wabacus::domain::id::{JobRunId, OrganisationId};
use wabacus::domain::job::{JobKind, JobRun, JobRunState, JobTrigger};
use wabacus::domain::node::{Node, NodeId};
use wabacus::domain::shard::{Epoch, Shard, Term};
use wabacus::scheduler::{NoFaults, Options, Scheduler, Work, WorkError};
use wabacus::service::dispatch::{Beat, Call, Claim, Finished, Look, Standing};
use wabacus::service::wake::Wake as _;

use crate::{ALLOCATOR, Seen};

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
    lags: Vec<Duration>,
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
        subject: None,
        customer_id: None,
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
        bootstrap: None,
        cancel_requested: false,
    }
}

const fn term(shard: Shard) -> Term {
    Term { shard, epoch: Epoch(1) }
}

#[async_trait]
impl Work for EmptyWork {
    fn node(&self) -> NodeId {
        NodeId::from_uuid(self.organisations.first().map(|organisation| organisation.uuid()).unwrap_or_default())
    }

    fn lasts(&self) -> Option<Duration> {
        None
    }

    async fn beat(&self, _standing: &Standing) -> Result<Beat, WorkError> {
        let won = Shard::all().map(term).collect();
        Ok(Beat { won, ..Beat::default() })
    }

    async fn glance(&self) -> Result<bool, WorkError> {
        Ok(false)
    }

    async fn rescue(&self, _terms: &[Term]) -> Result<(), WorkError> {
        Ok(())
    }

    async fn learn(
        &self,
        _terms: &[Term],
        each: &mut (dyn FnMut(OrganisationId, Option<Instant>) + Send),
    ) -> Result<(), WorkError> {
        let state = self.state();
        // Each has its next occurrence in the delay queue, as in earnest.
        let tomorrow = SystemClock.now() + TimeDelta::days(1);
        for (organisation, micros) in self.organisations.iter().zip(0..) {
            let waits = state.waiting.contains(organisation);
            each(*organisation, (!waits).then(|| tomorrow + TimeDelta::microseconds(micros)));
        }
        Ok(())
    }

    async fn release(&self, _shards: &[Shard]) -> Result<(), WorkError> {
        Ok(())
    }

    fn step_down(&self) {}

    async fn leave(&self) -> Result<(), WorkError> {
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<Node>, WorkError> {
        Ok(Vec::new())
    }

    async fn owner_of(&self, _organisation: OrganisationId) -> Result<Option<NodeId>, WorkError> {
        Ok(Some(self.node()))
    }

    fn calls(&self) -> BoxStream<'static, Call> {
        futures::stream::pending().boxed()
    }

    async fn for_each_due(
        &self,
        _before: Option<Instant>,
        _each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError> {
        Ok(())
    }

    async fn look(&self, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
        let mut state = self.state();
        let now = SystemClock.now();
        let due = state.due.unwrap_or(now);
        let mut look = Look { claims: Vec::new(), next: HashMap::new(), left: Vec::new() };
        for organisation in idle {
            if !state.waiting.contains(organisation) {
                look.next.insert(*organisation, Some(now + TimeDelta::days(1)));
            } else if look.claims.len() < slots {
                state.waiting.remove(organisation);
                let term = term(Shard::of(*organisation));
                look.claims.push(Claim { run: run(*organisation, due), term, lateness: now - due });
            } else {
                look.left.push(*organisation);
            }
        }
        Ok(look)
    }

    async fn execute(&self, _term: Term, run: JobRun, _cancel: CancellationToken) -> Verdict {
        let lag = SystemClock.now() - run.scheduled_for;
        self.state().lags.push(lag.to_std().unwrap_or_default());
        Verdict::Done
    }

    async fn finish(&self, _finished: Vec<Finished>) -> Result<(), WorkError> {
        Ok(())
    }

    async fn cancel_requested(&self, _running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError> {
        Ok(Vec::new())
    }

    async fn quarantined(&self, _organisation: OrganisationId, _restarts: u32) -> Result<(), WorkError> {
        Ok(())
    }

    async fn let_go(&self, _organisation: OrganisationId) -> Result<(), WorkError> {
        Ok(())
    }
}

/// Starts `count` organisations, then has all of them due at once.
pub(crate) async fn measure(count: usize) -> Seen {
    let organisations = (0..count).map(|_| OrganisationId::generate(SystemClock.now())).collect::<Vec<_>>();
    let work = Arc::new(EmptyWork { organisations, ..EmptyWork::default() });
    let shared: Arc<dyn Work> = work.clone();
    let (before, began) = (ALLOCATOR.allocated(), time::Instant::now());
    let clock = Arc::new(SystemClock);
    let started =
        Scheduler::start(Options::default(), shared, clock, "bench".to_owned(), Arc::new(Vec::new), Arc::new(NoFaults));
    let scheduler = started.await.expect("empty work gives no errors and threads are to be had");
    scheduler.settled().await;
    let ready = began.elapsed();
    let heap_each = ALLOCATOR.allocated().saturating_sub(before) / count.max(1);

    let began = time::Instant::now();
    {
        let mut state = work.state();
        state.due = Some(SystemClock.now());
        state.waiting = work.organisations.iter().copied().collect();
    }
    for organisation in &work.organisations {
        scheduler.wake(*organisation);
    }
    scheduler.settled().await;
    let over = began.elapsed();
    let lags = std::mem::take(&mut work.state().lags);
    scheduler.drain().await;
    Seen { organisations: count, ready, heap_each, lags, over }
}
