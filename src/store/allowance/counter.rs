//! The counters of allowances, each changed in one row of one statement, and held in one order by all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use entity::allowance_counter::{ActiveModel, Column, Entity, Model};
use entity::usage_hour;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryResult, QuerySelect as _, Statement, Value,
};
use uuid::Uuid;

use super::rule::{channel_column, channel_of};
use crate::domain::allowance::{AllowancePeriod, Counted, Counter, CounterKey, Scope};
use crate::domain::id::OrganisationId;
use crate::domain::quantity::Quantity;
use crate::store::row::{self, IDS_MAX, ROWS_MAX, read, read_all};
use crate::store::{Db, StoreError, Transaction};

/// Counts what the ledger recorded; the counters as they are then, and the rows are held until the transaction ends. Records take the
/// place of what was committed, as [`Counter::record`] describes it. [`StoreError::Overflow`] where a sum no longer fits.
pub async fn count(
    tx: &Transaction,
    recorded: &BTreeMap<CounterKey, Quantity>,
) -> Result<Vec<(CounterKey, Counter)>, StoreError> {
    let recorded: Vec<_> = recorded.iter().collect();
    let mut counters = Vec::with_capacity(recorded.len());
    for batch in recorded.chunks(ROWS_MAX) {
        let places = row::places(batch.len(), 5).replace(')', ", 0, 0, 0, 0)");
        let sql = format!(
            "INSERT INTO allowance_counter (organisation_id, channel_id, period, start, used_micros, reserved_micros, committed_micros,
               settled_micros, reservations) VALUES {places}
             ON CONFLICT (organisation_id, channel_id, period, start) DO UPDATE SET
               used_micros = allowance_counter.used_micros + excluded.used_micros,
               settled_micros = CASE
                 WHEN excluded.used_micros <= 0 THEN allowance_counter.settled_micros
                 WHEN allowance_counter.committed_micros - allowance_counter.settled_micros > excluded.used_micros
                   THEN allowance_counter.settled_micros + excluded.used_micros
                 ELSE allowance_counter.committed_micros END
             RETURNING organisation_id, channel_id, period, start, used_micros, reserved_micros, committed_micros, settled_micros,
               reservations"
        );
        let values = batch.iter().flat_map(|(key, quantity)| {
            [
                Value::from(key.scope.organisation_id.uuid()),
                Value::from(channel_column(key.scope)),
                Value::from(key.period.code()),
                Value::from(key.start),
                Value::from(quantity.micros()),
            ]
        });
        let rows = tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
        for row in &rows {
            counters.push(returned(row)?);
        }
    }
    Ok(counters)
}

/// Holds counters until the transaction ends, whether they count something yet or not.
pub async fn hold(tx: &Transaction, keys: &BTreeSet<CounterKey>) -> Result<Vec<(CounterKey, Counter)>, StoreError> {
    count(tx, &keys.iter().map(|key| (*key, Quantity::ZERO)).collect()).await
}

/// Writes what reservations made of counters that are held; what the ledger counts is not among it.
pub async fn put(tx: &Transaction, counters: impl Iterator<Item = (CounterKey, Counter)>) -> Result<(), StoreError> {
    let rows = counters.map(|(key, counter)| to_row(key, counter)).collect();
    let mut overwrite = key();
    overwrite.update_columns([
        Column::ReservedMicros,
        Column::CommittedMicros,
        Column::SettledMicros,
        Column::Reservations,
    ]);
    row::insert::<_, ActiveModel>(tx, rows, Some(overwrite)).await?;
    Ok(())
}

/// The counters of the scopes' local days, each with its month's; one that counts nothing yet is left out.
pub async fn of_days(
    db: &impl Db,
    days: &BTreeMap<Scope, NaiveDate>,
) -> Result<BTreeMap<CounterKey, Counter>, StoreError> {
    let organisations: BTreeSet<_> = days.keys().map(|scope| scope.organisation_id.uuid()).collect();
    let organisations: Vec<_> = organisations.into_iter().collect();
    let channels: BTreeSet<_> = days.keys().map(|scope| channel_column(*scope)).collect();
    let dates: BTreeSet<_> = days.values().copied().collect();
    let of = |period: AllowancePeriod| {
        let starts: BTreeSet<_> = dates.iter().map(|date| period.start(*date)).collect();
        Condition::all().add(Column::Period.eq(period.code())).add(Column::Start.is_in(starts))
    };
    let periods = Condition::any().add(of(AllowancePeriod::Day)).add(of(AllowancePeriod::Month));
    let mut counters = BTreeMap::new();
    for organisations in organisations.chunks(IDS_MAX) {
        let query = Entity::find()
            .filter(Column::OrganisationId.is_in(organisations.iter().copied()))
            .filter(Column::ChannelId.is_in(channels.iter().copied()))
            .filter(periods.clone());
        counters.extend(read_all(query.all(db).await?, |row| from_row(&row))?);
    }
    Ok(counters)
}

