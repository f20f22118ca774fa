//! The table of bodies that BSPs sent.

use sea_orm::entity::prelude::*;

/// A body that a BSP sent.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_payload")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub channel_id: Uuid,
    pub source: String,
    pub range_from: Date,
    /// Included.
    pub range_to: Date,
    /// Unique within the channel.
    pub sha256: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub fetched_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
