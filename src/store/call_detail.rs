//! Calls in the database, as the exchange reported them.

use std::collections::HashSet;

use entity::call_detail::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, Select};
use serde_json::{Map, Value};

use super::keyset::{Keyset, placed};
use super::row::{self, corrupt, read, read_all, read_country};
use super::{Db, StoreError, usage};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId};
use crate::domain::page::PageRequest;
use crate::domain::period::Period;
use crate::domain::recording::{CallDetail, CallStatus, Direction};

/// Where a call stands among the organisation's, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub occurred_at: Instant,
    pub resource_id: String,
}

/// Writes calls down, over what was said of them before; whom they were with stays as it was found the first time, so that a call that is
/// reported again says the same. Each resource id at most once.
///
/// Sorted by it, so that two who report the same calls do not wait for each other in a circle.
pub async fn upsert(
    db: &impl Db,
    organisation: OrganisationId,
    calls: &[CallDetail],
    now: Instant,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = calls.iter().map(|call| to_row(organisation, call, now)).collect();
    rows.sort_unstable_by(|one, other| one.resource_id.cmp(&other.resource_id));
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::ResourceId])
        .update_columns([
            Column::Direction,
            Column::Status,
            Column::DurationSeconds,
            Column::OccurredAt,
            Column::Country,
            Column::Metadata,
            Column::ReceivedAt,
        ])
        .to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    Ok(())
}

/// The organisation's calls with these resource ids, in no particular order.
pub async fn find_many(
    db: &impl Db,
    organisation: OrganisationId,
    resource_ids: &[&str],
) -> Result<Vec<CallDetail>, StoreError> {
    let mut calls = Vec::with_capacity(resource_ids.len());
    for batch in resource_ids.chunks(row::IDS_MAX) {
        let query = of(organisation).filter(Column::ResourceId.is_in(batch.iter().copied()));
        calls.extend(read_all(query.all(db).await?, from_row)?);
    }
    Ok(calls)
}

/// The organisation's calls of a period after a place, oldest first; at most `limit`.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    period: Period,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<CallDetail>, StoreError> {
    let keyset = Keyset { columns: [Column::OccurredAt, Column::ResourceId], descending: false };
    let request = PageRequest { after, ..PageRequest::first(limit) };
    let values = |place: &Place| [Expr::value(place.occurred_at), Expr::value(place.resource_id.clone())];
    let page = keyset.page(db, within(organisation, period), placed(&request, values)).await?;
    read_all(page.items, from_row)
}

/// How many calls the organisation has in a period.
pub async fn count(db: &impl Db, organisation: OrganisationId, period: Period) -> Result<i64, StoreError> {
    row::count(within(organisation, period).count(db).await?)
}

/// Those of the keys under which the organisation has a record of usage.
pub async fn recorded(
    db: &impl Db,
    organisation: OrganisationId,
    keys: &[String],
) -> Result<HashSet<String>, StoreError> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    Ok(usage::taken_keys(db, organisation, &keys).await?.into_iter().collect())
}

fn of(organisation: OrganisationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn within(organisation: OrganisationId, period: Period) -> Select<Entity> {
    of(organisation).filter(Column::OccurredAt.gte(period.start)).filter(Column::OccurredAt.lt(period.end))
}

fn to_row(organisation: OrganisationId, call: &CallDetail, now: Instant) -> Model {
    Model {
        organisation_id: organisation.uuid(),
        resource_id: call.resource_id.clone(),
        direction: call.direction.code().to_owned(),
        status: call.status.code().to_owned(),
        duration_seconds: call.duration_seconds,
        occurred_at: call.occurred_at,
        customer_id: call.customer_id.map(CustomerId::uuid),
        channel_id: call.channel_id.map(ChannelId::uuid),
        country: call.country.map(|country| country.code().to_owned()),
        metadata: Value::from(call.metadata.clone()).to_string(),
        received_at: now,
    }
}

fn from_row(row: Model) -> Result<CallDetail, StoreError> {
    let metadata: Map<String, Value> =
        serde_json::from_str(&row.metadata).map_err(|error| corrupt("call_detail.metadata", error))?;
    Ok(CallDetail {
        direction: read("call_detail.direction", &row.direction, Direction::from_code)?,
        status: read("call_detail.status", &row.status, CallStatus::from_code)?,
        duration_seconds: row.duration_seconds,
        occurred_at: row.occurred_at,
        customer_id: row.customer_id.map(CustomerId::from_uuid),
        channel_id: row.channel_id.map(ChannelId::from_uuid),
        country: read_country("call_detail.country", row.country.as_deref().unwrap_or_default())?,
        metadata,
        resource_id: row.resource_id,
    })
}
