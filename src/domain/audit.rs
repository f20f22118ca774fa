//! What an admin did, written down in the transaction that did it.

use super::clock::Instant;
use super::id::{AuditEntryId, OrganisationId, TokenId};

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    pub id: AuditEntryId,
    /// The organisation that the action concerned, if it was one.
    pub organisation_id: Option<OrganisationId>,
    /// The token that acted; `None`: the command line.
    pub token_id: Option<TokenId>,
    /// The token's name at the time, or `command line`.
    pub actor: String,
    /// The mutation's name.
    pub action: String,
    /// The id of what was acted on.
    pub target: Option<String>,
    /// The arguments, without secrets.
    pub details: serde_json::Value,
    pub at: Instant,
}
