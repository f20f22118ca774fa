//! The table of reservations.

use sea_orm::entity::prelude::*;

/// A part of an allowance that is held for somebody.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "allowance_reservation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Nil: the organisation as a whole.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    pub organisation_id: Uuid,
    pub quantity_micros: i64,
    pub state: String,
    /// The local day on which it counts, and in whose month.
    pub day: Date,
    pub expires_at: DateTimeUtc,
    /// When an open one expires, or a committed one lapses.
    pub due_at: Option<DateTimeUtc>,
    /// What the counters had recorded when it began to be held in them, and took the place of nothing.
    pub day_mark_micros: i64,
    pub month_mark_micros: i64,
    pub day_upto_micros: Option<i64>,
    pub month_upto_micros: Option<i64>,
    pub created_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
