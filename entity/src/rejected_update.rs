//! The table of updates that could not be taken.

use sea_orm::entity::prelude::*;

/// An update that was kept aside.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rejected_update")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub source: String,
    /// None: nobody knows whose it is.
    pub organisation_id: Option<Uuid>,
    pub channel_id: Option<Uuid>,
    pub reason: String,
    /// JSON, cut where it is long.
    pub payload: String,
    pub received_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
