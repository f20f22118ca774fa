//! The table of the event log.

use sea_orm::entity::prelude::*;

/// A fact that happened.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Over all organisations, in the order of commits, with gaps.
    #[sea_orm(primary_key)]
    pub position: i64,
    pub organisation_id: Uuid,
    /// Within the organisation, from 1, without gaps.
    pub sequence: i64,
    pub kind: String,
    pub fact: Json,
    pub at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
