//! The real work: the dispatch service, seen as the scheduler sees work.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::JobRun;
use crate::service::ServiceError;
use crate::service::dispatch::{DispatchService, Epoch, Finished, Look};

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
    async fn start(&self, node: &str) -> Result<Epoch, WorkError> {
        Ok(Self::start(self, node).await?)
    }

    async fn organisations(&self, each: &mut (dyn FnMut(OrganisationId) + Send)) -> Result<(), WorkError> {
        Ok(Self::organisations(self, each).await?)
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

    async fn look(&self, epoch: Epoch, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
        Ok(Self::look(self, epoch, idle, slots).await?)
    }

    async fn execute(&self, epoch: Epoch, run: JobRun, cancel: CancellationToken) -> Verdict {
        Self::execute(self, epoch, run, cancel).await
    }

    async fn finish(&self, epoch: Epoch, finished: Vec<Finished>) -> Result<(), WorkError> {
        Self::finish(self, epoch, &finished).await?;
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
