//! What rows have in common: how codes, zones and fees are read back, and how many rows go into one statement.

use entity::organisation;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DbBackend, DbErr, EntityTrait, IntoActiveModel, Iterable as _,
    ModelTrait, QueryFilter, QuerySelect as _, Select,
};
use uuid::Uuid;

use super::unnest::{self, Arrays};
use super::{Db, StoreError};
use crate::domain::account_usage::UsageCategory;
use crate::domain::money::{Currency, Fees, Money};
use crate::domain::period::{DateRange, Zone};
use crate::domain::shard::{SHARDS, Shard};
use crate::domain::usage::Country;

/// How many rows one statement writes that has a place for every value. SQLite binds at most 32,766 values in a statement, and the widest table has 30 columns.
pub(super) const ROWS_MAX: usize = 500;

/// How many ids one statement asks for.
pub(super) const IDS_MAX: usize = 5_000;

/// A row that this program did not write, or wrote in a version that knew other codes.
pub(super) fn corrupt(column: &str, value: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt { what: format!("{column} is {value}") }
}

/// Reads a code, or anything else that has a written form.
pub(super) fn read<T>(column: &str, text: &str, reader: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
    reader(text).ok_or_else(|| corrupt(column, text))
}

/// Reads the name of a zone.
pub(super) fn read_zone(column: &str, name: &str) -> Result<Zone, StoreError> {
    read(column, name, Zone::from_name)
}

/// Reads an amount with its currency; half of the two is no amount.
pub(super) fn read_fees(column: &str, nanos: Option<i64>, currency: Option<&str>) -> Result<Option<Fees>, StoreError> {
    match (nanos, currency) {
        (None, None) => Ok(None),
        (Some(nanos), Some(code)) => {
            let currency = read(column, code, Currency::from_code)?;
            Ok(Some(Fees { amount: Money::from_nanos(nanos), currency }))
        }
        (Some(_), None) | (None, Some(_)) => Err(corrupt(column, "an amount without a currency, or the reverse")),
    }
}

/// The two columns of fees.
pub(super) fn fees_columns(fees: Option<Fees>) -> (Option<i64>, Option<String>) {
    fees.map(|fees| (fees.amount.nanos(), fees.currency.code().to_owned())).unzip()
}

/// Reads a range of days, both included.
pub(super) fn read_range(
    column: &str,
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
) -> Result<DateRange, StoreError> {
    DateRange::new(from, to).ok_or_else(|| corrupt(column, format_args!("{from} to {to}")))
}

/// Reads a category; empty is none.
pub(super) fn read_category(column: &str, code: &str) -> Result<Option<UsageCategory>, StoreError> {
    Some(code).filter(|code| !code.is_empty()).map(|code| read(column, code, UsageCategory::from_code)).transpose()
}

/// Reads a country; empty is none.
pub(super) fn read_country(column: &str, code: &str) -> Result<Option<Country>, StoreError> {
    Some(code).filter(|code| !code.is_empty()).map(|code| read(column, code, Country::from_code)).transpose()
}

/// Reads a SHA-256.
pub(super) fn read_hash(column: &str, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| corrupt(column, format_args!("{} bytes long", bytes.len())))
}

/// Turns rows into what they mean.
pub(super) fn read_all<R, T>(
    rows: impl IntoIterator<Item = R>,
    reader: impl FnMut(R) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(reader).collect()
}

/// Inserts whole rows, many in a statement; how many rows were written. A key must not come twice in `rows` when `on_conflict` updates, because
/// PostgreSQL refuses to update one row twice in a statement.
pub(super) async fn insert<M, A>(db: &impl Db, rows: Vec<M>, on_conflict: Option<OnConflict>) -> Result<u64, StoreError>
where
    M: ModelTrait + IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = M::Entity>,
{
    if db.get_database_backend() == DbBackend::Postgres {
        return insert_arrays::<M>(db, rows, on_conflict).await;
    }
    let mut written = 0;
    let mut rows = rows.into_iter();
    loop {
        let batch: Vec<A> = rows.by_ref().take(ROWS_MAX).map(IntoActiveModel::into_active_model).collect();
        if batch.is_empty() {
            return Ok(written);
        }
        let mut statement = <M::Entity as EntityTrait>::insert_many::<A, _>(batch);
        if let Some(on_conflict) = &on_conflict {
            statement = statement.on_conflict(on_conflict.clone());
        }
        written += statement.exec_without_returning(db).await?;
    }
}

