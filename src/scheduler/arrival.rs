//! Shards that arrive: what was cut off there is put back, their organisations get what they lack, and are known from then on.
//!
//! It takes as long as it takes, and the keeper goes on beating meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clockwork::{chain, guarded};
use super::stage::Stage;
use super::work::WorkError;

/// How soon it is tried again when the store was not available.
const AGAIN: Duration = Duration::from_secs(1);
/// The same when it failed for a reason of its own.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Takes in what arrives now. What fails stays to arrive.
pub(super) async fn take_in(stage: &Stage) -> Result<(), WorkError> {
    let terms = stage.desk.agenda().arriving();
    if terms.is_empty() {
        return Ok(());
    }
    guarded(stage.work.rescue(&terms)).await?;
    stage.desk.agenda().serve(&terms);
    let mut each = |organisation, due| stage.desk.agenda().learn(organisation, due);
    guarded(stage.work.learn(&terms, &mut each)).await?;
    stage.desk.note(|agenda| agenda.arrived(&terms));
    stage.desk.rested();
    Ok(())
}

/// Takes in whatever arrives, until it is told to stop.
pub(super) async fn run(stage: Arc<Stage>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = stage.desk.arrivals.notified() => {}
        }
        while let Err(error) = take_in(&stage).await {
            let pause = match &error {
                WorkError::Fenced(_) => {
                    // The beat finds out which of them are gone.
                    stage.desk.beat_wanted.notify_one();
                    AGAIN
                }
                WorkError::Unavailable(_) => AGAIN,
                WorkError::Failed(_) => AFTER_FAILURE,
            };
            tracing::warn!(
                error = chain(&error),
                "shards that were taken over are not served yet, trying again in {pause:?}"
            );
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
