//! Actors: one per organisation, watched by a guardian and woken by the clockwork; here is how they are started and stopped.
//!
//! News (a wake, the end of a job, the death of an actor) is noted in the *agenda*. The *clockwork* reads it, asks the services
//! what is due, and hands claimed runs to the *guardian* of the organisation's arbiter, whose *organisation actor* runs the job
//! in a task of its own. The result goes back through the actor to the agenda. All state is in the database; what is here can
//! be lost at any time and is built anew from there.

mod agenda;
mod arbiter;
mod backoff;
mod clockwork;
mod courier;
mod desk;
mod dispatch;
mod fault;
mod guardian;
mod job;
mod message;
mod organisation;
mod sentinel;
mod stage;
mod status;
#[cfg(test)]
mod tests;
mod work;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::clock::SharedClock;
use crate::domain::id::OrganisationId;
use crate::service::dispatch::Epoch;
use crate::service::wake::{LimiterState, SchedulerReport, SchedulerView, Wake};

use agenda::Phase;
use arbiter::Arbiters;
use clockwork::Clockwork;
use desk::Desk;
use stage::Stage;
use status::Node;

pub use courier::Courier;
pub use fault::{FaultPoint, Faults, NoFaults};
pub use work::{Work, WorkError};

/// Settings of the scheduler, with their defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads for actors (1). Jobs do not run on them.
    pub arbiters: usize,
    /// Jobs that run at the same time on this node (64).
    pub jobs_max: usize,
    /// Organisations, or finished runs, in one transaction (512).
    pub batch_max: usize,
    /// A job that takes longer is stopped, which counts as a failed attempt (30 min).
    pub job_deadline: TimeDelta,
    /// A job that has not ended this long after it was cancelled is dropped (5 s).
    pub cancel_grace: TimeDelta,
    /// What a drain gives running jobs before it cancels them (20 s).
    pub drain: TimeDelta,
    /// The longest sleep before the clock is read again (60 s).
    pub sleep_max: TimeDelta,
    /// How often the database is searched for what was forgotten (60 s).
    pub sweep: TimeDelta,
    /// What counts as forgotten (5 min after its time).
    pub overdue: TimeDelta,
    /// The shortest pause before an actor that died is started again (1 s).
    pub restart_backoff_min: TimeDelta,
    /// The longest (5 min).
    pub restart_backoff_max: TimeDelta,
    /// So many restarts (5) within the window lead to quarantine.
    pub quarantine_restarts: usize,
    /// The window in which restarts are counted (10 min), and which an actor has to live through to leave quarantine.
    pub quarantine_window: TimeDelta,
    /// How often a quarantined actor is tried again (1 h).
    pub probe: TimeDelta,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            arbiters: 1,
            jobs_max: 64,
            batch_max: 512,
            job_deadline: TimeDelta::minutes(30),
            cancel_grace: TimeDelta::seconds(5),
            drain: TimeDelta::seconds(20),
            sleep_max: TimeDelta::seconds(60),
            sweep: TimeDelta::seconds(60),
            overdue: TimeDelta::minutes(5),
            restart_backoff_min: TimeDelta::seconds(1),
            restart_backoff_max: TimeDelta::minutes(5),
            quarantine_restarts: 5,
            quarantine_window: TimeDelta::minutes(10),
            probe: TimeDelta::hours(1),
        }
    }
}

/// Why the scheduler did not start.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The operating system gave no threads.
    #[error("the scheduler's threads could not be started")]
    Threads(#[source] io::Error),
    /// The services did not say what there is to do.
    #[error("the scheduler could not learn what there is to do")]
    Work(#[from] WorkError),
}

/// Tells the state of the limiters towards the BSPs.
pub type LimiterStates = Arc<dyn Fn() -> Vec<LimiterState> + Send + Sync>;

/// The running scheduler. Clones are handles to the same one; it stops when it is drained, or abruptly with its last handle.
#[derive(Clone, Debug)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    arbiters: Arbiters,
    options: Options,
    node: Node,
    limiter_states: LimiterStates,
}

impl Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("node", &self.node).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Takes the lease, learns of every organisation and what is due, and sets everything going. Jobs run on the tokio runtime
    /// that this is called on, which should have several threads; the actors have threads of their own.
    ///
    /// Returns before all actors are up; [`Scheduler::settled`] says when they are.
    pub async fn start(
        options: Options,
        work: Arc<dyn Work>,
        clock: SharedClock,
        node_name: String,
        limiter_states: LimiterStates,
        faults: Arc<dyn Faults>,
    ) -> Result<Self, SchedulerError> {
        let started_at = clock.now();
        let desk = Arc::new(Desk::new(clock, started_at + options.sweep));
        let epoch = work.start(&node_name).await?;
        work.organisations(&mut |organisation| desk.agenda().enter(organisation)).await?;
        work.for_each_due(None, &mut |organisation, at| desk.agenda().note(organisation, at)).await?;
        let arbiters = Arbiters::start(options.arbiters).map_err(SchedulerError::Threads)?;
        let stage = Arc::new(Stage {
            desk: Arc::clone(&desk),
            work,
            epoch,
            options: options.clone(),
            faults,
            runtime: tokio::runtime::Handle::current(),
        });
        let organisations = desk.agenda().organisations();
        tracing::info!(node = node_name, epoch = epoch.0, organisations, "the scheduler has started");
        tokio::spawn(Clockwork::new(Arc::clone(&stage), arbiters.guardians(&stage)).run());
        let node = Node { name: node_name, started_at, epoch: epoch.0 };
        Ok(Self { inner: Arc::new(Inner { desk, arbiters, options, node, limiter_states }) })
    }

    /// Stops claiming, gives what runs [`Options::drain`] to end, then cancels it and puts it back with the attempt not counted.
    /// Returns when nothing runs any more; what did not end even so is put back all the same.
    pub async fn drain(&self) {
        let Inner { desk, options, .. } = &*self.inner;
        let cancel_at = desk.clock.now() + options.drain;
        // A cancelled job is dropped after its grace; what is left a second later is stuck in a step that never yields.
        let give_up_at = cancel_at + options.cancel_grace + TimeDelta::seconds(1);
        desk.note(|agenda| {
            if agenda.phase == Phase::Working {
                agenda.phase = Phase::Draining { cancel_at, give_up_at };
            }
        });
        desk.until(|agenda, _| agenda.is_over()).await;
        self.inner.arbiters.stop();
        tracing::info!("the scheduler has stopped");
    }

    /// The fencing token of the lease that its jobs, and whatever else this node does on its own, run under.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.inner.node.epoch)
    }

    /// Resolves once every actor has started, nothing is due at the clock's present time, nothing runs and everything that ran
    /// is recorded. What is to be tried again at a later time does not count.
    pub async fn settled(&self) {
        self.inner.desk.until(agenda::Agenda::is_settled).await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.desk.note(|agenda| {
            if agenda.phase != Phase::Stopped {
                agenda.fence();
            }
        });
        self.arbiters.stop();
    }
}

impl Wake for Scheduler {
    fn wake(&self, organisation: OrganisationId) {
        self.inner.desk.wake(organisation);
    }
}

#[async_trait]
impl SchedulerView for Scheduler {
    async fn report(&self) -> SchedulerReport {
        let Inner { desk, node, limiter_states, .. } = &*self.inner;
        let now = desk.clock.now();
        let mut report = status::report(&desk.agenda(), node, now);
        report.limiters = limiter_states();
        report
    }
}
