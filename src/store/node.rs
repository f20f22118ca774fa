//! The nodes in the database: each says now and then that it lives, and how it does.

use std::time::Duration;

use entity::node::{Column, Entity, Model};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, Statement};

use super::lease::{now_and, now_less};
use super::row::{corrupt, read_all};
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::node::{Node, NodeId};

/// A node that is silent for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What a node says of itself; when it does, the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    pub id: NodeId,
    pub name: &'a str,
    pub started_at: Instant,
    pub draining: bool,
    pub figures: &'a crate::domain::node::Figures,
}

/// Writes that a node lives.
pub async fn beat(db: &impl Db, beat: &Heartbeat<'_>) -> Result<(), StoreError> {
    let report = serde_json::to_string(beat.figures).map_err(|error| corrupt("node.report", error))?;
    let sql = format!(
        "INSERT INTO node (id, name, started_at, seen_at, draining, report) VALUES ($1, $2, $3, {now}, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, draining = excluded.draining, report = excluded.report",
        now = now_and(db, Duration::ZERO)
    );
    let values = [beat.id.uuid().into(), beat.name.into(), beat.started_at.into(), beat.draining.into(), report.into()];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Removes a node that ends.
pub async fn remove(db: &impl Db, id: NodeId) -> Result<(), StoreError> {
    Entity::delete_by_id(id.uuid()).exec(db).await?;
    Ok(())
}

/// Removes nodes that were not heard of for a day.
pub async fn forget(db: &impl Db) -> Result<(), StoreError> {
    Entity::delete_many().filter(seen_within(db, FORGOTTEN_AFTER).not()).exec(db).await?;
    Ok(())
}

/// How many nodes were heard of within `ttl` and take work.
pub async fn count_live(db: &impl Db, ttl: Duration) -> Result<u64, StoreError> {
    let live = Entity::find().filter(seen_within(db, ttl)).filter(Column::Draining.eq(false));
    Ok(live.count(db).await?)
}

/// The nodes that were heard of within `ttl`, oldest first.
pub async fn live(db: &impl Db, ttl: Duration) -> Result<Vec<Node>, StoreError> {
    let rows = Entity::find().filter(seen_within(db, ttl)).order_by_asc(Column::Id).all(db).await?;
    read_all(rows, from_row)
}

fn seen_within(db: &impl Db, time: Duration) -> SimpleExpr {
    Column::SeenAt.into_expr().gt(Expr::cust(now_less(db, time)))
}

fn from_row(row: Model) -> Result<Node, StoreError> {
    Ok(Node {
        id: NodeId::from_uuid(row.id),
        name: row.name,
        started_at: row.started_at,
        seen_at: row.seen_at,
        draining: row.draining,
        figures: serde_json::from_str(&row.report).map_err(|error| corrupt("node.report", error))?,
    })
}
