//! Prices for records that had none when they were written, because a rate came later than they did.

use std::collections::{BTreeMap, BTreeSet};

use super::LedgerService;
use super::correction::overflow;
use super::pricing::{self, Change, Stamp};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, RateId, UsageRecordId};
use crate::domain::input::BadInput;
use crate::domain::money::{Money, Overflow};
use crate::domain::period::Month;
use crate::domain::plan::{Assignments, PriceBook};
use crate::domain::quantity::Quantity;
use crate::domain::usage::UsageRecord;
use crate::service::access::Caller;
use crate::service::{ServiceError, alert};
use crate::store;
use crate::store::usage::Place;

/// How many records are priced in one transaction.
const BATCH: u64 = 500;

/// What repricing came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repriced {
    /// Records that got a price, corrections among them.
    pub priced: i64,
    /// Records for which there still is none.
    pub unpriced: i64,
}

/// What records are changed to, each with those that are changed to it.
type Prices = BTreeMap<(RateId, Option<Money>, Option<Money>, Month), Vec<UsageRecordId>>;

impl LedgerService {
    /// Gives a price to an organisation's records that have none and happened in `[from, to)`. One that is on an invoice that no longer
    /// changes moves, with its price, to the next one that does.
    pub async fn reprice(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        from: Option<Instant>,
        to: Option<Instant>,
    ) -> Result<Repriced, ServiceError> {
        caller.require_admin()?;
        if let Some((from, to)) = from.zip(to).filter(|(from, to)| from >= to) {
            return Err(BadInput::new("from", from, format!("expected a time before `to`, which is {to}")).into());
        }
        let mut repriced = Repriced::default();
        let mut after = None;
        loop {
            let Some(last) = self.reprice_batch(organisation, (from, to), after, &mut repriced).await? else { break };
            after = Some(last);
        }
        let mut work = self.core.begin().await?;
        alert::priced(&mut work, organisation).await?;
        let details = serde_json::json!({
            "from": from, "to": to, "priced": repriced.priced, "unpriced": repriced.unpriced,
        });
        work.audit(caller, "repriceUsage", Some(organisation), None, details).await?;
        work.commit().await?;
        Ok(repriced)
    }

    /// Prices what comes after a place; where it got to, if there may be more.
    async fn reprice_batch(
        &self,
        organisation: OrganisationId,
        range: (Option<Instant>, Option<Instant>),
        after: Option<Place>,
        repriced: &mut Repriced,
    ) -> Result<Option<Place>, ServiceError> {
        let mut work = self.core.begin().await?;
        let tx = work.tx();
        let only = BTreeSet::from([organisation]);
        if !store::usage::ground(tx, &only).await?.contains_key(&organisation) {
            return Err(ServiceError::NotFound("organisation"));
        }
        let wanted = store::usage::unpriced(tx, organisation, range, after, BATCH).await?;
        let Some(last) = wanted.last().map(Place::of) else { return Ok(None) };
        let book = self.core.prices().current(tx).await?;
        let plans = store::plan::assignments(tx, &[organisation]).await?.remove(&organisation).unwrap_or_default();
        let earliest = wanted.iter().map(|record| Month::of(record.date)).min();
        let first_month = earliest.unwrap_or_else(|| Month::of(work.now().date_naive()));
        let closed = store::usage::closed_months(tx, &only, first_month).await?.remove(&organisation);

        let firsts: BTreeSet<_> = wanted.iter().map(first_of).collect();
        let firsts: Vec<_> = firsts.into_iter().collect();
        let family = store::usage::family(tx, organisation, &firsts).await?;
        let wanted: BTreeSet<_> = wanted.iter().map(|record| record.id).collect();
        let mut change = Change::default();
        let mut sets = Prices::new();
        for (record, stamp) in stamps(&book, &plans, &family).map_err(overflow)? {
            if !wanted.contains(&record.id) {
                continue;
            }
            let Some(rate_id) = stamp.rate_id else {
                repriced.unpriced += 1;
                continue;
            };
            let Stamp { unit_price, cost, .. } = stamp;
            let billing_month = match &closed {
                Some(closed) if closed.contains(&record.billing_month) => {
                    pricing::billing_month(Some(closed), record.date)
                }
                Some(_) | None => record.billing_month,
            };
            let now = UsageRecord { rate_id: Some(rate_id), unit_price, cost, billing_month, ..record.clone() };
            change.replace(record, &now).map_err(overflow)?;
            sets.entry((rate_id, unit_price, cost, billing_month)).or_default().push(record.id);
        }
        for ((rate, unit_price, cost, month), ids) in sets {
            let changed = store::usage::set_price(tx, organisation, &ids, rate, (unit_price, cost), month).await?;
            repriced.priced += i64::try_from(changed).unwrap_or(i64::MAX);
        }
        change.apply(&mut work).await?;
        work.commit().await?;
        Ok(Some(last))
    }
}

fn first_of(record: &UsageRecord) -> UsageRecordId {
    record.correction.as_ref().map_or(record.id, |correction| correction.amends)
}

/// The price of each record of families that come one after the other, each first record before its corrections: the cost of a
/// correction is the cost of all up to it, less that of all before it.
fn stamps<'a>(
    prices: &PriceBook,
    plans: &Assignments,
    family: &'a [UsageRecord],
) -> Result<Vec<(&'a UsageRecord, Stamp)>, Overflow> {
    let mut before = (Quantity::ZERO, None::<Money>);
    let mut stamped = Vec::with_capacity(family.len());
    for record in family {
        if record.correction.is_none() {
            before = (Quantity::ZERO, None);
        }
        let quantity = before.0.checked_add(record.quantity).ok_or(Overflow)?;
        let whole = pricing::stamp(prices, Some(plans), &record.resource, record.date, quantity)?;
        let cost = whole.cost.map(|cost| cost.checked_sub(before.1.unwrap_or_default()).ok_or(Overflow)).transpose()?;
        stamped.push((record, Stamp { cost, ..whole }));
        before = (quantity, whole.cost);
    }
    Ok(stamped)
}
