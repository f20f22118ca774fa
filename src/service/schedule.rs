//! Schedules: an organisation's recurring jobs, set up by themselves, changed by admins.

use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::job::Registry;
use super::{Core, ServiceError};
use crate::domain::id::{OrganisationId, ScheduleId};
use crate::domain::input::BadInput;
use crate::domain::job::{JobKind, Schedule};
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::Zone;
use crate::domain::schedule::Cron;
use crate::store;

/// Makes, changes and shows schedules.
#[derive(Debug, Clone)]
pub struct ScheduleService {
    core: Arc<Core>,
    jobs: Arc<Registry>,
}

impl ScheduleService {
    pub(super) const fn new(core: Arc<Core>, jobs: Arc<Registry>) -> Self {
        Self { core, jobs }
    }

    /// Schedules a job, or changes when it runs. What is left out stays as it is, or is the kind's default and the organisation's zone.
    pub async fn schedule(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: JobKind,
        cron: Option<String>,
        time_zone: Option<String>,
    ) -> Result<Schedule, ServiceError> {
        caller.require_admin()?;
        let Some(default) = self.jobs.default_cron(kind) else {
            let kinds: Vec<_> = self.jobs.scheduled_kinds().map(JobKind::code).collect();
            let accepted = format!("expected a kind that can be scheduled: {}", kinds.join(", "));
            return Err(BadInput::new("kind", kind, accepted).into());
        };
        let cron = cron.as_deref().map(|text| Cron::parse("cron", text)).transpose()?;
        let zone = time_zone.as_deref().map(|text| Zone::parse("timeZone", text)).transpose()?;

        let work = self.core.begin().await?;
        let organisation = store::organisation::find(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let before = store::schedule::find(work.tx(), organisation_id, kind).await?;
        let cron = cron.or_else(|| before.as_ref().map(|before| before.cron.clone())).unwrap_or(default);
        let time_zone =
            zone.or_else(|| before.as_ref().map(|before| before.time_zone)).unwrap_or(organisation.time_zone);
        let paused = before.as_ref().is_some_and(|before| before.paused);
        let next = cron.next_after(time_zone, work.now());
        let schedule = Schedule {
            id: before.map_or_else(|| ScheduleId::generate(work.now()), |before| before.id),
            organisation_id,
            kind,
            cron,
            time_zone,
            paused,
            next_run_at: next.filter(|_| !paused),
        };
        self.save(work, caller, "scheduleJob", schedule).await
    }

    /// Writes a schedule down, and wakes who has to know.
    async fn save(
        &self,
        work: UnitOfWork<'_>,
        caller: &Caller,
        action: &str,
        schedule: Schedule,
    ) -> Result<Schedule, ServiceError> {
        store::schedule::save(work.tx(), &schedule, work.now()).await?;
        let organisation = schedule.organisation_id;
        // A schedule that was removed comes back under the id that it had.
        let schedule = store::schedule::find(work.tx(), organisation, schedule.kind).await?.unwrap_or(schedule);
        let details =
            json!({ "kind": schedule.kind, "cron": schedule.cron.as_str(), "timeZone": schedule.time_zone.name() });
        work.audit(caller, action, Some(organisation), Some(schedule.id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(organisation);
        Ok(schedule)
    }

    /// Removes a job; true if there was one. What runs is finished.
    pub async fn remove(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: JobKind,
    ) -> Result<bool, ServiceError> {
        caller.require_admin()?;
        let work = self.core.begin().await?;
        store::organisation::find(work.tx(), organisation_id).await?.ok_or(ServiceError::NotFound("organisation"))?;
        let removed = store::schedule::remove(work.tx(), organisation_id, kind, work.now()).await?;
        let details = json!({ "kind": kind, "removed": removed });
        work.audit(caller, "removeJob", Some(organisation_id), None, details).await?;
        work.commit().await?;
        self.core.wake(organisation_id);
        Ok(removed)
    }

    /// Stops a job from firing until it is resumed. What runs is finished.
    pub async fn pause(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: JobKind,
    ) -> Result<Schedule, ServiceError> {
        self.set_paused(caller, organisation_id, kind, true).await
    }

    /// Lets a job fire again, from its next occurrence on; those that passed while it was paused are not made up for.
    pub async fn resume(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: JobKind,
    ) -> Result<Schedule, ServiceError> {
        self.set_paused(caller, organisation_id, kind, false).await
    }

    async fn set_paused(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: JobKind,
        paused: bool,
    ) -> Result<Schedule, ServiceError> {
        caller.require_admin()?;
        let work = self.core.begin().await?;
        let before = store::schedule::find(work.tx(), organisation_id, kind).await?;
        let before = before.ok_or(ServiceError::NotFound("scheduled job"))?;
        let next_run_at = match (paused, before.next_run_at) {
            (true, _) => None,
            (false, Some(next)) if !before.paused => Some(next),
            (false, _) => before.cron.next_after(before.time_zone, work.now()),
        };
        let schedule = Schedule { paused, next_run_at, ..before };
        self.save(work, caller, if paused { "pauseJob" } else { "resumeJob" }, schedule).await
    }

    /// The organisation's jobs.
    pub async fn list(&self, organisation_id: OrganisationId) -> Result<Vec<Schedule>, ServiceError> {
        Ok(store::schedule::list(self.core.store().read(), organisation_id).await?)
    }

    /// The job with this id, whosever it is.
    pub async fn find(&self, id: ScheduleId) -> Result<Option<Schedule>, ServiceError> {
        Ok(store::schedule::find_by_id(self.core.store().read(), id).await?)
    }

    /// Jobs of one organisation or of all.
    pub async fn page(
        &self,
        organisation: Option<OrganisationId>,
        kind: Option<JobKind>,
        request: &PageRequest<ScheduleId>,
    ) -> Result<Page<Schedule>, ServiceError> {
        Ok(store::schedule::page(self.core.store().read(), organisation, kind, request).await?)
    }
}
