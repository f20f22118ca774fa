//! What a billing month holds, by channel kind and resource.

use std::collections::BTreeMap;

use super::billing::Charge;
use super::channel::ChannelKind;
use super::money::{Money, Overflow};
use super::quantity::Quantity;
use super::usage::ResourceType;

/// What was used of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    pub quantity: Quantity,
    pub cost: Money,
    pub records: i64,
    /// How many of the records have no price.
    pub unpriced: i64,
}

impl Used {
    fn checked_add(self, other: Self) -> Result<Self, Overflow> {
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

    fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Result<Self, Overflow> {
        all.into_iter().try_fold(Self::default(), |sum, next| sum.checked_add(*next))
    }
}

/// What was used of the channels of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindUsage {
    pub kind: ChannelKind,
    pub total: Used,
    /// By name.
    pub resources: Vec<(ResourceType, Used)>,
}

/// A billing month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodUsage {
    pub total: Used,
    /// Those kinds of which something is billed.
    pub kinds: Vec<KindUsage>,
}

/// Puts the charges of a billing month together; see [`super::billing::charges`].
pub fn period_usage(charges: &[Charge]) -> Result<PeriodUsage, Overflow> {
    let mut kinds: BTreeMap<ChannelKind, BTreeMap<ResourceType, Used>> = BTreeMap::new();
    for charge in charges {
        let of_kind = kinds.entry(charge.resource.kind).or_default();
        let used = of_kind.entry(charge.resource.resource_type.clone()).or_default();
        let Charge { quantity, amount: cost, records, unpriced, .. } = *charge;
        *used = used.checked_add(Used { quantity, cost, records, unpriced })?;
    }
    let kinds = kinds.into_iter().map(|(kind, resources)| {
        Ok(KindUsage { kind, total: Used::sum(resources.values())?, resources: resources.into_iter().collect() })
    });
    let kinds: Vec<_> = kinds.collect::<Result<_, Overflow>>()?;
    Ok(PeriodUsage { total: Used::sum(kinds.iter().map(|kind| &kind.total))?, kinds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::period::Month;
    use crate::domain::usage::Resource;

    fn charge(kind: ChannelKind, resource: &str, quantity: i64, amount: &str) -> Charge {
        Charge {
            resource: Resource {
                kind,
                resource_type: ResourceType::from_code(resource).unwrap(),
                category: None,
                country: None,
            },
            rate_id: None,
            usage_month: Month::parse("month", "2026-06").unwrap(),
            quantity: Quantity::whole(quantity).unwrap(),
            unit_price: None,
            amount: Money::parse(amount).unwrap(),
            records: quantity,
            unpriced: 0,
            steps: Vec::new(),
            charged_before: Money::ZERO,
        }
    }

    #[test]
    fn kinds_and_resources_come_to_the_total() {
        let charges = [
            charge(ChannelKind::Voice, "minute", 500, "7.5"),
            charge(ChannelKind::Sms, "message", 600, "4.5"),
            charge(ChannelKind::Sms, "mms", 25, "0.5"),
            charge(ChannelKind::Sms, "message", 10, "0.075"),
        ];
        let period = period_usage(&charges).unwrap();
        assert_eq!(period.total.cost, Money::parse("12.575").unwrap());
        assert_eq!(
            period.kinds.iter().map(|kind| kind.kind).collect::<Vec<_>>(),
            [ChannelKind::Voice, ChannelKind::Sms]
        );
        let sms = &period.kinds[1];
        assert_eq!((sms.total.records, sms.total.cost), (635, Money::parse("5.075").unwrap()));
        assert_eq!(sms.resources[0].1.quantity, Quantity::whole(610).unwrap());
    }
}
