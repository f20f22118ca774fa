//! Organisations in the database.

use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::job::JobKind;
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};

/// Which organisations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of the name or of the external id, in any case.
    pub search: Option<String>,
    pub active: Option<bool>,
}

/// The order of a list of organisations. Oldest and newest go by id, which is made in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NameAscending,
    NameDescending,
    OldestFirst,
    NewestFirst,
}

/// Where an organisation stands in an [`Order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name in the orders by name, else empty.
    pub key: String,
    pub id: OrganisationId,
}

/// Adds an organisation; [`StoreError::Unique`] when its id or external id is taken.
pub async fn insert(db: &impl Db, organisation: &Organisation, now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// Overwrites an organisation; [`StoreError::Unique`] when its external id is taken.
pub async fn update(db: &impl Db, organisation: &Organisation, now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// The organisation with this id.
pub async fn find(db: &impl Db, id: OrganisationId) -> Result<Option<Organisation>, StoreError> {
    todo!()
}

/// Those of the ids that exist, in no particular order.
pub async fn find_many(db: &impl Db, ids: &[OrganisationId]) -> Result<Vec<Organisation>, StoreError> {
    todo!()
}

/// A page of the organisations in an order.
pub async fn page(
    db: &impl Db,
    filter: &Filter,
    order: Order,
    request: &PageRequest<Place>,
) -> Result<Page<Organisation>, StoreError> {
    todo!()
}

/// How many there are.
pub async fn count(db: &impl Db, filter: &Filter) -> Result<i64, StoreError> {
    todo!()
}

/// Organisations, active or not, that never had a schedule of this kind (one that was removed counts as had); at most `limit`.
pub async fn without_schedule(db: &impl Db, kind: JobKind, limit: u64) -> Result<Vec<Organisation>, StoreError> {
    todo!()
}
