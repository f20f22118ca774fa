//! The event log: what happened, numbered per organisation and over all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use entity::event::{ActiveModel, Column, Entity, Model};
use entity::{event_horizon, event_sequence};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ColumnTrait as _, DbBackend, DbErr, EntityTrait as _, Iterable as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, Select, Statement, Value,
};
use uuid::Uuid;

use super::row::{self, ROWS_MAX, corrupt, read_all};
use super::unnest::Arrays;
use super::{Db, StoreError, Transaction};
use crate::domain::clock::Instant;
use crate::domain::event::{Event, Fact, FactKind, NewEvent};
use crate::domain::id::OrganisationId;

/// Adds events to the log, in their order. Call it last in the transaction: on PostgreSQL readers of all organisations' events wait from here on
/// until the transaction ends, see [`settled`]. Who appends waits for nobody but those who append for the same organisation.
pub async fn append(tx: &Transaction, events: &[NewEvent], now: Instant) -> Result<Vec<Event>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    if tx.get_database_backend() == DbBackend::Postgres {
        let values = [APPENDING.into()];
        let sql = "SELECT pg_advisory_xact_lock_shared($1, 0)";
        tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    }
    let mut next = take_sequences(tx, events).await?;
    let mut appended = Vec::with_capacity(events.len());
    for batch in events.chunks(ROWS_MAX) {
        let mut rows = Vec::with_capacity(batch.len());
        for event in batch {
            let sequence = next.entry(event.organisation_id).or_default();
            rows.push(to_row(event, *sequence, now)?);
            appended.push(Event {
                organisation_id: event.organisation_id,
                sequence: *sequence,
                position: 0,
                fact: event.fact.clone(),
                at: now,
            });
            *sequence += 1;
        }
        let positions = insert(tx, rows).await?;
        let start = appended.len() - batch.len();
        for event in appended.iter_mut().skip(start) {
            let position = positions.get(&(event.organisation_id.uuid(), event.sequence));
            event.position = *position.ok_or_else(|| DbErr::RecordNotInserted)?;
        }
    }
    Ok(appended)
}

/// The organisation's events of some kinds (none given: no event) after a sequence number, oldest first, at most `limit`.
pub async fn after(
    db: &impl Db,
    organisation: OrganisationId,
    sequence: i64,
    kinds: &[FactKind],
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    let query = of_kinds(kinds)
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Sequence.gt(sequence))
        .order_by_asc(Column::Sequence)
        .limit(limit);
    read_all(query.all(db).await?, from_row)
}

/// The events of all organisations of some kinds (none given: no event) after a position, oldest first, at most `limit`.
pub async fn after_position(
    db: &impl Db,
    position: i64,
    kinds: &[FactKind],
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    let mut query = of_kinds(kinds).filter(Column::Position.gt(position)).order_by_asc(Column::Position).limit(limit);
    if let Some(settled) = settled(db).await? {
        query = query.filter(Column::Position.lte(settled));
    }
    read_all(query.all(db).await?, from_row)
}

/// The sequence number of the organisation's newest event, 0 if it has none.
pub async fn last_sequence(db: &impl Db, organisation: OrganisationId) -> Result<i64, StoreError> {
    let row = event_sequence::Entity::find_by_id(organisation.uuid()).one(db).await?;
    Ok(row.map_or(0, |row| row.last))
}

/// The position of the newest event, 0 if there is none: every later event has a greater one.
pub async fn last_position(db: &impl Db) -> Result<i64, StoreError> {
    let mut query = Entity::find().select_only().column(Column::Position).order_by_desc(Column::Position);
    if let Some(settled) = settled(db).await? {
        query = query.filter(Column::Position.lte(settled));
    }
    Ok(query.into_tuple().one(db).await?.unwrap_or(0))
}

/// On PostgreSQL: a position up to which all events are there that will ever be, at or beyond the newest one that was there when this was asked;
/// `None`: any position is one.
///
/// Positions are given out before they are committed, and many transactions append at once, so that a lower one may come to light after a greater
/// one. Whoever appends holds a lock, shared with all others who do, since before it got its positions and until its transaction is over and seen.
/// Hence all that got one before now are among those who hold it now, or over; when these are over as well, nothing up to here can come any
/// more. Within an organisation positions go up with the numbers, because the counter of these is held likewise.
async fn settled(db: &impl Db) -> Result<Option<i64>, StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let given = Statement::from_string(DbBackend::Postgres, "SELECT last_value FROM event_position_next");
    let given =
        db.query_one_raw(given).await?.ok_or_else(|| DbErr::RecordNotFound("event_position_next".to_owned()))?;
    let given: i64 = given.try_get_by_index(0)?;
    let mut appending = appending(db).await?;
    for _ in 0..LOOKS_MAX {
        if appending.is_empty() {
            return Ok(Some(given));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        let still = self::appending(db).await?;
        appending.retain(|transaction| still.contains(transaction));
    }
    Err(StoreError::Unavailable(DbErr::Custom("somebody has not finished writing events for a minute".to_owned())))
}

/// The transactions that append events.
async fn appending(db: &impl Db) -> Result<HashSet<String>, StoreError> {
    let sql = "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND classid = CAST($1 AS oid) AND objid = 0
               AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = db.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [APPENDING.into()])).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// The number of the organisation's oldest event that is kept; `None` if there is none.
pub async fn oldest_sequence(db: &impl Db, organisation: OrganisationId) -> Result<Option<i64>, StoreError> {
    let query = Entity::find().select_only().column(Column::Sequence);
    let query = query.filter(Column::OrganisationId.eq(organisation.uuid())).order_by_asc(Column::Sequence);
    Ok(query.into_tuple().one(db).await?)
}

