//! Reading what admins did.

use std::sync::Arc;

use super::{Core, ServiceError};
use crate::domain::audit::AuditEntry;
use crate::domain::id::{AuditEntryId, OrganisationId};
use crate::domain::page::{Page, PageRequest};
use crate::store;

/// Shows the audit log.
#[derive(Debug, Clone)]
pub struct AuditService {
    core: Arc<Core>,
}

impl AuditService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Entries, newest first; those about one organisation, or all.
    pub async fn page(
        &self,
        organisation: Option<OrganisationId>,
        request: &PageRequest<AuditEntryId>,
    ) -> Result<Page<AuditEntry>, ServiceError> {
        Ok(store::audit::page(self.core.store().read(), organisation, request).await?)
    }
}
