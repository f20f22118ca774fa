//! What a record costs and which month it is billed in, out of the price list, the plans and the months that are closed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, Timelike as _};

use crate::domain::activity::{Span, Spans};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{OrganisationId, RateId};
use crate::domain::money::{Money, Overflow};
use crate::domain::period::{Month, Zone};
use crate::domain::plan::{Assignments, PriceBook};
use crate::domain::quantity::Quantity;
use crate::domain::rollup::Rollups;
use crate::domain::usage::{Resource, UsageRecord};
use crate::service::alert;
use crate::service::allowance::{self, Added};
use crate::service::core::UnitOfWork;
use crate::service::lane::Failure;
use crate::store;

/// What a record is stamped with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) rate_id: Option<RateId>,
    pub(super) unit_price: Option<Money>,
    pub(super) cost: Option<Money>,
}

/// The price of a record. Without a rate in force there is none; of a rate that depends on the period's quantity there is only the rate.
pub(super) fn stamp(
    prices: &PriceBook,
    plans: Option<&Assignments>,
    resource: &Resource,
    date: NaiveDate,
    quantity: Quantity,
) -> Result<Stamp, Overflow> {
    let plan = plans.and_then(|plans| plans.on(date));
    let Some(rate) = plan.and_then(|plan| prices.find(plan, resource, date)) else { return Ok(Stamp::default()) };
    let unit_price = rate.price.per_unit();
    let cost = unit_price.map(|price| price.checked_mul(quantity).ok_or(Overflow)).transpose()?;
    Ok(Stamp { rate_id: Some(rate.id), unit_price, cost })
}

/// The local day and hour of an instant. Where a day that has begun goes back behind its midnight, what is shown as the last hour of the
/// day before is the first of this one.
pub(super) fn local(zone: Zone, at: Instant) -> (NaiveDate, u8) {
    let shown = at.with_timezone(&zone.tz());
    let date = zone.date(at);
    let hour = if shown.date_naive() == date { u8::try_from(shown.hour()).unwrap_or(0) } else { 0 };
    (date, hour)
}

/// The first month, from that of `date` on, whose invoice still changes.
pub(super) fn billing_month(closed: Option<&BTreeSet<Month>>, date: NaiveDate) -> Month {
    let mut month = Month::of(date);
    while closed.is_some_and(|closed| closed.contains(&month)) {
        month = month.next();
    }
    month
}

/// What records change: the counters, and what is told of it.
#[derive(Debug, Default)]
pub(super) struct Change {
    rollups: Rollups,
    spans: Spans,
    /// The records themselves, in the order of writing.
    added: Vec<Added>,
    /// By organisation: the kinds, and the resources that have no price.
    told: BTreeMap<OrganisationId, (BTreeSet<crate::domain::channel::ChannelKind>, BTreeSet<String>)>,
    /// By organisation: the months in whose bill something costs more or less than before.
    billed: BTreeMap<OrganisationId, BTreeSet<Month>>,
}

impl Change {
    /// Counts a new record in.
    pub(super) fn add(&mut self, record: &UsageRecord) -> Result<(), Overflow> {
        self.rollups.add(record)?;
        if record.correction.is_none() {
            self.spans.note(record.organisation_id, Span::at(record.occurred_at));
        }
        self.added.push(Added::new(record));
        let (kinds, unpriced) = self.told.entry(record.organisation_id).or_default();
        kinds.insert(record.resource.kind);
        if record.rate_id.is_none() && record.correction.is_none() {
            unpriced.insert(format!("{}/{}", record.resource.kind, record.resource.resource_type));
        }
        self.bill(record);
        Ok(())
    }

    /// Counts a record as it is now instead of as it was.
    pub(super) fn replace(&mut self, before: &UsageRecord, now: &UsageRecord) -> Result<(), Overflow> {
        self.rollups.remove(before)?;
        self.rollups.add(now)?;
        self.spans.note(now.organisation_id, Span::at(now.occurred_at));
        self.added.extend(Added::restated(before, now).into_iter().flatten());
        let (kinds, unpriced) = self.told.entry(now.organisation_id).or_default();
        kinds.insert(now.resource.kind);
        if now.rate_id.is_none() && before.rate_id.is_some() {
            unpriced.insert(format!("{}/{}", now.resource.kind, now.resource.resource_type));
        }
        self.bill(before);
        self.bill(now);
        Ok(())
    }

    fn bill(&mut self, record: &UsageRecord) {
        let by_period = record.rate_id.is_some() && record.unit_price.is_none();
        if by_period || record.cost.is_some_and(|cost| cost != Money::ZERO) {
            self.billed.entry(record.organisation_id).or_default().insert(record.billing_month);
        }
    }

    /// Writes the counters within a transaction, raises the alerts that they bring about, and says what changed.
    pub(super) async fn apply(&self, work: &mut UnitOfWork<'_>) -> Result<(), Failure> {
        store::rollup::apply(work.tx(), &self.rollups).await?;
        work.happened(&self.spans);
        // Before anything else of alerts, so that whoever holds what is set of them waits for nobody who waits for it.
        alert::spent(work, &self.billed).await?;
        allowance::count(work, &self.rollups, &self.added).await?;
        for (organisation, fact) in self.facts() {
            work.say(organisation, fact);
        }
        Ok(())
    }

    /// The facts, once for each organisation.
    fn facts(&self) -> impl Iterator<Item = (OrganisationId, Fact)> {
        self.told.iter().flat_map(|(organisation, (kinds, unpriced))| {
            let changed = Fact::UsageChanged { kinds: kinds.iter().copied().collect() };
            let resources: Vec<_> = unpriced.iter().cloned().collect();
            let unpriced = (!resources.is_empty()).then_some(Fact::UsageUnpriced { resources });
            std::iter::once(changed).chain(unpriced).map(|fact| (*organisation, fact))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_comes_twice_is_one_hour() {
        let zone = Zone::from_name("America/New_York").unwrap();
        let local = |text: &str| {
            let (date, hour) = local(zone, text.parse().unwrap());
            (date.to_string(), hour)
        };
        let november = |hour| ("2026-11-01".to_owned(), hour);
        assert_eq!(local("2026-11-01T03:59:59.999Z"), ("2026-10-31".to_owned(), 23));
        assert_eq!(local("2026-11-01T04:00:00Z"), november(0));
        assert_eq!([local("2026-11-01T05:30:00Z"), local("2026-11-01T06:30:00Z")], [november(1), november(1)]);
        assert_eq!(local("2026-11-02T04:59:59.999Z"), november(23));
    }

    #[test]
    fn a_day_that_has_begun_does_not_go_back_to_the_one_before() {
        // Clocks went back at 00:01 to 23:01 of the day before.
        let zone = Zone::from_name("America/St_Johns").unwrap();
        let (date, hour) = local(zone, "2010-11-07T02:45:00Z".parse().unwrap());
        assert_eq!((date.to_string(), hour), ("2010-11-07".to_owned(), 0));
    }

    #[test]
    fn closed_months_are_passed_over() {
        let month = |text: &str| Month::parse("month", text).unwrap();
        let closed = BTreeSet::from([month("2026-05"), month("2026-06"), month("2026-08")]);
        let billed = |date: &str| billing_month(Some(&closed), date.parse().unwrap());
        assert_eq!(billed("2026-04-30"), month("2026-04"));
        assert_eq!(billed("2026-05-01"), month("2026-07"));
        assert_eq!(billed("2026-08-31"), month("2026-09"));
        assert_eq!(billing_month(None, "2026-05-01".parse().unwrap()), month("2026-05"));
    }
}
