//! The keeper of the leases: beats while the node lives, so that it holds its fair share of the shards, and finds out what it has lost.
//!
//! It runs by real time, never by the injected clock, because the leases run by the database's. A node whose beats fail for as long as a
//! lease lasts steps down by itself: by then another may own what it held.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant as Timer;
use tokio_util::sync::CancellationToken;

use crate::service::dispatch::{Beat, Standing};

use super::clockwork::{chain, guarded};
use super::stage::Stage;
use super::status::{self, Myself};
use super::work::WorkError;

/// Between beats, what others let go of is looked for so often.
const GLANCE: Duration = Duration::from_secs(1);
/// A beat is given at least so long before it counts as failed.
const BEAT_MIN: Duration = Duration::from_secs(1);
/// How soon a beat that failed is tried again, at most.
const AGAIN: Duration = Duration::from_millis(500);
/// What a node gives itself to let go of its leases when it ends. What it does not let go of expires.
const LEAVE: Duration = Duration::from_secs(5);

pub(super) struct Keeper {
    stage: Arc<Stage>,
    myself: Arc<Myself>,
    stop: CancellationToken,
    /// When the last beat that succeeded began.
    renewed_at: Timer,
}

impl Keeper {
    pub(super) fn new(stage: Arc<Stage>, myself: Arc<Myself>, stop: CancellationToken) -> Self {
        Self { stage, myself, stop, renewed_at: Timer::now() }
    }

    /// The first beat, of which the outcome matters to who starts the node.
    pub(super) async fn begin(&mut self) -> Result<(), WorkError> {
        self.renewed_at = Timer::now();
        let beat = guarded(self.stage.work.beat(&self.standing())).await?;
        self.apply(beat);
        Ok(())
    }

    /// Runs until it is told to stop, and then lets go of everything.
    pub(super) async fn run(mut self) {
        match self.stage.work.lasts() {
            Some(ttl) => self.share(ttl).await,
            None => self.hold().await,
        }
        if self.stage.desk.agenda().is_fenced() {
            return;
        }
        match tokio::time::timeout(LEAVE, guarded(self.stage.work.leave())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "the leases were not let go of, they expire"),
            Err(_) => tracing::warn!("the leases were not let go of in time, they expire"),
        }
    }

    /// Of a node that is alone: looks only when it is asked to.
    async fn hold(&mut self) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.stage.desk.beat_wanted.notified() => {}
            }
            while let Err(error) = self.beat(None).await {
                if matches!(error, WorkError::Fenced(_)) {
                    return;
                }
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
    }

    /// Of one among many: beats four times while a lease lasts, and looks about in between.
    async fn share(&mut self, ttl: Duration) {
        let pace = ttl / 4;
        let mut beat_at = self.renewed_at + pace;
        loop {
            let asked = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.stage.desk.beat_wanted.notified() => true,
                () = tokio::time::sleep_until(beat_at.min(Timer::now() + GLANCE)) => false,
            };
            self.let_go().await;
            if !asked && Timer::now() < beat_at && !self.glance(beat_at).await {
                continue;
            }
            match self.beat(Some(ttl)).await {
                Ok(()) => beat_at = self.renewed_at + pace,
                Err(WorkError::Fenced(_)) => return,
                Err(_) => beat_at = Timer::now() + AGAIN.min(pace),
            }
            self.let_go().await;
        }
    }

    /// Whether a beat would find something. That it cannot be said is for the beat to find out.
    async fn glance(&self, until: Timer) -> bool {
        let glance = tokio::time::timeout_at(until, guarded(self.stage.work.glance())).await;
        matches!(glance, Ok(Ok(true)))
    }

    /// One beat. With `ttl`, it steps down when none succeeded for so long.
    async fn beat(&mut self, ttl: Option<Duration>) -> Result<(), WorkError> {
        let begun = Timer::now();
        let standing = self.standing();
        let beat = guarded(self.stage.work.beat(&standing));
        let outcome = match ttl {
            Some(ttl) => {
                let deadline = (self.renewed_at + ttl).max(begun + BEAT_MIN);
                let late = || WorkError::Unavailable("a beat took too long".into());
                tokio::time::timeout_at(deadline, beat).await.unwrap_or_else(|_| Err(late()))
            }
            None => beat.await,
        };
        match outcome {
            Ok(beat) => {
                self.renewed_at = begun;
                self.myself.renewed(true);
                self.apply(beat);
                Ok(())
            }
            Err(error @ WorkError::Fenced(_)) => {
                tracing::error!(error = chain(&error), "another node has taken over: everything here stops");
                self.stage.desk.note(super::agenda::Agenda::fence);
                Err(error)
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "the leases cannot be renewed, trying again");
                if ttl.is_some_and(|ttl| self.renewed_at.elapsed() >= ttl) {
                    self.step_down();
                }
                Err(error)
            }
        }
    }

    fn standing(&self) -> Standing {
        let now = self.stage.desk.clock.now();
        let agenda = self.stage.desk.agenda();
        Standing {
            name: self.myself.name.clone(),
            started_at: self.myself.started_at,
            draining: agenda.is_draining(),
            figures: status::figures(&agenda, now),
        }
    }

    fn apply(&self, beat: Beat) {
        let Beat { won, lost, surplus } = beat;
        let runs = self.stage.desk.note(|agenda| {
            let runs = agenda.lose(&lost);
            agenda.arrive(&won);
            let leaving = agenda.leaving();
            agenda.leave(surplus.saturating_sub(leaving));
            agenda.trust();
            status::publish_shards(agenda);
            runs
        });
        if !lost.is_empty() {
            tracing::warn!(shards = lost.len(), runs, "other nodes took shards over, what ran there does not count");
        }
        if !won.is_empty() {
            tracing::info!(shards = won.len(), "took shards over");
            status::took_over(won.len());
            self.stage.desk.arrivals.notify_one();
        }
        self.stage.desk.rested();
    }

    /// Lets go of what was given up and has come to rest.
    async fn let_go(&self) {
        let vacated = self.stage.desk.agenda().take_vacated();
        if vacated.is_empty() {
            return;
        }
        // Were it not to succeed, the next beat finds them held by nobody here and lets go of them.
        match guarded(self.stage.work.release(&vacated)).await {
            Ok(()) => tracing::info!(shards = vacated.len(), "gave shards up, for others to have their share"),
            Err(error) => tracing::warn!(error = chain(&error), "shards that were given up are not let go of yet"),
        }
    }

    fn step_down(&self) {
        let is_news = self.myself.renewed(false);
        self.stage.work.step_down();
        let (shards, runs) = self.stage.desk.note(|agenda| (agenda.shards().0, agenda.lose_all()));
        if is_news {
            tracing::error!(
                shards,
                runs,
                "the leases could not be renewed in time: everything is let go of until it can be taken anew"
            );
        }
        self.stage.desk.rested();
    }
}
