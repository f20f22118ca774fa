//! Channels in the database.

use chrono::NaiveDate;

use super::{Db, StoreError};
use crate::domain::channel::{BspKind, Channel, ChannelKind};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::period::Zone;

/// Credentials as they rest: encrypted by `service`, opaque here.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCredentials(pub Vec<u8>);

impl std::fmt::Debug for SealedCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedCredentials({} bytes)", self.0.len())
    }
}

/// Adds a channel.
pub async fn insert(
    db: &impl Db,
    channel: &Channel,
    credentials: Option<&SealedCredentials>,
    now: Instant,
) -> Result<(), StoreError> {
    todo!()
}

/// Overwrites a channel of its organisation; `None` keeps the credentials as they are.
pub async fn update(
    db: &impl Db,
    channel: &Channel,
    credentials: Option<&SealedCredentials>,
    now: Instant,
) -> Result<(), StoreError> {
    todo!()
}

/// The organisation's channel with this id.
pub async fn find(db: &impl Db, organisation: OrganisationId, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    todo!()
}

/// The channel with this id, whosever it is: the caller must look at its organisation.
pub async fn find_any(db: &impl Db, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    todo!()
}

/// Those of the ids that exist, whosever they are, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[ChannelId]) -> Result<Vec<Channel>, StoreError> {
    todo!()
}

/// The organisation's channels, oldest first.
pub async fn list(
    db: &impl Db,
    organisation: OrganisationId,
    kind: Option<ChannelKind>,
    bsp: Option<BspKind>,
) -> Result<Vec<Channel>, StoreError> {
    todo!()
}

/// The channels of several organisations, oldest first.
pub async fn list_of(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<Channel>, StoreError> {
    todo!()
}

/// The credentials of the organisation's channel, where it has any.
pub async fn credentials(
    db: &impl Db,
    organisation: OrganisationId,
    id: ChannelId,
) -> Result<Option<SealedCredentials>, StoreError> {
    todo!()
}

/// How many channels the organisation has.
pub async fn count(db: &impl Db, organisation: OrganisationId) -> Result<i64, StoreError> {
    todo!()
}

/// Stops an active channel until somebody looks after it. False, and nothing done, if it was not active.
pub async fn mark_needs_attention(
    db: &impl Db,
    organisation: OrganisationId,
    id: ChannelId,
    reason: &str,
    now: Instant,
) -> Result<bool, StoreError> {
    todo!()
}

/// Notes what a pull found out. The high-water mark only ever moves forward; `None` leaves what is there.
pub async fn record_pull(
    db: &impl Db,
    organisation: OrganisationId,
    id: ChannelId,
    high_water: Option<NaiveDate>,
    zone: Option<Zone>,
    now: Instant,
) -> Result<(), StoreError> {
    todo!()
}
