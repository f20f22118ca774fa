//! The lines of a day of account usage.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use entity::usage_detail::{ActiveModel, Column, Entity, Model};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::domain::account_usage::{DayUsage, UsageCategory, UsageDetail};
use crate::domain::id::{ChannelId, OrganisationId};
use crate::store::row::{self, IDS_MAX, ROWS_MAX, fees_columns, read, read_fees};
use crate::store::{Db, StoreError};

/// The details of several days, each sorted by raw category, pricing type and country. A day without any is absent.
pub async fn details(
    db: &impl Db,
    days: &[(ChannelId, NaiveDate)],
) -> Result<HashMap<(ChannelId, NaiveDate), Vec<UsageDetail>>, StoreError> {
    let wanted: BTreeSet<(ChannelId, NaiveDate)> = days.iter().copied().collect();
    let wanted: Vec<(ChannelId, NaiveDate)> = wanted.into_iter().collect();
    let mut details: HashMap<(ChannelId, NaiveDate), Vec<UsageDetail>> = HashMap::new();
    for batch in wanted.chunks(ROWS_MAX) {
        // Every date of every channel is asked for, which is more only when channels want different dates.
        let channels: BTreeSet<_> = batch.iter().map(|(channel, _)| channel.uuid()).collect();
        let dates: BTreeSet<_> = batch.iter().map(|(_, date)| *date).collect();
        let batch: HashSet<_> = batch.iter().collect();
        let query = Entity::find()
            .filter(Column::ChannelId.is_in(channels))
            .filter(Column::Date.is_in(dates))
            .order_by_asc(Column::RawCategory)
            .order_by_asc(Column::PricingType)
            .order_by_asc(Column::Country);
        for row in query.all(db).await? {
            let day = (ChannelId::from_uuid(row.channel_id), row.date);
            if batch.contains(&day) {
                details.entry(day).or_default().push(from_row(row)?);
            }
        }
    }
    Ok(details)
}

/// Writes the details of days that have none.
pub(super) async fn insert(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    days: &[&DayUsage],
) -> Result<(), StoreError> {
    let rows = days
        .iter()
        .flat_map(|day| day.details.iter().map(|detail| to_row(organisation, channel, day.figures.date, detail)));
    row::insert::<_, ActiveModel>(db, rows.collect(), None).await?;
    Ok(())
}

/// Removes the details of days.
pub(super) async fn delete(db: &impl Db, channel: ChannelId, dates: &[NaiveDate]) -> Result<(), StoreError> {
    for batch in dates.chunks(IDS_MAX) {
        Entity::delete_many()
            .filter(Column::ChannelId.eq(channel.uuid()))
            .filter(Column::Date.is_in(batch.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

fn to_row(organisation: OrganisationId, channel: ChannelId, date: NaiveDate, detail: &UsageDetail) -> Model {
    let (fees_nanos, fees_currency) = fees_columns(detail.fees);
    Model {
        channel_id: channel.uuid(),
        date,
        raw_category: detail.raw_category.clone(),
        pricing_type: detail.pricing_type.clone().unwrap_or_default(),
        country: detail.country.clone().unwrap_or_default(),
        organisation_id: organisation.uuid(),
        category: detail.category.code().to_owned(),
        count: detail.count,
        fees_nanos,
        fees_currency,
    }
}

fn from_row(row: Model) -> Result<UsageDetail, StoreError> {
    Ok(UsageDetail {
        category: read("usage_detail.category", &row.category, UsageCategory::from_code)?,
        raw_category: row.raw_category,
        pricing_type: Some(row.pricing_type).filter(|text| !text.is_empty()),
        country: Some(row.country).filter(|text| !text.is_empty()),
        count: row.count,
        fees: read_fees("usage_detail.fees_nanos", row.fees_nanos, row.fees_currency.as_deref())?,
    })
}
