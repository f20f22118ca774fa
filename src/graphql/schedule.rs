//! Schedules: the recurring jobs of an organisation, and the mutations that set, stop and remove them.

use async_graphql::{Context, Enum, ID, Object};

use super::access;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::error::Result;
use super::job_run::JobRun;
use super::loader;
use super::organisation::Organisation;
use super::scalar::DateTime;
use crate::domain::id::{OrganisationId, ScheduleId};
use crate::domain::job;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "job::JobKind")]
pub(super) enum JobKind {
    /// Asks the providers what the channels used in the last days.
    DailyUsage,
    /// Freezes the analytics of a day.
    DailySnapshot,
    /// Freezes the analytics of a week.
    WeeklySnapshot,
    /// Freezes the analytics of a month.
    MonthlySnapshot,
    /// Closes a month into an invoice.
    InvoiceClose,
    /// Removes what was kept long enough.
    Retention,
    /// Prepares what a new customer is greeted with.
    WelcomeBootstrap,
    /// Asks the providers for a range of past days.
    Backfill,
}

/// A recurring job of an organisation.
#[derive(Debug, Clone)]
pub(super) struct ScheduledJob(pub(super) job::Schedule);

/// A recurring job of an organisation.
#[Object]
impl ScheduledJob {
    /// The scheduled job's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The organisation that it belongs to.
    async fn organisation(&self, ctx: &Context<'_>) -> Result<Organisation> {
        loader::organisation(ctx, self.0.organisation_id).await.map(Organisation)
    }

    /// What it does.
    async fn kind(&self) -> JobKind {
        self.0.kind.into()
    }

    /// When it comes due: minute, hour, day of month, month, day of week.
    async fn cron(&self) -> &str {
        self.0.cron.as_str()
    }

    /// The IANA zone whose clocks the cron text means.
    async fn time_zone(&self) -> &'static str {
        self.0.time_zone.name()
    }

    /// Whether it is held back.
    async fn paused(&self) -> bool {
        self.0.paused
    }

    /// When it comes due next; null while paused. It starts some minutes later, so that not everyone starts at once.
    async fn next_run_at(&self) -> Option<DateTime> {
        self.0.next_run_at.map(Into::into)
    }

    /// Its newest run.
    async fn last_run(&self, ctx: &Context<'_>) -> Option<Result<JobRun>> {
        loader::last_run(ctx, self.0.id).await.map(|run| run.map(JobRun)).transpose()
    }
}

#[derive(Debug, Default)]
pub(super) struct ScheduleQuery;

#[Object]
impl ScheduleQuery {
    /// The recurring jobs of all organisations. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn scheduled_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this organisation.")] organisation_id: Option<ID>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<JobKind>,
    ) -> Result<Connection<ScheduledJob>> {
        let access = access::admin_reader(ctx)?;
        let organisation_id = access::filter("organisationId", organisation_id.as_ref())?;
        let request = PageArguments::forward(first, after).request(|place| ScheduleId::parse("after", place).ok())?;
        let page = access.services.schedule.page(organisation_id, kind.map(Into::into), &request).await?;
        Ok(connection::connect(page, |schedule| schedule.id.to_string(), ScheduledJob))
    }
}

#[derive(Debug, Default)]
pub(super) struct ScheduleMutation;

#[Object]
impl ScheduleMutation {
    /// Makes a job recur, or changes when it does. For admins.
    async fn schedule_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The job.")] kind: JobKind,
        #[graphql(
            desc = "Minute, hour, day of month, month, day of week, such as `0 9 * * *`; the kind's own without."
        )]
        cron: Option<String>,
        #[graphql(desc = "The IANA zone whose clocks are meant; the organisation's without.")] time_zone: Option<
            String,
        >,
    ) -> Result<ScheduledJob> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let schedules = &access.services.schedule;
        let schedule = schedules.schedule(access.caller, organisation_id, kind.into(), cron, time_zone).await?;
        Ok(ScheduledJob(schedule))
    }

    /// Makes a job recur no more. True if it did; what runs is finished. For admins.
    async fn remove_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The job.")] kind: JobKind,
    ) -> Result<bool> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        Ok(access.services.schedule.remove(access.caller, organisation_id, kind.into()).await?)
    }

    /// Holds a recurring job back until it is resumed. For admins.
    async fn pause_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The job.")] kind: JobKind,
    ) -> Result<ScheduledJob> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        Ok(ScheduledJob(access.services.schedule.pause(access.caller, organisation_id, kind.into()).await?))
    }

    /// Lets a paused job recur again, from now on. For admins.
    async fn resume_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The job.")] kind: JobKind,
    ) -> Result<ScheduledJob> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        Ok(ScheduledJob(access.services.schedule.resume(access.caller, organisation_id, kind.into()).await?))
    }
}
