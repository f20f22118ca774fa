//! Reservations: written, held, and what time does to those that nobody looks after.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use entity::allowance_reservation::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QueryResult, QuerySelect as _,
    Statement, Value,
};
use uuid::Uuid;

use super::rule::{channel_column, channel_of};
use crate::domain::allowance::{Lot, Reservation, ReservationState, Scope};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, ReservationId};
use crate::domain::quantity::Quantity;
use crate::store::row::{self, IDS_MAX, read, read_all};
use crate::store::{Db, StoreError, Transaction};

/// The local days of organisations.
pub type Todays = BTreeMap<OrganisationId, NaiveDate>;

/// Writes reservations, new ones and those to which something happened. The same must not come twice.
pub async fn put(tx: &Transaction, reservations: &[Reservation]) -> Result<(), StoreError> {
    let rows = reservations.iter().map(to_row).collect();
    let mut overwrite = OnConflict::columns([Column::Id, Column::ChannelId]);
    overwrite.update_columns([
        Column::State,
        Column::Day,
        Column::DueAt,
        Column::DayMarkMicros,
        Column::MonthMarkMicros,
        Column::DayUptoMicros,
        Column::MonthUptoMicros,
    ]);
    row::insert::<_, ActiveModel>(tx, rows, Some(overwrite)).await?;
    Ok(())
}

/// What is reserved under an id, whosever it is: of the organisation, and of a channel.
pub async fn find(db: &impl Db, id: ReservationId) -> Result<Vec<Reservation>, StoreError> {
    read_all(Entity::find().filter(Column::Id.eq(id.uuid())).all(db).await?, |row| from_row(&row))
}

/// The same of several ids, held until the transaction ends.
pub async fn hold(tx: &Transaction, ids: &[ReservationId]) -> Result<Vec<Reservation>, StoreError> {
    let mut held = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_MAX) {
        let query = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        held.extend(read_all(in_order(query).all(tx).await?, |row| from_row(&row))?);
    }
    Ok(held)
}

/// Those of the organisations to which time has done something, held until the transaction ends; at most `limit`.
pub async fn hold_due(
    tx: &Transaction,
    todays: &Todays,
    now: Instant,
    limit: u64,
) -> Result<Vec<Reservation>, StoreError> {
    let own = || Column::OrganisationId.is_in(todays.keys().map(|id| id.uuid()));
    let mut due = Condition::any().add(Condition::all().add(own()).add(Column::DueAt.lte(now)));
    let mut by_day: BTreeMap<NaiveDate, Vec<Uuid>> = BTreeMap::new();
    for (organisation, today) in todays {
        by_day.entry(*today).or_default().push(organisation.uuid());
    }
    for (today, organisations) in by_day {
        let open = Condition::all().add(Column::State.eq(ReservationState::Open.code()));
        due = due.add(open.add(Column::OrganisationId.is_in(organisations)).add(Column::Day.lt(today)));
    }
    read_all(in_order(Entity::find().filter(due)).limit(limit).all(tx).await?, |row| from_row(&row))
}

/// All who hold several hold them in this order.
fn in_order(query: sea_orm::Select<Entity>) -> sea_orm::Select<Entity> {
    query.order_by_asc(Column::Id).order_by_asc(Column::ChannelId).lock_exclusive()
}

