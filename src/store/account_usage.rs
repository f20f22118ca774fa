//! Account usage in the database: days and their details, the months made of them, and the payloads they came from.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::{Db, StoreError};
use crate::domain::account_usage::{DailyUsage, DayFigures, MonthlyUsage, UsageDetail, UsageReport};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId, PayloadId};
use crate::domain::period::{DateRange, Month};

/// A body as a BSP sent it, with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayload {
    pub id: PayloadId,
    pub channel_id: ChannelId,
    pub source: String,
    pub range: DateRange,
    pub sha256: [u8; 32],
    pub body: String,
    /// When it was last received.
    pub fetched_at: Instant,
}

/// A payload without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFacts {
    pub id: PayloadId,
    pub organisation_id: OrganisationId,
    pub channel_id: ChannelId,
    pub source: String,
    pub range: DateRange,
    pub sha256: [u8; 32],
    /// When it was last received.
    pub fetched_at: Instant,
}

/// Keeps the report's body. A body that is there already, from the same channel, is the same row, received now.
pub async fn store_payload(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    report: &UsageReport,
    now: Instant,
) -> Result<PayloadId, StoreError> {
    todo!()
}

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
    todo!()
}

/// The stored days of a month of the organisation's channel, oldest first.
pub async fn days_of_month(
    db: &impl Db,
    organisation: OrganisationId,
    channel: ChannelId,
    month: Month,
) -> Result<Vec<DayFigures>, StoreError> {
    todo!()
}

/// Writes months, over those that are there. Each (channel, month) at most once.
pub async fn save_months(db: &impl Db, months: &[MonthlyUsage], now: Instant) -> Result<(), StoreError> {
    todo!()
}

/// Writes those of the months that are not there; how many that were.
pub async fn ensure_months(db: &impl Db, months: &[MonthlyUsage], now: Instant) -> Result<u64, StoreError> {
    todo!()
}

/// The organisation's days in a range, oldest first, then by channel.
pub async fn daily(
    db: &impl Db,
    organisation: OrganisationId,
    range: DateRange,
    channel: Option<ChannelId>,
) -> Result<Vec<DailyUsage>, StoreError> {
    todo!()
}

/// The organisation's months from one to another, both included, oldest first, then by channel.
pub async fn monthly(
    db: &impl Db,
    organisation: OrganisationId,
    from: Month,
    to: Month,
    channel: Option<ChannelId>,
) -> Result<Vec<MonthlyUsage>, StoreError> {
    todo!()
}

/// The details of several days, each sorted by raw category, pricing type and country. A day without any is absent.
pub async fn details(
    db: &impl Db,
    days: &[(ChannelId, NaiveDate)],
) -> Result<HashMap<(ChannelId, NaiveDate), Vec<UsageDetail>>, StoreError> {
    todo!()
}

/// The organisation's payload with this id.
pub async fn payload(
    db: &impl Db,
    organisation: OrganisationId,
    id: PayloadId,
) -> Result<Option<StoredPayload>, StoreError> {
    todo!()
}

/// Those of the payloads that exist, whosever they are, without their bodies, in no particular order.
pub async fn payload_facts(db: &impl Db, ids: &[PayloadId]) -> Result<Vec<PayloadFacts>, StoreError> {
    todo!()
}

/// Removes payloads of the organisation that were last received before `before`, the oldest first, at most `limit`; how many
/// were removed.
pub async fn delete_payloads(
    db: &impl Db,
    organisation: OrganisationId,
    before: Instant,
    limit: u64,
) -> Result<u64, StoreError> {
    todo!()
}
