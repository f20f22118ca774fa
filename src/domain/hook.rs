//! Webhooks out: the addresses that an organisation's events are sent to, and what becomes of one after each try.

use chrono::TimeDelta;

use super::clock::Instant;
use super::code::coded;
use super::event::FactKind;
use super::id::{AttemptId, EndpointId, OrganisationId};
use super::job::RetryPolicy;

/// The most addresses of one organisation.
pub const ENDPOINTS_MAX: u64 = 20;

/// How soon a try that failed is repeated: within 5 s, then within twice as long each time, at most an hour.
const RETRIES: RetryPolicy =
    RetryPolicy { attempts_max: i32::MAX, delay_base: TimeDelta::seconds(5), delay_max: TimeDelta::hours(1) };

/// The shortest wait before another try.
const WAIT_MIN: TimeDelta = TimeDelta::seconds(1);

/// Whoever fails for so long is sent no more.
const FAILING_MAX: TimeDelta = TimeDelta::days(5);

coded! {
    /// Whether an address is sent to.
    EndpointState {
        /// Events are sent as they happen.
        Active = "ACTIVE",
        /// It failed for too long, or said that it is gone; nothing is sent until somebody enables it again.
        Disabled = "DISABLED",
    }
}

/// An address that an organisation's events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub organisation_id: OrganisationId,
    pub url: String,
    /// Sorted, without repetition; `None`: all.
    pub event_types: Option<Vec<FactKind>>,
    /// The sequence of the last event that was delivered, or passed over because nobody asked for it.
    pub cursor: i64,
    pub state: EndpointState,
    /// Failed tries at the next event, in a row.
    pub failures: i32,
    /// Since when nothing was taken.
    pub failing_since: Option<Instant>,
    /// Not before then is anything sent; `None`: at once.
    pub next_attempt_at: Option<Instant>,
    /// Counts the changes, so that nobody writes over one that they did not see.
    pub revision: i64,
    pub created_at: Instant,
}

/// One try at sending something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    pub organisation_id: OrganisationId,
    pub endpoint_id: EndpointId,
    /// Of the event; `None`: a test.
    pub sequence: Option<i64>,
    /// The kind of event, [`TEST`] or [`GAP`].
    pub event_type: String,
    /// Counts the tries at one event from 1.
    pub number: i32,
    /// `None`: there was no answer.
    pub status_code: Option<u16>,
    /// Why it is no success; `None`: it was taken.
    pub error: Option<String>,
    pub duration_ms: i64,
    pub at: Instant,
}

/// The type of what is sent to try an address out.
pub const TEST: &str = "webhook.test";

/// The type of an attempt that stands for events that could not be sent any more.
pub const GAP: &str = "webhook.gap";

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The event was taken.
    Taken,
    /// It was not; the receiver may have said how long it wants to be left alone.
    Failed { retry_after: Option<TimeDelta> },
    /// The receiver wants nothing any more.
    Gone,
}

impl Endpoint {
    /// The kinds of events that it is sent.
    pub fn kinds(&self) -> &[FactKind] {
        self.event_types.as_deref().unwrap_or(FactKind::ALL)
    }

    /// What becomes of it after a try at the event `sequence` came to `verdict` at `now`. `random` is uniform over its type, and spreads
    /// the retries.
    #[must_use]
    pub fn after(mut self, sequence: i64, verdict: Verdict, now: Instant, random: u32) -> Self {
        match verdict {
            Verdict::Taken => {
                self.cursor = sequence;
                self.forgiven()
            }
            Verdict::Gone => {
                self.failed(now);
                self.disabled()
            }
            Verdict::Failed { retry_after } => {
                self.failed(now);
                if self.failing_since.is_some_and(|since| now - since >= FAILING_MAX) {
                    return self.disabled();
                }
                let wait = RETRIES.delay(self.failures, random).max(retry_after.unwrap_or_default());
                self.next_attempt_at = Some(now + wait.clamp(WAIT_MIN, RETRIES.delay_max));
                self
            }
        }
    }

    /// Active, as if it had never failed.
    #[must_use]
    pub fn enabled(mut self) -> Self {
        self.state = EndpointState::Active;
        self.forgiven()
    }

    fn forgiven(mut self) -> Self {
        self.failures = 0;
        self.failing_since = None;
        self.next_attempt_at = None;
        self
    }

    fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since = self.failing_since.or(Some(now));
    }

    fn disabled(mut self) -> Self {
        self.state = EndpointState::Disabled;
        self.next_attempt_at = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-06-05T06:00:00Z".parse().unwrap()
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            id: EndpointId::generate(now()),
            organisation_id: OrganisationId::generate(now()),
            url: "https://example.com/hook".to_owned(),
            event_types: None,
            cursor: 4,
            state: EndpointState::Active,
            failures: 0,
            failing_since: None,
            next_attempt_at: None,
            revision: 1,
            created_at: now(),
        }
    }

    const FAILED: Verdict = Verdict::Failed { retry_after: None };

    #[test]
    fn what_is_taken_moves_the_cursor_and_forgives() {
        let failing = endpoint().after(5, FAILED, now(), u32::MAX);
        assert_eq!((failing.cursor, failing.failures, failing.failing_since), (4, 1, Some(now())));
        let taken = failing.after(5, Verdict::Taken, now(), 0);
        assert_eq!((taken.cursor, taken.failures, taken.failing_since, taken.next_attempt_at), (5, 0, None, None));
    }

    #[test]
    fn a_failure_is_tried_again_later_each_time_but_within_the_hour() {
        let mut failing = endpoint();
        let mut waits = Vec::new();
        for _ in 0..12 {
            failing = failing.after(5, FAILED, now(), u32::MAX);
            waits.push((failing.next_attempt_at.unwrap() - now()).num_seconds());
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
        let soonest = endpoint().after(5, FAILED, now(), 0);
        assert_eq!(soonest.next_attempt_at, Some(now() + TimeDelta::seconds(1)), "but never in the same moment");
        for (asked, waited) in [(TimeDelta::minutes(7), TimeDelta::minutes(7)), (TimeDelta::MAX, TimeDelta::hours(1))] {
            let asked = Verdict::Failed { retry_after: Some(asked) };
            assert_eq!(endpoint().after(5, asked, now(), 0).next_attempt_at, Some(now() + waited));
        }
    }

    #[test]
    fn whoever_fails_for_five_days_or_is_gone_is_left_alone() {
        let failing = endpoint().after(5, FAILED, now(), 0);
        let late = now() + TimeDelta::days(5);
        assert_eq!(failing.clone().after(5, FAILED, late - TimeDelta::seconds(1), 0).state, EndpointState::Active);
        let disabled = failing.after(5, FAILED, late, 0);
        assert_eq!((disabled.state, disabled.next_attempt_at), (EndpointState::Disabled, None));
        assert_eq!(disabled.failing_since, Some(now()), "it still says since when");
        assert_eq!(endpoint().after(5, Verdict::Gone, now(), 0).state, EndpointState::Disabled);
        let enabled = disabled.enabled();
        assert_eq!((enabled.state, enabled.failures, enabled.failing_since), (EndpointState::Active, 0, None));
    }
}
