//! The lease of a shard: who may run its organisations' jobs, and the epoch that fences writers of the past.

use entity::lease::{Column, Entity};
use sea_orm::{DbErr, EntityTrait as _, QuerySelect as _, Statement, Value};

use super::{Db, StoreError};
use crate::domain::clock::Instant;

/// Takes the shard over, whoever held it; the new epoch.
pub async fn acquire(db: &impl Db, shard: i32, owner: &str, now: Instant) -> Result<i64, StoreError> {
    let sql = "INSERT INTO lease (shard, owner, epoch, renewed_at) VALUES ($1, $2, 1, $3) \
               ON CONFLICT (shard) DO UPDATE \
               SET owner = excluded.owner, epoch = lease.epoch + 1, renewed_at = excluded.renewed_at \
               RETURNING epoch";
    let values = [Value::from(shard), Value::from(owner), Value::from(now)];
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the lease that was just written".to_owned()))?;
    Ok(row.try_get_by_index(0)?)
}

/// [`StoreError::Fenced`] unless `epoch` still holds the shard. On PostgreSQL it then does so until the transaction ends.
pub async fn check(db: &impl Db, shard: i32, epoch: i64) -> Result<(), StoreError> {
    let query = Entity::find_by_id(shard).select_only().column(Column::Epoch).lock_shared();
    let held: Option<i64> = query.into_tuple().one(db).await?;
    if held == Some(epoch) { Ok(()) } else { Err(StoreError::Fenced) }
}
