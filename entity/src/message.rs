//! The table of messages.

use sea_orm::entity::prelude::*;

/// A message with its whole life so far.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub external_id: String,
    pub channel_id: Uuid,
    pub direction: String,
    pub customer_id: Uuid,
    pub campaign_id: Option<Uuid>,
    pub conversation_id: Option<String>,
    /// Empty: none is known.
    pub category: String,
    /// Empty: none is known.
    pub pricing_type: String,
    pub created_at: DateTimeUtc,
    pub sent_at: Option<DateTimeUtc>,
    pub delivered_at: Option<DateTimeUtc>,
    pub read_at: Option<DateTimeUtc>,
    pub failed_at: Option<DateTimeUtc>,
    pub replied_at: Option<DateTimeUtc>,
    pub failure: Option<String>,
    /// The local day of `created_at`.
    pub date: Date,
    pub received_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
