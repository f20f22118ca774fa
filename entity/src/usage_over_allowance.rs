//! The table of records that went beyond an allowance.

use sea_orm::entity::prelude::*;

/// A record that was written although it was beyond what was allowed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_over_allowance")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub usage_record_id: Uuid,
    pub organisation_id: Uuid,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
