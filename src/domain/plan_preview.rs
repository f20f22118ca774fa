//! What a month's real usage would have come to under another plan.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::billing::{Charge, charges};
use super::id::{OrganisationId, RateId};
use super::money::{Money, Overflow};
use super::period::Month;
use super::plan::{Plan, PriceBook};
use super::quantity::Quantity;
use super::rollup::{PeriodKey, Totals};
use super::usage::Resource;

/// What was used of one resource on one local day at one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOfResource {
    pub date: NaiveDate,
    pub resource: Resource,
    /// The rate that was in force when it was recorded; `None`: it had none.
    pub rate_id: Option<RateId>,
    pub totals: Totals,
}

/// What a month costs under one plan, not rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanCost {
    pub plan: Plan,
    pub usage: Money,
    /// What of the plan's included credit pays for usage; never more than the usage, for it does not pay the fee.
    pub included_credit: Money,
    /// Usage and fee less the included credit.
    pub total: Money,
    /// Records for which the plan has no rate.
    pub unpriced: i64,
}

/// What was used of one resource, and what it costs under either plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewLine {
    pub resource: Resource,
    pub quantity: Quantity,
    pub records: i64,
    pub current: Money,
    pub proposed: Money,
    /// What is added by the proposed plan; below zero: saved.
    pub difference: Money,
}

/// A month under the plan that it had and under another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPreview {
    pub month: Month,
    pub current: PlanCost,
    pub proposed: PlanCost,
    /// What is added by the proposed plan; below zero: saved.
    pub difference: Money,
    /// By resource, each once.
    pub lines: Vec<PreviewLine>,
}

/// Replays the `days` of `month` under the plan `proposed`; `current` is the plan that they had.
///
/// What was recorded at the very rate that the proposed plan has for it costs what it cost. For the rest a price per unit is applied to
/// each day's quantity, because another may be in force the next day; where quantities are whole or prices have three digits, that is the
/// cost of each record to the last billionth. Tiers and packages are applied to the month's quantity, as they are in an invoice.
pub fn preview(
    prices: &PriceBook,
    month: Month,
    days: &[DayOfResource],
    current: &Plan,
    proposed: &Plan,
) -> Result<PlanPreview, Overflow> {
    let now = month_of(month, days.iter().map(|day| (&day.resource, day.rate_id, day.totals)))?;
    let replayed = days.iter().map(|day| replay(prices, proposed, day)).collect::<Result<Vec<_>, _>>()?;
    let then = month_of(month, replayed)?;
    let (now, then) = (charges(&now, month, prices)?, charges(&then, month, prices)?);
    let (current, proposed) = (cost(current, &now)?, cost(proposed, &then)?);
    let difference = proposed.total.checked_sub(current.total).ok_or(Overflow)?;
    Ok(PlanPreview { month, current, proposed, difference, lines: lines(&now, &then)? })
}

/// A day's usage as the plan would have priced it.
fn replay<'a>(
    prices: &PriceBook,
    plan: &Plan,
    day: &'a DayOfResource,
) -> Result<(&'a Resource, Option<RateId>, Totals), Overflow> {
    let Some(rate) = prices.find(plan.id, &day.resource, day.date) else {
        let totals = Totals { cost: Money::ZERO, unpriced: day.totals.records, ..day.totals };
        return Ok((&day.resource, None, totals));
    };
    let cost = match rate.price.per_unit() {
        Some(_) if day.rate_id == Some(rate.id) => day.totals.cost,
        Some(unit_price) => unit_price.checked_mul(day.totals.quantity).ok_or(Overflow)?,
        None => Money::ZERO,
    };
    Ok((&day.resource, Some(rate.id), Totals { cost, unpriced: 0, ..day.totals }))
}

/// The days as the rollups of a month that is billed in itself.
fn month_of<'a>(
    month: Month,
    days: impl IntoIterator<Item = (&'a Resource, Option<RateId>, Totals)>,
) -> Result<Vec<(PeriodKey, Totals)>, Overflow> {
    let mut sums: BTreeMap<PeriodKey, Totals> = BTreeMap::new();
    for (resource, rate_id, totals) in days {
        let key = PeriodKey {
            // Prices do not depend on whose usage it is.
            organisation_id: OrganisationId::from_uuid(uuid::Uuid::nil()),
            billing_month: month,
            usage_month: month,
            resource: resource.clone(),
            rate_id,
        };
        let sum = sums.entry(key).or_default();
        *sum = sum.checked_add(totals)?;
    }
    Ok(sums.into_iter().collect())
}

fn cost(plan: &Plan, charges: &[Charge]) -> Result<PlanCost, Overflow> {
    let usage = super::billing::cost_of(charges)?;
    let included_credit = plan.included_credit.min(usage).max(Money::ZERO);
    let total = usage.checked_add(plan.monthly_fee).and_then(|sum| sum.checked_sub(included_credit)).ok_or(Overflow)?;
    let unpriced = charges.iter().map(|charge| charge.unpriced).sum();
    Ok(PlanCost { plan: plan.clone(), usage, included_credit, total, unpriced })
}

/// One line for each resource. Both sides tell of the same records, if not at the same rates.
fn lines(now: &[Charge], then: &[Charge]) -> Result<Vec<PreviewLine>, Overflow> {
    let mut lines: BTreeMap<&Resource, PreviewLine> = BTreeMap::new();
    for charge in now {
        let line = line_of(&mut lines, &charge.resource);
        line.quantity = line.quantity.checked_add(charge.quantity).ok_or(Overflow)?;
        line.records = line.records.checked_add(charge.records).ok_or(Overflow)?;
        line.current = line.current.checked_add(charge.amount).ok_or(Overflow)?;
    }
    for charge in then {
        let line = line_of(&mut lines, &charge.resource);
        line.proposed = line.proposed.checked_add(charge.amount).ok_or(Overflow)?;
    }
    let mut lines: Vec<_> = lines.into_values().collect();
    for line in &mut lines {
        line.difference = line.proposed.checked_sub(line.current).ok_or(Overflow)?;
    }
    Ok(lines)
}

fn line_of<'a, 'b>(lines: &'a mut BTreeMap<&'b Resource, PreviewLine>, resource: &'b Resource) -> &'a mut PreviewLine {
    lines.entry(resource).or_insert_with(|| PreviewLine {
        resource: resource.clone(),
        quantity: Quantity::ZERO,
        records: 0,
        current: Money::ZERO,
        proposed: Money::ZERO,
        difference: Money::ZERO,
    })
}

#[cfg(test)]
mod tests;
