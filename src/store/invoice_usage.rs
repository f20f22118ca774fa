//! The records of the ledger that a line of an invoice is made of.

use chrono::NaiveDate;
use entity::usage_record::{Column, Entity};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select};

use super::keyset::{Keyset, placed};
use super::row::read_all;
use super::usage::{self, Place};
use super::{Db, StoreError};
use crate::domain::id::{OrganisationId, RateId, UsageRecordId};
use crate::domain::money::Money;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::{Month, Period};
use crate::domain::quantity::Quantity;
use crate::domain::rollup::Totals;
use crate::domain::usage::{Resource, UsageRecord};

/// Which records a line is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub resource: Resource,
    pub rate_id: Option<RateId>,
    pub usage_month: Month,
    /// On whose invoice they are.
    pub billing_month: Month,
    /// Wider than the usage month by whatever a change of zone may have moved it; it bounds what is read.
    pub within: Period,
}

/// What was used on each local day, earliest first; days without a record are left out.
pub async fn days(
    db: &impl Db,
    organisation: OrganisationId,
    part: &Part,
) -> Result<Vec<(NaiveDate, Totals)>, StoreError> {
    // PostgreSQL sums a bigint into something wider.
    let sum = |column: Expr| column.sum().cast_as("BIGINT");
    let query = records(organisation, part)
        .select_only()
        .column(Column::Date)
        .expr_as(sum(Expr::col(Column::QuantityMicros)), "quantity")
        .expr_as(Expr::expr(sum(Expr::col(Column::CostNanos))).if_null(0_i64), "cost")
        .expr_as(sum(Expr::col(Column::Counts)), "records")
        .group_by(Column::Date)
        .order_by_asc(Column::Date);
    let rows: Vec<(NaiveDate, i64, i64, i64)> = query.into_tuple().all(db).await?;
    read_all(rows, |(date, quantity, cost, records)| {
        let unpriced = if part.rate_id.is_none() { records } else { 0 };
        let (quantity, cost) = (Quantity::from_micros(quantity), Money::from_nanos(cost));
        Ok((date, Totals { quantity, cost, records, unpriced }))
    })
}

/// A page of the records, newest first.
pub async fn page(
    db: &impl Db,
    organisation: OrganisationId,
    part: &Part,
    request: &PageRequest<Place>,
) -> Result<Page<UsageRecord>, StoreError> {
    let keyset = Keyset { columns: [Column::OccurredAt, Column::Id], descending: true };
    let values = |place: &Place| [Expr::value(place.occurred_at), Expr::value(place.id.uuid())];
    let page = keyset.page(db, records(organisation, part), placed(request, values)).await?;
    let ids: Vec<_> = page.items.iter().map(|row| UsageRecordId::from_uuid(row.id)).collect();
    let mut items = usage::find_many(db, &ids).await?;
    items.sort_by_key(|record| std::cmp::Reverse((record.occurred_at, record.id)));
    Ok(Page { items, has_previous: page.has_previous, has_next: page.has_next })
}

fn records(organisation: OrganisationId, part: &Part) -> Select<Entity> {
    let resource = &part.resource;
    let category = resource.category.map_or("", |category| category.code());
    let country = resource.country.as_ref().map_or("", |country| country.code());
    let query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::OccurredAt.gte(part.within.start))
        .filter(Column::OccurredAt.lt(part.within.end))
        .filter(Column::Kind.eq(resource.kind.code()))
        .filter(Column::ResourceType.eq(resource.resource_type.code()))
        .filter(Column::Category.eq(category))
        .filter(Column::Country.eq(country))
        .filter(Column::BillingMonth.eq(part.billing_month.first_day()))
        .filter(Column::Date.between(part.usage_month.first_day(), part.usage_month.last_day()));
    match part.rate_id {
        Some(rate) => query.filter(Column::RateId.eq(rate.uuid())),
        None => query.filter(Column::RateId.is_null()),
    }
}
