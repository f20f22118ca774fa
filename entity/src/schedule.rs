//! The table of recurring jobs.

use sea_orm::entity::prelude::*;

/// A recurring job of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub kind: String,
    pub cron: String,
    /// An IANA name.
    pub time_zone: String,
    pub paused: bool,
    pub next_run_at: Option<DateTimeUtc>,
    /// Present on a tombstone, which keeps the schedule from being created anew.
    pub removed_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
