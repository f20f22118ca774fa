//! The table of what organisations want to be alerted at.

use sea_orm::entity::prelude::*;

/// An organisation's thresholds and budget, and where its month stands towards them.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alert_setting")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
    /// A list of percentages, ascending.
    pub thresholds: Json,
    pub monthly_budget_nanos: Option<i64>,
    /// Present together with `watched_until` and `credit_nanos`. Null: where the month stands is not known.
    pub watched_month: Option<Date>,
    pub watched_until: Option<DateTimeUtc>,
    /// What there is in credits for the watched month, before its use.
    pub credit_nanos: Option<i64>,
    /// The cost of the watched month at which the next threshold is reached. Null: none is left.
    pub look_at_nanos: Option<i64>,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
