//! What the scheduler asks of the services, as a trait: the scheduler knows when and one at a time, never what or for whom.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::JobRun;
use crate::domain::node::{Node, NodeId};
use crate::domain::shard::{Shard, Term};

use crate::service::dispatch::{Beat, Call, Finished, Look, Standing};

/// Why a request to the services failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Another node has taken over: from a beat, everything and for good; from anything else, some of it, and a beat says what.
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
    /// Which node this is.
    fn node(&self) -> NodeId;
    /// How long a lease lasts that is not renewed; `None`: this node is alone, and holds everything from its first beat on.
    fn lasts(&self) -> Option<Duration>;
    /// Says that this node lives, renews what it holds, and takes over what it lacks of its fair share and is free.
    async fn beat(&self, standing: &Standing) -> Result<Beat, WorkError>;
    /// Whether a beat would find something to take over.
    async fn glance(&self) -> Result<bool, WorkError>;
    /// Puts back what earlier holders of these shards left running.
    async fn rescue(&self, terms: &[Term]) -> Result<(), WorkError>;
    /// Gives the organisations of shards that were just won what they lack, and tells of every active one when it is due; `None`: when
    /// somebody wakes it.
    async fn learn(
        &self,
        terms: &[Term],
        each: &mut (dyn FnMut(OrganisationId, Option<Instant>) + Send),
    ) -> Result<(), WorkError>;
    /// Lets go of shards; others may take them at once.
    async fn release(&self, shards: &[Shard]) -> Result<(), WorkError>;
    /// Forgets what this node held, because it could not be renewed for too long.
    fn step_down(&self);
    /// Lets go of everything and is no node any more.
    async fn leave(&self) -> Result<(), WorkError>;
    /// The nodes that live, as of their last beats; none where only one can be.
    async fn nodes(&self) -> Result<Vec<Node>, WorkError>;
    /// Who holds an organisation; `None`: nobody at the moment.
    async fn owner_of(&self, organisation: OrganisationId) -> Result<Option<NodeId>, WorkError>;
    /// Calls of other nodes to look at an organisation of this one's again, as they come.
    fn calls(&self) -> BoxStream<'static, Call>;
    /// Tells the due times of organisations of this node, once or more for each that has one. With `before`, only what is due before
    /// that matters, and the rest may be left out.
    async fn for_each_due(
        &self,
        before: Option<Instant>,
        each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError>;
    /// In one transaction: fires what is due of the organisations `idle` and claims at most one run for each, at most `slots`
    /// in all. Each is answered in exactly one way: a claim, its next due time (or that it has none), or left for later.
    async fn look(&self, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError>;
    /// Runs the job under the term that it was claimed under. May panic; is dropped when its deadline passes, or a while after `cancel` without its having ended.
    async fn execute(&self, term: Term, run: JobRun, cancel: CancellationToken) -> Verdict;
    /// Records what became of the runs, all in one transaction.
    async fn finish(&self, finished: Vec<Finished>) -> Result<(), WorkError>;
    /// Which of the runs that these organisations have under way are to be cancelled.
    async fn cancel_requested(&self, running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError>;
    /// Raises the alarm that an organisation's actor died too often.
    async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), WorkError>;
    /// Ends that alarm: the actor has lived long enough to be trusted again.
    async fn let_go(&self, organisation: OrganisationId) -> Result<(), WorkError>;
}
