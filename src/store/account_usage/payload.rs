//! The bodies that BSPs sent, kept so that a figure can be shown with its source.

use entity::usage_payload::{ActiveModel, Column, Entity, Model};
use entity::{daily_usage, usage_payload};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, DbBackend, DbErr, DerivePartialModel, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _, Statement, Value,
};
use uuid::Uuid;

use crate::domain::account_usage::UsageReport;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId, PayloadId};
use crate::domain::period::DateRange;
use crate::store::row::{IDS_MAX, read_hash, read_range};
use crate::store::{Db, StoreError, unnest};

/// A body as a BSP sent it, with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayload {
    pub id: PayloadId,
    pub channel_id: ChannelId,
    pub source: String,
    pub range: DateRange,
    pub sha256: [u8; 32],
    pub body: String,
    /// When it was last received.
    pub fetched_at: Instant,
}

/// A payload without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFacts {
    pub id: PayloadId,
    pub organisation_id: OrganisationId,
    pub channel_id: ChannelId,
    pub source: String,
    pub range: DateRange,
    pub sha256: [u8; 32],
    /// When it was last received.
    pub fetched_at: Instant,
}

/// Keeps the report's body. A body that is there already, from the same channel, is the same row, received now
/// and for this range.
pub async fn store_payload(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    report: &UsageReport,
    now: Instant,
) -> Result<PayloadId, StoreError> {
    let row = Model {
        id: PayloadId::generate(now).uuid(),
        organisation_id: organisation.uuid(),
        channel_id: channel.uuid(),
        source: report.payload.source.clone(),
        range_from: report.range.from(),
        range_to: report.range.to(),
        sha256: report.payload.sha256().to_vec(),
        body: report.payload.body.clone(),
        fetched_at: now,
    };
    let changing = [Column::Source, Column::RangeFrom, Column::RangeTo, Column::FetchedAt];
    let mut statement = match db.get_database_backend() {
        DbBackend::Sqlite => {
            let on_conflict =
                OnConflict::columns([Column::ChannelId, Column::Sha256]).update_columns(changing).to_owned();
            Entity::insert::<ActiveModel>(row.into_active_model()).on_conflict(on_conflict).into_query()
        }
        DbBackend::Postgres | DbBackend::MySql | _ => {
            let row = Model { id: take_key(db, &row).await?, ..row };
            let on_conflict = OnConflict::column(Column::Id).update_columns(changing).to_owned();
            Entity::insert::<ActiveModel>(row.into_active_model()).on_conflict(on_conflict).into_query()
        }
    };
    statement.returning_col(Column::Id);
    let row = db.query_one(&statement).await?.ok_or(DbErr::RecordNotInserted)?;
    Ok(PayloadId::from_uuid(row.try_get_by_index(0)?))
}

/// On PostgreSQL: the id of the payload that a body is, which is held until the transaction ends. No index can span the months in which payloads
/// are kept, so that what tells them apart is in a table of its own.
async fn take_key(db: &impl Db, row: &Model) -> Result<Uuid, StoreError> {
    let sql = "INSERT INTO usage_payload_key (channel_id, sha256, usage_payload_id) VALUES ($1, $2, $3)
               ON CONFLICT (channel_id, sha256) DO UPDATE SET usage_payload_id = usage_payload_key.usage_payload_id
               RETURNING usage_payload_id";
    let values = [row.channel_id.into(), row.sha256.clone().into(), row.id.into()];
    let taken = db.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    Ok(taken.ok_or(DbErr::RecordNotInserted)?.try_get_by_index(0)?)
}

/// The organisation's payload with this id.
pub async fn payload(
    db: &impl Db,
    organisation: OrganisationId,
    id: PayloadId,
) -> Result<Option<StoredPayload>, StoreError> {
    let query = Entity::find_by_id(id.uuid()).filter(Column::OrganisationId.eq(organisation.uuid()));
    let Some(row) = query.one(db).await? else { return Ok(None) };
    Ok(Some(StoredPayload {
        id: PayloadId::from_uuid(row.id),
        channel_id: ChannelId::from_uuid(row.channel_id),
        source: row.source,
        range: read_range("usage_payload.range_from", row.range_from, row.range_to)?,
        sha256: read_hash("usage_payload.sha256", &row.sha256)?,
        body: row.body,
        fetched_at: row.fetched_at,
    }))
}

/// Those of the payloads that exist, whosever they are, without their bodies, in no particular order.
pub async fn payload_facts(db: &impl Db, ids: &[PayloadId]) -> Result<Vec<PayloadFacts>, StoreError> {
    let mut facts = Vec::with_capacity(ids.len());
    for batch in ids.chunks(IDS_MAX) {
        let query = Entity::find().filter(Column::Id.is_in(batch.iter().map(|id| id.uuid())));
        for row in query.into_partial_model::<Bodiless>().all(db).await? {
            facts.push(PayloadFacts {
                id: PayloadId::from_uuid(row.id),
                organisation_id: OrganisationId::from_uuid(row.organisation_id),
                channel_id: ChannelId::from_uuid(row.channel_id),
                source: row.source,
                range: read_range("usage_payload.range_from", row.range_from, row.range_to)?,
                sha256: read_hash("usage_payload.sha256", &row.sha256)?,
                fetched_at: row.fetched_at,
            });
        }
    }
    Ok(facts)
}

/// Removes payloads of the organisation that were last received before `before`, the oldest first, at most `limit`; how many
/// were removed. The days that came from them stay. To be called in a transaction.
pub async fn delete_payloads(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::FetchedAt.lt(before))
        .order_by_asc(Column::FetchedAt)
        .limit(limit);
    let ids: Vec<Uuid> = query.select_only().column(Column::Id).into_tuple().all(db).await?;
    let mut removed = 0;
    for batch in ids.chunks(IDS_MAX) {
        let batch = || batch.iter().copied();
        daily_usage::Entity::update_many()
            .col_expr(daily_usage::Column::PayloadId, Expr::value(None::<Uuid>))
            .filter(daily_usage::Column::OrganisationId.eq(organisation.uuid()))
            .filter(daily_usage::Column::PayloadId.is_in(batch()))
            .exec(db)
            .await?;
        // The keys first: so are they taken.
        if db.get_database_backend() == DbBackend::Postgres {
            let sql = "DELETE FROM usage_payload_key WHERE usage_payload_id = ANY(CAST($1 AS uuid[]))";
            let values = [unnest::array(batch().map(Value::from))?];
            db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
        }
        removed += Entity::delete_many().filter(Column::Id.is_in(batch())).exec(db).await?.rows_affected;
    }
    Ok(removed)
}

/// A row without the body, which may be a megabyte.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "usage_payload::Entity")]
struct Bodiless {
    id: Uuid,
    organisation_id: Uuid,
    channel_id: Uuid,
    source: String,
    range_from: chrono::NaiveDate,
    range_to: chrono::NaiveDate,
    sha256: Vec<u8>,
    fetched_at: Instant,
}
