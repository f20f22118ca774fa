//! `RETENTION`: every night, what is old enough is deleted, in small batches so that nobody waits for it.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{NaiveDate, TimeDelta};

use super::{Job, JobContext};
use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::job::{JobKind, JobRunState, Progress};
use crate::domain::schedule::Cron;
use crate::service::{ServiceError, allowance};
use crate::store::{self, partition};

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
    /// The day on which this process last looked after the months of the database.
    tended: Mutex<Option<NaiveDate>>,
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
        Self { cron, options, tended: Mutex::new(None) }
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

    /// Makes the months that the database will need, and drops those in which everything is old: for all organisations, and so once a day and
    /// not with each one's job. Where a table is too busy for it, tomorrow is as good.
    async fn tend_months(&self, context: &JobContext, now: Instant) -> Result<(), ServiceError> {
        let today = Some(now.date_naive());
        if std::mem::replace(&mut *self.tended.lock().unwrap_or_else(PoisonError::into_inner), today) == today {
            return Ok(());
        }
        match self.make_and_drop_months(context, now).await {
            Err(error @ ServiceError::Unavailable(_)) => {
                tracing::warn!(%error, "the months of the database could not be looked after, which is tried again tomorrow");
                Ok(())
            }
            done => done,
        }
    }

    async fn make_and_drop_months(&self, context: &JobContext, now: Instant) -> Result<(), ServiceError> {
        for partition in partition::missing(context.core().store().read(), now).await? {
            let work = context.begin().await?;
            partition::make(work.tx(), partition).await?;
            work.commit().await?;
            tracing::info!(partition = partition.name(), "made a month ahead");
        }
        let kept = [
            (partition::Table::Event, self.options.events),
            (partition::Table::WebhookAttempt, self.options.webhook_attempts),
            (partition::Table::UsagePayload, self.options.payloads),
        ];
        for (table, keep) in kept {
            let Some(keep) = keep else { continue };
            for partition in partition::over(context.core().store().read(), table, now - keep).await? {
                let work = context.begin().await?;
                let is_gone = partition::drop_month(work.tx(), partition).await?;
                work.commit().await?;
                if is_gone {
                    tracing::info!(partition = partition.name(), "dropped a month in which everything was old");
                }
            }
        }
        Ok(())
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
        self.tend_months(context, context.core().now()).await?;
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
