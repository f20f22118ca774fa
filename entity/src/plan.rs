//! The table of plans.

use sea_orm::entity::prelude::*;

/// A price list.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plan")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub code: String,
    pub name: String,
    pub monthly_fee_nanos: i64,
    pub included_credit_nanos: i64,
    pub currency: String,
    pub daily_limit: Option<i32>,
    pub monthly_limit: Option<i32>,
    pub created_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
