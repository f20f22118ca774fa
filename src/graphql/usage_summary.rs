//! Usage in short: a line for each day and resource, and the totals of today and the months.

use async_graphql::SimpleObject;

use super::channel::ChannelKind;
use super::error::{Fault, Result};
use super::scalar::{Date, Decimal, int};
use crate::domain::statistics::{Spend, Summary};
use crate::service::usage;

/// What a day holds of a resource, by the organisation's own days as they were when the usage was recorded.
#[derive(Debug, SimpleObject)]
pub(super) struct UsageSummary {
    /// The day.
    date: Date,
    /// The kind of channel.
    kind: ChannelKind,
    /// What is counted, such as `minute` or `message`.
    resource_type: String,
    /// How much of it.
    quantity: Decimal,
    /// What it costs; of tiers and packages, what the day adds to its month's cost.
    cost: Decimal,
    /// How many records that is.
    records: i32,
}

impl TryFrom<Summary> for UsageSummary {
    type Error = Fault;

    fn try_from(summary: Summary) -> Result<Self> {
        Ok(Self {
            date: summary.date.into(),
            kind: summary.kind.into(),
            resource_type: summary.resource_type.to_string(),
            quantity: summary.quantity.into(),
            cost: summary.spend.cost.into(),
            records: int("records", summary.spend.records)?,
        })
    }
}

/// What was used today, this month and last month, by the organisation's calendar.
#[derive(Debug, SimpleObject)]
pub(super) struct UsageTotals {
    /// Today so far.
    today: MoneyCount,
    /// This month so far.
    this_month: MoneyCount,
    /// The month before, whatever invoice its usage is on.
    last_month: MoneyCount,
}

/// A cost, and how many records it comes from.
#[derive(Debug, SimpleObject)]
pub(super) struct MoneyCount {
    /// The cost, in the currency of the plan.
    cost: Decimal,
    /// How many records there are.
    records: i32,
}

impl TryFrom<Spend> for MoneyCount {
    type Error = Fault;

    fn try_from(spend: Spend) -> Result<Self> {
        Ok(Self { cost: spend.cost.into(), records: int("records", spend.records)? })
    }
}

impl TryFrom<usage::UsageTotals> for UsageTotals {
    type Error = Fault;

    fn try_from(totals: usage::UsageTotals) -> Result<Self> {
        Ok(Self {
            today: totals.today.try_into()?,
            this_month: totals.this_month.try_into()?,
            last_month: totals.last_month.try_into()?,
        })
    }
}
