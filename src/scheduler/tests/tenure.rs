//! Stories of a node that has a share of the work: what it wins, gives up and loses.

use std::time::Duration;

use super::*;
use crate::domain::node::{Figures, Node, NodeId};
use crate::domain::shard::Shard;
use crate::service::dispatch::Beat;
use work::term;

/// Beats come soon after each other, in real time.
const TTL: Duration = Duration::from_millis(200);

impl Story {
    /// One in which the node holds some shards of several nodes'.
    fn sharing(job: Job, shards: impl Iterator<Item = Shard>) -> Self {
        let clock = ManualClock::at(nine());
        let work = FakeWork::that_holds(&clock, job, Some(TTL), shards);
        Self { clock, work, faults: Arc::default(), options: Options::default() }
    }

    /// What a later beat answers, once it was made.
    async fn beaten(&self, scheduler: &Scheduler, beat: Beat) {
        self.work.state().beats.push_back(beat);
        scheduler.inner.stage.desk.beat_wanted.notify_one();
        let before = self.work.state().standings.len();
        while self.work.state().standings.len() < before + 2 {
            scheduler.inner.stage.desk.beat_wanted.notify_one();
            tokio::task::yield_now().await;
        }
    }
}

/// Tells when a job is no more.
struct Farewell(mpsc::UnboundedSender<JobRunId>, JobRunId);

impl Drop for Farewell {
    fn drop(&mut self) {
        // Whoever listened may have gone.
        let _ = self.0.send(self.1);
    }
}

