//! Access tokens in the database, found by the hash of their secret.

use std::collections::HashMap;

use entity::token::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, Value,
};

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, ROWS_MAX, read, read_all};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, TokenId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::token::{Token, TokenScope};

/// The most tokens that [`list`] returns.
pub const LIST_MAX: u64 = 10_000;

/// Adds a token under the SHA-256 of its secret.
pub async fn insert(db: &impl Db, token: &Token, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
    row::insert::<_, ActiveModel>(db, vec![to_row(token, secret_hash)], None).await?;
    Ok(())
}

/// The token with this secret, live or not.
pub async fn find_by_hash(db: &impl Db, secret_hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    let query = Entity::find().filter(Column::SecretHash.eq(secret_hash.to_vec()));
    query.one(db).await?.map(from_row).transpose()
}

/// The token with this id, live or not.
pub async fn find(db: &impl Db, id: TokenId) -> Result<Option<Token>, StoreError> {
    Entity::find_by_id(id.uuid()).one(db).await?.map(from_row).transpose()
}

/// A page of tokens, oldest first: of one organisation, or (`None`) all there are, admin tokens included.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    request: &PageRequest<TokenId>,
) -> Result<Page<Token>, StoreError> {
    let mut query = Entity::find();
    if let Some(organisation) = organisation {
        query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
    }
    let keyset = Keyset { columns: [Column::Id], descending: false };
    keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?.try_map(from_row)
}

/// All tokens, oldest first, at most [`LIST_MAX`].
pub async fn list(db: &impl Db) -> Result<Vec<Token>, StoreError> {
    read_all(Entity::find().order_by_asc(Column::Id).limit(LIST_MAX).all(db).await?, from_row)
}

/// The hash under which the token is found.
pub async fn hash_of(db: &impl Db, id: TokenId) -> Result<Option<[u8; 32]>, StoreError> {
    let row = Entity::find_by_id(id.uuid()).one(db).await?;
    row.map(|row| row::read_hash("token.secret_hash", &row.secret_hash)).transpose()
}

/// Revokes a token. False, and nothing done, if there is none with this id or it was revoked before.
pub async fn revoke(db: &impl Db, id: TokenId, now: Instant) -> Result<bool, StoreError> {
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(revoked.rows_affected > 0)
}

/// Notes when tokens were last used. A use that is older than the one noted is passed over.
pub async fn touch(db: &impl Db, uses: &[(TokenId, Instant)]) -> Result<(), StoreError> {
    let mut latest = HashMap::new();
    for (id, at) in uses {
        let known = latest.entry(*id).or_insert(*at);
        *known = (*at).max(*known);
    }
    // In the order of ids, so that two writers of the same rows do not wait for each other.
    let mut latest: Vec<(TokenId, Instant)> = latest.into_iter().collect();
    latest.sort_unstable();
    for batch in latest.chunks(ROWS_MAX) {
        let places = row::places(batch.len(), 2);
        let sql = format!(
            "UPDATE token SET last_used_at = fresh.column2 FROM (VALUES {places}) AS fresh \
             WHERE token.id = fresh.column1 AND (token.last_used_at IS NULL OR token.last_used_at < fresh.column2)"
        );
        let values = batch.iter().flat_map(|(id, at)| [Value::from(id.uuid()), Value::from(*at)]);
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

fn to_row(token: &Token, secret_hash: &[u8; 32]) -> Model {
    Model {
        id: token.id.uuid(),
        organisation_id: token.organisation_id.map(OrganisationId::uuid),
        name: token.name.clone(),
        secret_hash: secret_hash.to_vec(),
        scopes: token.scopes.iter().map(|scope| scope.code()).collect::<Vec<_>>().join(" "),
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
        created_at: token.created_at,
    }
}

fn from_row(row: Model) -> Result<Token, StoreError> {
    Ok(Token {
        id: TokenId::from_uuid(row.id),
        organisation_id: row.organisation_id.map(OrganisationId::from_uuid),
        name: row.name,
        scopes: read_all(row.scopes.split_ascii_whitespace(), |code| {
            read("token.scopes", code, TokenScope::from_code)
        })?,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
        created_at: row.created_at,
    })
}
