//! The scheduler's side of the jobs: what is due, claims, attempts, and what they came to.
//!
//! Claims and finishes are made for many organisations in one transaction each, and every one of them checks the lease's epoch first: a
//! node that was taken for dead and comes back writes nothing.

mod firing;
mod look;
mod start;

use std::sync::Arc;

use chrono::TimeDelta;
use rand::Rng as _;
use tokio_util::sync::CancellationToken;

use super::core::UnitOfWork;
use super::job::{JobContext, Registry};
use super::{Core, ServiceError, alert};
use crate::domain::attempt::{Verdict, settle};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::{JobRun, Schedule};
use crate::domain::schedule::herd_offset;
use crate::store;

pub use super::lease::Epoch;
pub use look::{Claim, Look};

/// An attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub run: JobRun,
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

    async fn begin(&self, epoch: Epoch) -> Result<UnitOfWork<'_>, ServiceError> {
        self.core.begin_as(epoch).await
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
    pub async fn execute(&self, epoch: Epoch, run: JobRun, cancel: CancellationToken) -> Verdict {
        let Some(job) = self.jobs.get(run.kind) else {
            return Verdict::Stop {
                error: format!("this program has no job of the kind {}", run.kind),
                partial: false,
            };
        };
        let context = JobContext::new(Arc::clone(&self.core), run, epoch);
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

    /// Writes down what attempts came to, all in one transaction. Returns the runs as they are now.
    pub async fn finish(&self, epoch: Epoch, finished: &[Finished]) -> Result<Vec<JobRun>, ServiceError> {
        if finished.is_empty() {
            return Ok(Vec::new());
        }
        let mut work = self.begin(epoch).await?;
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
        store::job_run::save_many(work.tx(), &settled, epoch.0, now).await?;
        work.commit().await?;
        Ok(settled)
    }

    /// Which runs of these organisations somebody wants cancelled.
    pub async fn cancel_requested(&self, organisations: &[OrganisationId]) -> Result<Vec<JobRunId>, ServiceError> {
        Ok(store::job_run::cancel_requested(self.core.store().read(), organisations).await?)
    }

    /// Says that an organisation's actor died too often and is left alone for a while.
    pub async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), ServiceError> {
        let mut work = self.core.begin().await?;
        work.say(organisation, Fact::ActorQuarantined { restarts });
        work.commit().await
    }

    /// Says that the actor of an organisation that was left alone is well again.
    pub async fn let_go(&self, organisation: OrganisationId) -> Result<(), ServiceError> {
        let mut work = self.core.begin().await?;
        alert::let_go(&mut work, organisation).await?;
        work.commit().await
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
