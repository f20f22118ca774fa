//! The table of access tokens.

use sea_orm::entity::prelude::*;

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Absent: an admin token.
    pub organisation_id: Option<Uuid>,
    pub name: String,
    /// SHA-256, unique.
    pub secret_hash: Vec<u8>,
    /// Codes, separated by spaces.
    pub scopes: String,
    pub expires_at: Option<DateTimeUtc>,
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
