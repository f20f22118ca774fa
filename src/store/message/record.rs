//! A message as a row, there and back.

use chrono::NaiveDate;
use entity::message::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, Select};

use crate::domain::account_usage::UsageCategory;
use crate::domain::clock::Instant;
use crate::domain::id::{CampaignId, ChannelId, CustomerId, OrganisationId};
use crate::domain::message::{Life, Message, Pricing};
use crate::domain::page::PageRequest;
use crate::domain::period::DateRange;
use crate::domain::recording::Direction;
use crate::store::keyset::{Keyset, placed};
use crate::store::row::{self, read, read_all};
use crate::store::{Db, StoreError};

/// Writes messages down, over what was known of them; when a message was first heard of stays. Each at most once.
///
/// Sorted by their names, so that two who write the same messages do not wait for each other in a circle.
pub async fn upsert(db: &impl Db, messages: &[&Message], now: Instant) -> Result<(), StoreError> {
    let mut rows: Vec<_> = messages.iter().map(|message| to_row(message, now)).collect();
    rows.sort_unstable_by(|one, other| {
        (one.organisation_id, &one.external_id).cmp(&(other.organisation_id, &other.external_id))
    });
    // Channel, direction and customer are what makes it this message.
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::ExternalId])
        .update_columns([
            Column::CampaignId,
            Column::ConversationId,
            Column::Category,
            Column::PricingType,
            Column::CreatedAt,
            Column::SentAt,
            Column::DeliveredAt,
            Column::ReadAt,
            Column::FailedAt,
            Column::RepliedAt,
            Column::Failure,
            Column::Date,
            Column::UpdatedAt,
        ])
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// The organisation's messages with these names, in no particular order.
pub async fn find_many(
    db: &impl Db,
    organisation: OrganisationId,
    external_ids: &[&str],
) -> Result<Vec<Message>, StoreError> {
    let mut messages = Vec::with_capacity(external_ids.len());
    for batch in external_ids.chunks(row::IDS_MAX) {
        let query = of(organisation).filter(Column::ExternalId.is_in(batch.iter().copied()));
        messages.extend(read_all(query.all(db).await?, from_row)?);
    }
    Ok(messages)
}

/// Where a message stands among the organisation's, oldest day first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub date: NaiveDate,
    pub external_id: String,
}

/// The messages of the organisation's days that it sent and that have reached somebody, after a place, oldest day first; at most `limit`.
pub async fn page_reached(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Message>, StoreError> {
    let keyset = Keyset { columns: [Column::Date, Column::ExternalId], descending: false };
    let request = PageRequest { after, ..PageRequest::first(limit) };
    let values = |place: &Place| [Expr::value(place.date), Expr::value(place.external_id.clone())];
    let page = keyset.page(db, reached(organisation, range), placed(&request, values)).await?;
    read_all(page.items, from_row)
}

/// How many of these there are.
pub async fn count_reached(db: &impl Db, organisation: OrganisationId, range: DateRange) -> Result<i64, StoreError> {
    row::count(reached(organisation, range).count(db).await?)
}

fn of(organisation: OrganisationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn reached(organisation: OrganisationId, range: DateRange) -> Select<Entity> {
    let reached = [Column::DeliveredAt, Column::ReadAt, Column::RepliedAt].map(|column| column.is_not_null());
    of(organisation)
        .filter(Column::Date.between(range.from(), range.to()))
        .filter(Column::Direction.eq(Direction::Outbound.code()))
        .filter(reached.into_iter().fold(Condition::any(), Condition::add))
}

fn to_row(message: &Message, now: Instant) -> Model {
    let Life { created_at, sent_at, delivered_at, read_at, failed_at, replied_at } = message.life;
    Model {
        organisation_id: message.organisation_id.uuid(),
        external_id: message.external_id.clone(),
        channel_id: message.channel_id.uuid(),
        direction: message.direction.code().to_owned(),
        customer_id: message.customer_id.uuid(),
        campaign_id: message.campaign_id.map(CampaignId::uuid),
        conversation_id: message.conversation_id.clone(),
        category: message.pricing.category.map_or("", UsageCategory::code).to_owned(),
        pricing_type: message.pricing.pricing_type.clone().unwrap_or_default(),
        created_at,
        sent_at,
        delivered_at,
        read_at,
        failed_at,
        replied_at,
        failure: message.failure.clone(),
        date: message.date,
        received_at: now,
        updated_at: now,
    }
}

fn from_row(row: Model) -> Result<Message, StoreError> {
    let Model { created_at, sent_at, delivered_at, read_at, failed_at, replied_at, .. } = row;
    Ok(Message {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        external_id: row.external_id,
        channel_id: ChannelId::from_uuid(row.channel_id),
        direction: read("message.direction", &row.direction, Direction::from_code)?,
        customer_id: CustomerId::from_uuid(row.customer_id),
        campaign_id: row.campaign_id.map(CampaignId::from_uuid),
        conversation_id: row.conversation_id,
        pricing: Pricing {
            category: row::read_category("message.category", &row.category)?,
            pricing_type: Some(row.pricing_type).filter(|kind| !kind.is_empty()),
        },
        life: Life { created_at, sent_at, delivered_at, read_at, failed_at, replied_at },
        failure: row.failure,
        date: row.date,
    })
}
