//! Conversations in the database, and what their messages say of them.

use std::collections::{BTreeMap, HashMap};

use entity::conversation::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, EntityTrait as _, FromQueryResult, QueryFilter as _, Statement, Value};
use uuid::Uuid;

use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId};
use crate::domain::message::{Conversation, ConversationTold, Talk};
use crate::store::row::{self, IDS_MAX, ROWS_MAX, corrupt};
use crate::store::{Db, StoreError, Transaction};

/// The organisation's conversations with these names.
pub async fn find_many(
    db: &impl Db,
    organisation: OrganisationId,
    names: &[&str],
) -> Result<BTreeMap<String, Conversation>, StoreError> {
    let mut found = BTreeMap::new();
    for names in names.chunks(IDS_MAX) {
        let query = of(organisation).filter(Column::ExternalId.is_in(names.iter().copied()));
        let rows = query.all(db).await?;
        found.extend(rows.into_iter().map(|row| (row.external_id.clone(), from_row(row))));
    }
    Ok(found)
}

/// Writes conversations down, over what was known of them. Each at most once.
pub async fn upsert(db: &impl Db, conversations: &[&Conversation], now: Instant) -> Result<(), StoreError> {
    let mut rows: Vec<_> = conversations.iter().map(|conversation| to_row(conversation, now)).collect();
    rows.sort_unstable_by(|one, other| {
        (one.organisation_id, &one.external_id).cmp(&(other.organisation_id, &other.external_id))
    });
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::ExternalId])
        .update_columns([
            Column::ChannelId,
            Column::CustomerId,
            Column::Date,
            Column::OpenedAt,
            Column::LastActivityAt,
            Column::ExpiresAt,
            Column::ClosedAt,
            Column::ClosesAt,
            Column::FirstInboundAt,
            Column::FirstResponseAt,
            Column::ToldChannelId,
            Column::ToldOpenedAt,
            Column::ToldResponseAt,
            Column::UpdatedAt,
        ])
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// Takes away the organisation's conversations with these names, because nothing belongs to them any more.
pub async fn remove(tx: &Transaction, organisation: OrganisationId, names: &[&str]) -> Result<(), StoreError> {
    for names in names.chunks(IDS_MAX) {
        Entity::delete_many()
            .filter(Column::OrganisationId.eq(organisation.uuid()))
            .filter(Column::ExternalId.is_in(names.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

#[derive(Debug, FromQueryResult)]
struct TalkRow {
    name: String,
    channel_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    first_at: Option<Instant>,
    last_inbound_at: Option<Instant>,
    last_outbound_at: Option<Instant>,
    first_inbound_at: Option<Instant>,
    first_response_at: Option<Instant>,
}

/// What the messages of conversations say, by the names of those that have any.
///
/// Each is answered out of the ends of an index, so that a conversation with very many messages costs no more than one with few.
pub async fn talks(
    db: &impl Db,
    organisation: OrganisationId,
    names: &[&str],
) -> Result<HashMap<String, Talk>, StoreError> {
    let mut talks = HashMap::with_capacity(names.len());
    for names in names.chunks(ROWS_MAX) {
        let places: Vec<_> = (2..names.len() + 2).map(|place| format!("(${place})")).collect();
        let sql = TALKS.replace("{names}", &places.join(", "));
        let mut bound: Vec<Value> = vec![organisation.uuid().into()];
        bound.extend(names.iter().map(|name| Value::from((*name).to_owned())));
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, bound);
        for row in TalkRow::find_by_statement(statement).all(db).await? {
            let Some(first_at) = row.first_at else { continue };
            let ends = row.channel_id.zip(row.customer_id);
            let (channel, customer) = ends.ok_or_else(|| corrupt("message.conversation_id", &row.name))?;
            let last_at = row.last_inbound_at.max(row.last_outbound_at).unwrap_or(first_at);
            let talk = Talk {
                channel_id: ChannelId::from_uuid(channel),
                customer_id: CustomerId::from_uuid(customer),
                first_at,
                last_at,
                first_inbound_at: row.first_inbound_at,
                first_response_at: row.first_response_at,
            };
            talks.insert(row.name, talk);
        }
    }
    Ok(talks)
}

/// The first message is the earliest, and of several at one time that with the smallest name: of what is no plain column, lest the database
/// go through all messages in the order of their names.
const TALKS: &str = "WITH asked (name) AS (VALUES {names}),
    ends AS MATERIALIZED (
        SELECT name,
            (SELECT min(created_at) FROM message WHERE organisation_id = $1 AND conversation_id = name AND direction = 'INBOUND') AS first_inbound_at,
            (SELECT max(created_at) FROM message WHERE organisation_id = $1 AND conversation_id = name AND direction = 'INBOUND') AS last_inbound_at,
            (SELECT min(created_at) FROM message WHERE organisation_id = $1 AND conversation_id = name AND direction = 'OUTBOUND') AS first_outbound_at,
            (SELECT max(created_at) FROM message WHERE organisation_id = $1 AND conversation_id = name AND direction = 'OUTBOUND') AS last_outbound_at
        FROM asked),
    begun AS MATERIALIZED (
        SELECT ends.*,
            CASE WHEN first_outbound_at IS NULL OR first_inbound_at < first_outbound_at THEN first_inbound_at ELSE first_outbound_at END AS first_at
        FROM ends),
    firsts AS MATERIALIZED (
        SELECT begun.*,
            (SELECT min(external_id || '') FROM message
             WHERE organisation_id = $1 AND conversation_id = name AND direction IN ('INBOUND', 'OUTBOUND') AND created_at = first_at) AS first_id
        FROM begun)
    SELECT name, first_at, first_inbound_at, last_inbound_at, last_outbound_at,
        (SELECT min(created_at) FROM message
         WHERE organisation_id = $1 AND conversation_id = name AND direction = 'OUTBOUND' AND created_at >= first_inbound_at) AS first_response_at,
        (SELECT channel_id FROM message WHERE organisation_id = $1 AND external_id = first_id) AS channel_id,
        (SELECT customer_id FROM message WHERE organisation_id = $1 AND external_id = first_id) AS customer_id
    FROM firsts WHERE first_at IS NOT NULL";

fn of(organisation: OrganisationId) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn to_row(conversation: &Conversation, now: Instant) -> Model {
    let ConversationTold { channel_id, opened_at, first_response_at, closed_at, expires_at } = conversation.told;
    Model {
        organisation_id: conversation.organisation_id.uuid(),
        external_id: conversation.external_id.clone(),
        channel_id: conversation.channel_id.uuid(),
        customer_id: conversation.customer_id.map(CustomerId::uuid),
        date: conversation.date,
        opened_at: conversation.opened_at,
        last_activity_at: conversation.last_activity_at,
        expires_at,
        closed_at,
        closes_at: conversation.closes_at,
        first_inbound_at: conversation.first_inbound_at,
        first_response_at: conversation.first_response_at,
        told_channel_id: channel_id.map(ChannelId::uuid),
        told_opened_at: opened_at,
        told_response_at: first_response_at,
        updated_at: now,
    }
}

fn from_row(row: Model) -> Conversation {
    Conversation {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        external_id: row.external_id,
        channel_id: ChannelId::from_uuid(row.channel_id),
        customer_id: row.customer_id.map(CustomerId::from_uuid),
        date: row.date,
        opened_at: row.opened_at,
        last_activity_at: row.last_activity_at,
        closes_at: row.closes_at,
        first_inbound_at: row.first_inbound_at,
        first_response_at: row.first_response_at,
        told: ConversationTold {
            channel_id: row.told_channel_id.map(ChannelId::from_uuid),
            opened_at: row.told_opened_at,
            first_response_at: row.told_response_at,
            closed_at: row.closed_at,
            expires_at: row.expires_at,
        },
    }
}
