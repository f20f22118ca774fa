//! The table of job runs.

use sea_orm::entity::prelude::*;

/// One occurrence of a job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_run")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub schedule_id: Option<Uuid>,
    pub kind: String,
    /// Null: what the kind is of by itself.
    pub subject: Option<String>,
    /// Null but for a welcome bootstrap.
    pub customer_id: Option<Uuid>,
    pub trigger: String,
    pub state: String,
    pub scheduled_for: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub attempt: i32,
    pub max_attempts: i32,
    pub next_attempt_at: Option<DateTimeUtc>,
    pub error: Option<String>,
    /// Present together with `range_to`, which is included.
    pub range_from: Option<Date>,
    pub range_to: Option<Date>,
    /// Present together with `progress_total`.
    pub progress_done: Option<i64>,
    pub progress_total: Option<i64>,
    /// What a welcome bootstrap has warmed, as JSON.
    pub result: Option<String>,
    pub cancel_requested: bool,
    /// Under which the row was last written.
    pub epoch: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
