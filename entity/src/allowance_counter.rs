//! The table of what allowances were used.

use sea_orm::entity::prelude::*;

/// What was used and is held in a local day or month.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "allowance_counter")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
    /// Nil: the organisation as a whole.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: String,
    /// The first day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub start: Date,
    /// What the ledger holds.
    pub used_micros: i64,
    pub reserved_micros: i64,
    /// All that was ever committed in the period.
    pub committed_micros: i64,
    /// How much of that was recorded, or lapsed.
    pub settled_micros: i64,
    /// How many are open.
    pub reservations: i64,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
