//! Records together with what corrects them, and records that have no price.

use std::collections::HashSet;

use entity::usage_record::{Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::key;
use super::list::Place;
use super::record::from_row;
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::usage::UsageRecord;
use crate::store::row::{self, read_all};
use crate::store::{Db, StoreError, Transaction};

/// An organisation's record, held until the transaction ends, so that it is corrected by one after the other.
pub async fn lock(
    tx: &Transaction,
    organisation: OrganisationId,
    id: UsageRecordId,
) -> Result<Option<UsageRecord>, StoreError> {
    let query = Entity::find_by_id(id.uuid()).filter(Column::OrganisationId.eq(organisation.uuid())).lock_exclusive();
    query.one(tx).await?.map(from_row).transpose()
}

/// The organisation's records under these keys, held until the transaction ends.
///
/// In the order in which [`unpriced`] holds them, so that two who hold the same records do not wait for each other in a circle.
pub async fn hold_by_key(
    tx: &Transaction,
    organisation: OrganisationId,
    keys: &[&str],
) -> Result<Vec<UsageRecord>, StoreError> {
    let mut records = Vec::with_capacity(keys.len());
    for keys in keys.chunks(row::IDS_MAX) {
        let query = Entity::find()
            .filter(Column::OrganisationId.eq(organisation.uuid()))
            .filter(key::one_of(tx, organisation, keys).await?)
            .order_by_asc(Column::OccurredAt)
            .order_by_asc(Column::Id);
        records.extend(read_all(query.lock_exclusive().all(tx).await?, from_row)?);
    }
    Ok(records)
}

/// Which of these records were corrected or taken away, whosever they are.
pub async fn corrected(db: &impl Db, ids: &[UsageRecordId]) -> Result<HashSet<UsageRecordId>, StoreError> {
    let mut corrected = HashSet::new();
    for ids in ids.chunks(row::IDS_MAX) {
        let query = Entity::find().filter(Column::Amends.is_in(ids.iter().map(|id| id.uuid())));
        let rows: Vec<uuid::Uuid> = query.select_only().column(Column::Amends).into_tuple().all(db).await?;
        corrected.extend(rows.into_iter().map(UsageRecordId::from_uuid));
    }
    Ok(corrected)
}

/// Records and everything that corrects them: each first record before its corrections, these in the order of their making.
pub async fn family(
    db: &impl Db,
    organisation: OrganisationId,
    firsts: &[UsageRecordId],
) -> Result<Vec<UsageRecord>, StoreError> {
    let ids: Vec<_> = firsts.iter().map(|id| id.uuid()).collect();
    let of = || Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()));
    let mut rows = row::select_in(db, of(), Column::Id, ids.clone()).await?;
    rows.extend(row::select_in(db, of(), Column::Amends, ids).await?);
    rows.sort_by_key(|row| (row.amends.unwrap_or(row.id), row.amends.is_some(), row.id));
    read_all(rows, from_row)
}

/// Which of these records were taken away, whosever they are.
pub async fn voided(db: &impl Db, ids: &[UsageRecordId]) -> Result<HashSet<UsageRecordId>, StoreError> {
    let mut voided = HashSet::new();
    for ids in ids.chunks(row::IDS_MAX) {
        let query = Entity::find()
            .filter(Column::Amends.is_in(ids.iter().map(|id| id.uuid())))
            .filter(Column::Counts.lt(0_i16));
        let rows: Vec<uuid::Uuid> = query.select_only().column(Column::Amends).into_tuple().all(db).await?;
        voided.extend(rows.into_iter().map(UsageRecordId::from_uuid));
    }
    Ok(voided)
}

/// An organisation's records without a price that happened in `[from, to)`, oldest first, after a place; held until the transaction ends.
pub async fn unpriced(
    tx: &Transaction,
    organisation: OrganisationId,
    (from, to): (Option<Instant>, Option<Instant>),
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<UsageRecord>, StoreError> {
    let mut wanted = Condition::all().add(Column::RateId.is_null());
    if let Some(from) = from {
        wanted = wanted.add(Column::OccurredAt.gte(from));
    }
    if let Some(to) = to {
        wanted = wanted.add(Column::OccurredAt.lt(to));
    }
    if let Some(place) = after {
        let key = Expr::tuple([Expr::col(Column::OccurredAt), Expr::col(Column::Id)]);
        wanted = wanted.add(key.gt(Expr::tuple([Expr::value(place.occurred_at), Expr::value(place.id.uuid())])));
    }
    let query = Entity::find().filter(Column::OrganisationId.eq(organisation.uuid())).filter(wanted);
    let query = query.order_by_asc(Column::OccurredAt).order_by_asc(Column::Id).limit(limit).lock_exclusive();
    read_all(query.all(tx).await?, from_row)
}
