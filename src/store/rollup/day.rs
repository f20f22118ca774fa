//! Usage by local day and rate, out of the hours.

use chrono::NaiveDate;
use entity::usage_hour::{Column, Entity};
use sea_orm::sea_query::{ExprTrait as _, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, IdenStatic as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use crate::domain::channel::ChannelKind;
use crate::domain::id::{OrganisationId, RateId};
use crate::domain::money::Money;
use crate::domain::period::DateRange;
use crate::domain::plan_preview::DayOfResource;
use crate::domain::quantity::Quantity;
use crate::domain::rollup::Totals;
use crate::domain::usage::{Resource, ResourceType};
use crate::store::row::{self, read, read_all};
use crate::store::{Db, StoreError};

#[derive(Debug, FromQueryResult)]
struct Row {
    date: NaiveDate,
    kind: String,
    resource_type: String,
    category: String,
    country: String,
    rate_id: Uuid,
    quantity_micros: i64,
    cost_nanos: i64,
    records: i64,
    unpriced: i64,
}

/// What the organisation used of each resource on each of the days, oldest day first, summed by the database.
pub async fn of_days(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
) -> Result<Vec<DayOfResource>, StoreError> {
    let key = [Column::Date, Column::Kind, Column::ResourceType, Column::Category, Column::Country, Column::RateId];
    let mut query = Entity::find()
        .select_only()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Date.between(range.from(), range.to()));
    for column in key {
        query = query.column(column).group_by(column).order_by_asc(column);
    }
    for column in [Column::QuantityMicros, Column::CostNanos, Column::Records, Column::Unpriced] {
        query = query.column_as(sum(column), column.as_str());
    }
    read_all(query.into_model::<Row>().all(db).await?, |row| read_row(&row))
}

/// PostgreSQL sums 64-bit numbers into another type.
fn sum(column: Column) -> SimpleExpr {
    column.into_expr().sum().cast_as("bigint")
}

fn read_row(row: &Row) -> Result<DayOfResource, StoreError> {
    Ok(DayOfResource {
        date: row.date,
        resource: Resource {
            kind: read("usage_hour.kind", &row.kind, ChannelKind::from_code)?,
            resource_type: read("usage_hour.resource_type", &row.resource_type, ResourceType::from_code)?,
            category: row::read_category("usage_hour.category", &row.category)?,
            country: row::read_country("usage_hour.country", &row.country)?,
        },
        rate_id: Some(row.rate_id).filter(|id| !id.is_nil()).map(RateId::from_uuid),
        totals: Totals {
            quantity: Quantity::from_micros(row.quantity_micros),
            cost: Money::from_nanos(row.cost_nanos),
            records: row.records,
            unpriced: row.unpriced,
        },
    })
}
