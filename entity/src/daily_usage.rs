//! The table of days of account usage.

use sea_orm::entity::prelude::*;

/// A day of a channel, as its BSP reports it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "daily_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub date: Date,
    pub organisation_id: Uuid,
    pub unit: String,
    pub marketing: i64,
    pub utility: i64,
    pub authentication: i64,
    pub authentication_international: i64,
    pub marketing_lite: i64,
    pub service: i64,
    pub free_utility: i64,
    pub free_entry_point: i64,
    pub free_tier: i64,
    pub other: i64,
    /// The message counts are present all together or not at all.
    pub messages_incoming: Option<i64>,
    pub messages_outgoing: Option<i64>,
    pub messages_outgoing_media: Option<i64>,
    pub messages_template: Option<i64>,
    pub messages_template_media: Option<i64>,
    pub messages_total: Option<i64>,
    /// In 1e-9 of a unit of `fees_currency`; both are present or neither.
    pub fees_nanos: Option<i64>,
    pub fees_currency: Option<String>,
    pub complete: bool,
    pub revision: i32,
    pub fetched_at: DateTimeUtc,
    /// SHA-256 over what is said of the day.
    pub content_hash: Vec<u8>,
    /// Absent once the payload was removed.
    pub payload_id: Option<Uuid>,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
