//! Actors: one per organisation, watched by a guardian and woken by the clockwork; here is how they are started and stopped.
//!
//! News (a wake, the end of a job, the death of an actor) is noted in the *agenda*. The *clockwork* reads it, asks the services
//! what is due, and hands claimed runs to the *guardian* of the organisation's arbiter, whose *organisation actor* runs the job
//! in a task of its own. The result goes back through the actor to the agenda. All state is in the database; what is here can
//! be lost at any time and is built anew from there.

mod agenda;
mod arbiter;
mod arrival;
mod backoff;
mod clockwork;
mod courier;
mod desk;
mod dispatch;
mod fault;
mod guardian;
mod job;
mod keeper;
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
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Instant, SharedClock};
use crate::domain::id::OrganisationId;
use crate::domain::node::Node;
use crate::service::ServiceError;
use crate::service::dispatch::Call;
use crate::service::wake::{LimiterState, SchedulerReport, SchedulerView, Wake};

use agenda::Phase;
use arbiter::Arbiters;
use clockwork::Clockwork;
use desk::Desk;
use keeper::Keeper;
use stage::Stage;
use status::Myself;

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
    stage: Arc<Stage>,
    arbiters: Arbiters,
    myself: Arc<Myself>,
    limiter_states: LimiterStates,
    stop: CancellationToken,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("myself", &self.myself).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Takes over what nobody holds of its fair share of the organisations, learns what is due there, and sets everything going. Jobs run
    /// on the tokio runtime that this is called on, which should have several threads; the actors have threads of their own.
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
        let myself = Arc::new(Myself::new(work.node(), node_name, started_at));
        let calls = work.calls();
        let runtime = tokio::runtime::Handle::current();
        let stage = Arc::new(Stage { desk, work, options, faults, runtime });
        let stop = CancellationToken::new();
        // From here on, whatever goes wrong lets go of the leases, as this is dropped.
        let guard = stop.clone().drop_guard();
        let mut keeper = Keeper::new(Arc::clone(&stage), Arc::clone(&myself), stop.clone());
        keeper.begin().await?;
        let keeper = tokio::spawn(keeper.run());
        match arrival::take_in(&stage).await {
            // Lost again already: the keeper finds out.
            Err(WorkError::Fenced(_)) if stage.work.lasts().is_some() => stage.desk.arrivals.notify_one(),
            taken => taken?,
        }
        let arbiters = Arbiters::start(stage.options.arbiters).map_err(SchedulerError::Threads)?;
        tokio::spawn(arrival::run(Arc::clone(&stage), stop.clone()));
        tokio::spawn(answer(calls, Arc::clone(&stage), stop.clone()));
        let (organisations, (shards, _)) = {
            let agenda = stage.desk.agenda();
            (agenda.organisations(), agenda.shards())
        };
        tracing::info!(node = myself.name, node.id = %myself.id, shards, organisations, "the scheduler has started");
        tokio::spawn(Clockwork::new(Arc::clone(&stage), arbiters.guardians(&stage)).run());
        drop(guard.disarm());
        let keeper = Mutex::new(Some(keeper));
        Ok(Self { inner: Arc::new(Inner { stage, arbiters, myself, limiter_states, stop, keeper }) })
    }

    /// Stops claiming, gives what runs [`Options::drain`] to end, then cancels it and puts it back with the attempt not counted.
    /// Returns when nothing runs any more; what did not end even so is put back all the same.
    pub async fn drain(&self) {
        let Stage { desk, options, .. } = &*self.inner.stage;
        let cancel_at = desk.clock.now() + options.drain;
        // A cancelled job is dropped after its grace; what is left a second later is stuck in a step that never yields.
        let give_up_at = cancel_at + options.cancel_grace + TimeDelta::seconds(1);
        desk.note(|agenda| {
            if agenda.phase == Phase::Working {
                agenda.phase = Phase::Draining { cancel_at, give_up_at };
            }
        });
        // So that the others know at once that this one takes nothing more.
        desk.beat_wanted.notify_one();
        desk.until(|agenda, _| agenda.is_over()).await;
        self.inner.arbiters.stop();
        tracing::info!("the scheduler has stopped");
    }

    /// Lets go of everything that this node holds, so that others take it over at once; to be called when nothing more is written under its
    /// terms, after [`Scheduler::drain`].
    pub async fn leave(&self) {
        self.inner.stop.cancel();
        if let Some(keeper) = self.inner.keeper.lock().await.take()
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the keeper of the leases ended badly");
        }
    }

    /// Whether it takes no more work.
    pub fn is_draining(&self) -> bool {
        self.inner.stage.desk.agenda().is_draining()
    }

    /// Whether its leases were renewed in time. If not, it holds nothing until they can be taken anew.
    pub fn is_renewed(&self) -> bool {
        self.inner.myself.is_renewed()
    }

    /// Resolves once every actor has started, nothing is due at the clock's present time, nothing runs and everything that ran
    /// is recorded. What is to be tried again at a later time does not count.
    pub async fn settled(&self) {
        self.inner.stage.desk.until(agenda::Agenda::is_settled).await;
    }
}

/// Passes on what other nodes call for.
async fn answer(mut calls: BoxStream<'static, Call>, stage: Arc<Stage>, stop: CancellationToken) {
    loop {
        let call = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            call = calls.next() => call,
        };
        match call {
            Some(Call::Organisation(organisation)) => stage.desk.wake(organisation),
            Some(Call::Anybody) => stage.desk.note(|agenda| agenda.sweep_at = Instant::MIN_UTC),
            None => return,
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without a word to anybody, as if the process had died: what is held expires.
        self.stage.desk.note(|agenda| {
            if agenda.phase != Phase::Stopped {
                agenda.fence();
            }
        });
        self.stop.cancel();
        self.arbiters.stop();
    }
}

impl Wake for Scheduler {
    fn wake(&self, organisation: OrganisationId) {
        self.inner.stage.desk.wake(organisation);
    }
}

#[async_trait]
impl SchedulerView for Scheduler {
    async fn report(&self) -> SchedulerReport {
        status::report(self.inner.nodes().await, (self.inner.limiter_states)())
    }

    async fn owner_of(&self, organisation: OrganisationId) -> Result<Option<Node>, ServiceError> {
        let owner = self.inner.stage.work.owner_of(organisation).await;
        let owner = owner.map_err(|error| ServiceError::Unavailable(Box::new(error)))?;
        let nodes = self.inner.nodes().await;
        Ok(owner.and_then(|owner| nodes.into_iter().find(|node| node.id == owner)))
    }
}

impl Inner {
    /// Every node that lives; this one alone where the others cannot be asked for.
    async fn nodes(&self) -> Vec<Node> {
        let Stage { desk, work, .. } = &*self.stage;
        let mut nodes = match work.nodes().await {
            Ok(nodes) => nodes,
            Err(error) => {
                tracing::warn!(error = clockwork::chain(&error), "the other nodes cannot be asked for");
                Vec::new()
            }
        };
        nodes.retain(|node| node.id != self.myself.id);
        nodes.push(self.myself.seen(&desk.agenda(), desk.clock.now()));
        nodes.sort_unstable_by_key(|node| (node.started_at, node.id));
        nodes
    }
}
