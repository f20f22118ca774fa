//! Months of account usage.

use entity::monthly_usage::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, EntityTrait as _, Iterable as _, QueryFilter as _, QueryOrder as _};

use super::counts_of_month;
use crate::domain::account_usage::MonthlyUsage;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::period::Month;
use crate::store::row::{self, fees_columns, read_all, read_fees};
use crate::store::{Db, StoreError};

/// Writes months, over those that are there. Each (channel, month) at most once.
pub async fn save_months(db: &impl Db, months: &[MonthlyUsage], now: Instant) -> Result<(), StoreError> {
    let changing = Column::iter().filter(|column| !matches!(column, Column::ChannelId | Column::Month));
    let on_conflict = OnConflict::columns([Column::ChannelId, Column::Month]).update_columns(changing).to_owned();
    row::insert::<_, ActiveModel>(db, months.iter().map(|month| to_row(month, now)).collect(), Some(on_conflict))
        .await?;
    Ok(())
}

/// Writes those of the months that are not there; how many that were.
pub async fn ensure_months(db: &impl Db, months: &[MonthlyUsage], now: Instant) -> Result<u64, StoreError> {
    let on_conflict = OnConflict::columns([Column::ChannelId, Column::Month]).do_nothing().to_owned();
    row::insert::<_, ActiveModel>(db, months.iter().map(|month| to_row(month, now)).collect(), Some(on_conflict)).await
}

/// The organisation's months from one to another, both included, oldest first, then by channel.
pub async fn monthly(
    db: &impl Db,
    organisation: OrganisationId,
    from: Month,
    to: Month,
    channel: Option<ChannelId>,
) -> Result<Vec<MonthlyUsage>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Month.between(from.first_day(), to.first_day()))
        .order_by_asc(Column::Month)
        .order_by_asc(Column::ChannelId);
    if let Some(channel) = channel {
        query = query.filter(Column::ChannelId.eq(channel.uuid()));
    }
    read_all(query.all(db).await?, |row| from_row(&row))
}

fn to_row(month: &MonthlyUsage, now: Instant) -> Model {
    let (fees_nanos, fees_currency) = fees_columns(month.fees);
    let messages = month.messages;
    Model {
        channel_id: month.channel_id.uuid(),
        month: month.month.first_day(),
        organisation_id: month.organisation_id.uuid(),
        marketing: month.counts.marketing,
        utility: month.counts.utility,
        authentication: month.counts.authentication,
        authentication_international: month.counts.authentication_international,
        marketing_lite: month.counts.marketing_lite,
        service: month.counts.service,
        free_utility: month.counts.free_utility,
        free_entry_point: month.counts.free_entry_point,
        free_tier: month.counts.free_tier,
        other: month.counts.other,
        messages_incoming: messages.map(|messages| messages.incoming),
        messages_outgoing: messages.map(|messages| messages.outgoing),
        messages_outgoing_media: messages.map(|messages| messages.outgoing_media),
        messages_template: messages.map(|messages| messages.template),
        messages_template_media: messages.map(|messages| messages.template_media),
        messages_total: messages.map(|messages| messages.total),
        fees_nanos,
        fees_currency,
        days: month.days,
        computed_at: now,
    }
}

fn from_row(row: &Model) -> Result<MonthlyUsage, StoreError> {
    let (counts, messages) = counts_of_month(row)?;
    Ok(MonthlyUsage {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        channel_id: ChannelId::from_uuid(row.channel_id),
        month: Month::of(row.month),
        counts,
        messages,
        fees: read_fees("monthly_usage.fees_nanos", row.fees_nanos, row.fees_currency.as_deref())?,
        days: row.days,
    })
}
