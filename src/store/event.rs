//! The event log: what happened, numbered per organisation and over all.

use super::{Db, StoreError, Transaction};
use crate::domain::clock::Instant;
use crate::domain::event::{Event, FactKind, NewEvent};
use crate::domain::id::OrganisationId;

/// Adds events to the log, in their order. Call it last in the transaction: on PostgreSQL it takes a lock that is held until
/// the transaction ends, so that positions are committed in the order in which they count.
pub async fn append(tx: &Transaction, events: &[NewEvent], now: Instant) -> Result<Vec<Event>, StoreError> {
    todo!()
}

/// The organisation's events of some kinds after a sequence number, oldest first, at most `limit`.
pub async fn after(
    db: &impl Db,
    organisation: OrganisationId,
    sequence: i64,
    kinds: &[FactKind],
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    todo!()
}

/// The events of all organisations of some kinds after a position, oldest first, at most `limit`.
pub async fn after_position(
    db: &impl Db,
    position: i64,
    kinds: &[FactKind],
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    todo!()
}

/// The sequence number of the organisation's newest event, 0 if it has none.
pub async fn last_sequence(db: &impl Db, organisation: OrganisationId) -> Result<i64, StoreError> {
    todo!()
}

/// The position of the newest event, 0 if there is none.
pub async fn last_position(db: &impl Db) -> Result<i64, StoreError> {
    todo!()
}
