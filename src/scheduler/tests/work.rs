//! Work that is made up: what the services would keep in the database, and what they would say and do.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::{self, Verdict};
use crate::domain::clock::{Clock, Instant, ManualClock};
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::{JobKind, JobRun, JobRunState, JobTrigger, RetryPolicy};
use crate::domain::node::{Node, NodeId};
use crate::domain::shard::{Epoch, Shard, Term};
use crate::scheduler::{Work, WorkError};
use crate::service::dispatch::{Beat, Call, Claim, Finished, Look, Standing};

pub(super) type Job = Arc<dyn Fn(JobRun, CancellationToken) -> BoxFuture<'static, Verdict> + Send + Sync>;

pub(super) fn nine() -> Instant {
    "2026-06-05T09:00:00Z".parse().unwrap()
}

pub(super) fn done() -> Job {
    Arc::new(|_, _| Box::pin(async { Verdict::Done }))
}

/// What the services would keep in the database, and what they would say and do.
pub(super) struct FakeWork {
    node: NodeId,
    /// How long its leases last; `None`: it is alone.
    pub(super) lasts: Option<Duration>,
    pub(super) clock: ManualClock,
    pub(super) job: Job,
    pub(super) state: Mutex<FakeState>,
    /// Jobs that execute now, and the most there ever were.
    pub(super) executing: AtomicUsize,
    pub(super) executing_max: AtomicUsize,
}

#[derive(Default)]
pub(super) struct FakeState {
    pub(super) organisations: HashSet<OrganisationId>,
    pub(super) runs: BTreeMap<JobRunId, JobRun>,
    pub(super) executing: HashSet<OrganisationId>,
    pub(super) overlapped: bool,
    pub(super) executions: HashMap<JobRunId, u32>,
    /// What the next calls of `finish` and of `look` answer.
    pub(super) finish_errors: Vec<WorkError>,
    pub(super) look_errors: Vec<WorkError>,
    pub(super) alarms: Vec<(OrganisationId, u32)>,
    pub(super) let_go: Vec<OrganisationId>,
    pub(super) released: Vec<JobRunId>,
    /// What the next beats answer, in their order; after them, nothing changes.
    pub(super) beats: VecDeque<Beat>,
    pub(super) beat_errors: Vec<WorkError>,
    /// What was told with each beat.
    pub(super) standings: Vec<Standing>,
    pub(super) rescued: Vec<Term>,
    pub(super) given_up: Vec<Shard>,
    pub(super) stepped_down: u32,
    pub(super) has_left: bool,
    pub(super) others: Vec<Node>,
}

pub(super) fn term(shard: Shard, epoch: i64) -> Term {
    Term { shard, epoch: Epoch(epoch) }
}

impl Debug for FakeWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeWork")
    }
}

/// Undone when the job's future is dropped, wherever that happens.
pub(super) struct Executing<'a>(&'a FakeWork, OrganisationId);

impl Drop for Executing<'_> {
    fn drop(&mut self) {
        self.0.executing.fetch_sub(1, Ordering::SeqCst);
        self.0.state().executing.remove(&self.1);
    }
}

impl FakeWork {
    pub(super) fn new(clock: &ManualClock, job: Job) -> Arc<Self> {
        Self::that_holds(clock, job, None, Shard::all())
    }

