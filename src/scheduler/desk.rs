//! The agenda as the threads share it: whoever has news writes it down and rings; the clockwork reads it at its own pace.
//!
//! News is never queued as messages, only noted in the agenda, so that any amount of it takes no more room than the
//! organisations themselves. The lock is held for short, synchronous changes and never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::clock::{Instant, SharedClock};
use crate::domain::id::OrganisationId;

use super::agenda::Agenda;

#[derive(Debug)]
pub(super) struct Desk {
    agenda: Mutex<Agenda>,
    pub(super) clock: SharedClock,
    /// Rung when there is news; keeps one ring for a clockwork that is busy.
    bell: Notify,
    /// Rung when something may have come to rest.
    rest: Notify,
    /// Rung when the keeper of the leases is to find out what is held.
    pub(super) beat_wanted: Notify,
    /// Rung when shards were won.
    pub(super) arrivals: Notify,
}

impl Desk {
    pub(super) fn new(clock: SharedClock, sweep_at: Instant) -> Self {
        Self {
            agenda: Mutex::new(Agenda::new(sweep_at)),
            clock,
            bell: Notify::new(),
            rest: Notify::new(),
            beat_wanted: Notify::new(),
            arrivals: Notify::new(),
        }
    }

    /// The agenda, for a short change that needs nobody's attention.
    pub(super) fn agenda(&self) -> MutexGuard<'_, Agenda> {
        // Every change leaves the agenda whole at each step, and a panic here must not take the others with it.
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the agenda and rings for the clockwork.
    pub(super) fn note<T>(&self, change: impl FnOnce(&mut Agenda) -> T) -> T {
        let result = change(&mut self.agenda());
        self.bell.notify_one();
        result
    }

    pub(super) fn wake(&self, organisation: OrganisationId) {
        let now = self.clock.now();
        self.note(|agenda| agenda.wake(organisation, now));
    }

    /// Resolves when there is news since the last time.
    pub(super) async fn news(&self) {
        self.bell.notified().await;
    }

    /// Says that something may have come to rest.
    pub(super) fn rested(&self) {
        self.rest.notify_waiters();
    }

    /// Resolves once `reached` holds; looked at whenever something came to rest.
    pub(super) async fn until(&self, reached: impl Fn(&Agenda, Instant) -> bool) {
        loop {
            let mut rest = std::pin::pin!(self.rest.notified());
            rest.as_mut().enable();
            let now = self.clock.now();
            if reached(&self.agenda(), now) {
                return;
            }
            rest.await;
        }
    }
}
