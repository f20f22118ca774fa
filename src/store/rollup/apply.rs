//! Counting records into the counters, each counter in one row of one statement.

use entity::{usage_customer_day, usage_hour, usage_period};
use sea_orm::sea_query::OnConflict;
use uuid::Uuid;

use crate::domain::account_usage::UsageCategory;
use crate::domain::id::{ChannelId, RateId};
use crate::domain::rollup::{CustomerDayKey, HourKey, PeriodKey, Rollups, Totals};
use crate::domain::usage::Country;
use crate::store::{StoreError, Transaction, row};

/// Adds `rollups` to what is there. [`StoreError::Overflow`] where a sum no longer fits.
pub async fn apply(tx: &Transaction, rollups: &Rollups) -> Result<(), StoreError> {
    let hours: Vec<_> = rollups.hours.iter().map(|(key, totals)| hour(key, totals)).collect();
    row::insert::<_, usage_hour::ActiveModel>(tx, hours, Some(on_hour())).await?;
    let periods: Vec<_> = rollups.periods.iter().map(|(key, totals)| period(key, totals)).collect();
    row::insert::<_, usage_period::ActiveModel>(tx, periods, Some(on_period())).await?;
    let days: Vec<_> = rollups.customer_days.iter().map(|(key, totals)| customer_day(key, totals)).collect();
    row::insert::<_, usage_customer_day::ActiveModel>(tx, days, Some(on_customer_day())).await?;
    Ok(())
}

fn on_hour() -> OnConflict {
    use usage_hour::Column::{
        Category, ChannelId, CostNanos, Country, Date, Hour, Kind, OrganisationId, QuantityMicros, RateId, Records,
        ResourceType, Unpriced,
    };
    let key = [OrganisationId, Date, Hour, Kind, ResourceType, Category, Country, ChannelId, RateId];
    row::adding(key, "usage_hour", [QuantityMicros, CostNanos, Records, Unpriced])
}

fn on_period() -> OnConflict {
    use usage_period::Column::{
        BillingMonth, Category, CostNanos, Country, Kind, OrganisationId, QuantityMicros, RateId, Records,
        ResourceType, Unpriced, UsageMonth,
    };
    let key = [OrganisationId, BillingMonth, UsageMonth, Kind, ResourceType, Category, Country, RateId];
    row::adding(key, "usage_period", [QuantityMicros, CostNanos, Records, Unpriced])
}

fn on_customer_day() -> OnConflict {
    use usage_customer_day::Column::{CostNanos, CustomerId, Date, OrganisationId, Records};
    row::adding([OrganisationId, Date, CustomerId], "usage_customer_day", [CostNanos, Records])
}

fn hour(key: &HourKey, totals: &Totals) -> usage_hour::Model {
    usage_hour::Model {
        organisation_id: key.organisation_id.uuid(),
        date: key.date,
        hour: i16::from(key.hour),
        kind: key.resource.kind.code().to_owned(),
        resource_type: key.resource.resource_type.code().to_owned(),
        category: key.resource.category.map_or("", UsageCategory::code).to_owned(),
        country: key.resource.country.as_ref().map_or("", Country::code).to_owned(),
        channel_id: key.channel_id.map_or(Uuid::nil(), ChannelId::uuid),
        rate_id: key.rate_id.map_or(Uuid::nil(), RateId::uuid),
        quantity_micros: totals.quantity.micros(),
        cost_nanos: totals.cost.nanos(),
        records: totals.records,
        unpriced: totals.unpriced,
    }
}

fn period(key: &PeriodKey, totals: &Totals) -> usage_period::Model {
    usage_period::Model {
        organisation_id: key.organisation_id.uuid(),
        billing_month: key.billing_month.first_day(),
        usage_month: key.usage_month.first_day(),
        kind: key.resource.kind.code().to_owned(),
        resource_type: key.resource.resource_type.code().to_owned(),
        category: key.resource.category.map_or("", UsageCategory::code).to_owned(),
        country: key.resource.country.as_ref().map_or("", Country::code).to_owned(),
        rate_id: key.rate_id.map_or(Uuid::nil(), RateId::uuid),
        quantity_micros: totals.quantity.micros(),
        cost_nanos: totals.cost.nanos(),
        records: totals.records,
        unpriced: totals.unpriced,
    }
}

fn customer_day(key: &CustomerDayKey, totals: &Totals) -> usage_customer_day::Model {
    usage_customer_day::Model {
        organisation_id: key.organisation_id.uuid(),
        date: key.date,
        customer_id: key.customer_id.uuid(),
        cost_nanos: totals.cost.nanos(),
        records: totals.records,
    }
}
