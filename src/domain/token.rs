//! Access tokens: who a caller is and what they may do.

use super::clock::Instant;
use super::code::coded;
use super::id::{OrganisationId, TokenId};

coded! {
    /// What a token allows.
    TokenScope {
        /// Queries and subscriptions.
        Read = "READ",
        /// Recording usage.
        Record = "RECORD",
        /// Administration; only of a token that belongs to no organisation.
        Admin = "ADMIN",
    }
}

/// A token as it is stored; its secret is known only to its holder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Token {
    pub id: TokenId,
    /// `None`: an admin token, which reaches every organisation.
    pub organisation_id: Option<OrganisationId>,
    pub name: String,
    /// Sorted, without repetition, not empty.
    pub scopes: Vec<TokenScope>,
    pub expires_at: Option<Instant>,
    pub last_used_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
    pub created_at: Instant,
}

impl Token {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }
}
