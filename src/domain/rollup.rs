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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::channel::ChannelKind;
    use crate::domain::id::UsageRecordId;
    use crate::domain::usage::{Correction, ResourceType};

    fn record(quantity: i64, cost: Option<i64>, voids: Option<bool>) -> UsageRecord {
        let at = "2026-06-05T12:00:00Z".parse().unwrap();
        let date = "2026-06-05".parse().unwrap();
        let id = UsageRecordId::from_uuid(uuid::Uuid::from_u128(1));
        UsageRecord {
            id,
            organisation_id: OrganisationId::from_uuid(uuid::Uuid::from_u128(2)),
            idempotency_key: "key".to_owned(),
            content_hash: [0; 16],
            resource: Resource {
                kind: ChannelKind::Voice,
                resource_type: ResourceType::from_code("minute").unwrap(),
                category: None,
                country: None,
            },
            resource_id: None,
            channel_id: None,
            customer_id: Some(CustomerId::from_uuid(uuid::Uuid::from_u128(3))),
            quantity: Quantity::from_micros(quantity),
            rate_id: cost.map(|_| RateId::from_uuid(uuid::Uuid::from_u128(4))),
            unit_price: None,
            cost: cost.map(Money::from_nanos),
            occurred_at: at,
            date,
            hour: 17,
            billing_month: Month::of(date),
            metadata: None,
            correction: voids.map(|voids| Correction { amends: id, reason: "a mistake".to_owned(), voids }),
            recorded_at: at,
        }
    }

    fn is_nothing(rollups: &Rollups) -> bool {
        let sums = rollups.hours.values().chain(rollups.periods.values()).chain(rollups.customer_days.values());
        sums.into_iter().all(|totals| *totals == Totals::default())
    }

    proptest! {
        #[test]
        fn a_record_and_what_takes_it_away_cancel(
            quantity in 1..1_000_000_000_000_000_i64,
            amended in 1..1_000_000_000_000_000_i64,
            cost in prop::option::of(0..1_000_000_000_000_i64),
        ) {
            let mut rollups = Rollups::default();
            rollups.add(&record(quantity, cost, None)).unwrap();
            rollups.add(&record(amended - quantity, cost.map(|cost| cost / 2), Some(false))).unwrap();
            prop_assert_eq!(rollups.hours.values().next().unwrap().records, 1);
            rollups.add(&record(-amended, cost.map(|cost| -cost - cost / 2), Some(true))).unwrap();
            prop_assert!(is_nothing(&rollups));
        }

        #[test]
        fn what_is_counted_in_and_out_again_leaves_nothing(quantity: i32, cost: Option<i32>) {
            let record = record(i64::from(quantity), cost.map(i64::from), None);
            let mut rollups = Rollups::default();
            rollups.add(&record).unwrap();
            rollups.remove(&record).unwrap();
            prop_assert!(is_nothing(&rollups));
        }
    }

    #[test]
    fn a_sum_that_does_not_fit_is_said_so() {
        let mut rollups = Rollups::default();
        let huge = record(i64::MAX, Some(i64::MAX), None);
        rollups.add(&huge).unwrap();
        assert_eq!(rollups.add(&huge), Err(Overflow));
    }
}
