//! Account usage: what the BSPs said, shown with its running totals.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::json;

use super::access::Caller;
use super::{Core, ServiceError};
use crate::domain::account_usage::{DailyUsage, MonthlyUsage, Overflow, UsageCounts, UsageDetail, month_of_days};
use crate::domain::id::{ChannelId, OrganisationId, PayloadId};
use crate::domain::input::BadInput;
use crate::domain::period::{DateRange, Month};
use crate::store;
pub use crate::store::account_usage::{PayloadFacts, StoredPayload};

/// The most months that one query may ask for.
pub const MONTHS_MAX: usize = 36;

/// A day with the running total of its month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyUsageView {
    pub daily: DailyUsage,
    /// From the first of the day's month to the day itself.
    pub month_to_date: UsageCounts,
}

/// Shows account usage.
#[derive(Debug, Clone)]
pub struct AccountUsageService {
    core: Arc<Core>,
}

impl AccountUsageService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The days of a range that have usage, oldest first; of one channel or of all.
    pub async fn daily(
        &self,
        organisation: OrganisationId,
        range: DateRange,
        channel: Option<ChannelId>,
    ) -> Result<Vec<DailyUsageView>, ServiceError> {
        // The running total of the first day needs the days of its month before it.
        let from = Month::of(range.from()).first_day();
        let wide = DateRange::new(from, range.to()).unwrap_or(range);
        let days = store::account_usage::daily(self.core.store().read(), organisation, wide, channel).await?;
        let mut views = with_running_totals(days)?;
        views.retain(|view| range.contains(view.daily.figures.date));
        Ok(views)
    }

    /// Some days of a channel, those that have usage, oldest first.
    pub async fn days_of(
        &self,
        organisation: OrganisationId,
        channel: ChannelId,
        dates: &[NaiveDate],
    ) -> Result<Vec<DailyUsageView>, ServiceError> {
        let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) else { return Ok(Vec::new()) };
        let Some(range) = DateRange::new(*first, *last) else { return Ok(Vec::new()) };
        let mut views = self.daily(organisation, range, Some(channel)).await?;
        views.retain(|view| dates.contains(&view.daily.figures.date));
        Ok(views)
    }

    /// The months of a range, both ends included, oldest first; of one channel or of all.
    pub async fn monthly(
        &self,
        organisation: OrganisationId,
        from: Month,
        to: Month,
        channel: Option<ChannelId>,
    ) -> Result<Vec<MonthlyUsage>, ServiceError> {
        let Some(range) = DateRange::new(from.first_day(), to.last_day()) else {
            return Err(BadInput::new("from", from, format!("expected a month up to `to`, which is {to}")).into());
        };
        if range.months().len() > MONTHS_MAX {
            return Err(BadInput::new("from", from, format!("expected at most {MONTHS_MAX} months up to {to}")).into());
        }
        Ok(store::account_usage::monthly(self.core.store().read(), organisation, from, to, channel).await?)
    }

    /// The lines of days.
    pub async fn details(
        &self,
        days: &[(ChannelId, NaiveDate)],
    ) -> Result<HashMap<(ChannelId, NaiveDate), Vec<UsageDetail>>, ServiceError> {
        Ok(store::account_usage::details(self.core.store().read(), days).await?)
    }

    /// What is known of payloads, without their bodies.
    pub async fn payload_facts(&self, ids: &[PayloadId]) -> Result<HashMap<PayloadId, PayloadFacts>, ServiceError> {
        let facts = store::account_usage::payload_facts(self.core.store().read(), ids).await?;
        Ok(facts.into_iter().map(|facts| (facts.id, facts)).collect())
    }

    /// A payload with its body.
    pub async fn payload(
        &self,
        organisation: OrganisationId,
        id: PayloadId,
    ) -> Result<Option<StoredPayload>, ServiceError> {
        Ok(store::account_usage::payload(self.core.store().read(), organisation, id).await?)
    }

    /// Makes sure that each metered channel has a document for a month; today's month where none is named. Those that are there stay
    /// as they are, so doing it twice does no harm.
    pub async fn create_months(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        month: Option<Month>,
    ) -> Result<Vec<MonthlyUsage>, ServiceError> {
        caller.require_admin()?;
        let work = self.core.begin().await?;
        let organisation = store::organisation::find(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let present = Month::of(organisation.time_zone.date(work.now()));
        let month = month.unwrap_or(present);
        if month > present {
            let accepted = format!("expected a month up to the present one, {present}");
            return Err(BadInput::new("month", month, accepted).into());
        }
        let channels = store::channel::list(work.tx(), organisation_id, None, None).await?;
        let metered = channels.iter().filter(|channel| channel.account.is_some());
        let empty: Vec<_> = metered.map(|channel| empty_month(organisation_id, channel.id, month)).collect();
        let made = store::account_usage::ensure_months(work.tx(), &empty, work.now()).await?;
        let months = store::account_usage::monthly(work.tx(), organisation_id, month, month, None).await?;
        let details = json!({ "month": month, "created": made });
        work.audit(caller, "createMonthlyUsage", Some(organisation_id), None, details).await?;
        work.commit().await?;
        Ok(months)
    }
}

/// A month in which nothing has happened yet.
pub(crate) const fn empty_month(organisation_id: OrganisationId, channel_id: ChannelId, month: Month) -> MonthlyUsage {
    MonthlyUsage {
        organisation_id,
        channel_id,
        month,
        counts: UsageCounts::from_array([0; 10]),
        messages: None,
        fees: None,
        days: 0,
    }
}

/// Makes a channel's month anew from its stored days.
pub(crate) async fn recompute_month(
    tx: &store::Transaction,
    organisation_id: OrganisationId,
    channel_id: ChannelId,
    month: Month,
) -> Result<MonthlyUsage, ServiceError> {
    let days = store::account_usage::days_of_month(tx, organisation_id, channel_id, month).await?;
    month_of_days(organisation_id, channel_id, month, &days).map_err(internal)
}

fn internal(overflow: Overflow) -> ServiceError {
    ServiceError::Internal(overflow.into())
}

/// `days` must be in the order of their dates, from the first of a month.
fn with_running_totals(days: Vec<DailyUsage>) -> Result<Vec<DailyUsageView>, ServiceError> {
    let mut totals: HashMap<(ChannelId, Month), UsageCounts> = HashMap::new();
    days.into_iter()
        .map(|daily| {
            let total = totals.entry((daily.channel_id, Month::of(daily.figures.date))).or_default();
            *total = total.checked_add(daily.figures.counts).ok_or(Overflow).map_err(internal)?;
            let month_to_date = *total;
            Ok(DailyUsageView { daily, month_to_date })
        })
        .collect()
}
