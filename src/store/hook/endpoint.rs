//! The addresses in the database, and which of them are behind the log.

use std::collections::HashSet;

use entity::webhook_endpoint::{ActiveModel, Column, Entity, Model};
use entity::{event, event_sequence};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, Statement, Value,
};
use serde_json::json;
use uuid::Uuid;

use crate::domain::clock::Instant;
use crate::domain::event::FactKind;
use crate::domain::hook::{Endpoint, EndpointState};
use crate::domain::id::{EndpointId, OrganisationId};
use crate::domain::shard::Shard;
use crate::store::row::{self, IDS_MAX, ROWS_MAX, corrupt, read, read_all};
use crate::store::webhook_secret::SealedSecret;
use crate::store::{Db, StoreError};

/// An address that has not seen all of its organisation's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    pub id: EndpointId,
    pub organisation_id: OrganisationId,
    /// Not before then.
    pub next_attempt_at: Option<Instant>,
}

/// Adds an address with its secret.
pub async fn insert(db: &impl Db, endpoint: &Endpoint, sealed: &SealedSecret) -> Result<(), StoreError> {
    let row = Model {
        id: endpoint.id.uuid(),
        organisation_id: endpoint.organisation_id.uuid(),
        url: endpoint.url.clone(),
        event_types: endpoint.event_types.as_ref().map(|kinds| json!(kinds)),
        sealed: sealed.0.clone(),
        cursor: endpoint.cursor,
        state: endpoint.state.code().to_owned(),
        failures: endpoint.failures,
        failing_since: endpoint.failing_since,
        next_attempt_at: endpoint.next_attempt_at,
        revision: endpoint.revision,
        created_at: endpoint.created_at,
        updated_at: endpoint.created_at,
        deleted_at: None,
    };
    row::insert::<_, ActiveModel>(db, vec![row], None).await?;
    Ok(())
}

/// The address with this id, whosever it is: the caller must look at its organisation. One that was deleted is not there.
pub async fn find_any(db: &impl Db, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    there().filter(Column::Id.eq(id.uuid())).one(db).await?.map(from_row).transpose()
}

/// What the address's webhooks are signed with.
pub async fn sealed(
    db: &impl Db,
    organisation: OrganisationId,
    id: EndpointId,
) -> Result<Option<SealedSecret>, StoreError> {
    let query = of(organisation).filter(Column::Id.eq(id.uuid())).select_only().column(Column::Sealed);
    let sealed: Option<Vec<u8>> = query.into_tuple().one(db).await?;
    Ok(sealed.map(SealedSecret))
}

/// The organisation's addresses, oldest first.
pub async fn list(db: &impl Db, organisation: OrganisationId) -> Result<Vec<Endpoint>, StoreError> {
    read_all(of(organisation).order_by_asc(Column::Id).all(db).await?, from_row)
}

/// How many addresses the organisation has.
pub async fn count(db: &impl Db, organisation: OrganisationId) -> Result<u64, StoreError> {
    Ok(of(organisation).count(db).await?)
}

/// Deletes the address. False, and nothing done, where there is none.
pub async fn delete(
    db: &impl Db,
    organisation: OrganisationId,
    id: EndpointId,
    now: Instant,
) -> Result<bool, StoreError> {
    let deleted = Entity::update_many()
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::DeletedAt.is_null())
        .exec(db)
        .await?;
    Ok(deleted.rows_affected > 0)
}

