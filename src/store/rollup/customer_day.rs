//! Usage by customer and day.

use chrono::NaiveDate;
use entity::usage_customer_day::{Column, Entity};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, Order, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use uuid::Uuid;

use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::money::Money;
use crate::domain::period::DateRange;
use crate::domain::statistics::Spend;
use crate::store::{Db, StoreError};

/// What customers are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerOrder {
    /// Who cost most, of equals who has more records.
    Cost,
    /// Who has most records, of equals who cost more.
    Records,
}

/// The first `limit` customers of the days in an order, with their stamped costs; one of whom everything was taken back is none.
pub async fn top(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
    order: CustomerOrder,
    limit: u64,
) -> Result<Vec<(CustomerId, Spend)>, StoreError> {
    let sum = |column: Column| -> Expr { column.sum().cast_as("bigint") };
    let (first, second) = match order {
        CustomerOrder::Cost => (Column::CostNanos, Column::Records),
        CustomerOrder::Records => (Column::Records, Column::CostNanos),
    };
    let (from, to): (NaiveDate, NaiveDate) = (range.from(), range.to());
    let query = Entity::find()
        .select_only()
        .column(Column::CustomerId)
        .expr(sum(Column::CostNanos))
        .expr(sum(Column::Records))
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Date.between(from, to))
        .group_by(Column::CustomerId)
        .having(sum(Column::Records).gt(0).or(sum(Column::CostNanos).gt(0)))
        .order_by(sum(first), Order::Desc)
        .order_by(sum(second), Order::Desc)
        .order_by_asc(Column::CustomerId)
        .limit(limit);
    let rows: Vec<(Uuid, i64, i64)> = query.into_tuple().all(db).await?;
    let read = |(id, cost, records)| (CustomerId::from_uuid(id), Spend { cost: Money::from_nanos(cost), records });
    Ok(rows.into_iter().map(read).collect())
}
