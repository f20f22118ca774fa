//! The scheduler's side of the jobs: what is due, claims, attempts, and what they came to.
//!
//! Claims and finishes are made for many organisations in one transaction each, and every one of them checks the epochs of their shards
//! first: a node that was taken for dead and comes back writes nothing.

mod call;
mod firing;
mod look;
mod take_over;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::Rng as _;
use tokio_util::sync::CancellationToken;

use super::job::{JobContext, Registry};
use super::{Core, ServiceError, alert};
use crate::domain::attempt::{Verdict, settle};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::{JobRun, Schedule};
use crate::domain::node::{Node, NodeId};
use crate::domain::schedule::herd_offset;
use crate::domain::shard::{Shard, Term};
use crate::store;

pub use super::lease::{Beat, Standing};
pub use call::Call;
pub use look::{Claim, Look};
use take_over::epoch_in;

/// An attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub run: JobRun,
    /// Under what it was claimed.
    pub term: Term,
    pub verdict: Verdict,
}

/// Fires schedules, hands out runs, and writes down what became of them.
#[derive(Debug, Clone)]
pub struct DispatchService {
    core: Arc<Core>,
    jobs: Arc<Registry>,
}

impl DispatchService {
    /// Dispatches the kinds of jobs in `jobs`.
    pub const fn new(core: Arc<Core>, jobs: Arc<Registry>) -> Self {
        Self { core, jobs }
    }

    /// Which node this is.
    pub fn node(&self) -> NodeId {
        self.core.lease().node()
    }

    /// How long a lease lasts that is not renewed; `None`: this node is alone.
    pub fn lasts(&self) -> Option<Duration> {
        self.core.lease().lasts()
    }

    /// Under what is written for an organisation; `None`: it is not this node's.
    pub fn term_of(&self, organisation: OrganisationId) -> Option<Term> {
        self.core.holdings().term_of(organisation)
    }

    /// Says that this node lives, renews what it holds, and takes over what it lacks of its fair share and is free.
    pub async fn beat(&self, standing: &Standing) -> Result<Beat, ServiceError> {
        self.core.lease().beat(self.core.store(), standing).await
    }

    /// Whether a beat would find something to take over.
    pub async fn glance(&self) -> Result<bool, ServiceError> {
        self.core.lease().glance(self.core.store()).await
    }

    /// Lets go of shards; others may take them at once.
    pub async fn release(&self, shards: &[Shard]) -> Result<(), ServiceError> {
        self.core.lease().release(self.core.store(), shards).await
    }

    /// Forgets what this node held, because it could not be renewed for too long.
    pub fn step_down(&self) {
        self.core.holdings().lose_all();
    }

    /// Lets go of everything and is no node any more.
    pub async fn leave(&self) -> Result<(), ServiceError> {
        self.core.lease().leave(self.core.store()).await
    }

    /// The nodes that live, as of their last beats; none where only one can be.
    pub async fn nodes(&self) -> Result<Vec<Node>, ServiceError> {
        self.core.lease().nodes(self.core.store()).await
    }

    /// Who holds an organisation; `None`: nobody at the moment.
    pub async fn owner_of(&self, organisation: OrganisationId) -> Result<Option<NodeId>, ServiceError> {
        self.core.lease().owner(self.core.store(), Shard::of(organisation)).await
    }

    /// When a schedule fires: its next occurrence and the herd offset of its organisation and kind.
    fn fires_at(&self, schedule: &Schedule) -> Option<Instant> {
        let offset = self.offset(schedule.organisation_id, schedule.kind.code());
        schedule.next_run_at.filter(|_| !schedule.paused).map(|next| next + offset)
    }

    fn offset(&self, organisation: OrganisationId, kind_code: &str) -> TimeDelta {
        herd_offset(organisation, kind_code, self.core.scheduling().herd_window)
    }

    /// Makes one attempt of a run. It may be dropped or cancelled at any await; what it wrote by then stays, whole transactions only. A
    /// panic of the job is passed on.
    pub async fn execute(&self, term: Term, run: JobRun, cancel: CancellationToken) -> Verdict {
        let Some(job) = self.jobs.get(run.kind) else {
            return Verdict::Stop {
                error: format!("this program has no job of the kind {}", run.kind),
                partial: false,
            };
        };
        let context = JobContext::new(Arc::clone(&self.core), run, term);
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => return Verdict::Cancelled,
            result = job.run(&context) => result,
        };
        match result {
            Ok(verdict) => verdict,
            Err(ServiceError::Fenced) => Verdict::Released,
            Err(error) => {
                let error = chain(&error);
                tracing::error!(job_run.id = %context.run().id, error, "a job failed inside the server");
                Verdict::Retry { error, partial: false }
            }
        }
    }

    /// Writes down what attempts came to, all in one transaction. Returns the runs as they are now. [`ServiceError::Fenced`]: the term of one
    /// of them is over, and nothing was written of any.
    pub async fn finish(&self, finished: &[Finished]) -> Result<Vec<JobRun>, ServiceError> {
        if finished.is_empty() {
            return Ok(Vec::new());
        }
        let terms: Vec<_> = finished.iter().map(|finished| finished.term).collect();
        let mut work = self.core.begin_under(&terms).await?;
        let ids: Vec<_> = finished.iter().map(|finished| finished.run.id).collect();
        let mut current = store::job_run::find_many(work.tx(), &ids).await?;
        let now = work.now();
        let mut settled = Vec::with_capacity(finished.len());
        for finished in finished {
            // The row knows more than the claim: its progress, and whether somebody wants it cancelled.
            let Some(at) = current.iter().position(|run| run.id == finished.run.id) else { continue };
            let run = current.swap_remove(at);
            let policy = self.jobs.retry(run.kind, &self.core.scheduling().retry);
            let run = settle(run, finished.verdict.clone(), now, &policy, rand::rng().random());
            work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run.clone()) });
            settled.push(run);
        }
        store::job_run::save_under(work.tx(), &settled, epoch_in(&terms), now).await?;
        work.commit().await?;
        Ok(settled)
    }

    /// Which runs of these organisations somebody wants cancelled.
    pub async fn cancel_requested(&self, organisations: &[OrganisationId]) -> Result<Vec<JobRunId>, ServiceError> {
        Ok(store::job_run::cancel_requested(self.core.store().read(), organisations).await?)
    }

    /// Says that an organisation's actor died too often and is left alone for a while. Whoever lost the organisation says nothing.
    pub async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), ServiceError> {
        let Some(term) = self.term_of(organisation) else { return Ok(()) };
        let mut work = self.core.begin_as(term).await?;
        work.say(organisation, Fact::ActorQuarantined { restarts });
        work.commit().await
    }

    /// Says that the actor of an organisation that was left alone is well again.
    pub async fn let_go(&self, organisation: OrganisationId) -> Result<(), ServiceError> {
        let Some(term) = self.term_of(organisation) else { return Ok(()) };
        let mut work = self.core.begin_as(term).await?;
        alert::let_go(&mut work, organisation).await?;
        work.commit().await
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
