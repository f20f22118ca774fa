//! Invoices: drafts that follow late usage, then final ones with a number that do not change; paid or void in the end.

mod explain;
mod settle;
mod show;

use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::reckoning::Account;
use super::{Core, ServiceError, alert};
use crate::domain::event::Fact;
use crate::domain::id::{InvoiceId, OrganisationId};
use crate::domain::input::{BadInput, Name};
use crate::domain::invoice::{Invoice, InvoiceState, Sums, invoice_id};
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
use crate::store;

pub use explain::{Explanation, LineDay, Place};
pub(crate) use settle::{make_drafts, settle};
pub use show::{Preview, Statement};

/// Makes invoices, settles them and shows them.
#[derive(Debug, Clone)]
pub struct InvoiceService {
    core: Arc<Core>,
}

impl InvoiceService {
    /// The invoices of `core`'s organisations.
    pub const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes the invoice of a month that is over, a draft; where there is one, it is that one, whatever its state.
    pub async fn generate(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        month: Month,
    ) -> Result<Invoice, ServiceError> {
        caller.require_admin()?;
        let mut work = self.core.begin().await?;
        let organisation = store::organisation::find(work.tx(), organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        if let Some(there) = store::invoice::find_of_month(work.tx(), organisation_id, month).await? {
            return Ok(there);
        }
        if organisation.time_zone.month(month).end > work.now() {
            let accepted = "expected a month that is over in the organisation's time zone";
            return Err(BadInput::new("month", month, accepted).into());
        }
        let account = Account::open(&self.core, work.tx(), &organisation, month, work.now()).await?;
        if !account.months().any(|open| open == month) {
            let accepted = "expected a month since the organisation was made, or an earlier one with usage";
            return Err(BadInput::new("month", month, accepted).into());
        }
        let draft = draft(&organisation, &account, month, work.now())?;
        if store::invoice::insert_many(work.tx(), std::slice::from_ref(&draft)).await? > 0 {
            say(&mut work, &draft);
            audit(&work, caller, "generateInvoice", &draft, json!({ "month": month })).await?;
            work.commit().await?;
        }
        // Another may have been quicker with the same one.
        Ok(store::invoice::find(self.core.store().read(), draft.id).await?.unwrap_or(draft))
    }

    /// Makes a draft final: it takes its number, its credits are burned, and late usage from now on is adjusted on a later invoice. Twice is
    /// once. Months are made final in order.
    pub async fn finalize(&self, caller: &Caller, id: InvoiceId) -> Result<Invoice, ServiceError> {
        caller.require_admin()?;
        let mut work = self.core.begin().await?;
        let (organisation, _) = self.locked(&work, id).await?;
        let settled = settle(&self.core, &mut work, &organisation, id).await?;
        if settled.is_new {
            audit(&work, caller, "finalizeInvoice", &settled.invoice, json!({ "number": settled.invoice.number }))
                .await?;
            work.commit().await?;
        }
        Ok(settled.invoice)
    }

    /// Marks a final invoice as paid. Twice is once.
    pub async fn pay(&self, caller: &Caller, id: InvoiceId) -> Result<Invoice, ServiceError> {
        caller.require_admin()?;
        let mut work = self.core.begin().await?;
        let (_, before) = self.locked(&work, id).await?;
        let invoice = match before.state {
            InvoiceState::Paid => return Ok(before),
            InvoiceState::Finalized => Invoice { state: InvoiceState::Paid, paid_at: Some(work.now()), ..before },
            state @ (InvoiceState::Draft | InvoiceState::Void) => {
                return Err(ServiceError::Conflict(format!("the invoice is {state}; only a FINALIZED one is paid")));
            }
        };
        store::invoice::update(work.tx(), &invoice).await?;
        say(&mut work, &invoice);
        audit(&work, caller, "payInvoice", &invoice, json!({ "total": invoice.sums.total })).await?;
        work.commit().await?;
        Ok(invoice)
    }

    /// Takes an invoice back that was not paid; what credits paid of it is given back. Its month is not invoiced again. Twice is once.
    pub async fn void(&self, caller: &Caller, id: InvoiceId, reason: &str) -> Result<Invoice, ServiceError> {
        caller.require_admin()?;
        let reason = Name::parse("reason", reason)?;
        let mut work = self.core.begin().await?;
        let (organisation, before) = self.locked(&work, id).await?;
        let invoice = match before.state {
            InvoiceState::Void => return Ok(before),
            InvoiceState::Paid => {
                return Err(ServiceError::Conflict("the invoice is PAID; a paid one is not taken back".to_owned()));
            }
            InvoiceState::Draft => {
                settle::void_draft(&self.core, &mut work, &organisation, before, reason.as_str()).await?
            }
            InvoiceState::Finalized => settle::void_final(&mut work, before, reason.as_str()).await?,
        };
        say(&mut work, &invoice);
        // What it was to take or took of the credits is there again.
        alert::changed(&mut work, organisation.id).await?;
        audit(&work, caller, "voidInvoice", &invoice, json!({ "reason": reason.as_str() })).await?;
        work.commit().await?;
        Ok(invoice)
    }

    /// An invoice as it is once nobody else changes it, and its organisation.
    async fn locked(&self, work: &UnitOfWork<'_>, id: InvoiceId) -> Result<(Organisation, Invoice), ServiceError> {
        let missing = || ServiceError::NotFound("invoice");
        let found = store::invoice::find(work.tx(), id).await?.ok_or_else(missing)?;
        store::invoice::lock_organisation(work.tx(), found.organisation_id).await?;
        let organisation = store::organisation::find(work.tx(), found.organisation_id).await?.ok_or_else(missing)?;
        let invoice = store::invoice::find(work.tx(), id).await?.ok_or_else(missing)?;
        Ok((organisation, invoice))
    }
}

/// A month's draft as it is first written: its sums are computed when it is shown.
fn draft(
    organisation: &Organisation,
    account: &Account<'_>,
    month: Month,
    now: crate::domain::clock::Instant,
) -> Result<Invoice, ServiceError> {
    let plan = account.plan(month)?;
    Ok(Invoice {
        id: invoice_id(organisation.id, month),
        organisation_id: organisation.id,
        month,
        state: InvoiceState::Draft,
        number: None,
        plan_id: plan.id,
        currency: plan.currency,
        sums: Sums::default(),
        issued_at: now,
        finalized_at: None,
        paid_at: None,
        voided_at: None,
        void_reason: None,
        parties: None,
    })
}

fn say(work: &mut UnitOfWork<'_>, invoice: &Invoice) {
    work.say(invoice.organisation_id, Fact::InvoiceChanged { invoice_id: invoice.id });
}

async fn audit(
    work: &UnitOfWork<'_>,
    caller: &Caller,
    action: &str,
    invoice: &Invoice,
    details: serde_json::Value,
) -> Result<(), ServiceError> {
    work.audit(caller, action, Some(invoice.organisation_id), Some(invoice.id.to_string()), details).await
}
