//! What is shown of usage by day, hour and month: sums of rollups, and the costs of rates that depend on the quantity, in time order.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;

use super::channel::ChannelKind;
use super::decimal;
use super::id::RateId;
use super::money::{Money, Overflow};
use super::period::{DateRange, Month};
use super::plan::PriceBook;
use super::quantity::Quantity;
use super::rollup::{PeriodKey, Totals};
use super::usage::{Resource, ResourceType};

/// The hours of a day; where clocks go back, one of them holds two.
const HOURS: u8 = 24;

/// What something cost and how many records it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Spend {
    pub cost: Money,
    pub records: i64,
}

impl Spend {
    /// The sum.
    pub fn checked_add(self, other: Self) -> Result<Self, Overflow> {
        let cost = self.cost.checked_add(other.cost).ok_or(Overflow)?;
        let records = self.records.checked_add(other.records).ok_or(Overflow)?;
        Ok(Self { cost, records })
    }

    /// The sum of all.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Result<Self, Overflow> {
        all.into_iter().try_fold(Self::default(), Self::checked_add)
    }
}

/// What a local hour of a day holds of costs that were stamped, and all of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourSpend {
    pub date: NaiveDate,
    /// 0 to 23.
    pub hour: u8,
    pub spend: Spend,
}

/// How much of a resource a local hour holds at a rate that depends on the quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieredHour {
    pub date: NaiveDate,
    /// 0 to 23.
    pub hour: u8,
    pub resource: Resource,
    pub rate_id: RateId,
    pub quantity: Quantity,
}

/// What an hour adds to the cost of a resource whose price depends on the quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieredCost {
    pub date: NaiveDate,
    pub hour: u8,
    pub kind: ChannelKind,
    pub resource_type: ResourceType,
    pub cost: Money,
}

/// What each hour adds to its month's cost: that of the quantity up to its end, less that of the quantity before. `rows` begin with the first
/// of a month and are in any order; their costs of a month together are what the month's quantity costs.
pub fn marginal(mut rows: Vec<TieredHour>, prices: &PriceBook) -> Result<Vec<TieredCost>, Overflow> {
    rows.sort_by_key(|row| (row.date, row.hour));
    let mut so_far: BTreeMap<(Month, Resource, RateId), (Quantity, Money)> = BTreeMap::new();
    let mut costs = Vec::new();
    for TieredHour { date, hour, resource, rate_id, quantity } in rows {
        let Some(rate) = prices.rate(rate_id).filter(|rate| rate.price.per_unit().is_none()) else { continue };
        let (kind, resource_type) = (resource.kind, resource.resource_type.clone());
        let (before, charged) = so_far.entry((Month::of(date), resource, rate_id)).or_default();
        let after = before.checked_add(quantity).ok_or(Overflow)?;
        let total = rate.price.total(after).ok_or(Overflow)?;
        let cost = total.checked_sub(*charged).ok_or(Overflow)?;
        (*before, *charged) = (after, total);
        costs.push(TieredCost { date, hour, kind, resource_type, cost });
    }
    Ok(costs)
}

/// A day of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaySpend {
    pub date: NaiveDate,
    pub spend: Spend,
}

/// Some days of an organisation's usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    pub total: Spend,
    /// The total cost over the days asked for, rounded to 1e-9 half away from zero.
    pub average_daily_cost: Money,
    /// Every day asked for, the first one first.
    pub daily: Vec<DaySpend>,
    /// What the hours 0 to 23 hold, of all days together.
    pub hourly: Vec<Spend>,
    /// The hour that cost most; of equals the one with more records, then the earlier. `None`: nothing was used.
    pub peak_hour: Option<u8>,
    /// The day that cost most, in the same way.
    pub busiest_day: Option<NaiveDate>,
}

/// The statistics of the days of `range`; whatever lies outside of it is passed over.
pub fn statistics(range: DateRange, hours: &[HourSpend], tiered: &[TieredCost]) -> Result<Statistics, Overflow> {
    let mut days: BTreeMap<NaiveDate, Spend> = range.days().map(|date| (date, Spend::default())).collect();
    let mut hourly: BTreeMap<u8, Spend> = (0..HOURS).map(|hour| (hour, Spend::default())).collect();
    let of_tiers = tiered.iter().map(|cost| HourSpend {
        date: cost.date,
        hour: cost.hour,
        spend: Spend { cost: cost.cost, records: 0 },
    });
    for HourSpend { date, hour, spend } in hours.iter().copied().chain(of_tiers) {
        // A row of an hour that no clock shows was not written by this program; it still counts in its day.
        let hour = hour.min(HOURS - 1);
        if let Some(day) = days.get_mut(&date) {
            *day = day.checked_add(spend)?;
            let of_hour = hourly.entry(hour).or_default();
            *of_hour = of_hour.checked_add(spend)?;
        }
    }
    let total = Spend::sum(days.values().copied())?;
    let average = rounded_ratio(i128::from(total.cost.nanos()), i128::from(range.count_days())).ok_or(Overflow)?;
    Ok(Statistics {
        total,
        average_daily_cost: Money::from_nanos(average),
        peak_hour: greatest(&hourly),
        busiest_day: greatest(&days),
        daily: days.into_iter().map(|(date, spend)| DaySpend { date, spend }).collect(),
        hourly: hourly.into_values().collect(),
    })
}

