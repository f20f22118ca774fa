//! Invoices: what a month comes to, line by line, and the states that an invoice passes through.

mod description;
mod forecast;

use std::fmt::Write as _;

use chrono::{Days, NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::billing::Charge;
use super::clock::Instant;
use super::code::coded;
use super::credit::{CreditSource, Settlement};
use super::id::{InvoiceId, InvoiceLineId, OrganisationId, PlanId, RateId};
use super::money::{Currency, Money, Overflow};
use super::period::{Month, Zone};
use super::plan::Plan;
use super::quantity::Quantity;
use super::rating::Step;
use super::usage::Resource;

pub use forecast::{Forecast, forecast};

coded! {
    /// Where an invoice stands.
    InvoiceState {
        /// It follows late usage.
        Draft = "DRAFT",
        /// It has its number and does not change any more.
        Finalized = "FINALIZED",
        Paid = "PAID",
        /// It is not to be paid.
        Void = "VOID",
    }
}

coded! {
    /// What a line is for.
    LineSource {
        Fee = "FEE",
        Usage = "USAGE",
        /// Usage of a month that was invoiced before.
        Adjustment = "ADJUSTMENT",
        IncludedCredit = "INCLUDED_CREDIT",
        PrepaidCredit = "PREPAID_CREDIT",
    }
}

impl LineSource {
    /// Whether it takes from what is to be paid, instead of being charged.
    pub const fn is_credit(self) -> bool {
        match self {
            Self::Fee | Self::Usage | Self::Adjustment => false,
            Self::IncludedCredit | Self::PrepaidCredit => true,
        }
    }
}

/// A month that is billed. A draft's sums are computed when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub id: InvoiceId,
    pub organisation_id: OrganisationId,
    pub month: Month,
    pub state: InvoiceState,
    /// Of a final one: `INV-2026-000042`.
    pub number: Option<String>,
    pub plan_id: PlanId,
    pub currency: Currency,
    pub sums: Sums,
    /// When the draft was made.
    pub issued_at: Instant,
    pub finalized_at: Option<Instant>,
    pub paid_at: Option<Instant>,
    pub voided_at: Option<Instant>,
    pub void_reason: Option<String>,
    /// Of one that is no draft: who the parties were.
    pub parties: Option<Parties>,
}

/// What the lines of an invoice come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// All but credits.
    pub subtotal: Money,
    /// What credits pay of it, zero or more.
    pub credits_applied: Money,
    /// `subtotal` minus `credits_applied`: the sum of all lines.
    pub total: Money,
}

/// Who an invoice is from and to, as it was when the invoice became final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parties {
    /// Lines of an address; the first is the name.
    pub issuer: Vec<String>,
    pub organisation: String,
    pub external_id: Option<String>,
    pub time_zone: Zone,
    pub plan: String,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceLine {
    pub id: InvoiceLineId,
    pub organisation_id: OrganisationId,
    pub invoice_id: InvoiceId,
    pub source: LineSource,
    pub description: String,
    /// Of usage and adjustments.
    pub resource: Option<Resource>,
    /// `None` where nothing has a price, and in fees and credits.
    pub rate_id: Option<RateId>,
    /// Of usage and adjustments: when it was used.
    pub usage_month: Option<Month>,
    pub quantity: Quantity,
    pub unit_price: Option<Money>,
    /// Rounded once to what can be paid; below zero for credits.
    pub amount: Money,
    /// How tiers or packages were applied to all of the usage month's quantity so far.
    pub steps: Vec<Step>,
}

/// The id of an organisation's invoice of a month. It is made of the two, so that whoever makes the invoice makes the same one; in form it
/// is a UUID of version 7 whose time is the month's begin.
pub fn invoice_id(organisation: OrganisationId, month: Month) -> InvoiceId {
    let mut hasher = Sha256::new();
    hasher.update(organisation.uuid().as_bytes());
    hasher.update(month.to_string());
    let digest = hasher.finalize();
    let mut random = [0; 10];
    random.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    let begin = month.first_day().and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    let millis = u64::try_from(begin).unwrap_or(0);
    InvoiceId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// The month that an invoice is about, which its id says.
pub fn month_of(id: InvoiceId) -> Option<Month> {
    let (seconds, _) = id.uuid().get_timestamp()?.to_unix();
    let begin = chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    Some(Month::of(begin.date_naive()))
}

/// How many bytes of a line's id are its invoice's, so that the line of a draft, which is not stored, leads to its invoice.
const SHARED_BYTES: usize = 10;

/// The id of the line of an invoice that `key` tells from the others.
fn line_id(invoice: InvoiceId, key: &str) -> InvoiceLineId {
    let mut bytes = *invoice.uuid().as_bytes();
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hasher.update(key);
    bytes.iter_mut().skip(SHARED_BYTES).zip(hasher.finalize()).for_each(|(to, from)| *to = from);
    InvoiceLineId::from_uuid(Uuid::from_bytes(bytes))
}

/// The first and last id that the invoice of a line can have.
pub fn invoices_of_line(line: InvoiceLineId) -> (InvoiceId, InvoiceId) {
    let end = |fill: u8| {
        let mut bytes = *line.uuid().as_bytes();
        bytes.iter_mut().skip(SHARED_BYTES).for_each(|byte| *byte = fill);
        InvoiceId::from_uuid(Uuid::from_bytes(bytes))
    };
    (end(0), end(u8::MAX))
}

/// Until when the draft of `month` follows late usage: `days` local days after the month's end.
pub fn grace_end(zone: Zone, month: Month, days: u32) -> Instant {
    let last = month.last_day().checked_add_days(Days::new(u64::from(days) + 1));
    zone.midnight(last.unwrap_or(NaiveDate::MAX))
}

/// The number of the invoice that is `nth` of its year.
pub fn number(year: i32, nth: i64) -> String {
    format!("INV-{year:04}-{nth:06}")
}

/// Whose month an invoice is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub organisation_id: OrganisationId,
    pub month: Month,
    pub plan: &'a Plan,
}

