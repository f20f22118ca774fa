//! The table of months of account usage.

use sea_orm::entity::prelude::*;

/// A month of a channel, made of its days.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "monthly_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    /// The month's first day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub month: Date,
    pub organisation_id: Uuid,
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
    pub days: i32,
    pub computed_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
