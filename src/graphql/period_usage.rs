//! The billing month as it stands, by channel kind and resource.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Object, SimpleObject};

use super::channel::ChannelKind;
use super::error::{Fault, Result};
use super::scalar::{Date, Decimal, int};
use crate::domain::period_usage::{KindUsage, Used};
use crate::domain::usage::ResourceType;
use crate::service::usage::PeriodView;

/// The month that is billed now.
#[derive(Debug)]
pub(super) struct PeriodUsage(pub(super) PeriodView);

/// The month that is billed now, as it stands: its own usage, and late usage of earlier months that were invoiced already.
#[Object]
impl PeriodUsage {
    /// The first day of the month, in the organisation's zone.
    async fn period_start(&self) -> Date {
        self.0.month.first_day().into()
    }

    /// The last day of the month, itself included.
    async fn period_end(&self) -> Date {
        self.0.month.last_day().into()
    }

    /// The currency of the costs and credits, as ISO 4217 codes it: that of the plan.
    async fn currency(&self) -> &'static str {
        self.0.currency.code()
    }

    /// What the month's usage costs so far, tiers and packages included, not rounded; without the plan's fee.
    async fn total_cost(&self) -> Decimal {
        self.0.usage.total.cost.into()
    }

    /// How many records are billed with the month.
    async fn total_records(&self) -> Result<i32> {
        int("totalRecords", self.0.usage.total.records)
    }

    /// How many of them have no price yet, and so cost nothing so far.
    async fn unpriced_records(&self) -> Result<i32> {
        int("unpricedRecords", self.0.usage.total.unpriced)
    }

    /// The credits that are there to pay with, before the month's own usage.
    async fn credit_balance(&self) -> Decimal {
        self.0.credit_balance.into()
    }

    /// The credits less the cost; below zero where they do not suffice.
    async fn remaining_credits(&self) -> Decimal {
        self.0.remaining_credits.into()
    }

    /// The same for each kind of channel that was used.
    #[graphql(complexity = "6 * child_complexity + 1")]
    async fn by_channel(&self) -> Result<Vec<ChannelKindUsage>> {
        self.0.usage.kinds.iter().map(TryInto::try_into).collect()
    }
}

/// What was used of the channels of a kind.
#[derive(Debug, SimpleObject)]
pub(super) struct ChannelKindUsage {
    /// The kind.
    kind: ChannelKind,
    /// The quantities of its resources together, whatever they count.
    total_quantity: Decimal,
    /// What they cost.
    total_cost: Decimal,
    /// Each resource by itself, by name.
    #[graphql(complexity = "5 * child_complexity + 1")]
    resources: Vec<ResourceUsage>,
}

/// What was used of a resource.
#[derive(Debug, SimpleObject)]
pub(super) struct ResourceUsage {
    /// What is counted, such as `minute` or `message`.
    resource_type: String,
    /// How much of it.
    quantity: Decimal,
    /// What it costs.
    cost: Decimal,
    /// How many records that is.
    records: i32,
}

impl TryFrom<&KindUsage> for ChannelKindUsage {
    type Error = Fault;

    fn try_from(usage: &KindUsage) -> Result<Self> {
        Ok(Self {
            kind: usage.kind.into(),
            total_quantity: usage.total.quantity.into(),
            total_cost: usage.total.cost.into(),
            resources: usage.resources.iter().map(TryInto::try_into).collect::<Result<_>>()?,
        })
    }
}

impl TryFrom<&(ResourceType, Used)> for ResourceUsage {
    type Error = Fault;

    fn try_from((resource_type, used): &(ResourceType, Used)) -> Result<Self> {
        Ok(Self {
            resource_type: resource_type.to_string(),
            quantity: used.quantity.into(),
            cost: used.cost.into(),
            records: int("records", used.records)?,
        })
    }
}
