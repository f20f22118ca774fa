//! Records going in, many in a statement, and prices that come later.

use std::collections::HashMap;
use std::sync::LazyLock;

use entity::usage_record::{Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, DbBackend, EntityTrait as _, Iterable as _, QueryFilter as _, QuerySelect as _, Statement, Value,
};

use super::key;
use super::record::{COLUMN_COUNT, COLUMNS, read_hash, values};
use crate::domain::account_usage::UsageCategory;
use crate::domain::id::{OrganisationId, RateId, UsageRecordId};
use crate::domain::money::Money;
use crate::domain::period::Month;
use crate::domain::usage::{Country, UsageRecord};
use crate::store::row::{IDS_MAX, ROWS_MAX};
use crate::store::unnest::{self, Arrays};
use crate::store::{Db as _, StoreError, Transaction};

/// What became of records that were to be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// All of them are in.
    All,
    /// These idempotency keys were taken; those that are not here are in.
    But(HashMap<OrganisationId, HashMap<String, Taken>>),
}

/// The record that has a key, and the hash of its content.
pub type Taken = (UsageRecordId, [u8; 16]);

impl Written {
    /// Who had the key before.
    pub fn taken(&self, organisation: OrganisationId, key: &str) -> Option<Taken> {
        match self {
            Self::All => None,
            Self::But(taken) => taken.get(&organisation)?.get(key).copied(),
        }
    }
}

/// Inserts records whose idempotency key is not taken yet. A key may come once in `records`.
///
/// On PostgreSQL a key that another transaction is about to take is waited for: `records` have to come in the order of organisation and
/// key, or two transactions may wait for each other.
pub async fn insert(tx: &Transaction, records: &[&UsageRecord]) -> Result<Written, StoreError> {
    let inserted = match tx.get_database_backend() {
        DbBackend::Sqlite => insert_places(tx, records).await?,
        DbBackend::Postgres | DbBackend::MySql | _ => insert_arrays(tx, records).await?,
    };
    let inserted = usize::try_from(inserted).unwrap_or(usize::MAX);
    if inserted == records.len() { Ok(Written::All) } else { taken(tx, records).await.map(Written::But) }
}

/// On SQLite: a place for every value. How many records were written.
async fn insert_places(tx: &Transaction, records: &[&UsageRecord]) -> Result<u64, StoreError> {
    let mut inserted = 0;
    let mut rest = records;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_size(rest.len()));
        rest = later;
        let mut bound: Vec<Value> = Vec::with_capacity(batch.len() * COLUMN_COUNT);
        for record in batch {
            bound.extend(values(record));
        }
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, statement(batch.len()), bound);
        inserted += tx.execute_raw(statement).await?.rows_affected();
    }
    Ok(inserted)
}

/// On PostgreSQL: an array for every column. How many records were written.
///
/// No index can span the months, so that the keys are taken in a narrow table of their own, which has no months: whoever gets the key there
/// writes the record, in the same statement.
async fn insert_arrays(tx: &Transaction, records: &[&UsageRecord]) -> Result<u64, StoreError> {
    let mut inserted = 0;
    for batch in records.chunks(unnest::ROWS_MAX) {
        let mut arrays = Arrays::of(Column::iter())?;
        for record in batch {
            arrays.push(values(record))?;
        }
        let (list, bound) = arrays.into_parts(COLUMNS);
        let sql = format!(
            "WITH told AS (SELECT {list}), fresh AS (
                INSERT INTO usage_record_key (organisation_id, idempotency_key, usage_record_id)
                SELECT organisation_id, idempotency_key, id FROM told
                ON CONFLICT (organisation_id, idempotency_key) DO NOTHING RETURNING usage_record_id
            ) INSERT INTO usage_record ({COLUMNS})
            SELECT {COLUMNS} FROM told WHERE id IN (SELECT usage_record_id FROM fresh)"
        );
        inserted +=
            tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, bound)).await?.rows_affected();
    }
    Ok(inserted)
}

/// How many of `left` rows go into the next statement. There are few sizes, so that the databases soon know every statement.
fn batch_size(left: usize) -> usize {
    const STEP: usize = 50;
    match left {
        0..STEP => left,
        STEP..ROWS_MAX => left - left % STEP,
        _ => ROWS_MAX,
    }
}

/// The statement for so many rows, with `?` for each value: SQLite would search a list of names for each numbered place, which takes a while for
/// thousands. The one for a full batch is kept.
fn statement(rows: usize) -> String {
    static FULL: LazyLock<String> = LazyLock::new(|| marked(ROWS_MAX));
    if rows == ROWS_MAX { FULL.clone() } else { marked(rows) }
}

fn marked(rows: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMN_COUNT].join(","));
    let places = vec![row; rows].join(",");
    format!(
        "INSERT INTO usage_record ({COLUMNS}) VALUES {places} ON CONFLICT (organisation_id, idempotency_key) DO NOTHING"
    )
}

