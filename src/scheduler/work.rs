//! What the scheduler asks of the services, as a trait: the scheduler knows when and one at a time, never what or for whom.

use std::error::Error;
use std::fmt::Debug;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::JobRun;

use crate::service::dispatch::{Epoch, Finished, Look};

/// Why a request to the services failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Another holder of the lease has taken over: this node must stop at once.
    #[error("the lease was taken over by another node")]
    Fenced(#[source] Box<dyn Error + Send + Sync>),
    /// The store cannot be reached now; the same request will succeed later.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// This request failed, and may fail again however often it is made.
    #[error("the request failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Where the work comes from and where its results go. `service::dispatch` is the real one.
#[async_trait]
pub trait Work: Send + Sync + Debug {
    /// Takes the lease for this node and puts back what an earlier holder left running.
    async fn start(&self, node: &str) -> Result<Epoch, WorkError>;
    /// Tells every active organisation.
    async fn organisations(&self, each: &mut (dyn FnMut(OrganisationId) + Send)) -> Result<(), WorkError>;
    /// Tells the due times of organisations, once or more for each that has one. With `before`, only what is due before that
    /// matters, and the rest may be left out.
    async fn for_each_due(
        &self,
        before: Option<Instant>,
        each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError>;
    /// In one transaction: fires what is due of the organisations `idle` and claims at most one run for each, at most `slots`
    /// in all. Each is answered in exactly one way: a claim, its next due time (or that it has none), or left for later.
    async fn look(&self, epoch: Epoch, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError>;
    /// Runs the job. May panic; is dropped when its deadline passes, or a while after `cancel` without its having ended.
    async fn execute(&self, epoch: Epoch, run: JobRun, cancel: CancellationToken) -> Verdict;
    /// Records what became of the runs, all in one transaction.
    async fn finish(&self, epoch: Epoch, finished: Vec<Finished>) -> Result<(), WorkError>;
    /// Which of the runs that these organisations have under way are to be cancelled.
    async fn cancel_requested(&self, running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError>;
    /// Raises the alarm that an organisation's actor died too often.
    async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), WorkError>;
    /// Ends that alarm: the actor has lived long enough to be trusted again.
    async fn let_go(&self, organisation: OrganisationId) -> Result<(), WorkError>;
}
