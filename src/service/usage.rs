//! What is shown of the ledger: the billing month, days, hours and customers, all out of rollups.

mod export;

use std::sync::Arc;

use super::{Core, ServiceError, credit};
use crate::domain::billing;
use crate::domain::id::{CustomerId, OrganisationId, RateId};
use crate::domain::input::BadInput;
use crate::domain::money::{Currency, Money, Overflow};
use crate::domain::organisation::Organisation;
use crate::domain::period::{DateRange, Month};
use crate::domain::period_usage::{PeriodUsage, period_usage};
use crate::domain::plan::PriceBook;
use crate::domain::statistics::{self, MonthSpend, Percent, Spend, Statistics, Summary, TieredCost, months_back};
use crate::store;
pub use crate::store::rollup::customer_day::CustomerOrder;
pub use export::{Bound, ExportRequest};

/// The most days that one question about usage may ask for.
pub const DAYS_MAX: i64 = 400;

/// The most customers of a list of those that used most.
pub const TOP_MAX: i32 = 100;

/// The months that the present one is compared with.
const MONTHS_BEFORE: u32 = 3;

/// The month that is billed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodView {
    pub month: Month,
    /// Of the plan in force now.
    pub currency: Currency,
    pub usage: PeriodUsage,
    /// What there is to pay with before the month's own use.
    pub credit_balance: Money,
    /// The balance less the cost; below zero where it does not suffice.
    pub remaining_credits: Money,
}

/// The statistics of some days, and how the present month stands against those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsView {
    pub statistics: Statistics,
    /// The present month and those before it, newest first.
    pub monthly: Vec<MonthSpend>,
    /// Of the present month's cost against the month's before.
    pub growth: Percent,
}

/// Today, and this month and the last, by the organisation's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageTotals {
    pub today: Spend,
    pub this_month: Spend,
    pub last_month: Spend,
}

/// Shows usage.
#[derive(Debug, Clone)]
pub struct UsageService {
    core: Arc<Core>,
}

