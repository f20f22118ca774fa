//! The table of usage records.

use sea_orm::entity::prelude::*;

/// One billable event.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub idempotency_key: String,
    /// The first sixteen bytes of a SHA-256 over what was said.
    pub content_hash: Vec<u8>,
    pub kind: String,
    pub resource_type: String,
    pub resource_id: Option<String>,
    pub quantity_micros: i64,
    pub unit_price_nanos: Option<i64>,
    /// Null where the price is of the period, or there is none.
    pub cost_nanos: Option<i64>,
    /// Null: there is no price.
    pub rate_id: Option<Uuid>,
    /// Empty: none.
    pub category: String,
    /// Empty: none.
    pub country: String,
    pub customer_id: Option<Uuid>,
    pub channel_id: Option<Uuid>,
    /// A JSON object; null: an empty one.
    pub metadata: Option<String>,
    pub occurred_at: DateTimeUtc,
    /// The organisation's local day when it was recorded.
    pub date: Date,
    /// The local hour, 0 to 23.
    pub hour: i16,
    /// The first of the month whose invoice it is on.
    pub billing_month: Date,
    /// 1; of a correction 0, or -1 where it takes the first record away.
    pub counts: i16,
    pub amends: Option<Uuid>,
    pub reason: Option<String>,
    pub recorded_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
