//! The real work: the services' dispatch.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::work::{Work, WorkError};
use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::JobRun;
use crate::service::ServiceError;
use crate::service::dispatch::{DispatchService, Epoch, Finished, Look};

fn sorted(error: ServiceError) -> WorkError {
    match error {
        ServiceError::Fenced => WorkError::Fenced(Box::new(error)),
        ServiceError::Unavailable(_) => WorkError::Unavailable(Box::new(error)),
        _ => WorkError::Failed(Box::new(error)),
    }
}

#[async_trait]
impl Work for DispatchService {
    async fn start(&self, node: &str) -> Result<Epoch, WorkError> {
        DispatchService::start(self, node).await.map_err(sorted)
    }
    async fn organisations(&self, each: &mut (dyn FnMut(OrganisationId) + Send)) -> Result<(), WorkError> {
        DispatchService::organisations(self, each).await.map_err(sorted)
    }
    async fn for_each_due(
        &self,
        _before: Option<Instant>,
        each: &mut (dyn FnMut(OrganisationId, Instant) + Send),
    ) -> Result<(), WorkError> {
        DispatchService::for_each_due(self, each).await.map_err(sorted)
    }
    async fn look(&self, epoch: Epoch, idle: &[OrganisationId], slots: usize) -> Result<Look, WorkError> {
        DispatchService::look(self, epoch, idle, slots).await.map_err(sorted)
    }
    async fn execute(&self, epoch: Epoch, run: JobRun, cancel: CancellationToken) -> Verdict {
        DispatchService::execute(self, epoch, run, cancel).await
    }
    async fn finish(&self, epoch: Epoch, finished: Vec<Finished>) -> Result<(), WorkError> {
        DispatchService::finish(self, epoch, &finished).await.map(drop).map_err(sorted)
    }
    async fn cancel_requested(&self, running: &[OrganisationId]) -> Result<Vec<JobRunId>, WorkError> {
        DispatchService::cancel_requested(self, running).await.map_err(sorted)
    }
    async fn quarantined(&self, organisation: OrganisationId, restarts: u32) -> Result<(), WorkError> {
        DispatchService::quarantined(self, organisation, restarts).await.map_err(sorted)
    }
}
