//! What an attempt of a job came to, what becomes of its run because of it, and how long a server asks to be left alone.

use chrono::{DateTime, TimeDelta};

use super::clock::Instant;
use super::job::{JobRun, JobRunState, RetryPolicy};

/// What an attempt came to. `partial`: something was achieved, by this attempt or an earlier one of the same run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All that was to be done is done.
    Done,
    /// Some of it is done, and trying again would change nothing.
    Partial { error: String },
    /// It failed in a way that passes: try again, as long as attempts are left.
    Retry { error: String, partial: bool },
    /// It was asked to come back later, which costs no attempt.
    Wait { until: Instant, error: String, partial: bool },
    /// It failed in a way that does not pass by itself.
    Stop { error: String, partial: bool },
    /// Somebody cancelled it.
    Cancelled,
    /// The node had to let go of it: it goes back as if it had not been tried.
    Released,
}

/// The shortest wait before another attempt: a gate that is said to open at once may still be closing, and a retry in the same moment, as
/// its spread over all of the delay would now and then have it, finds what it found before.
const WAIT_MIN: TimeDelta = TimeDelta::seconds(1);

/// What `run` becomes after an attempt came to `verdict` at `now`. `random` is uniform and spreads the retries.
#[must_use]
pub fn settle(mut run: JobRun, verdict: Verdict, now: Instant, policy: &RetryPolicy, random: u32) -> JobRun {
    let finished = |mut run: JobRun, state, error| {
        run.state = state;
        run.error = error;
        run.finished_at = Some(now);
        run.next_attempt_at = None;
        run.cancel_requested = false;
        run
    };
    let ended_badly = |partial| if partial { JobRunState::Partial } else { JobRunState::Failed };
    // Who asked for the run to be cancelled is served before it is tried again.
    let verdict = match verdict {
        Verdict::Retry { .. } | Verdict::Wait { .. } | Verdict::Released if run.cancel_requested => Verdict::Cancelled,
        verdict @ (Verdict::Done
        | Verdict::Partial { .. }
        | Verdict::Stop { .. }
        | Verdict::Cancelled
        | Verdict::Retry { .. }
        | Verdict::Wait { .. }
        | Verdict::Released) => verdict,
    };
    match verdict {
        Verdict::Done => finished(run, JobRunState::Succeeded, None),
        Verdict::Partial { error } => finished(run, JobRunState::Partial, Some(error)),
        Verdict::Cancelled => finished(run, JobRunState::Cancelled, Some("cancelled on request".to_owned())),
        Verdict::Stop { error, partial } => finished(run, ended_badly(partial), Some(error)),
        Verdict::Retry { error, partial } if run.attempt >= run.max_attempts => {
            finished(run, ended_badly(partial), Some(error))
        }
        Verdict::Retry { error, .. } => {
            run.next_attempt_at = Some(now + policy.delay(run.attempt, random).max(WAIT_MIN));
            run.state = JobRunState::Retrying;
            run.error = Some(error);
            run
        }
        Verdict::Wait { until, error, .. } => {
            run.attempt = (run.attempt - 1).max(0);
            run.next_attempt_at = Some(until.max(now + WAIT_MIN));
            run.state = JobRunState::Retrying;
            run.error = Some(error);
            run
        }
        Verdict::Released => {
            run.attempt = (run.attempt - 1).max(0);
            run.state = JobRunState::Queued;
            run.next_attempt_at = None;
            run
        }
    }
}

/// What `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3); a date in the past is no wait at all.
pub fn retry_after(text: &str, now: Instant) -> Option<TimeDelta> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More seconds than fit are as good as the longest wait, to which whoever waits cuts it.
        return Some(text.parse().ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?.to_utc();
    Some((date - now).max(TimeDelta::zero()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{JobRunId, OrganisationId};
    use crate::domain::job::{JobKind, JobTrigger};

    fn now() -> Instant {
        "2026-06-05T09:00:00Z".parse().unwrap()
    }

    fn running(attempt: i32) -> JobRun {
        JobRun {
            id: JobRunId::generate(now()),
            organisation_id: OrganisationId::generate(now()),
            schedule_id: None,
            kind: JobKind::DailyUsage,
            subject: None,
            customer_id: None,
            trigger: JobTrigger::Manual,
            state: JobRunState::Running,
            scheduled_for: now(),
            started_at: Some(now()),
            finished_at: None,
            attempt,
            max_attempts: 8,
            next_attempt_at: None,
            error: None,
            range: None,
            progress: None,
            bootstrap: None,
            cancel_requested: false,
        }
    }

    fn after(attempt: i32, verdict: Verdict) -> JobRun {
        settle(running(attempt), verdict, now(), &RetryPolicy::default(), u32::MAX)
    }

    #[test]
    fn a_passing_failure_is_tried_again_until_the_attempts_are_used_up() {
        let failure = |partial| Verdict::Retry { error: "HTTP 500".to_owned(), partial };
        let second = after(1, failure(false));
        assert_eq!((second.state, second.attempt), (JobRunState::Retrying, 1));
        assert_eq!(second.next_attempt_at, Some(now() + TimeDelta::seconds(30)));
        let soonest = settle(running(1), failure(false), now(), &RetryPolicy::default(), 0);
        assert_eq!(soonest.next_attempt_at, Some(now() + TimeDelta::seconds(1)), "but never in the same moment");
        assert_eq!(after(8, failure(false)).state, JobRunState::Failed);
        assert_eq!(after(8, failure(true)).state, JobRunState::Partial);
    }

    #[test]
    fn waiting_costs_no_attempt_and_is_never_shorter_than_a_second() {
        let until = now() + TimeDelta::minutes(19);
        let run = after(3, Verdict::Wait { until, error: "429".to_owned(), partial: false });
        assert_eq!((run.state, run.attempt, run.next_attempt_at), (JobRunState::Retrying, 2, Some(until)));
        let run = after(8, Verdict::Wait { until: now(), error: "429".to_owned(), partial: false });
        assert_eq!((run.attempt, run.next_attempt_at), (7, Some(now() + TimeDelta::seconds(1))));
    }

    #[test]
    fn what_does_not_pass_is_dead_lettered_at_once() {
        let run = after(1, Verdict::Stop { error: "token expired".to_owned(), partial: false });
        assert_eq!((run.state, run.finished_at, run.next_attempt_at), (JobRunState::Failed, Some(now()), None));
        assert_eq!(after(1, Verdict::Stop { error: String::new(), partial: true }).state, JobRunState::Partial);
    }

    #[test]
    fn a_released_run_goes_back_untouched_unless_it_was_to_be_cancelled() {
        let run = after(1, Verdict::Released);
        assert_eq!((run.state, run.attempt, run.finished_at), (JobRunState::Queued, 0, None));
        let cancelled = JobRun { cancel_requested: true, ..running(1) };
        let run = settle(cancelled, Verdict::Released, now(), &RetryPolicy::default(), 0);
        assert_eq!((run.state, run.finished_at), (JobRunState::Cancelled, Some(now())));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = "2026-06-05T12:00:00Z".parse().unwrap();
        let read = |text: &str| retry_after(text, now);
        assert_eq!(read("120"), Some(TimeDelta::seconds(120)));
        assert_eq!(read("Fri, 05 Jun 2026 12:03:00 GMT"), Some(TimeDelta::minutes(3)));
        assert_eq!(read("Fri, 05 Jun 2026 11:00:00 GMT"), Some(TimeDelta::zero()));
        assert_eq!(read("99999999999999999999"), Some(TimeDelta::MAX));
        assert_eq!(read("soon"), None);
        assert_eq!(read(""), None);
    }
}
