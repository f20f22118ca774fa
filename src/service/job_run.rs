//! Job runs: asked for by hand, retried, cancelled, shown.

mod bootstrap;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::job::Registry;
use super::{Core, ServiceError};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{JobRunId, OrganisationId, ScheduleId};
use crate::domain::input::BadInput;
use crate::domain::job::{ChannelOutcome, JobKind, JobRun, JobRunState, JobSubject, JobTrigger};
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::DateRange;
use crate::store;
pub use crate::store::job_run::Filter;

/// The longest range of days that one request may ask for.
pub const RANGE_DAYS_MAX: i64 = 400;

/// The most unfinished runs that an organisation may have; whoever asks for more waits.
const UNFINISHED_MAX: usize = 100;

/// Queues `run`, or finds the one that is queued already and will do the same: asking twice for what has not begun is asking once.
pub(crate) async fn enqueue(work: &mut UnitOfWork<'_>, run: JobRun) -> Result<JobRun, ServiceError> {
    let unfinished = store::job_run::unfinished(work.tx(), &[run.organisation_id]).await?;
    let same = |other: &&JobRun| {
        other.state == JobRunState::Queued
            && other.attempt == 0
            && other.kind == run.kind
            && other.range == run.range
            && other.subject == run.subject
            && other.customer_id == run.customer_id
            && !other.cancel_requested
    };
    if let Some(queued) = unfinished.iter().find(same) {
        return Ok(queued.clone());
    }
    if unfinished.len() >= UNFINISHED_MAX {
        let message = format!("the organisation has {UNFINISHED_MAX} unfinished runs; wait for some, or cancel some");
        return Err(ServiceError::Conflict(message));
    }
    store::job_run::insert_many(work.tx(), std::slice::from_ref(&run), 0, work.now()).await?;
    work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run.clone()) });
    Ok(run)
}

/// Asks for runs, retries and cancels them, and shows them.
#[derive(Debug, Clone)]
pub struct JobRunService {
    core: Arc<Core>,
    jobs: Arc<Registry>,
}

impl JobRunService {
    pub(super) const fn new(core: Arc<Core>, jobs: Arc<Registry>) -> Self {
        Self { core, jobs }
    }

    /// Runs a job now, as its schedule would.
    pub async fn trigger(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: JobKind,
    ) -> Result<JobRun, ServiceError> {
        caller.require_admin()?;
        if self.jobs.default_cron(kind).is_none() {
            let kinds: Vec<_> = self.jobs.scheduled_kinds().map(JobKind::code).collect();
            let accepted = format!("expected a kind that can be triggered: {}", kinds.join(", "));
            return Err(BadInput::new("kind", kind, accepted).into());
        }
        self.ask(caller, "triggerJob", organisation_id, kind, |_, _| Ok(None)).await
    }

    /// Pulls one day of usage now; today in the organisation's zone where none is named.
    pub async fn trigger_daily_usage(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        date: Option<NaiveDate>,
    ) -> Result<JobRun, ServiceError> {
        caller.require_admin()?;
        self.ask(caller, "triggerDailyUsage", organisation_id, JobKind::DailyUsage, |organisation, now| {
            let today = organisation.time_zone.date(now);
            let date = date.unwrap_or(today);
            not_in_future("date", date, today)?;
            Ok(Some(DateRange::day(date)))
        })
        .await
    }

