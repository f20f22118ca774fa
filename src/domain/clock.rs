//! Time as a dependency: a trait that says what time it is and when a given time has come, the system's clock, and one for tests.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::oneshot;

/// A point in time, UTC, with microseconds: the finest that both databases keep, so that a value read back equals the one written.
pub type Instant = DateTime<Utc>;

/// Resolves when the awaited time has come.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the time comes from. Everything that asks for the time or waits for one does so here, so that a test can own time.
pub trait Clock: Send + Sync + Debug {
    /// The present, truncated to microseconds.
    fn now(&self) -> Instant;
    /// Resolves once [`Clock::now`] is at or after `until`; at once when that is past.
    fn wait(&self, until: Instant) -> Wait;
}

/// A clock that is shared between rooms.
pub type SharedClock = Arc<dyn Clock>;

/// The longest sleep before the wall clock is read again: a clock that was set, or a machine that was suspended, is noticed
/// within this time.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    fn now(&self) -> Instant {
        Utc::now().trunc_subsecs(6)
    }

    fn wait(&self, until: Instant) -> Wait {
        let clock = *self;
        Box::pin(async move {
            while let Some(left) = (until - clock.now()).to_std().ok().filter(|left| !left.is_zero()) {
                tokio::time::sleep(left.min(SLEEP_MAX)).await;
            }
        })
    }
}

/// A clock that stands still until it is moved by hand. Clones share one time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    state: Arc<Mutex<ManualState>>,
}

#[derive(Debug)]
struct ManualState {
    now: Instant,
    /// Who waits, by the time waited for; the counter keeps two waiters of one instant apart.
    waiting: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
    counter: u64,
}

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    pub fn at(now: Instant) -> Self {
        let state = ManualState { now: now.trunc_subsecs(6), waiting: BTreeMap::new(), counter: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Moves time forward and wakes everyone whose time has come, earliest first.
    pub fn advance(&self, by: TimeDelta) {
        let now = self.now();
        self.set(now + by);
    }

    /// Sets the time, which may also go backwards (nobody is woken then).
    pub fn set(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.trunc_subsecs(6);
        state.now = now;
        let later = state.waiting.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.waiting, later);
        for sender in due.into_values() {
            // A waiter that was dropped no longer cares.
            let _ = sender.send(());
        }
    }

    /// The earliest time that somebody still waits for.
    pub fn next_waited_for(&self) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.retain(|_, sender| !sender.is_closed());
        state.waiting.keys().next().map(|(at, _)| *at)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    fn wait(&self, until: Instant) -> Wait {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if until <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (sender, receiver) = oneshot::channel();
        state.counter += 1;
        let key = (until, state.counter);
        state.waiting.insert(key, sender);
        Box::pin(async move {
            // The sender lives in the clock; were the clock gone, waiting on would be waiting for ever.
            drop(receiver.await);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Instant {
        "2026-06-05T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_exactly_those_whose_time_has_come() {
        let clock = ManualClock::at(noon());
        let mut soon = clock.wait(noon() + TimeDelta::seconds(10));
        let mut late = clock.wait(noon() + TimeDelta::seconds(20));
        clock.advance(TimeDelta::seconds(10));
        assert!(futures::poll!(&mut soon).is_ready());
        assert!(futures::poll!(&mut late).is_pending());
        assert_eq!(clock.next_waited_for(), Some(noon() + TimeDelta::seconds(20)));
        clock.advance(TimeDelta::seconds(10));
        assert!(futures::poll!(&mut late).is_ready());
    }

    #[tokio::test]
    async fn waiting_for_the_past_is_over_at_once() {
        let clock = ManualClock::at(noon());
        assert!(futures::poll!(clock.wait(noon())).is_ready());
        SystemClock.wait(noon()).await;
    }
}
