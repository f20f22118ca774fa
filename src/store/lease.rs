//! The lease of a shard: who may run its organisations' jobs, and the epoch that fences writers of the past.

use super::{Db, StoreError};
use crate::domain::clock::Instant;

/// Takes the shard over, whoever held it; the new epoch.
pub async fn acquire(db: &impl Db, shard: i32, owner: &str, now: Instant) -> Result<i64, StoreError> {
    todo!()
}

/// [`StoreError::Fenced`] unless `epoch` still holds the shard. On PostgreSQL it then does so until the transaction ends.
pub async fn check(db: &impl Db, shard: i32, epoch: i64) -> Result<(), StoreError> {
    todo!()
}
