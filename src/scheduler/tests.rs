//! Stories of the scheduler against work that is made up and a clock that is moved by hand.

mod tenure;
mod work;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::domain::attempt::Verdict;
use crate::domain::clock::{Clock, ManualClock};
use crate::domain::id::JobRunId;
use crate::domain::job::JobRunState;
use work::{FakeWork, Job, done, nine};

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
    assert_eq!((report.nodes[0].figures.lag_ms_last, report.queued, report.running), (120_000, 0, 0));
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
    scheduler.inner.stage.desk.until(|agenda, _| agenda.actors() == 20).await;
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
    assert!(story.work.state().let_go.is_empty());
    story.clock.advance(TimeDelta::minutes(10));
    while story.work.state().let_go.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(scheduler.report().await.quarantined, [], "trusted again");
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
    scheduler
        .inner
        .stage
        .desk
        .until(|agenda, _| agenda.running() == 1 && agenda.unrecorded() == 0 && !agenda.ticking)
        .await;
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
    scheduler.inner.stage.desk.until(|agenda, _| agenda.phase != Phase::Working).await;
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
    scheduler.inner.stage.desk.until(|agenda, _| agenda.phase != Phase::Working).await;
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
    let run = story.work.run(story.work.organisation(), nine() + TimeDelta::minutes(1));
    let scheduler = story.start().await;
    story.work.state().finish_errors = vec![WorkError::Fenced("epoch 2".into())];
    story.work.state().beat_errors = vec![WorkError::Fenced("epoch 2".into())];
    story.clock.advance(TimeDelta::minutes(1));
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
