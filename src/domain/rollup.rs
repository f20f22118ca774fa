//! Counters that are kept beside the ledger, so that what is shown need not read the records.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::id::{ChannelId, CustomerId, OrganisationId, RateId};
use super::money::{Money, Overflow};
use super::period::Month;
use super::quantity::Quantity;
use super::usage::{Resource, UsageRecord};

/// What is counted of some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub quantity: Quantity,
    /// Of rates per unit; what tiers and packages cost is made of the quantity.
    pub cost: Money,
    pub records: i64,
    /// How many of the records have no price.
    pub unpriced: i64,
}

impl Totals {
    /// What one record adds.
    pub fn of(record: &UsageRecord) -> Self {
        let records = record.counts();
        let unpriced = if record.rate_id.is_none() { records } else { 0 };
        Self { quantity: record.quantity, cost: record.cost.unwrap_or_default(), records, unpriced }
    }

    /// The sum.
    pub fn checked_add(self, other: Self) -> Result<Self, Overflow> {
        let sum = || {
            Some(Self {
                quantity: self.quantity.checked_add(other.quantity)?,
                cost: self.cost.checked_add(other.cost)?,
                records: self.records.checked_add(other.records)?,
                unpriced: self.unpriced.checked_add(other.unpriced)?,
            })
        };
        sum().ok_or(Overflow)
    }

    /// The same taken away.
    pub fn checked_neg(self) -> Result<Self, Overflow> {
        let negated = || {
            Some(Self {
                quantity: Quantity::ZERO.checked_sub(self.quantity)?,
                cost: Money::ZERO.checked_sub(self.cost)?,
                records: self.records.checked_neg()?,
                unpriced: self.unpriced.checked_neg()?,
            })
        };
        negated().ok_or(Overflow)
    }
}

/// A local hour of one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourKey {
    pub organisation_id: OrganisationId,
    pub date: NaiveDate,
    /// 0 to 23. Where clocks go back, one hour holds two.
    pub hour: u8,
    pub resource: Resource,
    pub channel_id: Option<ChannelId>,
    pub rate_id: Option<RateId>,
}

/// A month of one resource on a month's invoice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodKey {
    pub organisation_id: OrganisationId,
    /// On whose invoice it is.
    pub billing_month: Month,
    /// When it was used: the same month, or an earlier one that was invoiced already.
    pub usage_month: Month,
    pub resource: Resource,
    pub rate_id: Option<RateId>,
}

/// A local day of one customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerDayKey {
    pub organisation_id: OrganisationId,
    pub date: NaiveDate,
    pub customer_id: CustomerId,
}

/// What records change in the counters, each key once and in order: concurrent writers then never wait for each other in a circle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollups {
    pub hours: BTreeMap<HourKey, Totals>,
    pub periods: BTreeMap<PeriodKey, Totals>,
    pub customer_days: BTreeMap<CustomerDayKey, Totals>,
}

impl Rollups {
    /// Counts a record in.
    pub fn add(&mut self, record: &UsageRecord) -> Result<(), Overflow> {
        self.count(record, Totals::of(record))
    }

    /// Takes a record out again, as it is counted now.
    pub fn remove(&mut self, record: &UsageRecord) -> Result<(), Overflow> {
        self.count(record, Totals::of(record).checked_neg()?)
    }

    fn count(&mut self, record: &UsageRecord, totals: Totals) -> Result<(), Overflow> {
        let organisation_id = record.organisation_id;
        let hour = HourKey {
            organisation_id,
            date: record.date,
            hour: record.hour,
            resource: record.resource.clone(),
            channel_id: record.channel_id,
            rate_id: record.rate_id,
        };
        let period = PeriodKey {
            organisation_id,
            billing_month: record.billing_month,
            usage_month: Month::of(record.date),
            resource: record.resource.clone(),
            rate_id: record.rate_id,
        };
        add_to(&mut self.hours, hour, totals)?;
        add_to(&mut self.periods, period, totals)?;
        if let Some(customer_id) = record.customer_id {
            let day = CustomerDayKey { organisation_id, date: record.date, customer_id };
            add_to(&mut self.customer_days, day, totals)?;
        }
        Ok(())
    }
}

fn add_to<K: Ord>(sums: &mut BTreeMap<K, Totals>, key: K, totals: Totals) -> Result<(), Overflow> {
    let sum = sums.entry(key).or_default();
    *sum = sum.checked_add(totals)?;
    Ok(())
}
