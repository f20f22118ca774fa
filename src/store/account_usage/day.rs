//! Days of account usage.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::daily_usage::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait as _, DbErr, EntityTrait as _, Iterable as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};
use uuid::Uuid;

use super::{counts_of_day, detail};
use crate::domain::account_usage::{DailyUsage, DayFigures, DayUsage, UsageReport, UsageUnit};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId, PayloadId};
use crate::domain::period::{DateRange, Month};
use crate::store::row::{self, IDS_MAX, fees_columns, read, read_all, read_fees};
use crate::store::{Db, StoreError};

/// Makes the stored days of the report's range those of the report. Days up to `complete_until` are complete.
///
/// Returns, sorted, the dates whose content or completeness changed, that appeared, or that vanished. A day's revision
/// goes up when its content changed. To be called in a transaction.
pub async fn replace_days(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    report: &UsageReport,
    payload: PayloadId,
    complete_until: Option<NaiveDate>,
    now: Instant,
) -> Result<Vec<NaiveDate>, StoreError> {
    lock_channel(db, organisation, channel).await?;
    let mut known = known_days(db, organisation, channel, report.range).await?;
    let mut rows = Vec::with_capacity(report.days.len());
    let mut rewritten: Vec<&DayUsage> = Vec::new();
    // Days whose details are those of another version.
    let mut outdated: Vec<NaiveDate> = Vec::new();
    let mut changed = Vec::new();
    for day in &report.days {
        let date = day.figures.date;
        let content_hash = day.content_hash().to_vec();
        let complete = complete_until.is_some_and(|until| date <= until);
        let before = known.remove(&date);
        let same = before.as_ref().is_some_and(|before| before.content_hash == content_hash);
        if !same {
            rewritten.push(day);
            outdated.extend(before.is_some().then_some(date));
        }
        if !same || before.as_ref().is_some_and(|before| before.complete != complete) {
            changed.push(date);
        }
        let revision = before.map_or(0, |before| before.revision.saturating_add(i32::from(!same)));
        let state = State { complete, revision, content_hash };
        rows.push(to_row(organisation, channel, &day.figures, state, payload, now));
    }
    let vanished: Vec<NaiveDate> = known.into_keys().collect();
    delete(db, channel, &vanished).await?;
    let changing = Column::iter().filter(|column| !matches!(column, Column::ChannelId | Column::Date));
    let on_conflict = OnConflict::columns([Column::ChannelId, Column::Date]).update_columns(changing).to_owned();
    row::insert::<_, ActiveModel>(db, rows, Some(on_conflict)).await?;
    // The details of a day that did not change are those that are there.
    outdated.extend(&vanished);
    detail::delete(db, channel, &outdated).await?;
    detail::insert(db, organisation, channel, &rewritten).await?;
    changed.extend(vanished);
    changed.sort_unstable();
    Ok(changed)
}

/// The stored days of a month of the organisation's channel, oldest first.
pub async fn days_of_month(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    month: Month,
) -> Result<Vec<DayFigures>, StoreError> {
    let rows = of(organisation, month.range(), Some(channel)).all(db).await?;
    read_all(rows, |row| figures(&row))
}

/// The organisation's days in a range, oldest first, then by channel.
pub async fn daily(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
    channel: Option<ChannelId>,
) -> Result<Vec<DailyUsage>, StoreError> {
    read_all(of(organisation, range, channel).all(db).await?, |row| from_row(&row))
}

/// What makes one version of a day differ from another.
struct State {
    complete: bool,
    revision: i32,
    content_hash: Vec<u8>,
}

/// Lets transactions that replace days of one channel follow each other (on PostgreSQL; on SQLite all do), because each
/// decides by what it reads first.
async fn lock_channel(db: &impl Db, organisation: OrganisationId, channel: ChannelId) -> Result<(), StoreError> {
    use entity::channel::{Column, Entity};
    let query = Entity::find_by_id(channel.uuid()).filter(Column::OrganisationId.eq(organisation.uuid()));
    let found: Option<Uuid> = query.select_only().column(Column::Id).lock_exclusive().into_tuple().one(db).await?;
    match found {
        Some(_) => Ok(()),
        None => Err(DbErr::RecordNotFound(format!("{channel} of {organisation}")).into()),
    }
}

