//! Access tokens in the database, found by the hash of their secret.

use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, TokenId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::token::Token;

/// The most tokens that [`list`] returns.
pub const LIST_MAX: u64 = 10_000;

/// Adds a token under the SHA-256 of its secret.
pub async fn insert(db: &impl Db, token: &Token, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
    todo!()
}

/// The token with this secret, live or not.
pub async fn find_by_hash(db: &impl Db, secret_hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    todo!()
}

/// The token with this id, live or not.
pub async fn find(db: &impl Db, id: TokenId) -> Result<Option<Token>, StoreError> {
    todo!()
}

/// A page of tokens, oldest first: of one organisation, or (`None`) all there are, admin tokens included.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    request: &PageRequest<TokenId>,
) -> Result<Page<Token>, StoreError> {
    todo!()
}

/// All tokens, oldest first, at most [`LIST_MAX`].
pub async fn list(db: &impl Db) -> Result<Vec<Token>, StoreError> {
    todo!()
}

/// Revokes a token. False, and nothing done, if there is none with this id or it was revoked before.
pub async fn revoke(db: &impl Db, id: TokenId, now: Instant) -> Result<bool, StoreError> {
    todo!()
}

/// Notes when tokens were last used.
pub async fn touch(db: &impl Db, uses: &[(TokenId, Instant)]) -> Result<(), StoreError> {
    todo!()
}
