//! Statistics of usage: trends, the busiest times, who used most, and how the month stands against those before.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, Object, SimpleObject};

use super::access;
use super::customer::Customer;
use super::error::{Fault, Result};
use super::loader;
use super::scalar::{Date, Decimal, Month, int};
use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::period::DateRange;
use crate::domain::statistics::{DaySpend, MonthSpend, Spend};
use crate::service::usage::{CustomerOrder, StatisticsView};

/// Statistics of some days.
#[derive(Debug)]
pub(super) struct UsageStats {
    pub(super) organisation_id: OrganisationId,
    pub(super) range: DateRange,
    /// How many customers are listed.
    pub(super) top: u32,
    pub(super) view: StatisticsView,
}

/// Statistics of the days asked for, by the organisation's own days and hours as they were when the usage was recorded.
#[Object]
impl UsageStats {
    /// What the usage of these days costs, in the currency of the plan; of tiers and packages, what these days add to their month's cost.
    async fn total_cost(&self) -> Decimal {
        self.view.statistics.total.cost.into()
    }

    /// How many records there are.
    async fn total_records(&self) -> Result<i32> {
        int("totalRecords", self.view.statistics.total.records)
    }

    /// The cost over the number of days asked for, those without usage included; rounded to nine places.
    async fn average_daily_cost(&self) -> Decimal {
        self.view.statistics.average_daily_cost.into()
    }

    /// Every day asked for, the first one first, with zeros where nothing was used.
    #[graphql(complexity = "400 * child_complexity + 1")]
    async fn daily(&self) -> Result<Vec<DailyPoint>> {
        self.view.statistics.daily.iter().copied().map(TryInto::try_into).collect()
    }

    /// The 24 hours of the day in the organisation's zone, of all days together.
    #[graphql(complexity = "24 * child_complexity + 1")]
    async fn hourly(&self) -> Result<Vec<HourlyPoint>> {
        let hours = (0..).zip(&self.view.statistics.hourly);
        hours.map(|(hour, spend)| HourlyPoint::new(hour, *spend)).collect()
    }

    /// The hour that cost most, of equals the one with more records, then the earlier; null when nothing was used.
    async fn peak_hour(&self) -> Option<i32> {
        self.view.statistics.peak_hour.map(i32::from)
    }

    /// The day that cost most, of equals the one with more records, then the earlier; null when nothing was used.
    async fn busiest_day(&self) -> Option<Date> {
        self.view.statistics.busiest_day.map(Into::into)
    }

    /// The customers who cost most, by costs per unit: what tiers and packages cost is the organisation's as a whole.
    #[graphql(complexity = "100 * child_complexity + 1")]
    async fn top_customers(&self, ctx: &Context<'_>) -> Result<Vec<CustomerUsage>> {
        self.top_customers_by(ctx, CustomerOrder::Cost).await
    }

    /// The customers with the most records.
    #[graphql(complexity = "100 * child_complexity + 1")]
    async fn top_customers_by_count(&self, ctx: &Context<'_>) -> Result<Vec<CustomerUsage>> {
        self.top_customers_by(ctx, CustomerOrder::Records).await
    }

    /// The present month and the three before it, newest first, whatever days were asked for.
    #[graphql(complexity = "4 * child_complexity + 1")]
    async fn monthly(&self) -> Result<Vec<MonthlyPoint>> {
        self.view.monthly.iter().copied().map(TryInto::try_into).collect()
    }

    /// By how many per cent the present month's cost is more than that of the month before, with two places; 100 where there was none.
    async fn growth(&self) -> Decimal {
        self.view.growth.into()
    }
}

impl UsageStats {
    async fn top_customers_by(&self, ctx: &Context<'_>, order: CustomerOrder) -> Result<Vec<CustomerUsage>> {
        let usage = &access::services(ctx)?.usage;
        let customers = usage.top_customers(self.organisation_id, self.range, order, self.top).await?;
        Ok(customers.into_iter().map(|(customer_id, spend)| CustomerUsage { customer_id, spend }).collect())
    }
}

/// A day of the trend.
#[derive(Debug, SimpleObject)]
pub(super) struct DailyPoint {
    /// The day.
    date: Date,
    /// What its usage costs.
    cost: Decimal,
    /// How many records there are.
    records: i32,
}

impl TryFrom<DaySpend> for DailyPoint {
    type Error = Fault;

    fn try_from(day: DaySpend) -> Result<Self> {
        let records = int("daily.records", day.spend.records)?;
        Ok(Self { date: day.date.into(), cost: day.spend.cost.into(), records })
    }
}

/// An hour of the day.
#[derive(Debug, SimpleObject)]
pub(super) struct HourlyPoint {
    /// 0 to 23.
    hour: i32,
    /// What the usage in it costs.
    cost: Decimal,
    /// How many records there are.
    records: i32,
}

impl HourlyPoint {
    fn new(hour: i32, spend: Spend) -> Result<Self> {
        Ok(Self { hour, cost: spend.cost.into(), records: int("hourly.records", spend.records)? })
    }
}

/// A month.
#[derive(Debug, SimpleObject)]
pub(super) struct MonthlyPoint {
    /// The month.
    month: Month,
    /// What its usage costs, whatever invoice it is on.
    cost: Decimal,
    /// How many records there are.
    records: i32,
}

impl TryFrom<MonthSpend> for MonthlyPoint {
    type Error = Fault;

    fn try_from(month: MonthSpend) -> Result<Self> {
        let records = int("monthly.records", month.spend.records)?;
        Ok(Self { month: month.month.into(), cost: month.spend.cost.into(), records })
    }
}

/// What a customer used.
#[derive(Debug)]
pub(super) struct CustomerUsage {
    customer_id: CustomerId,
    spend: Spend,
}

/// What a customer used on the days asked for.
#[Object]
impl CustomerUsage {
    /// The customer.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Customer> {
        loader::customer(ctx, self.customer_id).await.map(Customer)
    }

    /// What it costs, by costs per unit alone.
    async fn cost(&self) -> Decimal {
        self.spend.cost.into()
    }

    /// How many records there are.
    async fn records(&self) -> Result<i32> {
        int("topCustomers.records", self.spend.records)
    }
}
