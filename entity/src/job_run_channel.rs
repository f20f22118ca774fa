//! The table of how job runs went for channels.

use sea_orm::entity::prelude::*;

/// How a run went for a channel.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_run_channel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_run_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    pub organisation_id: Uuid,
    pub succeeded: bool,
    pub days: i32,
    pub error: Option<String>,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