impl UsageService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The month that is billed now, with late usage of earlier months that is on its invoice.
    pub async fn current_period(&self, organisation: &Organisation) -> Result<PeriodView, ServiceError> {
        let db = self.core.store().read();
        let today = organisation.time_zone.date(self.core.now());
        let month = Month::of(today);
        let prices = self.core.prices().current(db).await?;
        let rows = store::rollup::of_billing_month(db, organisation.id, month).await?;
        let charges = billing::charges(&rows, month, &prices).map_err(internal)?;
        let usage = period_usage(&charges).map_err(internal)?;
        let assignments = store::plan::assignments(db, &[organisation.id]).await?;
        let plan = assignments.get(&organisation.id).and_then(|of| of.on(today)).and_then(|id| prices.plan(id));
        let credit_balance = credit::balance(&self.core, db, organisation, self.core.now()).await?;
        let remaining = credit_balance.checked_sub(usage.total.cost);
        Ok(PeriodView {
            month,
            currency: plan.map_or(organisation.currency, |plan| plan.currency),
            usage,
            credit_balance,
            remaining_credits: remaining.ok_or_else(|| internal(Overflow))?,
        })
    }

    /// The statistics of some days.
    pub async fn statistics(
        &self,
        organisation: &Organisation,
        range: DateRange,
    ) -> Result<StatisticsView, ServiceError> {
        let db = self.core.store().read();
        let prices = self.core.prices().current(db).await?;
        let months = months_back(Month::of(organisation.time_zone.date(self.core.now())), MONTHS_BEFORE);
        let monthly = self.months(organisation.id, &months, &prices).await?;
        let hours = store::rollup::hour::by_hour(db, organisation.id, range).await?;
        let tiered = self.tiered(organisation.id, range, &prices).await?;
        let cost = |place: usize| monthly.get(place).map_or(Money::ZERO, |month| month.spend.cost);
        Ok(StatisticsView {
            statistics: statistics::statistics(range, &hours, &tiered).map_err(internal)?,
            growth: Percent::growth(cost(0), cost(1)).map_err(internal)?,
            monthly,
        })
    }

    /// Who used most on some days, at most `limit`, by costs that were stamped: what tiers and packages cost is the whole organisation's.
    pub async fn top_customers(
        &self,
        organisation: OrganisationId,
        range: DateRange,
        order: CustomerOrder,
        limit: u32,
    ) -> Result<Vec<(CustomerId, Spend)>, ServiceError> {
        let db = self.core.store().read();
        Ok(store::rollup::customer_day::top(db, organisation, range, order, u64::from(limit)).await?)
    }

    /// What each day holds of each resource, by day, kind and name.
    pub async fn summaries(
        &self,
        organisation: OrganisationId,
        range: DateRange,
    ) -> Result<Vec<Summary>, ServiceError> {
        let db = self.core.store().read();
        let prices = self.core.prices().current(db).await?;
        let rows = store::rollup::hour::by_resource(db, organisation, range).await?;
        let tiered = self.tiered(organisation, range, &prices).await?;
        statistics::summaries(range, rows, &tiered).map_err(internal)
    }

    /// Today, this month and the last.
    pub async fn totals(&self, organisation: &Organisation) -> Result<UsageTotals, ServiceError> {
        let db = self.core.store().read();
        let today = organisation.time_zone.date(self.core.now());
        let prices = self.core.prices().current(db).await?;
        let months = self.months(organisation.id, &months_back(Month::of(today), 1), &prices).await?;
        let hours = store::rollup::hour::by_hour(db, organisation.id, DateRange::day(today)).await?;
        let tiered = self.tiered(organisation.id, DateRange::day(today), &prices).await?;
        let spend = |place: usize| months.get(place).map_or(Spend::default(), |month| month.spend);
        let total = statistics::statistics(DateRange::day(today), &hours, &tiered).map_err(internal)?.total;
        Ok(UsageTotals { today: total, this_month: spend(0), last_month: spend(1) })
    }

    /// What months of usage come to, in the order given: the newest first, without a gap.
    async fn months(
        &self,
        organisation: OrganisationId,
        months: &[Month],
        prices: &PriceBook,
    ) -> Result<Vec<MonthSpend>, ServiceError> {
        let (Some(last), Some(first)) = (months.first(), months.last()) else { return Ok(Vec::new()) };
        let rows = store::rollup::of_usage_months(self.core.store().read(), organisation, *first, *last).await?;
        statistics::by_month(months, &rows, prices).map_err(internal)
    }

    /// The costs of tiers and packages in the hours of `range`, and in those of its first month before it.
    async fn tiered(
        &self,
        organisation: OrganisationId,
        range: DateRange,
        prices: &PriceBook,
    ) -> Result<Vec<TieredCost>, ServiceError> {
        let db = self.core.store().read();
        let (first, last) = (Month::of(range.from()), Month::of(range.to()));
        let used = store::rollup::rates_of_usage_months(db, organisation, first, last).await?;
        let is_tiered = |id: &RateId| prices.rate(*id).is_some_and(|rate| rate.price.per_unit().is_none());
        let rates: Vec<RateId> = used.into_iter().filter(is_tiered).collect();
        let Some(range) = DateRange::new(first.first_day(), range.to()).filter(|_| !rates.is_empty()) else {
            return Ok(Vec::new());
        };
        let rows = store::rollup::hour::of_rates(db, organisation, &rates, range).await?;
        statistics::marginal(rows, prices).map_err(internal)
    }
}

/// How many customers are asked for by `top`.
pub fn checked_top(top: Option<i32>, usual: u32) -> Result<u32, BadInput> {
    let Some(top) = top else { return Ok(usual) };
    let checked = u32::try_from(top).ok().filter(|_| (1..=TOP_MAX).contains(&top));
    checked.ok_or_else(|| BadInput::new("top", top, format!("expected 1 to {TOP_MAX}")))
}

fn internal(overflow: Overflow) -> ServiceError {
    ServiceError::Internal(overflow.into())
}
