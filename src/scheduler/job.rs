//! A job in its own task: its deadline, its cancellation, and its panics, which are failed attempts.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::Recipient;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::Verdict;
use crate::domain::job::JobRun;
use crate::domain::shard::Term;

use super::fault::FaultPoint;
use super::message::{Over, Receipt, Start};
use super::stage::Stage;

/// Runs what was started and sends the receipt to the actor.
///
/// When this is aborted, what it holds is dropped last to first: the job before the receipt.
pub(super) async fn perform(start: Start, stage: Arc<Stage>, actor: Recipient<Over>) {
    let Start { run, term, cancel, receipt } = start;
    let mut receipt: Receipt = receipt;
    let verdict = attempt(&stage, term, run, &cancel).await;
    receipt.came_to(verdict);
    // To an actor that has died nothing is delivered; the receipt then speaks for itself.
    actor.do_send(Over(receipt));
}

async fn attempt(stage: &Stage, term: Term, run: JobRun, cancel: &CancellationToken) -> Verdict {
    let organisation = run.organisation_id;
    let clock = &stage.desk.clock;
    let deadline = clock.wait(clock.now() + stage.options.job_deadline);
    let job = async {
        stage.faults.strike(FaultPoint::JobRun, organisation);
        stage.work.execute(term, run, cancel.clone()).await
    };
    // A job may ignore that it is cancelled: it is dropped then, which rolls back whatever it had not committed.
    let ignored = async {
        cancel.cancelled().await;
        clock.wait(clock.now() + stage.options.cancel_grace).await;
    };
    tokio::select! {
        biased;
        result = AssertUnwindSafe(job).catch_unwind() => result.unwrap_or_else(|panic| {
            let error = format!("the job panicked: {}", said(panic.as_ref()));
            tracing::error!(organisation.id = %organisation, "{error}");
            Verdict::Retry { error, partial: false }
        }),
        () = ignored => Verdict::Cancelled,
        () = deadline => {
            let minutes = stage.options.job_deadline.num_minutes();
            Verdict::Retry { error: format!("the job was stopped after {minutes} minutes"), partial: false }
        }
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
