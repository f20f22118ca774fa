//! Credits: granted with each month and by admins, and what is there of them.

use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::reckoning::{Account, too_large};
use super::{Core, ServiceError, alert};
use crate::domain::clock::Instant;
use crate::domain::credit::{CreditEntry, CreditEntryKind, CreditSource, Grant, checked_amount};
use crate::domain::id::{CreditEntryId, CreditGrantId, OrganisationId};
use crate::domain::input::{BadInput, Name};
use crate::domain::money::{Currency, Money};
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::Month;
use crate::domain::plan::Plan;
use crate::store;
use crate::store::Db;

/// What an organisation has in credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What is there for the month that runs, before its use: months before it that are not final yet have taken theirs.
    pub balance: Money,
    /// What is left after the use of the month so far; below zero where that is more.
    pub remaining: Money,
    pub currency: Currency,
}

/// Grants credits and shows them.
#[derive(Debug, Clone)]
pub struct CreditService {
    core: Arc<Core>,
}

impl CreditService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Grants prepaid credit: above zero, in the currency of the organisation's plan. It pays for every month that begins before it
    /// expires.
    pub async fn grant(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        amount: &str,
        reason: &str,
        expires_at: Option<Instant>,
    ) -> Result<Organisation, ServiceError> {
        caller.require_admin()?;
        let amount = checked_amount("amount", amount)?;
        let reason = Name::parse("reason", reason)?;
        let mut work = self.core.begin().await?;
        if let Some(at) = expires_at.filter(|at| *at <= work.now()) {
            return Err(BadInput::new("expiresAt", at, "expected a time to come").into());
        }
        let organisation = store::organisation::find(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let grant = Grant {
            id: CreditGrantId::generate(work.now()),
            organisation_id,
            source: CreditSource::Prepaid,
            month: None,
            reason: reason.into_string(),
            expires_at,
            granted_at: work.now(),
        };
        write_grant(&work, &grant, amount).await?;
        alert::changed(&mut work, organisation_id).await?;
        let details = json!({ "amount": amount, "reason": grant.reason, "expiresAt": expires_at });
        let target = Some(grant.id.to_string());
        work.audit(caller, "grantCredit", Some(organisation_id), target, details).await?;
        work.commit().await?;
        Ok(organisation)
    }

    /// What there is, and what is left of it.
    pub async fn balance(&self, organisation: &Organisation) -> Result<Balance, ServiceError> {
        let db = self.core.store().read();
        let now = self.core.now();
        let month = Month::of(organisation.time_zone.date(now));
        let mut account = Account::open(&self.core, db, organisation, month, now).await?;
        let balance = account.available(db, month).await?;
        let currency = account.plan(month)?.currency;
        let cost = account.next(db).await?.map_or(Money::ZERO, |reckoning| reckoning.cost);
        let remaining = balance.checked_sub(cost).ok_or(crate::domain::money::Overflow).map_err(too_large)?;
        Ok(Balance { balance, remaining, currency })
    }

    /// A page of what happened to the organisation's credits, newest first, each entry with its grant.
    pub async fn page(
        &self,
        organisation: OrganisationId,
        request: &PageRequest<CreditEntryId>,
    ) -> Result<Page<(CreditEntry, Grant)>, ServiceError> {
        Ok(store::credit::page(self.core.store().read(), organisation, request).await?)
    }
}

/// What is there to pay for the month that runs, before its use: included and prepaid, without what earlier months that are not final yet
/// will take.
pub(crate) async fn balance(
    core: &Core,
    db: &impl Db,
    organisation: &Organisation,
    now: Instant,
) -> Result<Money, ServiceError> {
    let month = Month::of(organisation.time_zone.date(now));
    Account::open(core, db, organisation, month, now).await?.available(db, month).await
}

/// Grants what `plan` includes for `month`; once, however often it is called.
pub(crate) async fn grant_included(
    work: &UnitOfWork<'_>,
    organisation: OrganisationId,
    month: Month,
    plan: &Plan,
) -> Result<(), ServiceError> {
    if plan.included_credit == Money::ZERO {
        return Ok(());
    }
    let grant = Grant {
        id: CreditGrantId::generate(work.now()),
        organisation_id: organisation,
        source: CreditSource::Included,
        month: Some(month),
        reason: reason_of(plan, month),
        expires_at: None,
        granted_at: work.now(),
    };
    write_grant(work, &grant, plan.included_credit).await
}

/// Brings the included credit of the month that runs to what the plan `new` includes; called in the transaction that assigns it.
pub(crate) async fn plan_changed(
    work: &mut UnitOfWork<'_>,
    organisation: &Organisation,
    _old: &Plan,
    new: &Plan,
) -> Result<(), ServiceError> {
    let month = Month::of(organisation.time_zone.date(work.now()));
    let Some(grant) = store::credit::included(work.tx(), organisation.id, month).await? else {
        return grant_included(work, organisation.id, month, new).await;
    };
    let entries = store::credit::entries_of_grant(work.tx(), organisation.id, grant.id).await?;
    let granted = entries.iter().filter(|entry| entry.kind == CreditEntryKind::Grant).map(|entry| entry.amount);
    let granted = Money::sum(granted);
    let difference = granted.and_then(|granted| new.included_credit.checked_sub(granted));
    let difference = difference.ok_or(crate::domain::money::Overflow).map_err(too_large)?;
    if difference == Money::ZERO {
        return Ok(());
    }
    let mut entry = granted_entry(&grant, difference, work.now());
    entry.reason = format!("Changed to: {}", reason_of(new, month));
    Ok(store::credit::insert_entries(work.tx(), &[entry]).await?)
}

fn reason_of(plan: &Plan, month: Month) -> String {
    format!("Included in plan {}, {month}", plan.name)
}

async fn write_grant(work: &UnitOfWork<'_>, grant: &Grant, amount: Money) -> Result<(), ServiceError> {
    if store::credit::insert_grant(work.tx(), grant).await? {
        store::credit::insert_entries(work.tx(), &[granted_entry(grant, amount, work.now())]).await?;
    }
    Ok(())
}

fn granted_entry(grant: &Grant, amount: Money, now: Instant) -> CreditEntry {
    CreditEntry {
        id: CreditEntryId::generate(now),
        organisation_id: grant.organisation_id,
        grant_id: grant.id,
        kind: CreditEntryKind::Grant,
        amount,
        reason: grant.reason.clone(),
        invoice_id: None,
        at: now,
    }
}
