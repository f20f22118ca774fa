//! The table of rates.

use sea_orm::entity::prelude::*;

/// One price of a plan, from a date on.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub plan_id: Uuid,
    pub kind: String,
    pub resource_type: String,
    /// Empty: of any.
    pub category: String,
    /// Empty: of any.
    pub country: String,
    pub effective_from: Date,
    pub model: String,
    /// Of a price per unit only.
    pub unit_price_nanos: Option<i64>,
    /// JSON, see `domain::rating`.
    pub tiers: String,
    pub created_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
