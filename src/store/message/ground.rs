//! What taking messages in stands on: that nobody else does it for the same organisations, and whose the campaigns are.

use std::collections::BTreeSet;

use entity::campaign::{Column, Entity};
use sea_orm::{DbBackend, Statement};

use crate::domain::id::{CampaignId, OrganisationId};
use crate::store::row;
use crate::store::usage::Owned;
use crate::store::{Db, StoreError, Transaction};

/// Tells these locks from those that other parts of the program may come to take. The number means nothing.
const CLASS: i32 = 7_216_094;

/// Waits until nobody else takes in messages or people of the organisations, and keeps others from it until the transaction ends: what is
/// known is then read, joined with what is new and written back without a gap.
///
/// On SQLite a transaction that writes is alone anyway. On PostgreSQL organisations share a lock where the halves of their ids do, which
/// costs time and no more; the locks are taken in their order, so that no two wait for each other.
pub async fn hold(tx: &Transaction, organisations: &BTreeSet<OrganisationId>) -> Result<(), StoreError> {
    if tx.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let locks: BTreeSet<i32> = organisations.iter().map(|id| lock(*id)).collect();
    for lock in locks {
        let sql = "SELECT pg_advisory_xact_lock($1, $2)";
        let values = [CLASS.into(), lock.into()];
        tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    }
    Ok(())
}

/// The last four bytes, which are random.
fn lock(id: OrganisationId) -> i32 {
    let bytes = id.uuid().into_bytes();
    i32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
}

/// Whose campaigns those of the ids are that exist.
pub async fn campaigns(db: &impl Db, ids: &BTreeSet<CampaignId>) -> Result<Owned<CampaignId>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let owners = row::owners::<Entity>(db, (Column::Id, Column::OrganisationId), &ids).await?;
    Ok(owners.into_iter().map(|(id, of)| (CampaignId::from_uuid(id), OrganisationId::from_uuid(of))).collect())
}
