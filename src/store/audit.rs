//! The audit log in the database.

use super::{Db, StoreError};
use crate::domain::audit::AuditEntry;
use crate::domain::id::{AuditEntryId, OrganisationId};
use crate::domain::page::{Page, PageRequest};

/// Adds an entry.
pub async fn insert(db: &impl Db, entry: &AuditEntry) -> Result<(), StoreError> {
    todo!()
}

/// A page of entries, newest first: those that concern one organisation, or (`None`) all.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    request: &PageRequest<AuditEntryId>,
) -> Result<Page<AuditEntry>, StoreError> {
    todo!()
}
