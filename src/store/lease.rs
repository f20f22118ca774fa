//! The leases of shards: who may run their organisations' jobs until when, and the epochs that fence writers of the past.
//!
//! All times are the database's, so that nodes whose clocks differ agree on what has expired. An expired lease that nobody took fences
//! nobody out: the epoch alone does.

use std::time::Duration;

use entity::lease::{Column, Entity};
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, SelectStatement};
use sea_orm::{
    ColumnTrait as _, Condition, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _, Statement, Value,
};

use super::row::corrupt;
use super::{Db, StoreError};
use crate::domain::node::NodeId;
use crate::domain::shard::{Epoch, Shard, Term};

/// Takes every shard over, whoever held it, and for ever: what a node does that is alone. The terms that this begins.
pub async fn take_all(db: &impl Db, owner: NodeId) -> Result<Vec<Term>, StoreError> {
    let sql = "UPDATE lease SET owner = $1, epoch = epoch + 1, expires_at = NULL RETURNING shard, epoch";
    terms(db, sql, [owner.uuid().into()]).await
}

/// Puts off the end of whatever `owner` holds. All that it holds; what is missing was taken over, or let go of.
pub async fn renew(db: &impl Db, owner: NodeId, ttl: Duration) -> Result<Vec<Term>, StoreError> {
    let sql = format!("UPDATE lease SET expires_at = {} WHERE owner = $1 RETURNING shard, epoch", now_and(db, ttl));
    terms(db, &sql, [owner.uuid().into()]).await
}

/// Takes shards over that nobody holds, or whose lease has expired, `count` at most. The terms that this begins.
///
/// Passed over is a shard whose lease somebody is just taking or renewing, or under which a transaction of its former owner still writes
/// (PostgreSQL): that is another's, or free at the next try.
pub async fn take(db: &impl Db, owner: NodeId, ttl: Duration, count: usize) -> Result<Vec<Term>, StoreError> {
    let free = Entity::find().select_only().column(Column::Shard).filter(is_free(db)).order_by_asc(Column::Shard);
    let free = free.limit(u64::try_from(count).unwrap_or(u64::MAX));
    let free = free.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let free: Vec<i32> = free.into_tuple().all(db).await?;
    if free.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (2..free.len() + 2).map(|place| format!("${place}")).collect();
    let sql = format!(
        "UPDATE lease SET owner = $1, epoch = epoch + 1, expires_at = {} WHERE shard IN ({}) RETURNING shard, epoch",
        now_and(db, ttl),
        places.join(", ")
    );
    terms(db, &sql, [Value::from(owner.uuid())].into_iter().chain(free.into_iter().map(Value::from))).await
}

/// Lets go of those of the shards that `owner` holds: anybody may take them at once.
pub async fn release(db: &impl Db, owner: NodeId, shards: &[Shard]) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Owner, Expr::value(None::<uuid::Uuid>))
        .col_expr(Column::ExpiresAt, Expr::cust(now_and(db, Duration::ZERO)))
        .filter(Column::Owner.eq(owner.uuid()))
        .filter(Column::Shard.is_in(shards.iter().map(|shard| shard.number())))
        .exec(db)
        .await?;
    Ok(())
}

/// [`StoreError::Fenced`] unless every one of the shards is still held under its epoch. On PostgreSQL they then are until the transaction
/// ends, whoever would take them over; their leases may be renewed meanwhile.
pub async fn check(db: &impl Db, terms: &[Term]) -> Result<(), StoreError> {
    let mut wanted: Vec<_> = terms.iter().map(|term| (term.shard.number(), term.epoch.0)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let shards = wanted.iter().map(|(shard, _)| *shard);
    let mut query: SelectStatement = Entity::find()
        .select_only()
        .columns([Column::Shard, Column::Epoch])
        .filter(Column::Shard.is_in(shards))
        .order_by_asc(Column::Shard)
        .into_query();
    // In the order of shards, so that two never wait for each other.
    query.lock(LockType::KeyShare);
    let rows = db.query_all(&query).await?;
    let held = rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
    let held: Vec<(i32, i64)> = held.collect::<Result<_, StoreError>>()?;
    if held == wanted { Ok(()) } else { Err(StoreError::Fenced) }
}

/// How many shards anybody may take.
pub async fn count_free(db: &impl Db) -> Result<u64, StoreError> {
    let free = Entity::find().select_only().column_as(Column::Shard.count(), "free").filter(is_free(db));
    let free: Option<i64> = free.into_tuple().one(db).await?;
    Ok(free.and_then(|free| u64::try_from(free).ok()).unwrap_or(0))
}

/// Who holds a shard; `None`: nobody at the moment.
pub async fn owner(db: &impl Db, shard: Shard) -> Result<Option<NodeId>, StoreError> {
    let query = Entity::find_by_id(shard.number()).select_only().column(Column::Owner);
    let lasts = Column::ExpiresAt.into_expr().gt(Expr::cust(now_and(db, Duration::ZERO)));
    let query = query.filter(Condition::any().add(Column::ExpiresAt.is_null()).add(lasts));
    let owner: Option<Option<uuid::Uuid>> = query.into_tuple().one(db).await?;
    Ok(owner.flatten().map(NodeId::from_uuid))
}

fn is_free(db: &impl Db) -> Condition {
    let expired = Column::ExpiresAt.into_expr().lte(Expr::cust(now_and(db, Duration::ZERO)));
    Condition::any().add(Column::Owner.is_null()).add(expired)
}

/// The database's present time and `time`, in the form in which instants are kept.
pub(super) fn now_and(db: &impl Db, time: Duration) -> String {
    shifted(db, '+', time)
}

/// The database's present time less `time`.
pub(super) fn now_less(db: &impl Db, time: Duration) -> String {
    shifted(db, '-', time)
}

fn shifted(db: &impl Db, sign: char, by: Duration) -> String {
    let (seconds, rest) = (by.as_secs(), by.subsec_millis());
    match db.get_database_backend() {
        DbBackend::Sqlite => {
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '{sign}{seconds}.{rest:03} seconds')")
        }
        DbBackend::Postgres | DbBackend::MySql | _ => {
            format!("(clock_timestamp() {sign} interval '{seconds}.{rest:03} seconds')")
        }
    }
}

async fn terms(db: &impl Db, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<Term>, StoreError> {
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    let terms = rows.into_iter().map(|row| {
        let (shard, epoch) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let shard = Shard::new(shard).ok_or_else(|| corrupt("lease.shard", shard))?;
        Ok(Term { shard, epoch: Epoch(epoch) })
    });
    terms.collect()
}
