//! The table of the lines of a day of account usage.

use sea_orm::entity::prelude::*;

/// The count of a day for a category, pricing type and country.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_detail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub date: Date,
    #[sea_orm(primary_key, auto_increment = false)]
    pub raw_category: String,
    /// Empty where there is none, since a part of a key cannot be null.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pricing_type: String,
    /// Empty where there is none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub country: String,
    pub organisation_id: Uuid,
    pub category: String,
    pub count: i64,
    /// In 1e-9 of a unit of `fees_currency`; both are present or neither.
    pub fees_nanos: Option<i64>,
    pub fees_currency: Option<String>,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
