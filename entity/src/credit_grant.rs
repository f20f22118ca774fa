//! The table of credits.

use sea_orm::entity::prelude::*;

/// Money granted ahead.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_grant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub source: String,
    /// Of included credit only.
    pub month: Option<Date>,
    pub reason: String,
    pub expires_at: Option<DateTimeUtc>,
    pub granted_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
