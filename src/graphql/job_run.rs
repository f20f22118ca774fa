//! Job runs: occurrences of jobs with their attempts, and the mutations that start, repeat and end them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::access;
use super::catalog::Bootstrap;
use super::channel::Channel;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::customer::Customer;
use super::error::{Fault, Result};
use super::loader;
use super::organisation::Organisation;
use super::scalar::{Date, DateTime, int};
use super::schedule::JobKind;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job;
use crate::service::Services;
use crate::service::job_run::Filter;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "job::JobRunState")]
pub(super) enum JobRunState {
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// An attempt failed, or a provider said to wait; another attempt comes.
    Retrying,
    /// It did everything.
    Succeeded,
    /// It did everything for some channels and not for others.
    Partial,
    /// It failed for good: kept, listed, and repeated by hand.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// The run before it was still under way.
    Skipped,
}

/// What a run is of, where its kind alone does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "job::JobSubject")]
pub(super) enum JobSubject {
    /// The records of usage.
    Ledger,
}

/// Why a run exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "job::JobTrigger")]
pub(super) enum JobTrigger {
    /// It came due.
    Schedule,
    /// Somebody asked for it.
    Manual,
    /// Somebody asked for a failed one again.
    Retry,
    /// Its time passed while nobody was there to run it.
    CatchUp,
    /// Something happened, such as a channel being connected.
    Event,
}

/// How far a run has come.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Progress {
    /// Steps that are done: days of channels, or for the ledger stored calls.
    done: i32,
    /// Steps in all.
    total: i32,
}

impl TryFrom<job::Progress> for Progress {
    type Error = Fault;

    fn try_from(progress: job::Progress) -> Result<Self> {
        Ok(Self { done: int("progress.done", progress.done)?, total: int("progress.total", progress.total)? })
    }
}

/// How a run went for one channel.
#[derive(Debug)]
pub(super) struct ChannelOutcome(job::ChannelOutcome);

/// How a run went for one channel.
#[Object]
impl ChannelOutcome {
    /// The channel.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Channel> {
        loader::channel(ctx, self.0.channel_id).await.map(Channel)
    }

    /// Whether all was done for it.
    async fn succeeded(&self) -> bool {
        self.0.succeeded
    }

    /// Days that were pulled.
    async fn days(&self) -> i32 {
        self.0.days
    }

    /// What went wrong.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }
}

/// One occurrence of a job with its attempts.
#[derive(Debug, Clone)]
pub(super) struct JobRun(pub(super) job::JobRun);

/// One occurrence of a job with its attempts.
#[Object]
impl JobRun {
    /// The run's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it does.
    async fn kind(&self) -> JobKind {
        self.0.kind.into()
    }

    /// What it is of, where its kind alone does not say it: a BACKFILL without a subject is of account usage.
    async fn subject(&self) -> Option<JobSubject> {
        self.0.subject.map(Into::into)
    }

    /// Whom a `WELCOME_BOOTSTRAP` is for; null of every other kind.
    async fn customer(&self, ctx: &Context<'_>) -> Option<Result<Customer>> {
        let id = self.0.customer_id?;
        Some(loader::customer(ctx, id).await.map(Customer))
    }

    /// What a `WELCOME_BOOTSTRAP` has warmed; null of every other kind, and of one that has not begun.
    async fn bootstrap(&self) -> Option<Result<Bootstrap>> {
        self.0.bootstrap.map(TryInto::try_into)
    }

    /// The organisation that it belongs to.
    async fn organisation(&self, ctx: &Context<'_>) -> Result<Organisation> {
        loader::organisation(ctx, self.0.organisation_id).await.map(Organisation)
    }

    /// Where it stands.
    async fn state(&self) -> JobRunState {
        self.0.state.into()
    }

    /// When it was due.
    async fn scheduled_for(&self) -> DateTime {
        self.0.scheduled_for.into()
    }

    /// When its newest attempt started.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it ended for good.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }

    /// Attempts so far, the present one included; waiting for a provider's limit is none.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// Attempts after which it fails for good.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts
    }

    /// When the next attempt comes.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(Into::into)
    }

    /// What went wrong at the last attempt.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// The first of the days that were asked for; null: what the kind does by itself.
    async fn from(&self) -> Option<Date> {
        self.0.range.map(|range| range.from().into())
    }

    /// The last of the days that were asked for; null: what the kind does by itself.
    async fn to(&self) -> Option<Date> {
        self.0.range.map(|range| range.to().into())
    }

    /// How far it has come.
    async fn progress(&self) -> Option<Result<Progress>> {
        self.0.progress.map(TryInto::try_into)
    }

    /// Whether somebody asked for its end and it has not come to it yet.
    async fn cancel_requested(&self) -> bool {
        self.0.cancel_requested && !self.0.state.is_final()
    }

    /// How it went for each channel so far.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn channels(&self, ctx: &Context<'_>) -> Result<Vec<ChannelOutcome>> {
        Ok(loader::outcomes(ctx, self.0.id).await?.into_iter().map(ChannelOutcome).collect())
    }

    /// Why it exists.
    async fn trigger(&self) -> JobTrigger {
        self.0.trigger.into()
    }
}

/// A page of runs, newest first.
pub(super) async fn page(
    services: &Services,
    organisation: Option<OrganisationId>,
    kind: Option<JobKind>,
    state: Option<Vec<JobRunState>>,
    page: PageArguments,
) -> Result<Connection<JobRun>> {
    let states = state.map(|states| states.into_iter().map(Into::into).collect());
    let filter = Filter { organisation, kind: kind.map(Into::into), states };
    let request = page.request(|place| JobRunId::parse("after", place).ok())?;
    let page = services.job_run.page(&filter, &request).await?;
    Ok(connection::connect(page, |run| run.id.to_string(), JobRun))
}

#[derive(Debug, Default)]
pub(super) struct JobRunQuery;

#[Object]
impl JobRunQuery {
    /// The runs of all organisations, newest first; those in the state FAILED are the dead letters. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn job_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this organisation.")] organisation_id: Option<ID>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<JobKind>,
        #[graphql(desc = "Only those in one of these states.")] state: Option<Vec<JobRunState>>,
    ) -> Result<Connection<JobRun>> {
        let access = access::admin_reader(ctx)?;
        let organisation_id = access::filter("organisationId", organisation_id.as_ref())?;
        page(access.services, organisation_id, kind, state, PageArguments::forward(first, after)).await
    }
}

#[derive(Debug, Default)]
pub(super) struct JobRunMutation;

#[Object]
impl JobRunMutation {
    /// Runs a job now, whether or not it is scheduled. For admins.
    async fn trigger_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The job.")] kind: JobKind,
    ) -> Result<JobRun> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        Ok(JobRun(access.services.job_run.trigger(access.caller, organisation_id, kind.into()).await?))
    }

    /// Asks the providers for one day of every channel now. For admins.
    async fn trigger_daily_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The day; today in the organisation's zone without.")] date: Option<Date>,
    ) -> Result<JobRun> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let date = date.map(|date| date.read("date")).transpose()?;
        Ok(JobRun(access.services.job_run.trigger_daily_usage(access.caller, organisation_id, date).await?))
    }

    /// Asks the providers for a range of days of every channel; `jobRunChanged` shows its progress. For admins.
    async fn backfill_account_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The first day.")] from: Date,
        #[graphql(desc = "The last day, itself included; at most 400 days.")] to: Date,
    ) -> Result<JobRun> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let (from, to) = (from.read("from")?, to.read("to")?);
        Ok(JobRun(access.services.job_run.backfill(access.caller, organisation_id, from, to).await?))
    }

    /// Makes the usage records that stored calls of a range of days lack, however long ago they were; `jobRunChanged` shows its
    /// progress, in calls. Doing it again adds nothing. For admins.
    async fn backfill_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The first day, in the organisation's zone.")] from: Date,
        #[graphql(desc = "The last day, itself included; at most 400 days.")] to: Date,
    ) -> Result<JobRun> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let (from, to) = (from.read("from")?, to.read("to")?);
        Ok(JobRun(access.services.job_run.backfill_usage(access.caller, organisation_id, from, to).await?))
    }

    /// Runs a failed run again, for what failed of it. For admins.
    async fn retry_job_run(&self, ctx: &Context<'_>, #[graphql(desc = "The run's id.")] id: ID) -> Result<JobRun> {
        let access = access::admin(ctx)?;
        let id = JobRunId::parse("id", &id)?;
        Ok(JobRun(access.services.job_run.retry(access.caller, id).await?))
    }

    /// Ends a run: one that waits at once, one that is under way as soon as it notices. For admins.
    async fn cancel_job_run(&self, ctx: &Context<'_>, #[graphql(desc = "The run's id.")] id: ID) -> Result<JobRun> {
        let access = access::admin(ctx)?;
        let id = JobRunId::parse("id", &id)?;
        Ok(JobRun(access.services.job_run.cancel(access.caller, id).await?))
    }
}