/// The same on PostgreSQL, with an array for each column.
async fn insert_arrays<M: ModelTrait>(
    db: &impl Db,
    rows: Vec<M>,
    on_conflict: Option<OnConflict>,
) -> Result<u64, StoreError> {
    let columns = || <M::Entity as EntityTrait>::Column::iter();
    let mut written = 0;
    for batch in rows.chunks(unnest::ROWS_MAX) {
        let mut arrays = Arrays::of(columns())?;
        for row in batch {
            arrays.push(columns().map(|column| row.get(column)))?;
        }
        let mut statement = Query::insert();
        statement.into_table(M::Entity::default()).columns(columns());
        statement.select_from(arrays.select()).map_err(|error| DbErr::Custom(error.to_string()))?;
        if let Some(on_conflict) = &on_conflict {
            statement.on_conflict(on_conflict.clone());
        }
        written += db.execute(&statement).await?.rows_affected();
    }
    Ok(written)
}

/// What is there already under `key` grows by what is inserted.
pub(super) fn adding<C: ColumnTrait>(
    key: impl IntoIterator<Item = C>,
    table: &'static str,
    sums: impl IntoIterator<Item = C>,
) -> OnConflict {
    let mut conflict = OnConflict::columns(key);
    for column in sums {
        let sum = Expr::col((table, column)).add(Expr::col(("excluded", column)));
        conflict.value(column, sum);
    }
    conflict
}

/// The rows of `query` whose `column` is one of `ids`, [`IDS_MAX`] a statement, so in no particular order.
pub(super) async fn select_in<E: EntityTrait>(
    db: &impl Db,
    query: Select<E>,
    column: E::Column,
    ids: Vec<Uuid>,
) -> Result<Vec<E::Model>, StoreError> {
    let mut rows = Vec::new();
    for batch in ids.chunks(IDS_MAX) {
        rows.extend(query.clone().filter(column.is_in(batch.iter().copied())).all(db).await?);
    }
    Ok(rows)
}

/// That one of `columns` contains `part`; A to Z are the same as a to z.
pub(super) fn contains<C: ColumnTrait, const N: usize>(columns: [C; N], part: &str) -> Condition {
    let like = |column: C| Expr::expr(Func::lower(column.into_expr())).like(like_part(part));
    columns.into_iter().fold(Condition::any(), |any, column| any.add(like(column)))
}

/// What the pattern means literally is marked with an exclamation mark: a backslash is not read alike by the databases.
fn like_part(part: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter.to_ascii_lowercase());
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('!')
}

/// By their ids, the organisations of those of `ids` that exist.
pub(super) async fn owners<E: EntityTrait>(
    db: &impl Db,
    (id, organisation): (E::Column, E::Column),
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    let mut owners = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_MAX) {
        let query = E::find().filter(id.is_in(ids.iter().copied()));
        owners.extend(query.select_only().columns([id, organisation]).into_tuple::<(Uuid, Uuid)>().all(db).await?);
    }
    Ok(owners)
}

/// The places of `rows` times `columns` values for a statement written by hand: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let values: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", values.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// The places of one row of `columns` values that come after `taken` others: `($3, $4)`.
pub(super) fn places_from(taken: usize, columns: usize) -> String {
    let values: Vec<String> = (taken + 1..=taken + columns).map(|place| format!("${place}")).collect();
    format!("({})", values.join(", "))
}

/// That an organisation's shard is one of these, for a statement written by hand that names the table; where they are all of them, that
/// says nothing.
pub(super) fn in_shards(shards: &[Shard]) -> String {
    if shards.len() == usize::from(SHARDS) {
        return "TRUE".to_owned();
    }
    let numbers: Vec<String> = shards.iter().map(|shard| shard.number().to_string()).collect();
    // No list may be empty, and no shard is this one.
    format!("organisation.shard IN ({})", if numbers.is_empty() { "-1".to_owned() } else { numbers.join(", ") })
}

/// The same of a table that holds an organisation's id in `column`.
pub(super) fn held_by_id(column: &str, shards: &[Shard]) -> String {
    if shards.len() == usize::from(SHARDS) {
        return "TRUE".to_owned();
    }
    format!("{column} IN (SELECT organisation.id FROM organisation WHERE {})", in_shards(shards))
}

/// That the organisation of a row, which `column` holds, is in one of these shards.
pub(super) fn of_shards<C: ColumnTrait>(column: C, shards: &[Shard]) -> Expr {
    if shards.len() == usize::from(SHARDS) {
        return Expr::value(true);
    }
    let held = Query::select()
        .column(organisation::Column::Id)
        .from(organisation::Entity)
        .and_where(Expr::cust(in_shards(shards)))
        .to_owned();
    column.in_subquery(held)
}

/// A number of rows, as the rest of the program counts.
pub(super) fn count(rows: u64) -> Result<i64, StoreError> {
    i64::try_from(rows).map_err(|_| corrupt("a number of rows", rows))
}