    /// Pulls a range of days, both ends included.
    pub async fn backfill(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<JobRun, ServiceError> {
        caller.require_admin()?;
        let range = DateRange::checked("from", from, to, RANGE_DAYS_MAX)?;
        self.ask(caller, "backfillAccountUsage", organisation_id, JobKind::Backfill, |organisation, now| {
            not_in_future("to", to, organisation.time_zone.date(now))?;
            Ok(Some(range))
        })
        .await
    }

    /// Makes the records that stored calls of a range of days lack, both ends included.
    pub async fn backfill_usage(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<JobRun, ServiceError> {
        caller.require_admin()?;
        let range = DateRange::checked("from", from, to, RANGE_DAYS_MAX)?;
        let what = (JobKind::Backfill, Some(JobSubject::Ledger));
        self.ask_of(caller, "backfillUsage", organisation_id, what, |organisation, now| {
            not_in_future("to", to, organisation.time_zone.date(now))?;
            Ok(Some(range))
        })
        .await
    }

    /// Queues a run on behalf of `caller`; `range` may look at the organisation and the time.
    async fn ask(
        &self,
        caller: &Caller,
        action: &str,
        organisation_id: OrganisationId,
        kind: JobKind,
        range: impl FnOnce(&Organisation, Instant) -> Result<Option<DateRange>, BadInput>,
    ) -> Result<JobRun, ServiceError> {
        self.ask_of(caller, action, organisation_id, (kind, None), range).await
    }

    /// The same for a run with a subject.
    async fn ask_of(
        &self,
        caller: &Caller,
        action: &str,
        organisation_id: OrganisationId,
        (kind, subject): (JobKind, Option<JobSubject>),
        range: impl FnOnce(&Organisation, Instant) -> Result<Option<DateRange>, BadInput>,
    ) -> Result<JobRun, ServiceError> {
        let mut work = self.core.begin().await?;
        // Held, so that of two who ask at the same time the second finds what the first queued.
        let organisation = store::organisation::find_for_update(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let range = range(&organisation, work.now())?;
        if !organisation.active {
            return Err(ServiceError::Conflict("the organisation is not active, so its jobs do not run".to_owned()));
        }
        let policy = self.jobs.retry(kind, &self.core.scheduling().retry);
        let run = JobRun::queued(organisation_id, kind, JobTrigger::Manual, range, &policy, work.now());
        let run = JobRun { subject, ..run };
        let run = enqueue(&mut work, run).await?;
        let details =
            json!({ "kind": kind, "from": range.map(|range| range.from()), "to": range.map(|range| range.to()) });
        work.audit(caller, action, Some(organisation_id), Some(run.id.to_string()), details).await?;
        work.commit().await?;
        self.core.wake(organisation_id);
        Ok(run)
    }

    /// Tries a run again that failed, in part or altogether: only the channels that failed. Its attempts count anew.
    pub async fn retry(&self, caller: &Caller, id: JobRunId) -> Result<JobRun, ServiceError> {
        caller.require_admin()?;
        let mut work = self.core.begin().await?;
        let before = store::job_run::find(work.tx(), id).await?.ok_or(ServiceError::NotFound("job run"))?;
        match before.state {
            JobRunState::Failed | JobRunState::Partial | JobRunState::Cancelled => {}
            state @ (JobRunState::Queued
            | JobRunState::Running
            | JobRunState::Retrying
            | JobRunState::Succeeded
            | JobRunState::Skipped) => {
                let message = format!("the run is {state}; only a FAILED, PARTIAL or CANCELLED run can be retried");
                return Err(ServiceError::Conflict(message));
            }
        }
        let run = JobRun {
            state: JobRunState::Queued,
            trigger: JobTrigger::Retry,
            attempt: 0,
            next_attempt_at: None,
            finished_at: None,
            cancel_requested: false,
            ..before
        };
        self.save(&mut work, caller, "retryJobRun", &run).await?;
        work.commit().await?;
        self.core.wake(run.organisation_id);
        Ok(run)
    }

    /// Cancels a run: at once if it has not begun, else as soon as it lets itself be interrupted. What it wrote stays.
    pub async fn cancel(&self, caller: &Caller, id: JobRunId) -> Result<JobRun, ServiceError> {
        caller.require_admin()?;
        let mut work = self.core.begin().await?;
        let before = store::job_run::find(work.tx(), id).await?.ok_or(ServiceError::NotFound("job run"))?;
        let run = match before.state {
            JobRunState::Queued | JobRunState::Retrying => JobRun {
                state: JobRunState::Cancelled,
                finished_at: Some(work.now()),
                next_attempt_at: None,
                error: Some("cancelled on request".to_owned()),
                ..before
            },
            JobRunState::Running => JobRun { cancel_requested: true, ..before },
            JobRunState::Cancelled => return Ok(before),
            state @ (JobRunState::Succeeded | JobRunState::Partial | JobRunState::Failed | JobRunState::Skipped) => {
                return Err(ServiceError::Conflict(format!("the run is {state}; there is nothing left to cancel")));
            }
        };
        self.save(&mut work, caller, "cancelJobRun", &run).await?;
        work.commit().await?;
        self.core.wake(run.organisation_id);
        Ok(run)
    }

    /// Writes down what a caller made of a run that is not running, or asks the one that is to stop.
    async fn save(
        &self,
        work: &mut UnitOfWork<'_>,
        caller: &Caller,
        action: &str,
        run: &JobRun,
    ) -> Result<(), ServiceError> {
        let organisation = run.organisation_id;
        if run.state == JobRunState::Running {
            store::job_run::request_cancel(work.tx(), organisation, run.id, work.now()).await?;
        } else {
            // Nobody holds it, so it belongs to no epoch.
            store::job_run::save_many(work.tx(), std::slice::from_ref(run), 0, work.now()).await?;
        }
        work.say(organisation, Fact::JobRunChanged { run: Box::new(run.clone()) });
        let details = json!({ "kind": run.kind, "state": run.state });
        work.audit(caller, action, Some(organisation), Some(run.id.to_string()), details).await
    }

    /// The run with this id, whosever it is.
    pub async fn find(&self, id: JobRunId) -> Result<Option<JobRun>, ServiceError> {
        Ok(store::job_run::find(self.core.store().read(), id).await?)
    }

    /// Those of the ids that exist, whosever they are.
    pub async fn find_many(&self, ids: &[JobRunId]) -> Result<HashMap<JobRunId, JobRun>, ServiceError> {
        let found = store::job_run::find_many(self.core.store().read(), ids).await?;
        Ok(found.into_iter().map(|run| (run.id, run)).collect())
    }

    /// A page of runs, newest first.
    pub async fn page(&self, filter: &Filter, request: &PageRequest<JobRunId>) -> Result<Page<JobRun>, ServiceError> {
        Ok(store::job_run::page(self.core.store().read(), filter, request).await?)
    }

    /// How the runs went for each channel.
    pub async fn outcomes(&self, runs: &[JobRunId]) -> Result<HashMap<JobRunId, Vec<ChannelOutcome>>, ServiceError> {
        Ok(store::job_run::outcomes(self.core.store().read(), runs).await?)
    }

    /// The newest run of each schedule that ever ran.
    pub async fn last_of_schedules(
        &self,
        schedules: &[ScheduleId],
    ) -> Result<HashMap<ScheduleId, JobRun>, ServiceError> {
        Ok(store::job_run::last_of_schedules(self.core.store().read(), schedules).await?)
    }
}

fn not_in_future(field: &str, date: NaiveDate, today: NaiveDate) -> Result<(), BadInput> {
    if date <= today {
        return Ok(());
    }
    Err(BadInput::new(field, date, format!("expected a day up to today, {today} in the organisation's time zone")))
}
