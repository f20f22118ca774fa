//! Turning due schedules into runs, inside the transaction that claims.

use crate::domain::clock::Instant;
use crate::domain::firing::{Firing, Occurrence, fire};
use crate::domain::id::JobRunId;
use crate::domain::job::{JobRun, JobRunState, RetryPolicy, Schedule};

/// What is known of an organisation's runs when one of its schedules fires.
pub(super) struct Company<'a> {
    /// Those that are not over.
    pub(super) unfinished: &'a [JobRun],
    /// The newest that this schedule turned into.
    pub(super) last: Option<&'a JobRun>,
}

impl Company<'_> {
    /// Whether a run that does what the schedule does was under way at `at`, or still is. A run that names its days stands for those
    /// alone. An organisation is not looked at while it has a job running, so by now that run may be over.
    fn is_busy(&self, schedule: &Schedule, at: Instant) -> bool {
        let is_same = |run: &JobRun| run.kind == schedule.kind && run.range.is_none();
        let was_under_way = |run: &JobRun| {
            run.started_at.is_some_and(|started| started <= at) && run.finished_at.is_some_and(|finished| finished > at)
        };
        self.unfinished.iter().any(is_same) || self.last.is_some_and(was_under_way)
    }
}

/// Fires a schedule that was due `at`, its herd offset included: the schedule with its next occurrence, and the runs that it turned
/// into. `None`: nothing was due.
pub(super) fn fired(
    schedule: &Schedule,
    at: Instant,
    company: &Company<'_>,
    policy: &RetryPolicy,
    now: Instant,
) -> Option<(Schedule, Vec<JobRun>)> {
    let busy = company.is_busy(schedule, at);
    let Firing { occurrences, next_run_at } = fire(schedule, now, busy)?;
    let runs = occurrences.into_iter().map(|occurrence| run_of(schedule, occurrence, policy, now)).collect();
    Some((Schedule { next_run_at, ..schedule.clone() }, runs))
}

fn run_of(schedule: &Schedule, occurrence: Occurrence, policy: &RetryPolicy, now: Instant) -> JobRun {
    let run = JobRun {
        id: JobRunId::generate(now),
        schedule_id: Some(schedule.id),
        scheduled_for: occurrence.scheduled_for,
        ..JobRun::queued(schedule.organisation_id, schedule.kind, occurrence.trigger, None, policy, now)
    };
    if !occurrence.skipped {
        return run;
    }
    JobRun {
        state: JobRunState::Skipped,
        finished_at: Some(now),
        error: Some("the run before it was not finished".to_owned()),
        ..run
    }
}