/// What time has done to the organisations' reservations and is not written yet, put together by the database.
pub async fn lots(db: &impl Db, todays: &Todays, now: Instant) -> Result<Vec<Lot>, StoreError> {
    const FIGURES: &str = "CAST(sum(quantity_micros) AS bigint), count(*), max(day_upto_micros), max(month_upto_micros)
         FROM allowance_reservation";
    let Some(latest) = todays.values().max().copied() else { return Ok(Vec::new()) };
    let backend = db.get_database_backend();
    let ids: Vec<_> = todays.keys().map(|id| id.uuid()).collect();
    let mut lots = Vec::new();
    for ids in ids.chunks(IDS_MAX) {
        let own = row::places_from(2, ids.len());
        let sql = format!(
            "SELECT organisation_id, channel_id, state, day, 1, {FIGURES}
             WHERE due_at IS NOT NULL AND due_at <= $1 AND organisation_id IN {own}
             GROUP BY organisation_id, channel_id, state, day
             UNION ALL
             SELECT organisation_id, channel_id, state, day, 0, {FIGURES}
             WHERE state = 'OPEN' AND due_at > $1 AND day < $2 AND organisation_id IN {own}
             GROUP BY organisation_id, channel_id, state, day"
        );
        let values = [Value::from(now), Value::from(latest)].into_iter().chain(ids.iter().map(|id| Value::from(*id)));
        for row in db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await? {
            lots.push(read_lot(&row)?);
        }
    }
    // The latest of the days is not everybody's.
    lots.retain(|lot| lot.is_due || todays.get(&lot.scope.organisation_id).is_some_and(|today| lot.day < *today));
    Ok(lots)
}

fn read_lot(row: &QueryResult) -> Result<Lot, StoreError> {
    let (organisation, channel): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let state: String = row.try_get_by_index(2)?;
    let upto: (Option<i64>, Option<i64>) = (row.try_get_by_index(7)?, row.try_get_by_index(8)?);
    Ok(Lot {
        scope: Scope { organisation_id: OrganisationId::from_uuid(organisation), channel_id: channel_of(channel) },
        state: read("allowance_reservation.state", &state, ReservationState::from_code)?,
        day: row.try_get_by_index(3)?,
        is_due: row.try_get_by_index::<i32>(4)? == 1,
        quantity: Quantity::from_micros(row.try_get_by_index(5)?),
        count: row.try_get_by_index(6)?,
        upto: read_upto(upto),
    })
}

/// Deletes the organisation's oldest reservations with which nothing more is to be done, made before `before`; how many went.
pub async fn delete_before(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    let old = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::DueAt.is_null())
        .filter(Column::CreatedAt.lt(before))
        .order_by_asc(Column::CreatedAt)
        .limit(limit);
    let ids: Vec<Uuid> = old.into_tuple().all(db).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many().filter(Column::Id.is_in(ids)).exec(db).await?.rows_affected)
}

fn read_upto((day, month): (Option<i64>, Option<i64>)) -> Option<(Quantity, Quantity)> {
    day.zip(month).map(|(day, month)| (Quantity::from_micros(day), Quantity::from_micros(month)))
}

fn to_row(reservation: &Reservation) -> Model {
    let (day_upto, month_upto) = reservation.upto.map(|(day, month)| (day.micros(), month.micros())).unzip();
    Model {
        id: reservation.id.uuid(),
        channel_id: channel_column(reservation.scope),
        organisation_id: reservation.scope.organisation_id.uuid(),
        quantity_micros: reservation.quantity.micros(),
        state: reservation.state.code().to_owned(),
        day: reservation.day,
        expires_at: reservation.expires_at,
        due_at: reservation.due_at,
        day_mark_micros: reservation.marks.0.micros(),
        month_mark_micros: reservation.marks.1.micros(),
        day_upto_micros: day_upto,
        month_upto_micros: month_upto,
        created_at: reservation.created_at,
    }
}

fn from_row(row: &Model) -> Result<Reservation, StoreError> {
    let (organisation_id, channel_id) = (OrganisationId::from_uuid(row.organisation_id), channel_of(row.channel_id));
    Ok(Reservation {
        id: ReservationId::from_uuid(row.id),
        scope: Scope { organisation_id, channel_id },
        quantity: Quantity::from_micros(row.quantity_micros),
        state: read("allowance_reservation.state", &row.state, ReservationState::from_code)?,
        day: row.day,
        expires_at: row.expires_at,
        due_at: row.due_at,
        marks: (Quantity::from_micros(row.day_mark_micros), Quantity::from_micros(row.month_mark_micros)),
        upto: read_upto((row.day_upto_micros, row.month_upto_micros)),
        created_at: row.created_at,
    })
}