/// Writes what became of the address, whose revision grows by one. False, and nothing done, where it was changed or deleted since
/// `endpoint` was read.
pub async fn update(db: &impl Db, endpoint: &Endpoint, now: Instant) -> Result<bool, StoreError> {
    let updated = Entity::update_many()
        .col_expr(Column::Cursor, Expr::value(endpoint.cursor))
        .col_expr(Column::State, Expr::value(endpoint.state.code()))
        .col_expr(Column::Failures, Expr::value(endpoint.failures))
        .col_expr(Column::FailingSince, Expr::value(endpoint.failing_since))
        .col_expr(Column::NextAttemptAt, Expr::value(endpoint.next_attempt_at))
        .col_expr(Column::Revision, Expr::value(endpoint.revision.saturating_add(1)))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrganisationId.eq(endpoint.organisation_id.uuid()))
        .filter(Column::Id.eq(endpoint.id.uuid()))
        .filter(Column::Revision.eq(endpoint.revision))
        .filter(Column::DeletedAt.is_null())
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Moves cursors forward over events that nobody asked for, each where the address is still of the revision that is named with it. It
/// stays of that revision, so that whoever sends to it meanwhile may still write down what became of that.
pub async fn pass(db: &impl Db, moves: &[(EndpointId, i64, i64)]) -> Result<(), StoreError> {
    for batch in moves.chunks(ROWS_MAX) {
        let places = row::places(batch.len(), 3);
        let sql = format!(
            "UPDATE webhook_endpoint SET cursor = fresh.column3 \
             FROM (VALUES {places}) AS fresh \
             WHERE webhook_endpoint.id = fresh.column1 AND webhook_endpoint.revision = fresh.column2 \
             AND webhook_endpoint.cursor < fresh.column3"
        );
        let values = batch
            .iter()
            .flat_map(|(id, revision, cursor)| [Value::from(id.uuid()), Value::from(*revision), Value::from(*cursor)]);
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

#[derive(Debug, FromQueryResult)]
struct BehindRow {
    id: Uuid,
    organisation_id: Uuid,
    next_attempt_at: Option<Instant>,
}

/// The active addresses of these shards that have not seen all of the log, in the order of their ids, after `after`, at most `limit`: those
/// of some organisations, or of all.
pub async fn behind(
    db: &impl Db,
    shards: &[Shard],
    of: Option<&[OrganisationId]>,
    after: Option<EndpointId>,
    limit: u64,
) -> Result<Vec<Behind>, StoreError> {
    let newer = Query::select()
        .expr(Expr::val(1))
        .from(event_sequence::Entity)
        .and_where(
            Expr::col((event_sequence::Entity, event_sequence::Column::OrganisationId))
                .equals((Entity, Column::OrganisationId)),
        )
        .and_where(
            Expr::col((event_sequence::Entity, event_sequence::Column::Last)).gt(Expr::col((Entity, Column::Cursor))),
        )
        .to_owned();
    let mut query = active().filter(Expr::exists(newer)).filter(row::of_shards(Column::OrganisationId, shards));
    if let Some(organisations) = of {
        let ids = organisations.iter().take(IDS_MAX).map(|id| id.uuid());
        query = query.filter(Column::OrganisationId.is_in(ids));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.uuid()));
    }
    let columns = [Column::Id, Column::OrganisationId, Column::NextAttemptAt];
    let query = query.select_only().columns(columns).order_by_asc(Column::Id).limit(limit);
    let rows = query.into_model::<BehindRow>().all(db).await?;
    let rows = rows.into_iter().map(|row| Behind {
        id: EndpointId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        next_attempt_at: row.next_attempt_at,
    });
    Ok(rows.collect())
}

/// Those of some organisations, or of all of these shards, that have an active address.
pub async fn organisations(
    db: &impl Db,
    shards: &[Shard],
    of: Option<&[OrganisationId]>,
) -> Result<HashSet<OrganisationId>, StoreError> {
    let mut query = active().filter(row::of_shards(Column::OrganisationId, shards));
    if let Some(organisations) = of {
        let ids = organisations.iter().take(IDS_MAX).map(|id| id.uuid());
        query = query.filter(Column::OrganisationId.is_in(ids));
    }
    let query = query.select_only().column(Column::OrganisationId).distinct();
    let ids: Vec<Uuid> = query.into_tuple().all(db).await?;
    Ok(ids.into_iter().map(OrganisationId::from_uuid).collect())
}

/// How many events of its kinds the address has not seen, counted up to `limit`.
pub async fn pending(db: &impl Db, endpoint: &Endpoint, limit: u64) -> Result<u64, StoreError> {
    let kinds = endpoint.kinds().iter().map(|kind| kind.code());
    let waiting = event::Entity::find()
        .select_only()
        .column(event::Column::Sequence)
        .filter(event::Column::OrganisationId.eq(endpoint.organisation_id.uuid()))
        .filter(event::Column::Sequence.gt(endpoint.cursor))
        .filter(event::Column::Kind.is_in(kinds))
        .limit(limit);
    Ok(waiting.count(db).await?)
}

fn there() -> Select<Entity> {
    Entity::find().filter(Column::DeletedAt.is_null())
}

fn of(organisation: OrganisationId) -> Select<Entity> {
    there().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn active() -> Select<Entity> {
    there().filter(Column::State.eq(EndpointState::Active.code()))
}

fn from_row(row: Model) -> Result<Endpoint, StoreError> {
    let kinds = row.event_types.map(serde_json::from_value::<Vec<FactKind>>).transpose();
    Ok(Endpoint {
        id: EndpointId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        url: row.url,
        event_types: kinds.map_err(|error| corrupt("webhook_endpoint.event_types", error))?,
        cursor: row.cursor,
        state: read("webhook_endpoint.state", &row.state, EndpointState::from_code)?,
        failures: row.failures,
        failing_since: row.failing_since,
        next_attempt_at: row.next_attempt_at,
        revision: row.revision,
        created_at: row.created_at,
    })
}
