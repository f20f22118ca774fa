//! Stories of the scheduler against work that is made up and a clock that is moved by hand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::attempt::{self, Verdict};
use crate::domain::clock::{Clock, Instant, ManualClock};
use crate::domain::id::JobRunId;
use crate::domain::job::{JobKind, JobRun, JobRunState, JobTrigger, RetryPolicy};
use crate::service::dispatch::{Claim, Epoch, Finished, Look};

type Job = Arc<dyn Fn(JobRun, CancellationToken) -> BoxFuture<'static, Verdict> + Send + Sync>;

fn nine() -> Instant {
    "2026-06-05T09:00:00Z".parse().unwrap()
}

fn done() -> Job {
    Arc::new(|_, _| Box::pin(async { Verdict::Done }))
}

/// What the services would keep in the database, and what they would say and do.
struct FakeWork {
    clock: ManualClock,
    job: Job,
    state: Mutex<FakeState>,
    /// Jobs that execute now, and the most there ever were.
    executing: AtomicUsize,
    executing_max: AtomicUsize,
}

#[derive(Default)]
struct FakeState {
    organisations: HashSet<OrganisationId>,
    runs: BTreeMap<JobRunId, JobRun>,
    executing: HashSet<OrganisationId>,
    overlapped: bool,
    executions: HashMap<JobRunId, u32>,
    /// What the next calls of `finish` and of `look` answer.
    finish_errors: Vec<WorkError>,
    look_errors: Vec<WorkError>,
    alarms: Vec<(OrganisationId, u32)>,
    released: Vec<JobRunId>,
}

impl Debug for FakeWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeWork")
    }
}

/// Undone when the job's future is dropped, wherever that happens.
struct Executing<'a>(&'a FakeWork, OrganisationId);

impl Drop for Executing<'_> {
    fn drop(&mut self) {
        self.0.executing.fetch_sub(1, Ordering::SeqCst);
        self.0.state().executing.remove(&self.1);
    }
}

impl FakeWork {
    fn new(clock: &ManualClock, job: Job) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            job,
            state: Mutex::default(),
            executing: AtomicUsize::new(0),
            executing_max: AtomicUsize::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap()
    }

    fn organisation(&self) -> OrganisationId {
        let organisation = OrganisationId::generate(self.clock.now());
        self.state().organisations.insert(organisation);
        organisation
    }

    /// A run of the organisation that is due at the time.
    fn run(&self, organisation: OrganisationId, scheduled_for: Instant) -> JobRunId {
        let id = JobRunId::generate(self.clock.now());
        let run = JobRun {
            id,
            organisation_id: organisation,
            schedule_id: None,
            kind: JobKind::DailyUsage,
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
            cancel_requested: false,
        };
        self.state().runs.insert(id, run);
        id
    }

    fn of(&self, run: JobRunId) -> JobRun {
        self.state().runs[&run].clone()
    }

    fn executions(&self, run: JobRunId) -> u32 {
        self.state().executions.get(&run).copied().unwrap_or(0)
    }

    fn request_cancel(&self, run: JobRunId) {
        self.state().runs.get_mut(&run).unwrap().cancel_requested = true;
    }

    #[track_caller]
    fn assert_state(&self, run: JobRunId, state: JobRunState) {
        let run = self.of(run);
        assert_eq!(run.state, state, "{run:?}");
        assert!(!self.state().overlapped, "two jobs of one organisation ran at once");
    }
}

