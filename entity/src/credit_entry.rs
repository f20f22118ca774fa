//! The table of what happened to credits.

use sea_orm::entity::prelude::*;

/// A change of a credit; never changed itself.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organisation_id: Uuid,
    pub grant_id: Uuid,
    pub kind: String,
    /// Above zero for what is granted, below for what is burned or expires.
    pub amount_nanos: i64,
    pub reason: String,
    pub invoice_id: Option<Uuid>,
    pub at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
