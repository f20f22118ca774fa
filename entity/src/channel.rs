//! The table of channels.

use sea_orm::entity::prelude::*;

/// A connected account of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "channel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub kind: String,
    /// Present together with `account`.
    pub bsp: Option<String>,
    pub account: Option<String>,
    pub name: String,
    pub phone_number: Option<String>,
    /// Encrypted.
    pub credentials: Option<Vec<u8>>,
    pub status: String,
    pub status_reason: Option<String>,
    pub usage_high_water: Option<Date>,
    /// An IANA name.
    pub account_zone: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
