//! The table of conversations.

use sea_orm::entity::prelude::*;

/// A conversation, known by what the BSP or the sender calls it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organisation_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub external_id: String,
    pub channel_id: Uuid,
    pub customer_id: Option<Uuid>,
    /// The local day of `opened_at`.
    pub date: Date,
    pub opened_at: DateTimeUtc,
    pub last_activity_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    /// Told of the conversation itself.
    pub closed_at: Option<DateTimeUtc>,
    /// When it is over, by what is known so far.
    pub closes_at: DateTimeUtc,
    pub first_inbound_at: Option<DateTimeUtc>,
    pub first_response_at: Option<DateTimeUtc>,
    /// Told of the conversation itself, apart from its messages.
    pub told_channel_id: Option<Uuid>,
    /// The same.
    pub told_opened_at: Option<DateTimeUtc>,
    /// The same.
    pub told_response_at: Option<DateTimeUtc>,
    pub updated_at: DateTimeUtc,
}

/// None are followed: the store asks for what it needs in one statement of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