/// Whatever is not one of the others.
fn all_but(others: &[Shard]) -> impl Iterator<Item = Shard> {
    Shard::all().filter(move |shard| !others.contains(shard))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_serves_what_it_holds_and_nobody_else() {
    let mut story = Story::of(done());
    let (ours, theirs) = (story.work.organisation(), story.work.organisation());
    let shard = [Shard::of(theirs)];
    let organisations = story.work.state().organisations.clone();
    story = Story::sharing(done(), all_but(&shard));
    story.work.state().organisations = organisations;
    let runs = [ours, theirs].map(|organisation| story.work.run(organisation, nine()));
    let scheduler = story.start().await;
    scheduler.wake(theirs);
    scheduler.settled().await;
    story.work.assert_state(runs[0], JobRunState::Succeeded);
    story.work.assert_state(runs[1], JobRunState::Queued);
    assert_eq!(scheduler.report().await.nodes[0].figures.shards, 1_023);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_off_in_a_shard_that_is_won_is_put_back_and_done() {
    let story = Story::sharing(done(), std::iter::empty());
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine());
    {
        let mut state = story.work.state();
        let cut_off = state.runs.get_mut(&run).unwrap();
        (cut_off.state, cut_off.attempt) = (JobRunState::Running, 1);
    }
    let scheduler = story.start().await;
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Running);
    let won = term(Shard::of(organisation), 1);
    story.beaten(&scheduler, Beat { won: vec![won], ..Beat::default() }).await;
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Succeeded);
    assert_eq!((story.work.of(run).attempt, story.work.state().rescued.as_slice()), (1, [won].as_slice()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_a_shard_that_is_lost_is_ended_and_not_recorded() {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let (dropped, mut heard) = mpsc::unbounded_channel();
    let story = Story::sharing(
        Arc::new(move |run, cancel| {
            let farewell = Farewell(dropped.clone(), run.id);
            sender.send(run.id).unwrap();
            Box::pin(async move {
                cancel.cancelled().await;
                // It does not mind, and would go on for ever.
                std::future::pending::<()>().await;
                drop(farewell);
                Verdict::Done
            })
        }),
        Shard::all(),
    );
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    story.beaten(&scheduler, Beat { lost: vec![Shard::of(organisation)], ..Beat::default() }).await;
    assert_eq!(heard.recv().await, Some(run));
    scheduler.settled().await;
    story.work.assert_state(run, JobRunState::Running);
    let report = scheduler.report().await;
    assert_eq!((report.actors, report.nodes[0].figures.organisations), (0, 0));
    // It comes back, under a new term.
    let won = term(Shard::of(organisation), 1);
    story.work.state().runs.get_mut(&run).unwrap().cancel_requested = false;
    story.beaten(&scheduler, Beat { won: vec![won], ..Beat::default() }).await;
    begun.recv().await.unwrap();
    assert_eq!(story.work.executions(run), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_too_much_gives_up_what_rests_first_and_lets_a_run_end() {
    let (job, mut begun, gate) = gated();
    let mut story = Story::of(job);
    let (busy, idle) = (story.work.organisation(), story.work.organisation());
    let shards = [Shard::of(busy), Shard::of(idle)];
    assert_ne!(shards[0], shards[1]);
    let (organisations, job) = (story.work.state().organisations.clone(), story.work.job.clone());
    story = Story::sharing(job, shards.into_iter());
    story.work.state().organisations = organisations;
    let run = story.work.run(busy, nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    story.beaten(&scheduler, Beat { surplus: 1, ..Beat::default() }).await;
    assert_eq!(story.work.state().given_up, [Shard::of(idle)]);
    story.beaten(&scheduler, Beat { surplus: 1, ..Beat::default() }).await;
    assert_eq!(story.work.state().given_up.len(), 1, "its job still runs");
    let next = story.work.run(busy, nine());
    scheduler.wake(busy);
    gate.add_permits(2);
    while story.work.state().given_up.len() < 2 {
        tokio::task::yield_now().await;
    }
    story.work.assert_state(run, JobRunState::Succeeded);
    story.work.assert_state(next, JobRunState::Queued);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_asks_what_it_lost_and_goes_on_with_the_rest() {
    let story = Story::sharing(done(), Shard::all());
    let (lost, kept) = (story.work.organisation(), story.work.organisation());
    assert_ne!(Shard::of(lost), Shard::of(kept));
    let runs = [lost, kept].map(|organisation| story.work.run(organisation, nine()));
    {
        let mut state = story.work.state();
        state.finish_errors = vec![WorkError::Fenced("epoch 2".into())];
        state.beats.push_back(Beat { lost: vec![Shard::of(lost)], ..Beat::default() });
    }
    let scheduler = story.start().await;
    scheduler.settled().await;
    while story.work.of(runs[1]).state != JobRunState::Succeeded {
        tokio::task::yield_now().await;
    }
    scheduler.settled().await;
    assert!(!scheduler.is_draining());
    assert_eq!(scheduler.report().await.nodes[0].figures.shards, 1_023);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_renew_steps_down_and_takes_everything_anew() {
    let (job, mut begun, gate) = gated();
    let story = Story::sharing(job, Shard::all());
    let organisation = story.work.organisation();
    let run = story.work.run(organisation, nine());
    let scheduler = story.start().await;
    begun.recv().await.unwrap();
    let unavailable = || WorkError::Unavailable("no route to the database".into());
    story.work.state().beat_errors = (0..1_000).map(|_| unavailable()).collect();
    while story.work.state().stepped_down == 0 {
        tokio::task::yield_now().await;
    }
    scheduler.inner.stage.desk.until(|agenda, _| agenda.organisations() == 0 && agenda.running() == 0).await;
    assert!(!scheduler.is_renewed());
    // What runs under the old term ends before it could take what lets the new one go on.
    while story.work.executing.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    {
        let mut state = story.work.state();
        state.beats.push_back(Beat { won: vec![term(Shard::of(organisation), 1)], ..Beat::default() });
        state.beat_errors.clear();
    }
    while story.work.of(run).state != JobRunState::Succeeded {
        tokio::task::yield_now().await;
    }
    assert!(scheduler.is_renewed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_ends_lets_go_of_everything_and_says_so_before() {
    let story = Story::sharing(done(), Shard::all());
    let scheduler = story.start().await;
    scheduler.drain().await;
    assert!(!story.work.state().has_left, "others still write under its terms");
    scheduler.leave().await;
    assert!(story.work.state().has_left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_adds_up_what_all_nodes_say() {
    let story = Story::sharing(done(), Shard::all());
    let figures = Figures { organisations: 5, running: 2, restarts: 1, lag_ms_last: 40, ..Figures::default() };
    let other = Node {
        id: NodeId::generate(nine()),
        name: "other".to_owned(),
        started_at: nine() - TimeDelta::hours(1),
        seen_at: nine(),
        draining: true,
        figures,
    };
    story.work.state().others = vec![other];
    story.work.organisation();
    let scheduler = story.start().await;
    scheduler.settled().await;
    let report = scheduler.report().await;
    assert_eq!(report.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["other", "node"]);
    assert_eq!((report.actors, report.running, report.restarts, report.lag_ms), (1, 2, 1, 40));
}
