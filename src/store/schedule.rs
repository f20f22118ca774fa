//! Schedules in the database. A removed one leaves a tombstone, so that a start does not create it anew.

use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, ScheduleId};
use crate::domain::job::{JobKind, Schedule};
use crate::domain::page::{Page, PageRequest};

/// Adds schedules; one whose organisation has, or had, one of its kind is left out.
pub async fn insert_many(db: &impl Db, schedules: &[Schedule], now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// Writes a schedule over the one that the organisation has or had of its kind, which keeps its id.
pub async fn save(db: &impl Db, schedule: &Schedule, now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// Removes the organisation's schedule of a kind. False if it had none.
pub async fn remove(
    db: &impl Db,
    organisation: OrganisationId,
    kind: JobKind,
    now: Instant,
) -> Result<bool, StoreError> {
    todo!()
}

/// The organisation's schedule of a kind.
pub async fn find(
    db: &impl Db,
    organisation: OrganisationId,
    kind: JobKind,
) -> Result<Option<Schedule>, StoreError> {
    todo!()
}

/// The schedule with this id, whosever it is.
pub async fn find_by_id(db: &impl Db, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
    todo!()
}

/// The organisation's schedules, paused ones included, by kind.
pub async fn list(db: &impl Db, organisation: OrganisationId) -> Result<Vec<Schedule>, StoreError> {
    todo!()
}

/// The schedules of several organisations, paused ones included, by organisation and kind.
pub async fn list_of(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<Schedule>, StoreError> {
    todo!()
}

/// The schedules of these organisations whose time has come, earliest first. On PostgreSQL they are locked until the
/// transaction ends.
pub async fn due(db: &impl Db, organisations: &[OrganisationId], now: Instant) -> Result<Vec<Schedule>, StoreError> {
    todo!()
}

/// Writes the next time of schedules that exist, and nothing else of them.
pub async fn save_next(db: &impl Db, schedules: &[Schedule], now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// A page of schedules, oldest first.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    kind: Option<JobKind>,
    request: &PageRequest<ScheduleId>,
) -> Result<Page<Schedule>, StoreError> {
    todo!()
}

/// Calls `visit` with the next time of every schedule that is not paused, of every active organisation, a portion of rows at
/// a time, so that a hundred thousand are never in memory together.
pub async fn for_each_next(
    db: &impl Db,
    visit: impl FnMut(OrganisationId, JobKind, Instant),
) -> Result<(), StoreError> {
    todo!()
}