impl Subject<'_> {
    fn invoice_id(&self) -> InvoiceId {
        invoice_id(self.organisation_id, self.month)
    }

    fn line(&self, source: LineSource, key: &str, description: String, amount: Money) -> InvoiceLine {
        InvoiceLine {
            id: line_id(self.invoice_id(), key),
            organisation_id: self.organisation_id,
            invoice_id: self.invoice_id(),
            source,
            description,
            resource: None,
            rate_id: None,
            usage_month: None,
            quantity: Quantity::ONE,
            unit_price: Some(amount),
            amount,
            steps: Vec::new(),
        }
    }

    fn digits(&self) -> u32 {
        self.plan.currency.minor_digits()
    }

    /// What is charged: the fee, then usage and adjustments in the order of `charges`, each rounded once.
    pub fn charged(&self, charges: &[Charge]) -> Result<Vec<InvoiceLine>, Overflow> {
        let fee = self.plan.monthly_fee.rounded(self.digits()).ok_or(Overflow)?;
        let about = description::of_fee(&self.plan.name, self.month);
        let mut lines = vec![self.line(LineSource::Fee, "fee", about, fee)];
        let (own, late): (Vec<_>, Vec<_>) = charges.iter().partition(|charge| charge.usage_month == self.month);
        for charge in own.into_iter().chain(late) {
            if charge.quantity == Quantity::ZERO && charge.amount == Money::ZERO {
                // It was taken back altogether within the month.
                continue;
            }
            lines.push(self.of_charge(charge)?);
        }
        Ok(lines)
    }

    fn of_charge(&self, charge: &Charge) -> Result<InvoiceLine, Overflow> {
        let late = charge.usage_month != self.month;
        let source = if late { LineSource::Adjustment } else { LineSource::Usage };
        let amount = charge.amount.rounded(self.digits()).ok_or(Overflow)?;
        let resource = &charge.resource;
        let mut key = format!("{source} {} {} {}", charge.usage_month, resource.kind, resource.resource_type);
        let category = resource.category.map_or("", |category| category.code());
        let country = resource.country.as_ref().map_or("", |country| country.code());
        // Writing into a String cannot fail.
        let _ = write!(key, " {category} {country} {}", charge.rate_id.map(|id| id.to_string()).unwrap_or_default());
        Ok(InvoiceLine {
            resource: Some(resource.clone()),
            rate_id: charge.rate_id,
            usage_month: Some(charge.usage_month),
            quantity: charge.quantity,
            unit_price: charge.unit_price,
            steps: charge.steps.clone(),
            ..self.line(source, &key, description::of_charge(charge, late), amount)
        })
    }

    /// What credits pay, as lines below zero; nothing where there is nothing.
    pub fn credited(&self, settlement: &Settlement) -> Result<Vec<InvoiceLine>, Overflow> {
        let mut lines = Vec::new();
        for source in CreditSource::ALL {
            let amount = settlement.burned(*source)?;
            if amount > Money::ZERO {
                let (line_source, about) = match source {
                    CreditSource::Included => (LineSource::IncludedCredit, description::of_included(self.month)),
                    CreditSource::Prepaid => (LineSource::PrepaidCredit, "Prepaid credit".to_owned()),
                };
                let amount = Money::ZERO.checked_sub(amount).ok_or(Overflow)?;
                lines.push(self.line(line_source, source.code(), about, amount));
            }
        }
        Ok(lines)
    }
}

/// What of some lines credits may pay for: usage and adjustments together, never the fee; zero where they give back more than they take.
pub fn due(charged: &[InvoiceLine]) -> Result<Money, Overflow> {
    let payable = charged.iter().filter(|line| matches!(line.source, LineSource::Usage | LineSource::Adjustment));
    Ok(Money::sum(payable.map(|line| line.amount)).ok_or(Overflow)?.max(Money::ZERO))
}

/// What lines come to.
pub fn sums(lines: &[InvoiceLine]) -> Result<Sums, Overflow> {
    let (credits, charged): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.source.is_credit());
    let sum = |lines: Vec<&InvoiceLine>| Money::sum(lines.into_iter().map(|line| line.amount)).ok_or(Overflow);
    let (subtotal, credits) = (sum(charged)?, sum(credits)?);
    let total = subtotal.checked_add(credits).ok_or(Overflow)?;
    Ok(Sums { subtotal, credits_applied: Money::ZERO.checked_sub(credits).ok_or(Overflow)?, total })
}

#[cfg(test)]
mod tests;
