//! Welcome bootstraps asked for by hand, whether or not the customer has written yet.

use serde_json::json;

use super::{JobRunService, enqueue};
use crate::domain::id::OrganisationId;
use crate::domain::job::{JobKind, JobRun, JobTrigger};
use crate::domain::phone::PhoneNumber;
use crate::service::access::Caller;
use crate::service::{ServiceError, catalog, customer, welcome};
use crate::store;

impl JobRunService {
    /// Warms what the first messages of a customer will need; one who is not known yet is made. Where a run for the customer is as young as
    /// what it warmed is kept, that one is answered.
    pub async fn start_welcome_bootstrap(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        customer_phone: &str,
    ) -> Result<JobRun, ServiceError> {
        let organisation_id = caller.reach_to_record(Some(organisation_id))?;
        let phone = PhoneNumber::parse("customerPhone", customer_phone)?;
        let mut work = self.core.begin().await?;
        // Held, so that of two who ask at the same time the second finds what the first queued.
        let organisation = store::organisation::find_for_update(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        if self.core.catalog().is_none() {
            return Err(ServiceError::Conflict(catalog::NOT_SET.to_owned()));
        }
        if !organisation.active {
            return Err(ServiceError::Conflict("the organisation is not active, so its jobs do not run".to_owned()));
        }
        let customer = customer::ensure(&work, &organisation, phone).await?;
        let since = work.now() - self.core.catalog_options().ttl;
        let kind = JobKind::WelcomeBootstrap;
        let last = store::job_run::last_of_customer(work.tx(), organisation_id, customer, kind, since).await?;
        if let Some(run) = last {
            return Ok(run);
        }
        let run = welcome::run_for(organisation_id, customer, JobTrigger::Manual, work.now());
        let run = enqueue(&mut work, run).await?;
        let details = json!({ "kind": run.kind, "customer": customer });
        work.audit(caller, "startWelcomeBootstrap", Some(organisation_id), Some(run.id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(organisation_id);
        Ok(run)
    }
}