    /// Work of which a node has a share.
    pub(super) fn that_holds(
        clock: &ManualClock,
        job: Job,
        lasts: Option<Duration>,
        shards: impl Iterator<Item = Shard>,
    ) -> Arc<Self> {
        let won = shards.map(|shard| term(shard, 1)).collect();
        let beats = VecDeque::from([Beat { won, ..Beat::default() }]);
        Arc::new(Self {
            node: NodeId::generate(clock.now()),
            lasts,
            clock: clock.clone(),
            job,
            state: Mutex::new(FakeState { beats, ..FakeState::default() }),
            executing: AtomicUsize::new(0),
            executing_max: AtomicUsize::new(0),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap()
    }

    pub(super) fn organisation(&self) -> OrganisationId {
        let organisation = OrganisationId::generate(self.clock.now());
        self.state().organisations.insert(organisation);
        organisation
    }

    /// A run of the organisation that is due at the time.
    pub(super) fn run(&self, organisation: OrganisationId, scheduled_for: Instant) -> JobRunId {
        let id = JobRunId::generate(self.clock.now());
        let run = JobRun {
            id,
            organisation_id: organisation,
            schedule_id: None,
            kind: JobKind::DailyUsage,
            subject: None,
            customer_id: None,
            trigger: JobTrigger::Manual,
            state: JobRunState::Queued,
            scheduled_for,
            started_at: None,
            finished_at: None,
            attempt: 0,
            max_attempts: 8,
            next_attempt_at: None,
            error: None,
            range: None,
            progress: None,
            bootstrap: None,
            cancel_requested: false,
        };
        self.state().runs.insert(id, run);
        id
    }

    pub(super) fn of(&self, run: JobRunId) -> JobRun {
        self.state().runs[&run].clone()
    }

    pub(super) fn executions(&self, run: JobRunId) -> u32 {
        self.state().executions.get(&run).copied().unwrap_or(0)
    }

    pub(super) fn request_cancel(&self, run: JobRunId) {
        self.state().runs.get_mut(&run).unwrap().cancel_requested = true;
    }

    #[track_caller]
    pub(super) fn assert_state(&self, run: JobRunId, state: JobRunState) {
        let run = self.of(run);
        assert_eq!(run.state, state, "{run:?}");
        assert!(!self.state().overlapped, "two jobs of one organisation ran at once");
    }
}

pub(super) fn due(run: &JobRun) -> Option<Instant> {
    match run.state {
        JobRunState::Queued => Some(run.scheduled_for),
        JobRunState::Retrying => run.next_attempt_at,
        JobRunState::Running
        | JobRunState::Succeeded
        | JobRunState::Partial
        | JobRunState::Failed
        | JobRunState::Cancelled
        | JobRunState::Skipped => None,
    }
}

#[async_trait]
impl Work for FakeWork {
    fn node(&self) -> NodeId {
        self.node
    }

    fn lasts(&self) -> Option<Duration> {
        self.lasts
    }

    async fn beat(&self, standing: &Standing) -> Result<Beat, WorkError> {
        let mut state = self.state();
        state.standings.push(standing.clone());
        if let Some(error) = state.beat_errors.pop() {
            return Err(error);
        }
        Ok(state.beats.pop_front().unwrap_or_default())
    }

    async fn glance(&self) -> Result<bool, WorkError> {
        Ok(!self.state().beats.is_empty())
    }

    async fn rescue(&self, terms: &[Term]) -> Result<(), WorkError> {
        let mut state = self.state();
        state.rescued.extend(terms);
        for run in state.runs.values_mut().filter(|run| run.state == JobRunState::Running) {
            if terms.iter().any(|term| term.shard == Shard::of(run.organisation_id)) {
                run.state = JobRunState::Queued;
                run.attempt -= 1;
            }
        }
        Ok(())
    }

    async fn learn(
        &self,
        terms: &[Term],
        each: &mut (dyn FnMut(OrganisationId, Option<Instant>) + Send),
    ) -> Result<(), WorkError> {
        let state = self.state();
        let is_ours = |organisation: &OrganisationId| terms.iter().any(|term| term.shard == Shard::of(*organisation));
        for organisation in state.organisations.iter().copied().filter(is_ours) {
            let theirs = state.runs.values().filter(|run| run.organisation_id == organisation);
            each(organisation, theirs.filter_map(due).min());
        }
        Ok(())
    }

    async fn release(&self, shards: &[Shard]) -> Result<(), WorkError> {
        self.state().given_up.extend(shards);
        Ok(())
    }

    fn step_down(&self) {
        self.state().stepped_down += 1;
    }

    async fn leave(&self) -> Result<(), WorkError> {
        self.state().has_left = true;
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<Node>, WorkError> {
        Ok(self.state().others.clone())
    }

    async fn owner_of(&self, _organisation: OrganisationId) -> Result<Option<NodeId>, WorkError> {
        Ok(Some(self.node))
    }

    fn calls(&self) -> BoxStream<'static, Call> {
        futures::stream::pending().boxed()
    }

    async fn for_each_due(
        &self,
        _before: Option<Instant>,
        each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError> {
        for run in self.state().runs.values() {
            if let Some(at) = due(run) {
                each(run.organisation_id, at);
            }
        }
        Ok(())
    }

    async fn look(&self, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(error) = state.look_errors.pop() {
            return Err(error);
        }
        let idle: HashSet<_> = idle.iter().copied().collect();
        let mut look = Look::default();
        for run in state.runs.values_mut().filter(|run| idle.contains(&run.organisation_id)) {
            let organisation = run.organisation_id;
            let Some(at) = due(run) else { continue };
            if look.claims.iter().any(|claim| claim.run.organisation_id == organisation) {
                continue;
            }
            if at > now {
                look.next.entry(organisation).and_modify(|next| *next = (*next).min(Some(at))).or_insert(Some(at));
            } else if look.claims.len() == slots {
                look.left.push(organisation);
            } else {
                run.state = JobRunState::Running;
                run.attempt += 1;
                let term = term(Shard::of(organisation), 1);
                look.claims.push(Claim { run: run.clone(), term, lateness: now - at });
            }
        }
        Ok(look)
    }

    async fn execute(&self, _term: Term, run: JobRun, cancel: CancellationToken) -> Verdict {
        {
            let mut state = self.state();
            *state.executions.entry(run.id).or_default() += 1;
            let alone = state.executing.insert(run.organisation_id);
            state.overlapped |= !alone;
        }
        let _executing = Executing(self, run.organisation_id);
        let now_executing = self.executing.fetch_add(1, Ordering::SeqCst) + 1;
        self.executing_max.fetch_max(now_executing, Ordering::SeqCst);
        (self.job)(run, cancel).await
    }

    async fn finish(&self, finished: Vec<Finished>) -> Result<(), WorkError> {
        let mut state = self.state();
        if let Some(error) = state.finish_errors.pop() {
            return Err(error);
        }
        for Finished { run, verdict, .. } in finished {
            if verdict == Verdict::Released {
                state.released.push(run.id);
            }
            let cancel_requested = state.runs[&run.id].cancel_requested;
            let run = JobRun { cancel_requested, ..run };
            let settled = attempt::settle(run, verdict, self.clock.now(), &RetryPolicy::default(), u32::MAX);
            state.runs.insert(settled.id, settled);
        }
        Ok(())
    }

    async fn cancel_requested(&self, running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError> {
        let state = self.state();
        let asked = state.runs.values().filter(|run| run.cancel_requested && running.contains(&run.organisation_id));
        Ok(asked.map(|run| run.id).collect())
    }

    async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), WorkError> {
        self.state().alarms.push((organisation, restarts));
        Ok(())
    }

    async fn let_go(&self, organisation: OrganisationId) -> Result<(), WorkError> {
        self.state().let_go.push(organisation);
        Ok(())
    }
}