/// The first of those that nothing exceeds, unless nothing was used at all.
fn greatest<K: Ord + Copy>(of: &BTreeMap<K, Spend>) -> Option<K> {
    // Of equals the last one is taken, so the order is turned round.
    let (key, spend) = of.iter().rev().max_by_key(|(_, spend)| **spend)?;
    (*spend > Spend::default()).then_some(*key)
}

/// What a month of usage comes to, whatever invoice it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthSpend {
    pub month: Month,
    pub spend: Spend,
}

/// The `months`, in the order given, out of the rollups of usage in them.
pub fn by_month(
    months: &[Month],
    rows: &[(PeriodKey, Totals)],
    prices: &PriceBook,
) -> Result<Vec<MonthSpend>, Overflow> {
    let mut sums: BTreeMap<(Month, &Resource, Option<RateId>), Totals> = BTreeMap::new();
    for (key, totals) in rows {
        let sum = sums.entry((key.usage_month, &key.resource, key.rate_id)).or_default();
        *sum = sum.checked_add(*totals)?;
    }
    let mut spends: BTreeMap<Month, Spend> = BTreeMap::new();
    for ((month, _, rate_id), totals) in sums {
        let price = rate_id.and_then(|id| prices.rate(id)).map(|rate| &rate.price);
        let cost = match price.filter(|price| price.per_unit().is_none()) {
            Some(price) => price.total(totals.quantity).ok_or(Overflow)?,
            None => totals.cost,
        };
        let spend = spends.entry(month).or_default();
        *spend = spend.checked_add(Spend { cost, records: totals.records })?;
    }
    let spend = |month: &Month| spends.get(month).copied().unwrap_or_default();
    Ok(months.iter().map(|month| MonthSpend { month: *month, spend: spend(month) }).collect())
}

/// `month` and the `count` before it, newest first.
pub fn months_back(month: Month, count: u32) -> Vec<Month> {
    let before = |month: &Month| month.first_day().pred_opt().map(Month::of);
    let wanted = usize::try_from(count).unwrap_or(usize::MAX).saturating_add(1);
    std::iter::successors(Some(month), before).take(wanted).collect()
}

/// A share in hundredths of a per cent, shown with at most two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    hundredths: i64,
}

impl Percent {
    /// By how much `current` is more than `previous`, rounded half away from zero; from nothing to something is 100, to nothing 0.
    pub fn growth(current: Money, previous: Money) -> Result<Self, Overflow> {
        let (current, previous) = (i128::from(current.nanos()), i128::from(previous.nanos()));
        if previous <= 0 {
            let hundredths = if current > 0 { 100 * 100 } else { 0 };
            return Ok(Self { hundredths });
        }
        let hundredths = rounded_ratio((current - previous) * 10_000, previous).ok_or(Overflow)?;
        Ok(Self { hundredths })
    }

    /// How much of `whole` is `part`, rounded half away from zero; of nothing, nothing is 0 and anything 100.
    pub fn part(part: i64, whole: i64) -> Result<Self, Overflow> {
        if whole <= 0 {
            return Ok(Self { hundredths: if part > 0 { 100 * 100 } else { 0 } });
        }
        let hundredths = rounded_ratio(i128::from(part) * 10_000, i128::from(whole)).ok_or(Overflow)?;
        Ok(Self { hundredths })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.hundredths, 2)
    }
}

/// The quotient, rounded half away from zero; `denominator` is above zero.
pub(super) fn rounded_ratio(numerator: i128, denominator: i128) -> Option<i64> {
    let half = (denominator / 2).checked_mul(numerator.signum())?;
    // An odd denominator has no middle that could be met, and an even one has it exactly.
    i64::try_from(numerator.checked_add(half)?.checked_div(denominator)?).ok()
}

/// What a local day holds of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub date: NaiveDate,
    pub kind: ChannelKind,
    pub resource_type: ResourceType,
    pub quantity: Quantity,
    pub spend: Spend,
}

/// `rows`, which hold stamped costs, with the tiers' costs, by day, kind and resource; what was taken back altogether is left out, and so
/// is what lies outside of `range`.
pub fn summaries(range: DateRange, rows: Vec<Summary>, tiered: &[TieredCost]) -> Result<Vec<Summary>, Overflow> {
    let mut sums: BTreeMap<(NaiveDate, ChannelKind, ResourceType), (Quantity, Spend)> = BTreeMap::new();
    let of_tiers = tiered.iter().map(|cost| Summary {
        date: cost.date,
        kind: cost.kind,
        resource_type: cost.resource_type.clone(),
        quantity: Quantity::ZERO,
        spend: Spend { cost: cost.cost, records: 0 },
    });
    for row in rows.into_iter().chain(of_tiers).filter(|row| range.contains(row.date)) {
        let (quantity, spend) = sums.entry((row.date, row.kind, row.resource_type)).or_default();
        *quantity = quantity.checked_add(row.quantity).ok_or(Overflow)?;
        *spend = spend.checked_add(row.spend)?;
    }
    let there = sums.into_iter().filter(|(_, sums)| *sums != Default::default());
    let summary =
        |((date, kind, resource_type), (quantity, spend))| Summary { date, kind, resource_type, quantity, spend };
    Ok(there.map(summary).collect())
}

#[cfg(test)]
mod tests;
