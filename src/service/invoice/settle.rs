//! What makes drafts and what ends them, each within the unit of work of whoever asks: an admin, or the job at a month's end.

use chrono::Datelike as _;

use super::{draft, say};
use crate::domain::credit::{CreditEntry, CreditEntryKind, CreditSource, Part};
use crate::domain::id::{CreditEntryId, InvoiceId};
use crate::domain::invoice::{self, Invoice, InvoiceState, Parties};
use crate::domain::money::{Money, Overflow};
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
use crate::service::core::UnitOfWork;
use crate::service::reckoning::{Account, Reckoning, too_large};
use crate::service::{Core, ServiceError, credit};
use crate::store;

/// What became of a draft.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) invoice: Invoice,
    /// Whether it became final only now.
    pub(crate) is_new: bool,
}

/// Makes a draft of every month that is over and has no invoice, and grants what the plan includes for the month that runs. Returns the
/// drafts' months, those that were there included, earliest first.
pub(crate) async fn make_drafts(
    core: &Core,
    work: &mut UnitOfWork<'_>,
    organisation: &Organisation,
) -> Result<Vec<Month>, ServiceError> {
    let running = Month::of(organisation.time_zone.date(work.now()));
    let account = Account::open(core, work.tx(), organisation, running, work.now()).await?;
    let over: Vec<_> = account.months().filter(|month| *month < running).collect();
    let missing = over.iter().filter(|month| account.state(**month).is_none());
    let drafts: Result<Vec<_>, _> = missing.map(|month| draft(organisation, &account, *month, work.now())).collect();
    let drafts = drafts?;
    store::invoice::insert_many(work.tx(), &drafts).await?;
    for draft in &drafts {
        say(work, draft);
    }
    credit::grant_included(work, organisation.id, running, account.plan(running)?).await?;
    Ok(over)
}

/// Makes a draft final. Nothing happens to one that is already; a void one is refused, and one that an earlier month has to come before.
pub(crate) async fn settle(
    core: &Core,
    work: &mut UnitOfWork<'_>,
    organisation: &Organisation,
    id: InvoiceId,
) -> Result<Settled, ServiceError> {
    // From here on what is recorded goes to a later month: who records waits for the end of this transaction, and then sees it.
    store::invoice::lock_organisation(work.tx(), organisation.id).await?;
    let before = store::invoice::find(work.tx(), id).await?.ok_or(ServiceError::NotFound("invoice"))?;
    match before.state {
        InvoiceState::Draft => {}
        InvoiceState::Finalized | InvoiceState::Paid => return Ok(Settled { invoice: before, is_new: false }),
        InvoiceState::Void => {
            return Err(ServiceError::Conflict("the invoice is VOID; it does not become final".to_owned()));
        }
    }
    let reckoning = reckon(core, work, organisation, before.month).await?;
    let (burns, expiries) = (&reckoning.settlement.burns, &reckoning.settlement.expiries);
    let mut entries = entries(work, &before, CreditEntryKind::Burn, burns, "Paid for usage")?;
    entries.extend(self::entries(work, &before, CreditEntryKind::Expiry, expiries, "Not used in time")?);
    store::credit::insert_entries(work.tx(), &entries).await?;
    store::invoice::insert_lines(work.tx(), &reckoning.lines).await?;
    // What the months after it have is no guess any more.
    store::alert::forget_watch(work.tx(), organisation.id).await?;
    let now = work.now();
    let mut invoice = Invoice { finalized_at: Some(now), ..closed(core, organisation, before, &reckoning) };
    say(work, &invoice);
    // Last, because whoever takes the next number waits for this transaction.
    let year = organisation.time_zone.date(now).year();
    invoice.number = Some(invoice::number(year, store::invoice::take_number(work.tx(), year).await?));
    invoice.state = InvoiceState::Finalized;
    store::invoice::update(work.tx(), &invoice).await?;
    Ok(Settled { invoice, is_new: true })
}

/// What a month comes to, its included credit granted; refused while an earlier month is open.
async fn reckon(
    core: &Core,
    work: &UnitOfWork<'_>,
    organisation: &Organisation,
    month: Month,
) -> Result<Reckoning, ServiceError> {
    let db = work.tx();
    let account = Account::open(core, db, organisation, month, work.now()).await?;
    if let Some(earlier) = account.months().next().filter(|first| *first < month) {
        let what = match account.state(earlier) {
            Some(_) => "its draft has to become final first",
            None => "it has no invoice yet: generateInvoice makes one",
        };
        return Err(ServiceError::Conflict(format!("months are made final in order, and {earlier} is open; {what}")));
    }
    credit::grant_included(work, organisation.id, month, account.plan(month)?).await?;
    // Once more, now with the grant.
    let mut account = Account::open(core, db, organisation, month, work.now()).await?;
    let reckoning = account.next(db).await?.filter(|reckoning| reckoning.month == month);
    reckoning.ok_or_else(|| ServiceError::Conflict(format!("the month {month} is not open")))
}