/// Counts an allowance anew from a month on, out of the ledger's hours: something else counts, or nothing was counted before. Nobody else
/// may count for the organisation meanwhile.
pub async fn recount(
    tx: &Transaction,
    scope: Scope,
    counted: &Counted,
    first_day: NaiveDate,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::UsedMicros, Expr::value(0_i64))
        .filter(Column::OrganisationId.eq(scope.organisation_id.uuid()))
        .filter(Column::ChannelId.eq(channel_column(scope)))
        .filter(Column::Start.gte(first_day))
        .exec(tx)
        .await?;
    let mut sums: BTreeMap<CounterKey, Quantity> = BTreeMap::new();
    for (date, quantity) in ledger(tx, scope, counted, first_day).await? {
        for key in CounterKey::both(scope, date) {
            let sum = sums.entry(key).or_default();
            *sum = sum.checked_add(quantity).ok_or(StoreError::Overflow)?;
        }
    }
    let rows = sums.into_iter().map(|(key, used)| to_row(key, Counter { used, ..Counter::default() })).collect();
    let mut overwrite = key();
    overwrite.update_column(Column::UsedMicros);
    row::insert::<_, ActiveModel>(tx, rows, Some(overwrite)).await?;
    Ok(())
}

/// How much of what counts the ledger holds of each local day from one on.
async fn ledger(
    db: &impl Db,
    scope: Scope,
    counted: &Counted,
    first_day: NaiveDate,
) -> Result<Vec<(NaiveDate, Quantity)>, StoreError> {
    use usage_hour::Column::{ChannelId, Date, Kind, OrganisationId as Of, QuantityMicros, ResourceType};
    let mut query = usage_hour::Entity::find()
        .select_only()
        .column(Date)
        .expr(QuantityMicros.sum().cast_as("bigint"))
        .filter(Of.eq(scope.organisation_id.uuid()))
        .filter(Date.gte(first_day))
        .filter(Kind.eq(counted.kind.code()))
        .filter(ResourceType.is_in(counted.resource_types()))
        .group_by(Date);
    if let Some(channel) = scope.channel_id {
        query = query.filter(ChannelId.eq(channel.uuid()));
    }
    let rows: Vec<(NaiveDate, i64)> = query.into_tuple().all(db).await?;
    Ok(rows.into_iter().map(|(date, micros)| (date, Quantity::from_micros(micros))).collect())
}

fn key() -> OnConflict {
    OnConflict::columns([Column::OrganisationId, Column::ChannelId, Column::Period, Column::Start])
}

fn to_row(key: CounterKey, counter: Counter) -> Model {
    Model {
        organisation_id: key.scope.organisation_id.uuid(),
        channel_id: channel_column(key.scope),
        period: key.period.code().to_owned(),
        start: key.start,
        used_micros: counter.used.micros(),
        reserved_micros: counter.reserved.micros(),
        committed_micros: counter.committed.micros(),
        settled_micros: counter.settled.micros(),
        reservations: counter.reservations,
    }
}

fn from_row(row: &Model) -> Result<(CounterKey, Counter), StoreError> {
    let (organisation_id, channel_id) = (OrganisationId::from_uuid(row.organisation_id), channel_of(row.channel_id));
    let key = CounterKey {
        scope: Scope { organisation_id, channel_id },
        period: read("allowance_counter.period", &row.period, AllowancePeriod::from_code)?,
        start: row.start,
    };
    let counter = Counter {
        used: Quantity::from_micros(row.used_micros),
        reserved: Quantity::from_micros(row.reserved_micros),
        reservations: row.reservations,
        committed: Quantity::from_micros(row.committed_micros),
        settled: Quantity::from_micros(row.settled_micros),
    };
    Ok((key, counter))
}

fn returned(row: &QueryResult) -> Result<(CounterKey, Counter), StoreError> {
    let (organisation_id, channel_id): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    from_row(&Model {
        organisation_id,
        channel_id,
        period: row.try_get_by_index(2)?,
        start: row.try_get_by_index(3)?,
        used_micros: row.try_get_by_index(4)?,
        reserved_micros: row.try_get_by_index(5)?,
        committed_micros: row.try_get_by_index(6)?,
        settled_micros: row.try_get_by_index(7)?,
        reservations: row.try_get_by_index(8)?,
    })
}
