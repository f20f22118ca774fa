//! The table of allowances that are not just the plan's.

use sea_orm::entity::prelude::*;

/// What an organisation, or one of its channels, may use.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "allowance")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
    /// Nil: the organisation as a whole.
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    /// Whether the limit takes the place of the plan's; without a number it is none.
    pub daily_own: bool,
    pub daily_limit: Option<i32>,
    pub monthly_own: bool,
    pub monthly_limit: Option<i32>,
    pub policy: String,
    pub grace_percent: i16,
    pub kind: String,
    pub resource_type: String,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
