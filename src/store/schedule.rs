//! Schedules in the database, where a removed one leaves a tombstone, so that a start does not create it anew.

use std::collections::HashMap;

use entity::schedule::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select, Statement, Value};
use uuid::Uuid;

use super::keyset::{Keyset, ReadPage as _, placed};
use super::row::{self, ROWS_MAX, read, read_all, read_zone};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, ScheduleId};
use crate::domain::job::{JobKind, Schedule};
use crate::domain::page::{Page, PageRequest};
use crate::domain::schedule::Cron;
use crate::domain::shard::Shard;

/// Adds schedules; one whose organisation has, or had, one of its kind is left out.
pub async fn insert_many(db: &impl Db, schedules: &[Schedule], now: Instant) -> Result<(), StoreError> {
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::Kind]).do_nothing().to_owned();
    row::insert::<_, ActiveModel>(
        db,
        schedules.iter().map(|schedule| to_row(schedule, now)).collect(),
        Some(on_conflict),
    )
    .await?;
    Ok(())
}

/// Writes a schedule over the one that the organisation has or had of its kind, which keeps its id.
pub async fn save(db: &impl Db, schedule: &Schedule, now: Instant) -> Result<(), StoreError> {
    // The tombstone goes too, since the new row has none.
    let changing =
        [Column::Cron, Column::TimeZone, Column::Paused, Column::NextRunAt, Column::RemovedAt, Column::UpdatedAt];
    let on_conflict = OnConflict::columns([Column::OrganisationId, Column::Kind]).update_columns(changing).to_owned();
    row::insert::<_, ActiveModel>(db, vec![to_row(schedule, now)], Some(on_conflict)).await?;
    Ok(())
}

/// Removes the organisation's schedule of a kind. False if it had none.
pub async fn remove(
    db: &impl Db,
    organisation: OrganisationId,
    kind: JobKind,
    now: Instant,
) -> Result<bool, StoreError> {
    let removed = Entity::update_many()
        .col_expr(Column::RemovedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Kind.eq(kind.code()))
        .filter(Column::RemovedAt.is_null())
        .exec(db)
        .await?;
    Ok(removed.rows_affected > 0)
}

/// The organisation's schedule of a kind.
pub async fn find(db: &impl Db, organisation: OrganisationId, kind: JobKind) -> Result<Option<Schedule>, StoreError> {
    let query = live().filter(Column::OrganisationId.eq(organisation.uuid())).filter(Column::Kind.eq(kind.code()));
    query.one(db).await?.as_ref().map(from_row).transpose()
}

/// The schedule with this id, whosever it is.
pub async fn find_by_id(db: &impl Db, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
    live().filter(Column::Id.eq(id.uuid())).one(db).await?.as_ref().map(from_row).transpose()
}

/// The organisation's schedules, paused ones included, by kind.
pub async fn list(db: &impl Db, organisation: OrganisationId) -> Result<Vec<Schedule>, StoreError> {
    list_of(db, &[organisation]).await
}

/// The schedules of several organisations, paused ones included, by organisation and kind.
pub async fn list_of(db: &impl Db, organisations: &[OrganisationId]) -> Result<Vec<Schedule>, StoreError> {
    let mut schedules = read_many(&of(db, live(), organisations).await?)?;
    schedules.sort_unstable_by_key(|schedule| (schedule.organisation_id, schedule.kind));
    Ok(schedules)
}

/// The schedules of these organisations whose time has come, earliest first. On PostgreSQL they are locked until the
/// transaction ends.
pub async fn due(db: &impl Db, organisations: &[OrganisationId], now: Instant) -> Result<Vec<Schedule>, StoreError> {
    let query = live().filter(Column::Paused.eq(false)).filter(Column::NextRunAt.lte(now)).lock_exclusive();
    let mut schedules = read_many(&of(db, query, organisations).await?)?;
    schedules.sort_unstable_by_key(|schedule| (schedule.next_run_at, schedule.id));
    Ok(schedules)
}

