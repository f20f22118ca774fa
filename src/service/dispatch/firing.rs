//! Turning due schedules into runs, inside the transaction that claims.

use crate::domain::clock::Instant;
use crate::domain::firing::{Firing, Occurrence, fire};
use crate::domain::id::JobRunId;
use crate::domain::job::{JobRun, JobRunState, RetryPolicy, Schedule};
use crate::service::job_run::new_run;

/// Fires a due schedule: the schedule with its next occurrence, and the runs that it turned into. `None`: nothing was due.
pub(super) fn fired(
    schedule: &Schedule,
    unfinished: &[JobRun],
    policy: &RetryPolicy,
    now: Instant,
) -> Option<(Schedule, Vec<JobRun>)> {
    let busy = unfinished.iter().any(|run| run.kind == schedule.kind);
    let Firing { occurrences, next_run_at } = fire(schedule, now, busy)?;
    let runs = occurrences.into_iter().map(|occurrence| run_of(schedule, occurrence, policy, now)).collect();
    Some((Schedule { next_run_at, ..schedule.clone() }, runs))
}

fn run_of(schedule: &Schedule, occurrence: Occurrence, policy: &RetryPolicy, now: Instant) -> JobRun {
    let run = JobRun {
        id: JobRunId::generate(now),
        schedule_id: Some(schedule.id),
        scheduled_for: occurrence.scheduled_for,
        ..new_run(schedule.organisation_id, schedule.kind, occurrence.trigger, None, policy, now)
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
