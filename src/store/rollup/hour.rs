//! Usage by the hour, put together by the database: what is read follows the hours asked for, not the records behind them.

use chrono::NaiveDate;
use entity::usage_hour::{Column, Entity};
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect, Select};
use uuid::Uuid;

use crate::domain::channel::ChannelKind;
use crate::domain::id::{OrganisationId, RateId};
use crate::domain::money::Money;
use crate::domain::period::DateRange;
use crate::domain::quantity::Quantity;
use crate::domain::statistics::{HourSpend, Spend, Summary, TieredHour};
use crate::domain::usage::{Resource, ResourceType};
use crate::store::row::{self, corrupt, read, read_all};
use crate::store::{Db, StoreError};

/// What the hours of `range` hold, hours without usage left out.
pub async fn by_hour(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
) -> Result<Vec<HourSpend>, StoreError> {
    let query = of(organisation, range).column(Column::Date).column(Column::Hour);
    let query = summed(summed(query, Column::CostNanos), Column::Records);
    let query = query.group_by(Column::Date).group_by(Column::Hour);
    let rows: Vec<(NaiveDate, i16, i64, i64)> = query.into_tuple().all(db).await?;
    read_all(rows, |(date, hour, cost, records)| {
        Ok(HourSpend { date, hour: read_hour(hour)?, spend: Spend { cost: Money::from_nanos(cost), records } })
    })
}

/// What the days of `range` hold of each resource.
pub async fn by_resource(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
) -> Result<Vec<Summary>, StoreError> {
    let columns = [Column::Date, Column::Kind, Column::ResourceType];
    let query = columns.into_iter().fold(of(organisation, range), QuerySelect::column);
    let query = summed(summed(summed(query, Column::QuantityMicros), Column::CostNanos), Column::Records);
    let query = columns.into_iter().fold(query, QuerySelect::group_by);
    let rows: Vec<(NaiveDate, String, String, i64, i64, i64)> = query.into_tuple().all(db).await?;
    read_all(rows, |(date, kind, resource_type, quantity, cost, records)| {
        Ok(Summary {
            date,
            kind: read("usage_hour.kind", &kind, ChannelKind::from_code)?,
            resource_type: read("usage_hour.resource_type", &resource_type, ResourceType::from_code)?,
            quantity: Quantity::from_micros(quantity),
            spend: Spend { cost: Money::from_nanos(cost), records },
        })
    })
}

/// How much the hours of `range` hold at each of `rates`.
pub async fn of_rates(
    db: &impl Db,
    organisation: OrganisationId,
    rates: &[RateId],
    range: DateRange,
) -> Result<Vec<TieredHour>, StoreError> {
    type Row = (NaiveDate, i16, String, String, String, String, Uuid, i64);
    let columns = [
        Column::Date,
        Column::Hour,
        Column::Kind,
        Column::ResourceType,
        Column::Category,
        Column::Country,
        Column::RateId,
    ];
    let mut found = Vec::new();
    for rates in rates.chunks(row::IDS_MAX) {
        let query = of(organisation, range).filter(Column::RateId.is_in(rates.iter().map(|id| id.uuid())));
        let query = columns.into_iter().fold(query, QuerySelect::column);
        let query = columns.into_iter().fold(summed(query, Column::QuantityMicros), QuerySelect::group_by);
        let rows: Vec<Row> = query.order_by_asc(Column::Date).order_by_asc(Column::Hour).into_tuple().all(db).await?;
        for (date, hour, kind, resource_type, category, country, rate_id, quantity) in rows {
            let resource = Resource {
                kind: read("usage_hour.kind", &kind, ChannelKind::from_code)?,
                resource_type: read("usage_hour.resource_type", &resource_type, ResourceType::from_code)?,
                category: row::read_category("usage_hour.category", &category)?,
                country: row::read_country("usage_hour.country", &country)?,
            };
            let (rate_id, quantity) = (RateId::from_uuid(rate_id), Quantity::from_micros(quantity));
            found.push(TieredHour { date, hour: read_hour(hour)?, resource, rate_id, quantity });
        }
    }
    Ok(found)
}

fn of(organisation: OrganisationId, range: DateRange) -> Select<Entity> {
    let own = Entity::find().select_only().filter(Column::OrganisationId.eq(organisation.uuid()));
    own.filter(Column::Date.between(range.from(), range.to()))
}

/// PostgreSQL sums 64-bit integers to a number that has to be made one again.
fn summed(query: Select<Entity>, column: Column) -> Select<Entity> {
    query.expr(column.sum().cast_as("bigint"))
}

fn read_hour(hour: i16) -> Result<u8, StoreError> {
    u8::try_from(hour).ok().filter(|hour| *hour < 24).ok_or_else(|| corrupt("usage_hour.hour", hour))
}