/// Writes the next time of schedules that exist, and nothing else of them. Each at most once.
pub async fn save_next(db: &impl Db, schedules: &[Schedule], now: Instant) -> Result<(), StoreError> {
    for batch in schedules.chunks(ROWS_MAX) {
        let places = row::places(batch.len(), 2);
        let moment = batch.len() * 2 + 1;
        let sql = format!(
            "UPDATE schedule SET next_run_at = fresh.column2, updated_at = ${moment} \
             FROM (VALUES {places}) AS fresh WHERE schedule.id = fresh.column1"
        );
        let rows = batch.iter().flat_map(|schedule| [schedule.id.uuid().into(), schedule.next_run_at.into()]);
        let values: Vec<Value> = rows.chain([now.into()]).collect();
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

/// A page of schedules, oldest first.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    kind: Option<JobKind>,
    request: &PageRequest<ScheduleId>,
) -> Result<Page<Schedule>, StoreError> {
    let mut query = live();
    if let Some(organisation) = organisation {
        query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
    }
    if let Some(kind) = kind {
        query = query.filter(Column::Kind.eq(kind.code()));
    }
    let keyset = Keyset { columns: [Column::Id], descending: false };
    keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?.try_map(|row| from_row(&row))
}

/// Calls `visit` with the next time of every schedule that is not paused, of every active organisation of these shards; with `until`, of
/// those only that are next then or before. A portion of rows at a time, so that a hundred thousand are never in memory together.
pub async fn for_each_next(
    db: &impl Db,
    shards: &[Shard],
    until: Option<Instant>,
    mut visit: impl FnMut(OrganisationId, JobKind, Instant),
) -> Result<(), StoreError> {
    let held = row::in_shards(shards);
    let in_time = if until.is_some() { "AND schedule.next_run_at <= $3" } else { "" };
    let sql = format!(
        "SELECT schedule.id, schedule.organisation_id, schedule.kind, schedule.next_run_at \
         FROM schedule JOIN organisation ON organisation.id = schedule.organisation_id \
         WHERE schedule.id > $1 AND NOT schedule.paused AND schedule.removed_at IS NULL \
         AND schedule.next_run_at IS NOT NULL AND organisation.active AND {held} {in_time} \
         ORDER BY schedule.id LIMIT $2"
    );
    let mut last = Uuid::nil();
    loop {
        let values = [Value::from(last), Value::from(PORTION)].into_iter().chain(until.map(Value::from));
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), &sql, values)).await?;
        let Some(newest) = rows.last() else { return Ok(()) };
        last = newest.try_get_by_index(0)?;
        for row in rows {
            let organisation: Uuid = row.try_get_by_index(1)?;
            let kind: String = row.try_get_by_index(2)?;
            let next: Instant = row.try_get_by_index(3)?;
            visit(OrganisationId::from_uuid(organisation), read("schedule.kind", &kind, JobKind::from_code)?, next);
        }
    }
}

/// How many rows are in memory at once when all are visited.
const PORTION: i64 = 5_000;

fn live() -> Select<Entity> {
    Entity::find().filter(Column::RemovedAt.is_null())
}

async fn of(db: &impl Db, query: Select<Entity>, organisations: &[OrganisationId]) -> Result<Vec<Model>, StoreError> {
    row::select_in(db, query, Column::OrganisationId, organisations.iter().map(|id| id.uuid()).collect()).await
}

fn to_row(schedule: &Schedule, now: Instant) -> Model {
    Model {
        id: schedule.id.uuid(),
        organisation_id: schedule.organisation_id.uuid(),
        kind: schedule.kind.code().to_owned(),
        cron: schedule.cron.as_str().to_owned(),
        time_zone: schedule.time_zone.name().to_owned(),
        paused: schedule.paused,
        next_run_at: schedule.next_run_at,
        removed_at: None,
        created_at: now,
        updated_at: now,
    }
}

fn from_row(row: &Model) -> Result<Schedule, StoreError> {
    with_cron(row, read_cron(row)?)
}

/// Reads rows of many organisations. They share a few cron texts, and reading one costs more than the rest of its row.
fn read_many(rows: &[Model]) -> Result<Vec<Schedule>, StoreError> {
    let mut crons: HashMap<&str, Cron> = HashMap::new();
    read_all(rows, |row| {
        let cron = match crons.get(row.cron.as_str()) {
            Some(cron) => cron.clone(),
            None => crons.entry(&row.cron).or_insert(read_cron(row)?).clone(),
        };
        with_cron(row, cron)
    })
}

fn read_cron(row: &Model) -> Result<Cron, StoreError> {
    read("schedule.cron", &row.cron, |text| Cron::parse("cron", text).ok())
}

fn with_cron(row: &Model, cron: Cron) -> Result<Schedule, StoreError> {
    Ok(Schedule {
        id: ScheduleId::from_uuid(row.id),
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        kind: read("schedule.kind", &row.kind, JobKind::from_code)?,
        cron,
        time_zone: read_zone("schedule.time_zone", &row.time_zone)?,
        paused: row.paused,
        next_run_at: row.next_run_at,
    })
}
