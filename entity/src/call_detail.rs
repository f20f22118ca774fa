//! The table of call detail records.

use sea_orm::entity::prelude::*;

/// A call as the exchange reported it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_detail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub resource_id: String,
    pub direction: String,
    pub status: String,
    pub duration_seconds: i64,
    pub occurred_at: DateTimeUtc,
    pub customer_id: Option<Uuid>,
    pub channel_id: Option<Uuid>,
    pub country: Option<String>,
    /// A JSON object.
    pub metadata: String,
    pub received_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
