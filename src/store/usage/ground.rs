//! What recording stands on: the organisations, held in place, the months that are closed, and the customers that are named.

use std::collections::{BTreeSet, HashMap};

use entity::{customer, invoice, organisation};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::period::{Month, Zone};
use crate::store::row::{self, IDS_MAX, read_zone};
use crate::store::{Db, StoreError, Transaction};

/// The zones of organisations.
pub type Ground = HashMap<OrganisationId, Zone>;

/// Whose the things are that were named.
pub type Owned<Id> = HashMap<Id, OrganisationId>;

/// The invoice's state in which it still follows what is recorded.
const DRAFT: &str = "DRAFT";

/// The zones of those of the organisations that exist. On PostgreSQL nobody changes or closes anything of them until the transaction
/// ends, while others may record beside it.
pub async fn ground(tx: &Transaction, organisations: &BTreeSet<OrganisationId>) -> Result<Ground, StoreError> {
    use organisation::{Column, Entity};
    let mut zones = HashMap::with_capacity(organisations.len());
    let ids: Vec<_> = organisations.iter().map(|id| id.uuid()).collect();
    for ids in ids.chunks(IDS_MAX) {
        let rows: Vec<(uuid::Uuid, String)> = Entity::find()
            .filter(Column::Id.is_in(ids.iter().copied()))
            .order_by_asc(Column::Id)
            .lock_shared()
            .select_only()
            .columns([Column::Id, Column::TimeZone])
            .into_tuple()
            .all(tx)
            .await?;
        for (id, zone) in rows {
            zones.insert(OrganisationId::from_uuid(id), read_zone("organisation.time_zone", &zone)?);
        }
    }
    Ok(zones)
}

/// The months from `first` on whose invoices no longer change.
pub async fn closed_months(
    tx: &Transaction,
    organisations: &BTreeSet<OrganisationId>,
    first: Month,
) -> Result<HashMap<OrganisationId, BTreeSet<Month>>, StoreError> {
    use invoice::{Column, Entity};
    let mut closed: HashMap<OrganisationId, BTreeSet<Month>> = HashMap::new();
    let ids: Vec<_> = organisations.iter().map(|id| id.uuid()).collect();
    for ids in ids.chunks(IDS_MAX) {
        let rows: Vec<(uuid::Uuid, chrono::NaiveDate)> = Entity::find()
            .filter(Column::OrganisationId.is_in(ids.iter().copied()))
            .filter(Column::Month.gte(first.first_day()))
            .filter(Column::State.ne(DRAFT))
            .select_only()
            .columns([Column::OrganisationId, Column::Month])
            .into_tuple()
            .all(tx)
            .await?;
        for (id, month) in rows {
            closed.entry(OrganisationId::from_uuid(id)).or_default().insert(Month::of(month));
        }
    }
    Ok(closed)
}

/// Whose customers those of the ids are that exist.
pub async fn customers(db: &impl Db, ids: &BTreeSet<CustomerId>) -> Result<Owned<CustomerId>, StoreError> {
    use customer::{Column, Entity};
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let owners = row::owners::<Entity>(db, (Column::Id, Column::OrganisationId), &ids).await?;
    Ok(owners.into_iter().map(|(id, of)| (CustomerId::from_uuid(id), OrganisationId::from_uuid(of))).collect())
}