fn due(run: &JobRun) -> Option<Instant> {
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
    async fn start(&self, _node: &str) -> Result<Epoch, WorkError> {
        Ok(Epoch(1))
    }

    async fn organisations(&self, each: &mut (dyn FnMut(OrganisationId) + Send)) -> Result<(), WorkError> {
        self.state().organisations.iter().copied().for_each(each);
        Ok(())
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

    async fn look(&self, _epoch: Epoch, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
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
                look.claims.push(Claim { run: run.clone(), lateness: now - at });
            }
        }
        Ok(look)
    }

    async fn execute(&self, _epoch: Epoch, run: JobRun, cancel: CancellationToken) -> Verdict {
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

    async fn finish(&self, _epoch: Epoch, finished: Vec<Finished>) -> Result<(), WorkError> {
        let mut state = self.state();
        if let Some(error) = state.finish_errors.pop() {
            return Err(error);
        }
        for Finished { run, verdict } in finished {
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
}

/// Strikes an organisation so many times at a point.
#[derive(Debug, Default)]
struct Planned(Mutex<HashMap<(FaultPoint, OrganisationId), u32>>);

impl Planned {
    fn strike_next(&self, point: FaultPoint, organisation: OrganisationId, times: u32) {
        self.0.lock().unwrap().insert((point, organisation), times);
    }
}

impl Faults for Planned {
    fn strike(&self, point: FaultPoint, organisation: OrganisationId) {
        let strikes = self.0.lock().unwrap().get_mut(&(point, organisation)).is_some_and(|left| {
            let strikes = *left > 0;
            *left = left.saturating_sub(1);
            strikes
        });
        assert!(!strikes, "a planned fault at {point:?}");
    }
}

/// A job that reports that it has begun and then waits to be let go on.
fn gated() -> (Job, mpsc::UnboundedReceiver<JobRunId>, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let (sender, begun) = mpsc::unbounded_channel();
    let held = Arc::clone(&gate);
    let job: Job = Arc::new(move |run, _| {
        let (gate, sender) = (Arc::clone(&held), sender.clone());
        Box::pin(async move {
            sender.send(run.id).unwrap();
            gate.acquire().await.unwrap().forget();
            Verdict::Done
        })
    });
    (job, begun, gate)
}

struct Story {
    clock: ManualClock,
    work: Arc<FakeWork>,
    faults: Arc<Planned>,
    options: Options,
}

impl Story {
    fn of(job: Job) -> Self {
        let clock = ManualClock::at(nine());
        let work = FakeWork::new(&clock, job);
        Self { clock, work, faults: Arc::default(), options: Options::default() }
    }

    async fn start(&self) -> Scheduler {
        let work: Arc<dyn Work> = self.work.clone();
        let faults: Arc<dyn Faults> = self.faults.clone();
        let clock = Arc::new(self.clock.clone());
        Scheduler::start(self.options.clone(), work, clock, "node".to_owned(), Arc::new(Vec::new), faults)
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_has_a_run_executed_and_recorded() {
    let story = Story::of(done());
    let organisation = story.work.organisation();
    let scheduler = story.start().await;
    scheduler.settled().await;
    let run = story.work.run(organisation, nine());
    scheduler.wake(organisation);
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_came_after_the_start_is_served_too() {
    let story = Story::of(done());
    let scheduler = story.start().await;
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine());
    scheduler.wake(organisation);
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    assert_eq!(scheduler.report().await.actors, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_waits_for_its_time_and_lateness_is_told() {
    let story = Story::of(done());
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine() + TimeDelta::minutes(90));
    let scheduler = story.start().await;
    scheduler.settled().await;
    story.clock.advance(TimeDelta::minutes(89));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Queued);
    story.clock.advance(TimeDelta::minutes(3));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    let report = scheduler.report().await;
    assert_eq!((report.nodes[0].lag_ms_last, report.queued, report.running), (120_000, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_wakes_run_two_runs_one_after_the_other() {
    let (job, mut begun, gate) = gated();
    let story = Story::of(job);
    let organisation = story.work.organisation();
    let scheduler = story.start().await;
    let first = story.work.run(organisation, nine());
    scheduler.wake(organisation);
    assert_eq!(begun.recv().await, Some(first));
    let second = story.work.run(organisation, nine());
    scheduler.wake(organisation);
    scheduler.wake(organisation);
    gate.add_permits(1);
    assert_eq!(begun.recv().await, Some(second));
    story.work.assert_state(first, JobRunState::Succeeded);
    gate.add_permits(1);
    scheduler.settled().await;
    story.work.assert_state(second, JobRunState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organisations_share_the_node_up_to_its_limit() {
    let (job, mut begun, gate) = gated();
    let mut story = Story::of(job);
    story.options.jobs_max = 8;
    story.options.arbiters = 2;
    for _ in 0..20 {
        let organisation = story.work.organisation();
        story.work.run(organisation, nine());
    }
    let scheduler = story.start().await;
    for _ in 0..8 {
        begun.recv().await.unwrap();
    }
    scheduler.inner.desk.until(|agenda, _| agenda.actors() == 20).await;
    assert_eq!(scheduler.report().await.running, 8);
    gate.add_permits(20);
    scheduler.settled().await;
    assert_eq!(story.work.executing_max.load(Ordering::SeqCst), 8);
    assert!(story.work.state().runs.values().all(|run| run.state == JobRunState::Succeeded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_job_is_a_failed_attempt_that_is_tried_again() {
    let story = Story::of(done());
    let organisation = story.work.organisation();
    story.faults.strike_next(FaultPoint::JobRun, organisation, 1);
    let run = story.work.run(organisation, nine());
    let scheduler = story.start().await;
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Retrying);
    assert!(story.work.of(run).error.unwrap().contains("a planned fault at JobRun"));
    story.clock.advance(TimeDelta::seconds(30));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    assert_eq!((story.work.of(run).attempt, scheduler.report().await.restarts), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_an_actor_costs_a_pause_and_no_attempt() {
    for point in [FaultPoint::ActorStart, FaultPoint::ActorHandle] {
        let story = Story::of(done());
        let organisation = story.work.organisation();
        story.faults.strike_next(point, organisation, 1);
        let run = story.work.run(organisation, nine());
        let other = story.work.organisation();
        let scheduler = story.start().await;
        scheduler.settled().await;
        story.work.assert_state(run, JobRunState::Queued);
        assert_eq!(scheduler.report().await.actors, 1, "the other's actor lives on");
        let others = story.work.run(other, nine());
        scheduler.wake(other);
        scheduler.settled().await;
        story.work.assert_state(others, JobRunState::Succeeded);
        story.clock.advance(TimeDelta::seconds(2));
        scheduler.settled().await;
        story.work.assert_state(run, JobRunState::Succeeded);
        assert_eq!((story.work.of(run).attempt, scheduler.report().await.restarts), (1, 1), "{point:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_outlives_the_actor_that_dies_over_it() {
    let (job, mut begun, gate) = gated();
    let story = Story::of(job);
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    story.faults.strike_next(FaultPoint::ActorHandle, organisation, 1);
    gate.add_permits(1);
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    assert_eq!((story.work.executions(run), scheduler.report().await.actors), (1, 0));
    story.clock.advance(TimeDelta::seconds(2));
    scheduler.settled().await;
    assert_eq!(scheduler.report().await.actors, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_that_keeps_dying_is_quarantined_and_probed() {
    let story = Story::of(done());
    let organisation = story.work.organisation();
    story.faults.strike_next(FaultPoint::ActorStart, organisation, 7);
    let run = story.work.run(organisation, nine());
    let scheduler = story.start().await;
    for _ in 0..5 {
        scheduler.settled().await;
        assert!(story.work.state().alarms.is_empty());
        story.clock.advance(TimeDelta::seconds(64));
    }
    scheduler.settled().await;
    assert_eq!(story.work.state().alarms, [(organisation, 5)]);
    assert_eq!(scheduler.report().await.quarantined, [organisation]);
    // The first probe dies too, which is no news.
    story.clock.advance(TimeDelta::hours(1));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Queued);
    assert_eq!(story.work.state().alarms.len(), 1);
    story.clock.advance(TimeDelta::hours(1));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    assert_eq!(scheduler.report().await.quarantined, [organisation], "on probation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_ends_a_job_that_listens_and_one_that_does_not() {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let deaf = Arc::new(Mutex::new(HashSet::new()));
    let deaf_ones = Arc::clone(&deaf);
    let story = Story::of(Arc::new(move |run, cancel| {
        let listens = !deaf_ones.lock().unwrap().contains(&run.id);
        sender.send(run.id).unwrap();
        Box::pin(async move {
            if listens {
                cancel.cancelled().await;
                return Verdict::Cancelled;
            }
            std::future::pending().await
        })
    }));
    let (one, two) = (story.work.organisation(), story.work.organisation());
    let (listening, ignoring) = (story.work.run(one, nine()), story.work.run(two, nine()));
    deaf.lock().unwrap().insert(ignoring);
    let scheduler = story.start().await;
    for _ in 0..2 {
        begun.recv().await.unwrap();
    }
    for (organisation, run) in [(one, listening), (two, ignoring)] {
        story.work.request_cancel(run);
        scheduler.wake(organisation);
    }
    scheduler.inner.desk.until(|agenda, _| agenda.running() == 1 && agenda.unrecorded() == 0 && !agenda.ticking).await;
    story.work.assert_state(listening, JobRunState::Cancelled);
    move_time_until_settled(&story, &scheduler, TimeDelta::seconds(5)).await;
    story.work.assert_state(ignoring, JobRunState::Cancelled);
}

/// Moves the clock in steps, each only once somebody waits for the time that it leads to.
async fn move_time_until_settled(story: &Story, scheduler: &Scheduler, step: TimeDelta) {
    loop {
        tokio::select! {
            biased;
            () = scheduler.settled() => return,
            () = tokio::task::yield_now() => {}
        }
        if story.clock.next_waited_for().is_some_and(|at| at <= story.clock.now() + step) {
            story.clock.advance(step);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_past_its_deadline_is_a_failed_attempt() {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let story = Story::of(Arc::new(move |run, _| {
        sender.send(run.id).unwrap();
        Box::pin(std::future::pending())
    }));
    let run = story.work.run(story.work.organisation(), nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    story.clock.advance(TimeDelta::minutes(30));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Retrying);
    assert_eq!(story.work.of(run).error.unwrap(), "the job was stopped after 30 minutes");
    assert_eq!(story.work.executing.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_what_ends_in_time_end() {
    let (job, mut begun, gate) = gated();
    let story = Story::of(job);
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    let draining = tokio::spawn({
        let scheduler = scheduler.clone();
        async move { scheduler.drain().await }
    });
    scheduler.inner.desk.until(|agenda, _| agenda.phase != Phase::Working).await;
    let late = story.work.run(story.work.organisation(), nine());
    scheduler.wake(story.work.of(late).organisation_id);
    assert!(scheduler.report().await.nodes[0].draining);
    gate.add_permits(1);
    draining.await.unwrap();
    story.work.assert_state(run, JobRunState::Succeeded);
    story.work.assert_state(late, JobRunState::Queued);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_puts_back_what_does_not_end_in_time() {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let story = Story::of(Arc::new(move |run, cancel| {
        sender.send(run.id).unwrap();
        Box::pin(async move {
            cancel.cancelled().await;
            Verdict::Cancelled
        })
    }));
    let run = story.work.run(story.work.organisation(), nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    let draining = tokio::spawn({
        let scheduler = scheduler.clone();
        async move { scheduler.drain().await }
    });
    scheduler.inner.desk.until(|agenda, _| agenda.phase != Phase::Working).await;
    story.clock.advance(TimeDelta::seconds(20));
    draining.await.unwrap();
    story.work.assert_state(run, JobRunState::Queued);
    assert_eq!((story.work.of(run).attempt, story.work.state().released.as_slice()), (0, [run].as_slice()));
    scheduler.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_cannot_be_recorded_is_kept_until_it_can() {
    let unavailable: fn() -> WorkError = || WorkError::Unavailable("database is locked".into());
    let failed: fn() -> WorkError = || WorkError::Failed("a bug".into());
    for error in [unavailable, failed] {
        let story = Story::of(done());
        story.work.state().finish_errors = vec![error(), error(), error(), error()];
        let run = story.work.run(story.work.organisation(), nine());
        let scheduler = story.start().await;
        move_time_until_settled(&story, &scheduler, TimeDelta::seconds(30)).await;
        story.work.assert_state(run, JobRunState::Succeeded);
        assert_eq!(story.work.executions(run), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_is_made_again() {
    let story = Story::of(done());
    story.work.state().look_errors = vec![WorkError::Unavailable("database is locked".into())];
    let run = story.work.run(story.work.organisation(), nine());
    let scheduler = story.start().await;
    move_time_until_settled(&story, &scheduler, TimeDelta::seconds(1)).await;
    story.work.assert_state(run, JobRunState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_lease_was_taken_over_stops() {
    let story = Story::of(done());
    story.work.state().finish_errors = vec![WorkError::Fenced("epoch 2".into())];
    let run = story.work.run(story.work.organisation(), nine());
    let scheduler = story.start().await;
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Running);
    assert!(scheduler.report().await.nodes[0].draining);
    scheduler.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_finds_what_nobody_told_of() {
    let story = Story::of(done());
    let organisation = story.work.organisation();
    let scheduler = story.start().await;
    scheduler.settled().await;
    let run = story.work.run(organisation, nine());
    let unknown = story.work.run(story.work.organisation(), nine());
    story.clock.advance(TimeDelta::minutes(2));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Queued);
    story.clock.advance(TimeDelta::minutes(4));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    story.work.assert_state(unknown, JobRunState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_organisations_that_are_due_at_once_all_get_their_turn() {
    let story = Story::of(done());
    let runs: Vec<_> = (0..10_000).map(|_| story.work.run(story.work.organisation(), nine())).collect();
    let scheduler = story.start().await;
    scheduler.settled().await;
    for run in runs {
        story.work.assert_state(run, JobRunState::Succeeded);
        assert_eq!(story.work.executions(run), 1);
    }
    assert_eq!(scheduler.report().await.actors, 10_000);
    scheduler.drain().await;
}