/// The invoice with what it comes to and who the parties are, as that is now.
fn closed(core: &Core, organisation: &Organisation, before: Invoice, reckoning: &Reckoning) -> Invoice {
    Invoice {
        plan_id: reckoning.plan.id,
        currency: reckoning.plan.currency,
        sums: reckoning.sums,
        parties: Some(parties(core, organisation, &reckoning.plan.name)),
        ..before
    }
}

/// Who the parties of an invoice are at present.
pub(super) fn parties(core: &Core, organisation: &Organisation, plan: &str) -> Parties {
    Parties {
        issuer: core.invoicing().issuer.clone(),
        organisation: organisation.name.clone(),
        external_id: organisation.external_id.clone(),
        time_zone: organisation.time_zone,
        plan: plan.to_owned(),
    }
}

fn entries(
    work: &UnitOfWork<'_>,
    invoice: &Invoice,
    kind: CreditEntryKind,
    parts: &[Part],
    reason: &str,
) -> Result<Vec<CreditEntry>, ServiceError> {
    let entry = |part: &Part| {
        let amount = Money::ZERO.checked_sub(part.amount).ok_or(Overflow)?;
        Ok(CreditEntry {
            id: CreditEntryId::generate(work.now()),
            organisation_id: invoice.organisation_id,
            grant_id: part.grant_id,
            kind,
            amount,
            reason: format!("{reason}, {}", invoice.month),
            invoice_id: Some(invoice.id),
            at: work.now(),
        })
    };
    parts.iter().map(entry).collect::<Result<_, Overflow>>().map_err(too_large)
}

/// Ends a draft without its becoming final: it shows what it came to, but nothing is burned, and what only this month could use expires.
pub(super) async fn void_draft(
    core: &Core,
    work: &mut UnitOfWork<'_>,
    organisation: &Organisation,
    before: Invoice,
    reason: &str,
) -> Result<Invoice, ServiceError> {
    let mut account = Account::open(core, work.tx(), organisation, before.month, work.now()).await?;
    let mut last = None;
    while let Some(reckoning) = account.next(work.tx()).await? {
        last = Some(reckoning);
    }
    let missing = || ServiceError::Conflict(format!("the month {} is not open", before.month));
    let reckoning = last.filter(|reckoning| reckoning.month == before.month).ok_or_else(missing)?;
    let lines: Vec<_> = reckoning.lines.iter().filter(|line| !line.source.is_credit()).cloned().collect();
    store::invoice::insert_lines(work.tx(), &lines).await?;
    let sums = invoice::sums(&lines).map_err(too_large)?;
    let invoice = closed(core, organisation, before, &reckoning);
    let invoice = Invoice {
        sums,
        state: InvoiceState::Void,
        voided_at: Some(work.now()),
        void_reason: Some(reason.to_owned()),
        ..invoice
    };
    store::invoice::update(work.tx(), &invoice).await?;
    expire_included(work, &invoice).await?;
    Ok(invoice)
}

/// Takes a final invoice back and gives back what credits paid of it.
pub(super) async fn void_final(
    work: &mut UnitOfWork<'_>,
    before: Invoice,
    reason: &str,
) -> Result<Invoice, ServiceError> {
    let entries = store::credit::entries_of_invoice(work.tx(), before.organisation_id, before.id).await?;
    let burns = entries.into_iter().filter(|entry| entry.kind == CreditEntryKind::Burn && entry.amount < Money::ZERO);
    let returned: Result<Vec<_>, Overflow> = burns
        .map(|burn| {
            let amount = Money::ZERO.checked_sub(burn.amount).ok_or(Overflow)?;
            let reason = format!("Given back, {} is void", before.number.as_deref().unwrap_or_default());
            Ok(CreditEntry { id: CreditEntryId::generate(work.now()), amount, reason, at: work.now(), ..burn })
        })
        .collect();
    store::credit::insert_entries(work.tx(), &returned.map_err(too_large)?).await?;
    let invoice = Invoice {
        state: InvoiceState::Void,
        voided_at: Some(work.now()),
        void_reason: Some(reason.to_owned()),
        ..before
    };
    store::invoice::update(work.tx(), &invoice).await?;
    expire_included(work, &invoice).await?;
    Ok(invoice)
}

/// What is left of the included credit of a month that is closed pays for nothing any more.
async fn expire_included(work: &UnitOfWork<'_>, invoice: &Invoice) -> Result<(), ServiceError> {
    let funds = store::credit::funds(work.tx(), invoice.organisation_id).await?;
    let left = funds.into_iter().filter(|fund| fund.grant.month == Some(invoice.month) && fund.left > Money::ZERO);
    let parts: Vec<_> =
        left.map(|fund| Part { grant_id: fund.grant.id, source: CreditSource::Included, amount: fund.left }).collect();
    let entries = entries(work, invoice, CreditEntryKind::Expiry, &parts, "Not used in time")?;
    Ok(store::credit::insert_entries(work.tx(), &entries).await?)
}
