//! The table of alerts.

use sea_orm::entity::prelude::*;

/// Something that somebody should know of.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alert")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub kind: String,
    /// Unique within the organisation among those that did not recover.
    pub key: String,
    pub channel_id: Option<Uuid>,
    pub job_run_id: Option<Uuid>,
    pub subject: Option<String>,
    /// In percent.
    pub threshold: Option<i32>,
    /// Millionths of a quantity or billionths of an amount, as the kind says. Present together with `limit_parts`.
    pub used_parts: Option<i64>,
    pub limit_parts: Option<i64>,
    /// Present together with `ends_at`.
    pub period_start: Option<Date>,
    pub ends_at: Option<DateTimeUtc>,
    pub message: String,
    pub raised_at: DateTimeUtc,
    pub recovered_at: Option<DateTimeUtc>,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
