//! Corrections: a record is never changed; another one, which points at it, holds the difference.

use std::collections::BTreeSet;

use serde_json::json;

use super::LedgerService;
use super::pricing::{self, Change};
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::input::{BadInput, Name};
use crate::domain::money::{Money, Overflow};
use crate::domain::period::Month;
use crate::domain::quantity::Quantity;
use crate::domain::usage::{Correction, UsageRecord, parse_quantity};
use crate::service::ServiceError;
use crate::service::access::Caller;
use crate::service::core::UnitOfWork;
use crate::store;

/// A record with its corrections, together.
struct Family {
    first: UsageRecord,
    /// In the order of their making.
    corrections: Vec<UsageRecord>,
    quantity: Quantity,
    /// Of a price per unit only.
    cost: Money,
}

impl Family {
    fn new(mut records: Vec<UsageRecord>) -> Result<Option<Self>, Overflow> {
        let sum = |sum: Option<(Quantity, Money)>, record: &UsageRecord| {
            let (quantity, cost) = sum?;
            Some((quantity.checked_add(record.quantity)?, cost.checked_add(record.cost.unwrap_or_default())?))
        };
        let (quantity, cost) = records.iter().fold(Some((Quantity::ZERO, Money::ZERO)), sum).ok_or(Overflow)?;
        if records.is_empty() {
            return Ok(None);
        }
        let corrections = records.split_off(1);
        Ok(records.pop().map(|first| Self { first, corrections, quantity, cost }))
    }

    fn void(&self) -> Option<&UsageRecord> {
        self.corrections.iter().find(|record| record.correction.as_ref().is_some_and(|correction| correction.voids))
    }
}

impl LedgerService {
    /// Says what the quantity of a record should have been. The answer is the record that holds the difference; said twice in a row, it is
    /// the same one. A correction may stand for the record that it corrects.
    pub async fn amend(
        &self,
        caller: &Caller,
        id: UsageRecordId,
        quantity: &str,
        reason: &str,
    ) -> Result<UsageRecord, ServiceError> {
        caller.require_record()?;
        let wanted = parse_quantity("quantity", quantity)?;
        let reason = Name::parse("reason", reason)?;
        let first = self.first_of(caller, id).await?;
        let work = self.core.begin().await?;
        let family = hold(&work, first.organisation_id, first.id).await?;
        if family.void().is_some() {
            return Err(ServiceError::Conflict("the record was voided, so there is nothing to amend".to_owned()));
        }
        let too_large = || BadInput::new("quantity", quantity, "expected less: its cost is too large to be kept");
        let difference = wanted.checked_sub(family.quantity).ok_or_else(too_large)?;
        if difference == Quantity::ZERO {
            let last = family.corrections.into_iter().next_back();
            let accepted = "expected another quantity than the record has";
            return last.ok_or_else(|| BadInput::new("quantity", quantity, accepted).into());
        }
        let cost = match family.first.unit_price {
            None => None,
            // Of the whole quantity, rounded once; the difference is what is not yet counted of it.
            Some(price) => {
                let whole = price.checked_mul(wanted).ok_or_else(too_large)?;
                Some(whole.checked_sub(family.cost).ok_or_else(too_large)?)
            }
        };
        self.correct(work, caller, &family, (difference, cost), (reason, false)).await
    }

    /// Takes a record away, with all that was amended of it. The answer is the record that does; said twice, it is the same one.
    pub async fn void(&self, caller: &Caller, id: UsageRecordId, reason: &str) -> Result<UsageRecord, ServiceError> {
        caller.require_record()?;
        let reason = Name::parse("reason", reason)?;
        let first = self.first_of(caller, id).await?;
        let work = self.core.begin().await?;
        let family = hold(&work, first.organisation_id, first.id).await?;
        if let Some(void) = family.void() {
            return Ok(void.clone());
        }
        let difference = Quantity::ZERO.checked_sub(family.quantity).ok_or(Overflow).map_err(overflow)?;
        let cost = family.first.cost.map(|_| Money::ZERO.checked_sub(family.cost).ok_or(Overflow));
        let cost = cost.transpose().map_err(overflow)?;
        self.correct(work, caller, &family, (difference, cost), (reason, true)).await
    }

    /// The record itself, or the one that it corrects.
    async fn first_of(&self, caller: &Caller, id: UsageRecordId) -> Result<UsageRecord, ServiceError> {
        let seen = |found: Option<UsageRecord>| {
            found.filter(|record| caller.may_see(record.organisation_id)).ok_or(ServiceError::NotFound("usage record"))
        };
        let record = seen(self.find(id).await?)?;
        match &record.correction {
            None => Ok(record),
            Some(correction) => seen(self.find(correction.amends).await?),
        }
    }

    async fn correct(
        &self,
        mut work: UnitOfWork<'_>,
        caller: &Caller,
        family: &Family,
        (quantity, cost): (Quantity, Option<Money>),
        (reason, voids): (Name, bool),
    ) -> Result<UsageRecord, ServiceError> {
        let first = &family.first;
        let organisation = first.organisation_id;
        let month = Month::of(first.date);
        let closed = store::usage::closed_months(work.tx(), &BTreeSet::from([organisation]), month).await?;
        let id = UsageRecordId::generate(work.now());
        let record = UsageRecord {
            id,
            // Nobody else can have it, whatever keys senders make up.
            idempotency_key: id.to_string(),
            content_hash: [0; 16],
            quantity,
            cost,
            billing_month: pricing::billing_month(closed.get(&organisation), first.date),
            metadata: None,
            correction: Some(Correction { amends: first.id, reason: reason.into_string(), voids }),
            recorded_at: work.now(),
            ..first.clone()
        };
        let mut change = Change::default();
        change.add(&record).map_err(overflow)?;
        store::usage::insert(work.tx(), &[&record]).await?;
        change.apply(&mut work).await?;
        let (action, target) = (if voids { "voidUsage" } else { "amendUsage" }, first.id.to_string());
        let reason = record.correction.as_ref().map(|correction| &correction.reason);
        let details = json!({ "quantity": quantity, "reason": reason });
        work.audit(caller, action, Some(organisation), Some(target), details).await?;
        work.commit().await?;
        Ok(record)
    }
}

/// Holds the organisation's invoices and the record in place, and reads what belongs to it.
async fn hold(
    work: &UnitOfWork<'_>,
    organisation: OrganisationId,
    first: UsageRecordId,
) -> Result<Family, ServiceError> {
    store::usage::ground(work.tx(), &BTreeSet::from([organisation])).await?;
    store::usage::lock(work.tx(), organisation, first).await?;
    let records = store::usage::family(work.tx(), organisation, &[first]).await?;
    Family::new(records).map_err(overflow)?.ok_or(ServiceError::NotFound("usage record"))
}

pub(super) fn overflow(error: Overflow) -> ServiceError {
    ServiceError::Conflict(error.to_string())
}
