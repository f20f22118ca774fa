//! `RETENTION`: every night, what is old enough is deleted, in small batches so that nobody waits for it.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::{Job, JobContext};
use crate::domain::attempt::Verdict;
use crate::domain::job::{JobKind, JobRunState, Progress};
use crate::domain::schedule::Cron;
use crate::service::{ServiceError, allowance};
use crate::store;

/// How long what is kept; `None`: for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionOptions {
    pub payloads: Option<TimeDelta>,
    /// Runs that ended well, or did nothing.
    pub finished_runs: Option<TimeDelta>,
    /// Runs that failed, in part or altogether.
    pub failed_runs: Option<TimeDelta>,
    /// How far back a subscription can be resumed.
    pub events: Option<TimeDelta>,
    /// What webhooks told and could not be taken.
    pub rejected_updates: Option<TimeDelta>,
    /// Alerts that recovered, whose period is over, or that are of a run.
    pub alerts: Option<TimeDelta>,
    /// The tries at sending webhooks.
    pub webhook_attempts: Option<TimeDelta>,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        let days = |days| Some(TimeDelta::days(days));
        Self {
            payloads: days(90),
            finished_runs: days(30),
            failed_runs: days(180),
            events: days(30),
            rejected_updates: days(30),
            alerts: days(400),
            webhook_attempts: days(30),
        }
    }
}

/// How long a reservation is known that was committed, given back or forgotten: so long, saying it again is harmless.
const RESERVATIONS_KEPT: TimeDelta = TimeDelta::days(7);

/// Rows that one transaction deletes.
const BATCH: u64 = 500;

const FINISHED: &[JobRunState] = &[JobRunState::Succeeded, JobRunState::Cancelled, JobRunState::Skipped];
const FAILED: &[JobRunState] = &[JobRunState::Failed, JobRunState::Partial];

/// Deletes what is old enough.
#[derive(Debug)]
pub struct Retention {
    cron: Cron,
    options: RetentionOptions,
}

enum Table {
    Payloads,
    Runs(&'static [JobRunState]),
    Events,
    RejectedUpdates,
    Alerts,
    Reservations,
    WebhookAttempts,
}

impl Retention {
    /// Keeps what `options` say.
    ///
    /// # Panics
    ///
    /// Never: its own cron text is one, as any test of it shows.
    pub fn new(options: RetentionOptions) -> Self {
        let cron = Cron::parse("cron", "30 3 * * *").expect("every night at half past three is a cron text");
        Self { cron, options }
    }

    /// Deletes batch by batch until nothing old is left; returns how many rows went.
    async fn clear(context: &JobContext, table: Table, keep: Option<TimeDelta>) -> Result<u64, ServiceError> {
        let Some(keep) = keep else { return Ok(0) };
        let organisation = context.run().organisation_id;
        let mut deleted = 0;
        loop {
            let work = context.begin().await?;
            let before = work.now() - keep;
            let batch = match table {
                Table::Payloads => {
                    store::account_usage::delete_payloads(work.tx(), organisation, before, BATCH).await?
                }
                Table::Runs(states) => {
                    store::job_run::delete_finished(work.tx(), organisation, states, before, BATCH).await?
                }
                Table::Events => store::event::delete_before(work.tx(), organisation, before, BATCH).await?,
                Table::RejectedUpdates => {
                    store::rejected_update::delete_before(work.tx(), organisation, before, BATCH).await?
                }
                Table::Alerts => store::alert::delete_before(work.tx(), organisation, before, BATCH).await?,
                Table::Reservations => {
                    store::allowance::reservation::delete_before(work.tx(), organisation, before, BATCH).await?
                }
                Table::WebhookAttempts => {
                    store::hook::delete_attempts_before(work.tx(), organisation, before, BATCH).await?
                }
            };
            work.commit().await?;
            deleted += batch;
            if batch < BATCH {
                return Ok(deleted);
            }
        }
    }
}

#[async_trait]
impl Job for Retention {
    fn kind(&self) -> JobKind {
        JobKind::Retention
    }

    fn default_cron(&self) -> Option<Cron> {
        Some(self.cron.clone())
    }

    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError> {
        let payloads = Self::clear(context, Table::Payloads, self.options.payloads).await?;
        let finished = Self::clear(context, Table::Runs(FINISHED), self.options.finished_runs).await?;
        let failed = Self::clear(context, Table::Runs(FAILED), self.options.failed_runs).await?;
        let events = Self::clear(context, Table::Events, self.options.events).await?;
        let rejected = Self::clear(context, Table::RejectedUpdates, self.options.rejected_updates).await?;
        let alerts = Self::clear(context, Table::Alerts, self.options.alerts).await?;
        let mut work = context.begin().await?;
        allowance::sweep(&mut work, context.run().organisation_id).await?;
        work.commit().await?;
        let reservations = Self::clear(context, Table::Reservations, Some(RESERVATIONS_KEPT)).await?;
        let attempts = Self::clear(context, Table::WebhookAttempts, self.options.webhook_attempts).await?;
        let deleted = payloads + finished + failed + events + rejected + alerts + reservations + attempts;
        if deleted > 0 {
            let organisation = context.run().organisation_id;
            tracing::info!(organisation.id = %organisation, payloads, finished, failed, events, rejected, alerts, reservations, attempts, "deleted what was old enough");
            let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
            context.progress(Progress { done: deleted, total: deleted }).await?;
        }
        Ok(Verdict::Done)
    }
}