/// Who has the keys of those of `records` that are not in.
async fn taken(
    tx: &Transaction,
    records: &[&UsageRecord],
) -> Result<HashMap<OrganisationId, HashMap<String, Taken>>, StoreError> {
    let mut keys: HashMap<OrganisationId, Vec<&str>> = HashMap::new();
    let mut ours: HashMap<(OrganisationId, &str), UsageRecordId> = HashMap::with_capacity(records.len());
    for record in records {
        keys.entry(record.organisation_id).or_default().push(&record.idempotency_key);
        ours.insert((record.organisation_id, &record.idempotency_key), record.id);
    }
    let mut taken: HashMap<OrganisationId, HashMap<String, Taken>> = HashMap::new();
    for (organisation, keys) in keys {
        for keys in keys.chunks(IDS_MAX) {
            let rows: Vec<(uuid::Uuid, String, Vec<u8>)> = Entity::find()
                .filter(Column::OrganisationId.eq(organisation.uuid()))
                .filter(key::one_of(tx, organisation, keys).await?)
                .select_only()
                .columns([Column::Id, Column::IdempotencyKey, Column::ContentHash])
                .into_tuple()
                .all(tx)
                .await?;
            for (id, key, hash) in rows {
                let id = UsageRecordId::from_uuid(id);
                if ours.get(&(organisation, key.as_str())) != Some(&id) {
                    taken.entry(organisation).or_default().insert(key, (id, read_hash(&hash)?));
                }
            }
        }
    }
    Ok(taken)
}

/// Gives records of an organisation that have no price the same price, and the month on whose invoice they are; how many had none.
pub async fn set_price(
    tx: &Transaction,
    organisation: OrganisationId,
    ids: &[UsageRecordId],
    rate: RateId,
    (unit_price, cost): (Option<Money>, Option<Money>),
    billing_month: Month,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for ids in ids.chunks(IDS_MAX) {
        let done = Entity::update_many()
            .col_expr(Column::RateId, Expr::value(rate.uuid()))
            .col_expr(Column::UnitPriceNanos, Expr::value(unit_price.map(Money::nanos)))
            .col_expr(Column::CostNanos, Expr::value(cost.map(Money::nanos)))
            .col_expr(Column::BillingMonth, Expr::value(billing_month.first_day()))
            .filter(Column::OrganisationId.eq(organisation.uuid()))
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .filter(Column::RateId.is_null())
            .exec(tx)
            .await?;
        changed += done.rows_affected;
    }
    Ok(changed)
}

/// Writes what a record says now over what it said, its identity, its key and whom it is of left as they are. Its counters are the
/// caller's to change.
pub async fn restate(tx: &Transaction, record: &UsageRecord) -> Result<(), StoreError> {
    let resource = &record.resource;
    Entity::update_many()
        .col_expr(Column::ContentHash, Expr::value(record.content_hash.to_vec()))
        .col_expr(Column::ResourceType, Expr::value(resource.resource_type.code()))
        .col_expr(Column::Category, Expr::value(resource.category.map_or("", UsageCategory::code)))
        .col_expr(Column::Country, Expr::value(resource.country.as_ref().map_or("", Country::code)))
        .col_expr(Column::RateId, Expr::value(record.rate_id.map(RateId::uuid)))
        .col_expr(Column::UnitPriceNanos, Expr::value(record.unit_price.map(Money::nanos)))
        .col_expr(Column::CostNanos, Expr::value(record.cost.map(Money::nanos)))
        .col_expr(Column::OccurredAt, Expr::value(record.occurred_at))
        .col_expr(Column::Date, Expr::value(record.date))
        .col_expr(Column::Hour, Expr::value(i16::from(record.hour)))
        .col_expr(Column::BillingMonth, Expr::value(record.billing_month.first_day()))
        .col_expr(Column::Metadata, Expr::value(record.metadata.clone()))
        .filter(Column::OrganisationId.eq(record.organisation_id.uuid()))
        .filter(Column::Id.eq(record.id.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sea_orm::Iden as _;

    use super::*;

    #[test]
    fn rows_are_split_into_few_sizes_of_statements() {
        let mut left = 1_387;
        let sizes = std::iter::from_fn(|| {
            let size = batch_size(left);
            left -= size;
            (size > 0).then_some(size)
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [500, 500, 350, 37]);
    }

    #[test]
    fn a_statement_has_a_place_for_each_value() {
        assert_eq!(marked(3).matches('?').count(), 3 * COLUMN_COUNT);
        let columns: Vec<_> = Column::iter().map(|column| column.to_string()).collect();
        assert_eq!(COLUMNS.split(", ").collect::<Vec<_>>(), columns);
        assert_eq!(columns.len(), COLUMN_COUNT);
    }
}
