//! The table of leases.

use sea_orm::entity::prelude::*;

/// Who runs the jobs of a shard's organisations. There is a row for every shard.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lease")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i32,
    /// A node; `None`: nobody.
    pub owner: Option<Uuid>,
    /// Goes up with every change of owner.
    pub epoch: i64,
    /// By the database's clock; `None` of one that has an owner: never.
    pub expires_at: Option<DateTimeUtc>,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
