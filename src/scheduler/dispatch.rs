//! The real work: the dispatch service, seen as the scheduler sees work.

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
use crate::service::ServiceError;
use crate::service::dispatch::{Beat, Call, DispatchService, Finished, Look, Standing};

use super::work::{Work, WorkError};

impl From<ServiceError> for WorkError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Fenced => Self::Fenced(Box::new(error)),
            ServiceError::Busy(_) | ServiceError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            ServiceError::BadInput(_)
            | ServiceError::Unauthenticated
            | ServiceError::Forbidden(_)
            | ServiceError::NotFound(_)
            | ServiceError::Conflict(_)
            | ServiceError::Upstream(_)
            | ServiceError::Internal(_) => Self::Failed(Box::new(error)),
        }
    }
}

#[async_trait]
impl Work for DispatchService {
    fn node(&self) -> NodeId {
        Self::node(self)
    }

    fn lasts(&self) -> Option<Duration> {
        Self::lasts(self)
    }

    async fn beat(&self, standing: &Standing) -> Result<Beat, WorkError> {
        Ok(Self::beat(self, standing).await?)
    }

    async fn glance(&self) -> Result<bool, WorkError> {
        Ok(Self::glance(self).await?)
    }

    async fn rescue(&self, terms: &[Term]) -> Result<(), WorkError> {
        Self::rescue(self, terms).await?;
        Ok(())
    }

    async fn learn(
        &self,
        terms: &[Term],
        each: &mut (dyn FnMut(OrganisationId, Option<Instant>) + Send),
    ) -> Result<(), WorkError> {
        Ok(Self::learn(self, terms, each).await?)
    }

    async fn release(&self, shards: &[Shard]) -> Result<(), WorkError> {
        Ok(Self::release(self, shards).await?)
    }

    fn step_down(&self) {
        Self::step_down(self);
    }

    async fn leave(&self) -> Result<(), WorkError> {
        Ok(Self::leave(self).await?)
    }

    async fn nodes(&self) -> Result<Vec<Node>, WorkError> {
        Ok(Self::nodes(self).await?)
    }

    async fn owner_of(&self, organisation: OrganisationId) -> Result<Option<NodeId>, WorkError> {
        Ok(Self::owner_of(self, organisation).await?)
    }

    fn calls(&self) -> BoxStream<'static, Call> {
        Self::calls(self)
    }

    async fn for_each_due(
        &self,
        before: Option<Instant>,
        each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError> {
        let tell = |organisation, at: Instant| {
            if before.is_none_or(|before| at <= before) {
                each(organisation, at);
            }
        };
        Ok(Self::for_each_due(self, before, tell).await?)
    }

    async fn look(&self, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
        Ok(Self::look(self, idle, slots).await?)
    }

    async fn execute(&self, term: Term, run: JobRun, cancel: CancellationToken) -> Verdict {
        Self::execute(self, term, run, cancel).await
    }

    async fn finish(&self, finished: Vec<Finished>) -> Result<(), WorkError> {
        Self::finish(self, &finished).await?;
        Ok(())
    }

    async fn cancel_requested(&self, running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError> {
        Ok(Self::cancel_requested(self, running).await?)
    }

    async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), WorkError> {
        Ok(Self::quarantined(self, organisation, restarts).await?)
    }

    async fn let_go(&self, organisation: OrganisationId) -> Result<(), WorkError> {
        Ok(Self::let_go(self, organisation).await?)
    }
}
