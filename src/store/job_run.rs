//! Job runs in the database, with their outcomes per channel.

use std::collections::HashMap;

use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{JobRunId, OrganisationId, ScheduleId};
use crate::domain::job::{ChannelOutcome, JobKind, JobRun, JobRunState, Progress};
use crate::domain::page::{Page, PageRequest};

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub organisation: Option<OrganisationId>,
    pub kind: Option<JobKind>,
    pub states: Option<Vec<JobRunState>>,
}

/// Adds runs; one whose schedule has a run for the same time is left out. How many were added.
pub async fn insert_many(db: &impl Db, runs: &[JobRun], epoch: i64, now: Instant) -> Result<u64, StoreError> {
    todo!()
}

/// Writes runs over those with their ids, or adds them. Each id at most once.
pub async fn save_many(db: &impl Db, runs: &[JobRun], epoch: i64, now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// The run with this id, whosever it is.
pub async fn find(db: &impl Db, id: JobRunId) -> Result<Option<JobRun>, StoreError> {
    todo!()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[JobRunId]) -> Result<Vec<JobRun>, StoreError> {
    todo!()
}

/// The runs of these organisations that are queued, retrying or running, by the time they were due.
pub async fn unfinished(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<JobRun>, StoreError> {
    todo!()
}

/// The runs of these organisations that run and shall stop.
pub async fn cancel_requested(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<JobRunId>, StoreError> {
    todo!()
}

/// Writes how far a run has come. False, and nothing done, unless it runs under this epoch.
pub async fn set_progress(
    db: &impl Db,
    organisation: OrganisationId,
    id: JobRunId,
    epoch: i64,
    progress: Progress,
    now: Instant,
) -> Result<bool, StoreError> {
    todo!()
}

/// Writes how a run went for channels, over what was written before.
pub async fn save_outcomes(
    db: &impl Db,
    organisation: OrganisationId,
    run: JobRunId,
    outcomes: &[ChannelOutcome],
) -> Result<(), StoreError> {
    todo!()
}

/// How runs went for their channels, by channel. A run without any is absent.
pub async fn outcomes(
    db: &impl Db,
    runs: &[JobRunId],
) -> Result<HashMap<JobRunId, Vec<ChannelOutcome>>, StoreError> {
    todo!()
}

/// The newest run of each schedule. A schedule that never ran is absent.
pub async fn last_of_schedules(
    db: &impl Db,
    schedules: &[ScheduleId],
) -> Result<HashMap<ScheduleId, JobRun>, StoreError> {
    todo!()
}

/// A page of runs, newest first.
pub async fn page(
    db: &impl Db,
    filter: &Filter,
    request: &PageRequest<JobRunId>,
) -> Result<Page<JobRun>, StoreError> {
    todo!()
}

/// How many runs are queued, running, retrying and failed; a state without any is absent.
pub async fn count_by_state(db: &impl Db) -> Result<Vec<(JobRunState, i64)>, StoreError> {
    todo!()
}

/// Runs that an earlier epoch left running.
pub async fn running_before_epoch(db: &impl Db, epoch: i64) -> Result<Vec<JobRun>, StoreError> {
    todo!()
}

/// Calls `visit` with the time of every run that waits: when a queued one was due, when a retrying one is tried again. A
/// portion of rows at a time, in no particular order.
pub async fn for_each_waiting(
    db: &impl Db,
    visit: impl FnMut(OrganisationId, Instant),
) -> Result<(), StoreError> {
    todo!()
}

/// Removes runs of the organisation in these states that finished before `before`, with their outcomes; at most `limit`. How
/// many were removed.
pub async fn delete_finished(
    db: &impl Db,
    organisation: OrganisationId,
    states: &[JobRunState],
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    todo!()
}