async fn known_days(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    range: DateRange,
) -> Result<HashMap<NaiveDate, State>, StoreError> {
    let columns = [Column::Date, Column::Complete, Column::Revision, Column::ContentHash];
    let query = of(organisation, range, Some(channel)).select_only().columns(columns);
    let rows: Vec<(NaiveDate, bool, i32, Vec<u8>)> = query.into_tuple().all(db).await?;
    let state = |(date, complete, revision, content_hash)| (date, State { complete, revision, content_hash });
    Ok(rows.into_iter().map(state).collect())
}

async fn delete(db: &impl Db, channel: ChannelId, dates: &[NaiveDate]) -> Result<(), StoreError> {
    for batch in dates.chunks(IDS_MAX) {
        Entity::delete_many()
            .filter(Column::ChannelId.eq(channel.uuid()))
            .filter(Column::Date.is_in(batch.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

fn of(organisation: OrganisationId, range: DateRange, channel: Option<ChannelId>) -> Select<Entity> {
    let query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation.uuid()))
        .filter(Column::Date.between(range.from(), range.to()))
        .order_by_asc(Column::Date)
        .order_by_asc(Column::ChannelId);
    match channel {
        Some(channel) => query.filter(Column::ChannelId.eq(channel.uuid())),
        None => query,
    }
}

fn to_row(
    organisation: OrganisationId,
    channel: ChannelId,
    figures: &DayFigures,
    state: State,
    payload: PayloadId,
    now: Instant,
) -> Model {
    let (fees_nanos, fees_currency) = fees_columns(figures.fees);
    let messages = figures.messages;
    Model {
        channel_id: channel.uuid(),
        date: figures.date,
        organisation_id: organisation.uuid(),
        unit: figures.unit.code().to_owned(),
        marketing: figures.counts.marketing,
        utility: figures.counts.utility,
        authentication: figures.counts.authentication,
        authentication_international: figures.counts.authentication_international,
        marketing_lite: figures.counts.marketing_lite,
        service: figures.counts.service,
        free_utility: figures.counts.free_utility,
        free_entry_point: figures.counts.free_entry_point,
        free_tier: figures.counts.free_tier,
        other: figures.counts.other,
        messages_incoming: messages.map(|messages| messages.incoming),
        messages_outgoing: messages.map(|messages| messages.outgoing),
        messages_outgoing_media: messages.map(|messages| messages.outgoing_media),
        messages_template: messages.map(|messages| messages.template),
        messages_template_media: messages.map(|messages| messages.template_media),
        messages_total: messages.map(|messages| messages.total),
        fees_nanos,
        fees_currency,
        complete: state.complete,
        revision: state.revision,
        fetched_at: now,
        content_hash: state.content_hash,
        payload_id: Some(payload.uuid()),
    }
}

fn figures(row: &Model) -> Result<DayFigures, StoreError> {
    let (counts, messages) = counts_of_day(row)?;
    Ok(DayFigures {
        date: row.date,
        unit: read("daily_usage.unit", &row.unit, UsageUnit::from_code)?,
        counts,
        messages,
        fees: read_fees("daily_usage.fees_nanos", row.fees_nanos, row.fees_currency.as_deref())?,
    })
}

fn from_row(row: &Model) -> Result<DailyUsage, StoreError> {
    Ok(DailyUsage {
        organisation_id: OrganisationId::from_uuid(row.organisation_id),
        channel_id: ChannelId::from_uuid(row.channel_id),
        figures: figures(row)?,
        complete: row.complete,
        revision: row.revision,
        fetched_at: row.fetched_at,
        payload_id: row.payload_id.map(PayloadId::from_uuid),
    })
}
