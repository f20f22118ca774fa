//! The table of the lines of invoices.

use sea_orm::entity::prelude::*;

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub invoice_id: Uuid,
    pub position: i32,
    pub source: String,
    pub description: String,
    pub kind: Option<String>,
    pub resource_type: Option<String>,
    pub category: Option<String>,
    pub country: Option<String>,
    pub rate_id: Option<Uuid>,
    pub usage_month: Option<Date>,
    pub quantity_micros: i64,
    pub unit_price_nanos: Option<i64>,
    pub amount_nanos: i64,
    /// JSON: how a tiered price was made.
    pub steps: String,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
