//! Usage by the month that is billed.

use std::collections::BTreeSet;

use entity::usage_period::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};

use crate::domain::channel::ChannelKind;
use crate::domain::id::{OrganisationId, RateId};
use crate::domain::money::Money;
use crate::domain::period::Month;
use crate::domain::quantity::Quantity;
use crate::domain::rollup::{PeriodKey, Totals};
use crate::domain::usage::{Resource, ResourceType};
use crate::store::row::{self, IDS_MAX, read, read_all};
use crate::store::{Db, StoreError};

/// The organisation's rollups that decide what `billing_month` costs: of every usage month that has any in it, those billed up to it.
pub async fn of_billing_month(
    db: &impl Db,
    organisation: OrganisationId,
    billing_month: Month,
) -> Result<Vec<(PeriodKey, Totals)>, StoreError> {
    let month = billing_month.first_day();
    let late = of(organisation).filter(Column::BillingMonth.eq(month)).filter(Column::UsageMonth.ne(month));
    let earlier: Vec<chrono::NaiveDate> =
        late.select_only().column(Column::UsageMonth).distinct().into_tuple().all(db).await?;
    let mut wanted = Condition::any().add(Column::BillingMonth.eq(month));
    if !earlier.is_empty() {
        let before = Condition::all().add(Column::UsageMonth.is_in(earlier)).add(Column::BillingMonth.lt(month));
        wanted = wanted.add(before);
    }
    let rows = of(organisation).filter(wanted).order_by_asc(Column::UsageMonth).all(db).await?;
    read_all(rows, |row| read_row(&row))
}

/// The rollups of some organisations that are billed in one of `months`, of whatever month they are.
pub async fn billed_in(
    db: &impl Db,
    organisations: &[OrganisationId],
    months: &BTreeSet<Month>,
) -> Result<Vec<(PeriodKey, Totals)>, StoreError> {
    let mut rows = Vec::new();
    for ids in organisations.chunks(IDS_MAX) {
        let query = Entity::find().filter(Column::OrganisationId.is_in(ids.iter().map(|id| id.uuid())));
        let query = query.filter(Column::BillingMonth.is_in(months.iter().map(|month| month.first_day())));
        rows.extend(read_all(query.all(db).await?, |row| read_row(&row))?);
    }
    Ok(rows)
}

/// The kinds and types of what an organisation used and something of which has no price, each once.
pub async fn unpriced_resources(
    db: &impl Db,
    organisation: OrganisationId,
) -> Result<Vec<(String, String)>, StoreError> {
    let query = of(organisation).filter(Column::Unpriced.gt(0));
    let query = query.select_only().columns([Column::Kind, Column::ResourceType]).distinct();
    Ok(query.into_tuple().all(db).await?)
}

/// The organisation's rollups of usage in `first` to `last`, whatever month they are billed in.
pub async fn of_usage_months(
    db: &impl Db,
    organisation: OrganisationId,
    first: Month,
    last: Month,
) -> Result<Vec<(PeriodKey, Totals)>, StoreError> {
    // A month is billed in itself or later, so the key's own order bounds what is read.
    let query = of(organisation)
        .filter(Column::BillingMonth.gte(first.first_day()))
        .filter(Column::UsageMonth.between(first.first_day(), last.first_day()));
    read_all(query.order_by_asc(Column::UsageMonth).all(db).await?, |row| read_row(&row))
}

/// The rates at which anything was used in `first` to `last`, in no particular order.
pub async fn rates_of_usage_months(
    db: &impl Db,
    organisation: OrganisationId,
    first: Month,
    last: Month,
) -> Result<Vec<RateId>, StoreError> {
    let query = of(organisation)
        .filter(Column::BillingMonth.gte(first.first_day()))
        .filter(Column::UsageMonth.between(first.first_day(), last.first_day()))
        .filter(Column::RateId.ne(uuid::Uuid::nil()));
    let ids = query.select_only().column(Column::RateId).distinct();
    let ids: Vec<uuid::Uuid> = ids.into_tuple().all(db).await?;
    Ok(ids.into_iter().map(RateId::from_uuid).collect())
}

fn of(organisation: OrganisationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganisationId.eq(organisation.uuid()))
}

fn read_row(row: &Model) -> Result<(PeriodKey, Totals), StoreError> {
    let key = PeriodKey {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        billing_month: Month::of(row.billing_month),
        usage_month: Month::of(row.usage_month),
        resource: Resource {
            kind: read("usage_period.kind", &row.kind, ChannelKind::from_code)?,
            resource_type: read("usage_period.resource_type", &row.resource_type, ResourceType::from_code)?,
            category: row::read_category("usage_period.category", &row.category)?,
            country: row::read_country("usage_period.country", &row.country)?,
        },
        rate_id: Some(row.rate_id).filter(|id| !id.is_nil()).map(RateId::from_uuid),
    };
    let totals = Totals {
        quantity: Quantity::from_micros(row.quantity_micros),
        cost: Money::from_nanos(row.cost_nanos),
        records: row.records,
        unpriced: row.unpriced,
    };
    Ok((key, totals))
}
