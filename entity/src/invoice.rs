//! The table of invoices.

use sea_orm::entity::prelude::*;

/// A month that is billed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub month: Date,
    pub state: String,
    pub number: Option<String>,
    pub plan_id: Uuid,
    pub currency: String,
    pub subtotal_nanos: i64,
    pub credits_applied_nanos: i64,
    pub total_nanos: i64,
    pub issued_at: DateTimeUtc,
    pub finalized_at: Option<DateTimeUtc>,
    pub paid_at: Option<DateTimeUtc>,
    pub voided_at: Option<DateTimeUtc>,
    pub void_reason: Option<String>,
    /// JSON; null in a draft.
    pub parties: Option<String>,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
