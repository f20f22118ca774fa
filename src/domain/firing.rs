//! What a schedule whose time has come turns into: which runs, for which occurrences, and when it is next.

use super::clock::Instant;
use super::job::{JobTrigger, Missed, Overlap, Schedule};

/// An occurrence that becomes a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    pub scheduled_for: Instant,
    pub trigger: JobTrigger,
    /// The one before still runs, and this kind of job does not wait for it.
    pub skipped: bool,
}

/// What a due schedule turns into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Oldest first.
    pub occurrences: Vec<Occurrence>,
    /// The next occurrence, after now; `None`: never again.
    pub next_run_at: Option<Instant>,
}

/// The most occurrences that one firing turns into runs. What is left comes with the next firing, so nothing is dropped that
/// must not be, and nothing grows with the length of a downtime.
const OCCURRENCES_MAX: usize = 100;

/// Fires `schedule` at `now`. The occurrence after one is computed from that one, not from the present. `unfinished`: a run of this
/// schedule's kind is still under way.
///
/// Returns `None` while nothing is due.
pub fn fire(schedule: &Schedule, now: Instant, unfinished: bool) -> Option<Firing> {
    let first = schedule.next_run_at.filter(|at| *at <= now && !schedule.paused)?;
    let next_after = |at| schedule.cron.next_after(schedule.time_zone, at);
    let second = next_after(first);
    let skipped = unfinished && schedule.kind.overlap() == Overlap::Skip;
    let occurrence = |scheduled_for, missed: bool| Occurrence {
        scheduled_for,
        trigger: if missed { JobTrigger::CatchUp } else { JobTrigger::Schedule },
        skipped,
    };
    if second.is_none_or(|second| second > now) {
        return Some(Firing { occurrences: vec![occurrence(first, false)], next_run_at: second });
    }
    match schedule.kind.missed() {
        // One run stands for all; it is keyed by the oldest, so that firing again after a crash finds it there.
        Missed::OneForAll => Some(Firing { occurrences: vec![occurrence(first, true)], next_run_at: next_after(now) }),
        Missed::Every => Some(every(first, now, OCCURRENCES_MAX, next_after, occurrence)),
        Missed::Newest(most) => {
            let most = usize::from(most).min(OCCURRENCES_MAX);
            let start = newest_start(first, now, most, next_after);
            Some(every(start, now, most, next_after, occurrence))
        }
    }
}

/// The occurrences from `first` up to `now`, at most `most`; the rest is left due.
fn every(
    first: Instant,
    now: Instant,
    most: usize,
    next_after: impl Fn(Instant) -> Option<Instant>,
    occurrence: impl Fn(Instant, bool) -> Occurrence,
) -> Firing {
    let mut occurrences = Vec::new();
    let mut at = Some(first);
    while let Some(due) = at.filter(|due| *due <= now && occurrences.len() < most) {
        at = next_after(due);
        occurrences.push(occurrence(due, at.is_some_and(|next| next <= now)));
    }
    Firing { occurrences, next_run_at: at }
}

/// Where to start so that only the newest `most` occurrences up to `now` are left. Looks back from the present in widening
/// steps, so its cost follows `most`, not the length of the downtime.
fn newest_start(first: Instant, now: Instant, most: usize, next_after: impl Fn(Instant) -> Option<Instant>) -> Instant {
    let mut window = std::collections::VecDeque::with_capacity(most + 1);
    let mut from = first;
    for days in [40_i64, 100, 400, 1_200] {
        let back = now - chrono::TimeDelta::days(days);
        if back <= first {
            break;
        }
        let count = std::iter::successors(next_after(back), |at| next_after(*at))
            .take_while(|at| *at <= now)
            .take(most)
            .count();
        if count == most {
            from = next_after(back).unwrap_or(first);
            break;
        }
    }
    for at in std::iter::successors(Some(from), |at| next_after(*at)).take_while(|at| *at <= now).take(4 * 1_200) {
        window.push_back(at);
        if window.len() > most {
            window.pop_front();
        }
    }
    window.front().copied().unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{OrganisationId, ScheduleId};
    use crate::domain::job::JobKind;
    use crate::domain::period::Zone;
    use crate::domain::schedule::Cron;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn schedule(kind: JobKind, next_run_at: &str) -> Schedule {
        Schedule {
            id: ScheduleId::generate(at("2026-01-01T00:00:00Z")),
            organisation_id: OrganisationId::generate(at("2026-01-01T00:00:00Z")),
            kind,
            cron: Cron::parse("cron", "0 9 * * *").unwrap(),
            time_zone: Zone::parse("timeZone", "Asia/Kolkata").unwrap(),
            paused: false,
            next_run_at: Some(at(next_run_at)),
        }
    }

    #[test]
    fn what_is_due_fires_once_and_is_next_due_tomorrow() {
        let schedule = schedule(JobKind::DailyUsage, "2026-06-05T03:30:00Z");
        assert_eq!(fire(&schedule, at("2026-06-05T03:29:59Z"), false), None);
        let firing = fire(&schedule, at("2026-06-05T03:30:00Z"), false).unwrap();
        assert_eq!(firing.next_run_at, Some(at("2026-06-06T03:30:00Z")));
        let [only] = firing.occurrences[..] else { panic!("{firing:?}") };
        assert_eq!(
            only,
            Occurrence { scheduled_for: at("2026-06-05T03:30:00Z"), trigger: JobTrigger::Schedule, skipped: false }
        );
    }

    #[test]
    fn five_missed_days_of_usage_are_one_run() {
        let firing =
            fire(&schedule(JobKind::DailyUsage, "2026-06-05T03:30:00Z"), at("2026-06-10T12:00:00Z"), false).unwrap();
        assert_eq!(firing.occurrences.len(), 1);
        assert_eq!(firing.occurrences[0].trigger, JobTrigger::CatchUp);
        assert_eq!(firing.next_run_at, Some(at("2026-06-11T03:30:00Z")));
    }

    #[test]
    fn missed_snapshots_are_made_up_for_the_newest_31_days_and_invoices_for_all() {
        let now = at("2026-06-10T12:00:00Z");
        let firing = fire(&schedule(JobKind::DailySnapshot, "2024-01-01T03:30:00Z"), now, false).unwrap();
        assert_eq!(firing.occurrences.len(), 31);
        assert_eq!(firing.occurrences[0].scheduled_for, at("2026-05-11T03:30:00Z"));
        assert_eq!(firing.occurrences[30].scheduled_for, at("2026-06-10T03:30:00Z"));
        assert_eq!(firing.next_run_at, Some(at("2026-06-11T03:30:00Z")));

        let firing = fire(&schedule(JobKind::InvoiceClose, "2026-01-01T03:30:00Z"), now, false).unwrap();
        assert_eq!(firing.occurrences.len(), OCCURRENCES_MAX);
        assert_eq!(firing.next_run_at, Some(at("2026-04-11T03:30:00Z")), "what is left stays due");
    }

    #[test]
    fn a_pull_that_still_runs_skips_the_next_and_a_snapshot_waits() {
        let now = at("2026-06-05T03:30:00Z");
        assert!(
            fire(&schedule(JobKind::DailyUsage, "2026-06-05T03:30:00Z"), now, true).unwrap().occurrences[0].skipped
        );
        assert!(
            !fire(&schedule(JobKind::DailySnapshot, "2026-06-05T03:30:00Z"), now, true).unwrap().occurrences[0].skipped
        );
    }
}