/// The position of the newest event that was deleted, 0 if none was: up to it, the log of all organisations has holes.
pub async fn horizon(db: &impl Db) -> Result<i64, StoreError> {
    let query = event_horizon::Entity::find_by_id(HORIZON).select_only().column(event_horizon::Column::Position);
    let position: Option<i64> = query.into_tuple().one(db).await?;
    position.ok_or_else(|| DbErr::RecordNotFound("event_horizon".to_owned()).into())
}

/// Deletes the organisation's oldest events from before `before`, at most `limit`; how many went. To be called in a transaction.
pub async fn delete_before(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let own = Column::OrganisationId.eq(organisation.uuid());
    let oldest = Entity::find().select_only().columns([Column::Sequence, Column::Position, Column::At]);
    let oldest = oldest.filter(own.clone()).order_by_asc(Column::Sequence).limit(limit);
    let oldest: Vec<(i64, i64, Instant)> = oldest.into_tuple().all(db).await?;
    // The log is in the order of time, so that the search ends with the first one that is young enough.
    let Some((sequence, position, _)) = oldest.into_iter().take_while(|(_, _, at)| *at < before).last() else {
        return Ok(0);
    };
    let gone = Entity::delete_many().filter(own).filter(Column::Sequence.lte(sequence)).exec(db).await?.rows_affected;
    event_horizon::Entity::update_many()
        .col_expr(event_horizon::Column::Position, Expr::value(position))
        .filter(event_horizon::Column::Id.eq(HORIZON))
        .filter(event_horizon::Column::Position.lt(position))
        .exec(db)
        .await?;
    Ok(gone)
}

/// The one row of the horizon.
const HORIZON: i32 = 1;

/// The lock of those who append on PostgreSQL, which all of them share. The number means nothing.
const APPENDING: i32 = 7_216_096;

/// How long after it looked who still appends a reader looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How often. PostgreSQL ends a transaction long before that, whatever it waits for.
const LOOKS_MAX: u32 = 12_000;

/// Takes as many numbers as each organisation has events; the first of each.
async fn take_sequences(tx: &Transaction, events: &[NewEvent]) -> Result<HashMap<OrganisationId, i64>, StoreError> {
    let mut counts: BTreeMap<OrganisationId, i64> = BTreeMap::new();
    for event in events {
        *counts.entry(event.organisation_id).or_default() += 1;
    }
    let counts: Vec<(OrganisationId, i64)> = counts.into_iter().collect();
    let mut first = HashMap::with_capacity(counts.len());
    for batch in counts.chunks(ROWS_MAX) {
        let places = row::places(batch.len(), 2);
        let sql = format!(
            r#"INSERT INTO event_sequence (organisation_id, "last") VALUES {places} ON CONFLICT (organisation_id)
               DO UPDATE SET "last" = event_sequence."last" + excluded."last" RETURNING organisation_id, "last""#
        );
        let values = batch.iter().flat_map(|(id, count)| [Value::from(id.uuid()), Value::from(*count)]);
        let taken = tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
        let counts: HashMap<OrganisationId, i64> = batch.iter().copied().collect();
        for row in taken {
            let id = OrganisationId::from_uuid(row.try_get_by_index(0)?);
            let last: i64 = row.try_get_by_index(1)?;
            first.insert(id, last - counts.get(&id).copied().unwrap_or(0) + 1);
        }
    }
    Ok(first)
}

/// Inserts rows; their positions by organisation and sequence number.
async fn insert(tx: &Transaction, rows: Vec<ActiveModel>) -> Result<HashMap<(Uuid, i64), i64>, StoreError> {
    let mut statement = match tx.get_database_backend() {
        DbBackend::Sqlite => Entity::insert_many(rows).into_query(),
        DbBackend::Postgres | DbBackend::MySql | _ => {
            let columns = || Column::iter().filter(|column| !matches!(column, Column::Position));
            let mut arrays = Arrays::of(columns())?;
            for row in &rows {
                let values = columns().map(|column| row.get(column).into_value());
                arrays.push(values.collect::<Option<Vec<_>>>().ok_or(DbErr::RecordNotInserted)?)?;
            }
            let mut statement = Query::insert();
            statement.into_table(Entity).columns(columns());
            statement.select_from(arrays.select()).map_err(|error| DbErr::Custom(error.to_string()))?;
            statement
        }
    };
    statement.returning(Query::returning().columns([Column::OrganisationId, Column::Sequence, Column::Position]));
    let mut positions = HashMap::new();
    for row in tx.query_all(&statement).await? {
        positions.insert((row.try_get_by_index(0)?, row.try_get_by_index(1)?), row.try_get_by_index(2)?);
    }
    Ok(positions)
}

fn of_kinds(kinds: &[FactKind]) -> Select<Entity> {
    Entity::find().filter(Column::Kind.is_in(kinds.iter().map(|kind| kind.code())))
}

fn to_row(event: &NewEvent, sequence: i64, now: Instant) -> Result<ActiveModel, StoreError> {
    let fact = serde_json::to_value(&event.fact).map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(ActiveModel {
        position: ActiveValue::NotSet,
        organisation_id: ActiveValue::Set(event.organisation_id.uuid()),
        sequence: ActiveValue::Set(sequence),
        kind: ActiveValue::Set(event.fact.kind().code().to_owned()),
        fact: ActiveValue::Set(fact),
        at: ActiveValue::Set(now),
    })
}

fn from_row(row: Model) -> Result<Event, StoreError> {
    let fact: Fact = serde_json::from_value(row.fact).map_err(|error| corrupt("event.fact", error))?;
    Ok(Event {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        sequence: row.sequence,
        position: row.position,
        fact,
        at: row.at,
    })
}
