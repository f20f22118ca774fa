//! The table of nodes.

use sea_orm::entity::prelude::*;

/// A process that shares the work, or did so lately.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "node")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub started_at: DateTimeUtc,
    /// By the database's clock.
    pub seen_at: DateTimeUtc,
    pub draining: bool,
    /// Its figures as of then, as JSON.
    pub report: String,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
