//! What a billing month costs, out of its rollups: costs that were stamped, and tiers and packages over the period's quantity.

use std::collections::BTreeMap;

use super::id::RateId;
use super::money::{Money, Overflow};
use super::period::Month;
use super::plan::PriceBook;
use super::quantity::Quantity;
use super::rating::{Price, Step};
use super::rollup::{PeriodKey, Totals};
use super::usage::Resource;

/// What one resource at one rate costs in a billing month, not rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub resource: Resource,
    /// `None`: nothing of it has a price.
    pub rate_id: Option<RateId>,
    /// Earlier than the billing month in an adjustment.
    pub usage_month: Month,
    pub quantity: Quantity,
    /// Of a price per unit only.
    pub unit_price: Option<Money>,
    pub amount: Money,
    pub records: i64,
    pub unpriced: i64,
    /// How the price of tiers or packages was made, over all of the usage month's quantity up to this billing month; empty per unit.
    pub steps: Vec<Step>,
    /// In an adjustment of tiers or packages: what earlier invoices charged of `steps`.
    pub charged_before: Money,
}

/// The charges of `billing_month`, by usage month, then resource and rate. `rows` are the organisation's rollups of every usage month that
/// has any in this billing month, up to this billing month.
///
/// A rate that depends on the quantity is applied to all that was used in the usage month so far; of that, an adjustment is what earlier
/// invoices did not charge. So the charges of all invoices together are those of the whole quantity, whatever came late.
pub fn charges(
    rows: &[(PeriodKey, Totals)],
    billing_month: Month,
    prices: &PriceBook,
) -> Result<Vec<Charge>, Overflow> {
    #[derive(Default)]
    struct Sum {
        before: Totals,
        now: Totals,
        is_billed: bool,
    }
    let mut sums: BTreeMap<(Month, &Resource, Option<RateId>), Sum> = BTreeMap::new();
    for (key, totals) in rows.iter().filter(|(key, _)| key.billing_month <= billing_month) {
        let sum = sums.entry((key.usage_month, &key.resource, key.rate_id)).or_default();
        if key.billing_month == billing_month {
            sum.now = sum.now.checked_add(*totals)?;
            sum.is_billed = true;
        } else {
            sum.before = sum.before.checked_add(*totals)?;
        }
    }
    let billed = sums.into_iter().filter(|(_, sum)| sum.is_billed);
    billed
        .map(|((usage_month, resource, rate_id), sum)| {
            let price = rate_id.and_then(|id| prices.rate(id)).map(|rate| &rate.price);
            let by_period = price.filter(|price| price.per_unit().is_none());
            let (amount, steps, charged_before) = match by_period {
                None => (sum.now.cost, Vec::new(), Money::ZERO),
                Some(price) => of_period(price, sum.before.quantity, sum.now.quantity)?,
            };
            Ok(Charge {
                resource: resource.clone(),
                rate_id,
                usage_month,
                quantity: sum.now.quantity,
                unit_price: price.and_then(Price::per_unit),
                amount,
                records: sum.now.records,
                unpriced: sum.now.unpriced,
                steps,
                charged_before,
            })
        })
        .collect()
}

fn of_period(price: &Price, before: Quantity, now: Quantity) -> Result<(Money, Vec<Step>, Money), Overflow> {
    let parts = || {
        let charged_before = price.total(before)?;
        let steps = price.steps(before.checked_add(now)?)?;
        let all = Money::sum(steps.iter().map(|step| step.amount))?;
        Some((all.checked_sub(charged_before)?, steps, charged_before))
    };
    parts().ok_or(Overflow)
}

/// What each day adds to the cost of a price that depends on the quantity, where `before` was counted already; the days are in order.
pub fn by_day(
    price: &Price,
    before: Quantity,
    days: impl IntoIterator<Item = Quantity>,
) -> Result<Vec<Money>, Overflow> {
    let (mut quantity, mut charged) = (before, price.total(before).ok_or(Overflow)?);
    let mut costs = Vec::new();
    for day in days {
        quantity = quantity.checked_add(day).ok_or(Overflow)?;
        let total = price.total(quantity).ok_or(Overflow)?;
        costs.push(total.checked_sub(charged).ok_or(Overflow)?);
        charged = total;
    }
    Ok(costs)
}

/// The cost of some charges together.
pub fn cost_of(charges: &[Charge]) -> Result<Money, Overflow> {
    Money::sum(charges.iter().map(|charge| charge.amount)).ok_or(Overflow)
}

#[cfg(test)]
mod tests;
