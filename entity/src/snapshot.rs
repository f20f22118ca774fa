//! The table of snapshots.

use sea_orm::entity::prelude::*;

/// The figures of a day, week or month; those of the whole organisation have the nil channel.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "snapshot")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub channel_id: Uuid,
    pub kind: String,
    /// The first day of the period.
    pub date: Date,
    pub period_start: DateTimeUtc,
    pub period_end: DateTimeUtc,
    /// JSON.
    pub figures: String,
    /// The event up to which facts are in it.
    pub sequence: i64,
    pub created_at: DateTimeUtc,
    pub generated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
