//! `INVOICE_CLOSE`: when a month is over it becomes a draft, and when the draft's grace is over it becomes final; each month, in order.

use async_trait::async_trait;

use super::{Job, JobContext};
use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::JobRunId;
use crate::domain::invoice::{grace_end, invoice_id};
use crate::domain::job::{JobKind, JobRun, JobRunState, JobTrigger, Progress};
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
use crate::domain::schedule::Cron;
use crate::service::{ServiceError, invoice};
use crate::store;

/// Invoices the months that are over.
#[derive(Debug)]
pub struct InvoiceClose {
    cron: Cron,
}

impl Default for InvoiceClose {
    /// # Panics
    ///
    /// Never: its own cron text is one, as any test of it shows.
    fn default() -> Self {
        let cron = Cron::parse("cron", "0 5 1 * *").expect("five in the morning of every first is a cron text");
        Self { cron }
    }
}

impl InvoiceClose {
    /// Makes a month's draft final, in a transaction of its own. One that an admin ended meanwhile stays as it is.
    async fn settle(context: &JobContext, organisation: &Organisation, month: Month) -> Result<(), ServiceError> {
        let mut work = context.begin().await?;
        let id = invoice_id(organisation.id, month);
        let settled = match invoice::settle(context.core(), &mut work, organisation, id).await {
            Ok(settled) if settled.is_new => settled,
            Ok(_) | Err(ServiceError::Conflict(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        work.commit().await?;
        let number = settled.invoice.number.as_deref().unwrap_or_default();
        tracing::info!(organisation.id = %organisation.id, "closed {month} with the invoice {number}");
        Ok(())
    }

    /// Queues the run that makes the draft of `month` final when its grace is over; once. It names the month's days, so that it is seen for
    /// what it is and stands in nobody's way.
    async fn follow_up(context: &JobContext, month: Month, at: Instant) -> Result<(), ServiceError> {
        let mut work = context.begin().await?;
        let this = context.run();
        let waiting = store::job_run::unfinished(work.tx(), &[this.organisation_id]).await?;
        let same = |run: &JobRun| {
            run.id != this.id
                && run.kind == this.kind
                && run.range == Some(month.range())
                && run.next_attempt_at == Some(at)
        };
        if waiting.iter().any(same) {
            return Ok(());
        }
        let run = JobRun {
            id: JobRunId::generate(work.now()),
            schedule_id: None,
            trigger: JobTrigger::Event,
            state: JobRunState::Queued,
            scheduled_for: at,
            started_at: None,
            finished_at: None,
            attempt: 0,
            next_attempt_at: Some(at),
            error: None,
            range: Some(month.range()),
            progress: None,
            cancel_requested: false,
            ..this.clone()
        };
        store::job_run::insert_many(work.tx(), std::slice::from_ref(&run), 0, work.now()).await?;
        work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run) });
        work.commit().await
    }
}

#[async_trait]
impl Job for InvoiceClose {
    fn kind(&self) -> JobKind {
        JobKind::InvoiceClose
    }

    fn default_cron(&self) -> Option<Cron> {
        Some(self.cron.clone())
    }

    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError> {
        let mut work = context.begin().await?;
        let organisation = store::organisation::find(work.tx(), context.run().organisation_id).await?;
        let Some(organisation) = organisation else { return Ok(Verdict::Done) };
        let now = work.now();
        let months = invoice::make_drafts(context.core(), &mut work, &organisation).await?;
        work.commit().await?;
        let count = |months: usize| i64::try_from(months).unwrap_or(i64::MAX);
        let total = count(months.len());
        for (done, month) in (0..).zip(&months) {
            let end = grace_end(organisation.time_zone, *month, context.core().invoicing().grace_days);
            if end > now {
                // Those after it have to wait longer.
                Self::follow_up(context, *month, end).await?;
                break;
            }
            Self::settle(context, &organisation, *month).await?;
            context.progress(Progress { done: done + 1, total }).await?;
        }
        Ok(Verdict::Done)
    }
}
