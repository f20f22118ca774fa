//! Invoices with their lines, the month that runs as one, and the mutations that make and end them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::access;
use super::channel::ChannelKind;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::error::{Fault, Result};
use super::loader;
use super::organisation::Organisation;
use super::plan::Rate;
use super::scalar::{Date, DateTime, Decimal, Month, int};
use super::usage_record::{self, UsageRecord};
use crate::domain::id::{InvoiceId, OrganisationId};
use crate::domain::{invoice, organisation, period, rating};
use crate::service::invoice::{self as service, Explanation, Preview, Statement};

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "invoice::InvoiceState")]
pub(super) enum InvoiceState {
    /// It follows late usage until the grace after its month ends.
    Draft,
    /// It has its number and does not change any more.
    Finalized,
    /// It was paid.
    Paid,
    /// It is not to be paid.
    Void,
}

/// What a line of an invoice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "invoice::LineSource")]
pub(super) enum LineSource {
    /// The plan's monthly fee.
    Fee,
    /// Usage of the month.
    Usage,
    /// Usage of an earlier month that came, or was corrected, after its invoice.
    Adjustment,
    /// What the credit included in the plan pays, below zero.
    IncludedCredit,
    /// What prepaid credit pays, below zero.
    PrepaidCredit,
}

/// A month that is billed.
#[derive(Debug, Clone)]
pub(super) struct Invoice(pub(super) Statement);

/// A month that is billed: its lines sum to its total exactly. A draft is computed as it is now; a final one does not change.
#[Object]
impl Invoice {
    /// The invoice's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.invoice.id.to_string().into()
    }

    /// Its number, such as INV-2026-000042, without gaps within a year; null in a draft.
    async fn number(&self) -> Option<&str> {
        self.0.invoice.number.as_deref()
    }

    /// Where it stands.
    async fn state(&self) -> InvoiceState {
        self.0.invoice.state.into()
    }

    /// The organisation that it is for.
    async fn organisation(&self, ctx: &Context<'_>) -> Result<Organisation> {
        loader::organisation(ctx, self.0.invoice.organisation_id).await.map(Organisation)
    }

    /// The month that it is about, in the organisation's zone.
    async fn month(&self) -> Month {
        self.0.invoice.month.into()
    }

    /// Its currency, the plan's, as ISO 4217 codes it.
    async fn currency(&self) -> &'static str {
        self.0.invoice.currency.code()
    }

    /// Its lines: the fee, usage, adjustments of earlier months, and credits as amounts below zero.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceLine>> {
        let lines = match &self.0.computed {
            Some(lines) => lines.clone(),
            None => loader::invoice_lines(ctx, self.0.invoice.id).await?,
        };
        Ok(lines.into_iter().map(InvoiceLine).collect())
    }

    /// All lines but credits.
    async fn subtotal(&self) -> Decimal {
        self.0.invoice.sums.subtotal.into()
    }

    /// What credits pay of it, zero or more.
    async fn credits_applied(&self) -> Decimal {
        self.0.invoice.sums.credits_applied.into()
    }

    /// What is to be paid.
    async fn total(&self) -> Decimal {
        self.0.invoice.sums.total.into()
    }

    /// When its draft was made.
    async fn issued_at(&self) -> Option<DateTime> {
        Some(self.0.invoice.issued_at.into())
    }

    /// When it became final.
    async fn finalized_at(&self) -> Option<DateTime> {
        self.0.invoice.finalized_at.map(Into::into)
    }

    /// When it was marked as paid.
    async fn paid_at(&self) -> Option<DateTime> {
        self.0.invoice.paid_at.map(Into::into)
    }

    /// When it was taken back.
    async fn voided_at(&self) -> Option<DateTime> {
        self.0.invoice.voided_at.map(Into::into)
    }

    /// Why it was taken back.
    async fn void_reason(&self) -> Option<&str> {
        self.0.invoice.void_reason.as_deref()
    }

    /// The path of its PDF on this server; it is fetched with the same token.
    async fn pdf_url(&self) -> String {
        format!("/v1/invoices/{}.pdf", self.0.invoice.id)
    }
}

/// A line of an invoice.
#[derive(Debug, Clone)]
pub(super) struct InvoiceLine(pub(super) invoice::InvoiceLine);

/// A line of an invoice.
#[Object]
impl InvoiceLine {
    /// The line's id, unique among everything; that of a draft's line stays when the invoice becomes final.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is for.
    async fn source(&self) -> LineSource {
        self.0.source.into()
    }

    /// What it is for, in plain English.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The kind of channel of usage and adjustments.
    async fn kind(&self) -> Option<ChannelKind> {
        self.0.resource.as_ref().map(|resource| resource.kind.into())
    }

    /// What was counted, of usage and adjustments.
    async fn resource_type(&self) -> Option<&str> {
        self.0.resource.as_ref().map(|resource| resource.resource_type.code())
    }

    /// How much of it; 1 of fees and credits.
    async fn quantity(&self) -> Decimal {
        self.0.quantity.into()
    }

    /// The price of one; null where it depends on how much there was, or where there is no price.
    async fn unit_price(&self) -> Option<Decimal> {
        self.0.unit_price.map(Into::into)
    }

    /// What it comes to, rounded once to what can be paid; below zero for credits.
    async fn amount(&self) -> Decimal {
        self.0.amount.into()
    }

    /// How it came about, down to the records.
    async fn explain(&self, ctx: &Context<'_>) -> Result<LineExplanation> {
        let organisation = loader::organisation(ctx, self.0.organisation_id).await?;
        let explanation = access::services(ctx)?.invoice.explain(&organisation, &self.0).await?;
        let days: Result<_> = explanation.days.iter().copied().map(TryInto::try_into).collect();
        Ok(LineExplanation { line: self.0.clone(), organisation, explanation, days: days? })
    }
}

/// How a line came about: the steps of its price minus what was charged before, its days, and its records all come to its amount before
/// it was rounded.
#[derive(Debug)]
pub(super) struct LineExplanation {
    line: invoice::InvoiceLine,
    organisation: organisation::Organisation,
    explanation: Explanation,
    days: Vec<LineDay>,
}

/// How a line came about: the steps of its price minus what was charged before, its days, and its records all come to its amount before it
/// was rounded.
#[Object]
impl LineExplanation {
    /// The line.
    async fn line(&self) -> InvoiceLine {
        InvoiceLine(self.line.clone())
    }

    /// Its amount before it was rounded once to what can be paid.
    async fn unrounded(&self) -> Decimal {
        self.explanation.unrounded.into()
    }

    /// How the price was applied; of tiers and packages, to all that was used in the month so far.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn steps(&self) -> Vec<PriceStep> {
        self.explanation.steps.iter().map(Into::into).collect()
    }

    /// What earlier invoices charged of the steps; more than 0 only in adjustments of tiers and packages.
    async fn charged_before(&self) -> Decimal {
        self.explanation.charged_before.into()
    }

    /// The rate; null where nothing has a price, and of fees and credits.
    async fn rate(&self) -> Option<Rate> {
        self.explanation.rate.clone().map(Rate)
    }

    /// The local days that it is made of, earliest first.
    #[graphql(complexity = "31 * child_complexity + 1")]
    async fn days(&self) -> &[LineDay] {
        &self.days
    }

    /// The records that it is made of, newest first.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<UsageRecord>> {
        let request = PageArguments::forward(first, after).request(usage_record::read_place)?;
        let page = access::services(ctx)?.invoice.records(&self.organisation, &self.line, &request).await?;
        Ok(connection::connect(page, usage_record::write_place, UsageRecord))
    }
}

/// A part of how a price was applied.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct PriceStep {
    /// Where the tier begins, itself excluded; 0 without tiers.
    from: Decimal,
    /// Where it ends; null: nowhere.
    up_to: Option<Decimal>,
    /// How much falls into it; of packages, how many.
    quantity: Decimal,
    /// The price of one.
    unit_price: Decimal,
    /// What is charged once when anything falls into it.
    flat_fee: Decimal,
    /// What it comes to, not rounded.
    amount: Decimal,
}

impl From<&rating::Step> for PriceStep {
    fn from(step: &rating::Step) -> Self {
        Self {
            from: step.from.into(),
            up_to: step.up_to.map(Into::into),
            quantity: step.quantity.into(),
            unit_price: step.unit_price.into(),
            flat_fee: step.flat_fee.into(),
            amount: step.amount.into(),
        }
    }
}

/// What a line has of one local day.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct LineDay {
    /// The organisation's local day.
    date: Date,
    /// How much was used.
    quantity: Decimal,
    /// What it cost, not rounded; of tiers and packages, what the day added to the cost of the days before.
    cost: Decimal,
    /// How many records there are; one that corrects another counts nothing, one that takes it away counts it out.
    records: i32,
}

impl TryFrom<service::LineDay> for LineDay {
    type Error = Fault;

    fn try_from(day: service::LineDay) -> Result<Self> {
        let records = int("records", day.records)?;
        Ok(Self { date: day.date.into(), quantity: day.quantity.into(), cost: day.cost.into(), records })
    }
}

/// A guess at what the present month will come to.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct InvoiceForecast {
    /// What the invoice may come to.
    total: Decimal,
    /// What usage may come to, before credits.
    usage: Decimal,
    /// The end of the month that it is for.
    until: DateTime,
    /// How the guess is made, in words.
    basis: String,
}

/// The month that runs, as an invoice now.
#[derive(Debug)]
pub(super) struct InvoicePreview(Preview);

impl InvoicePreview {
    /// The month that runs of an organisation that the caller has reached.
    pub(super) async fn of(ctx: &Context<'_>, organisation: &organisation::Organisation) -> Result<Self> {
        Ok(Self(access::services(ctx)?.invoice.preview(organisation).await?))
    }
}

/// The present month as an invoice now; nothing of it is final.
#[Object]
impl InvoicePreview {
    /// The present month in the organisation's zone.
    async fn month(&self) -> Month {
        self.0.month.into()
    }

    /// The currency, the plan's, as ISO 4217 codes it.
    async fn currency(&self) -> &'static str {
        self.0.currency.code()
    }

    /// The lines; their ids are found by `node` once the invoice is made.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn lines(&self) -> Vec<InvoiceLine> {
        self.0.lines.iter().cloned().map(InvoiceLine).collect()
    }

    /// All lines but credits.
    async fn subtotal(&self) -> Decimal {
        self.0.sums.subtotal.into()
    }

    /// What credits pay of it, zero or more.
    async fn credits_applied(&self) -> Decimal {
        self.0.sums.credits_applied.into()
    }

    /// What would be to be paid now.
    async fn total(&self) -> Decimal {
        self.0.sums.total.into()
    }

    /// A guess at what the month will come to.
    async fn forecast(&self) -> InvoiceForecast {
        let forecast = self.0.forecast.clone();
        InvoiceForecast {
            total: forecast.total.into(),
            usage: forecast.usage.into(),
            until: forecast.until.into(),
            basis: forecast.basis,
        }
    }
}

/// A page of an organisation's invoices, newest month first.
pub(super) async fn page(
    ctx: &Context<'_>,
    organisation: &organisation::Organisation,
    state: Option<InvoiceState>,
    page: PageArguments,
) -> Result<Connection<Invoice>> {
    let request = page.request(|place| period::Month::parse("after", place).ok())?;
    let page = access::services(ctx)?.invoice.page(organisation, state.map(Into::into), &request).await?;
    Ok(connection::connect(page, |statement| statement.invoice.month.to_string(), Invoice))
}

/// An organisation's invoice with this id; another's is as one that does not exist.
pub(super) async fn of_organisation(ctx: &Context<'_>, organisation: OrganisationId, id: &ID) -> Result<Invoice> {
    let id = InvoiceId::parse("id", id)?;
    let found = access::services(ctx)?.invoice.find(id).await?;
    let own = found.filter(|statement| statement.invoice.organisation_id == organisation);
    own.map(Invoice).ok_or_else(|| Fault::not_found("invoice"))
}

#[derive(Debug, Default)]
pub(super) struct InvoiceMutation;

#[Object]
impl InvoiceMutation {
    /// Makes the invoice of a month that is over, a draft. Where there is one already, the answer is that one. For admins.
    async fn generate_invoice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The month, over in the organisation's zone.")] month: Month,
    ) -> Result<Invoice> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let month = month.read("month")?;
        let made = access.services.invoice.generate(access.caller, organisation_id, month).await?;
        Ok(Invoice(access.services.invoice.state(made).await?))
    }

    /// Makes a draft final: it takes its number and does not change any more. Months become final in order. Twice is once. For admins.
    async fn finalize_invoice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoice's id.")] id: ID,
    ) -> Result<Invoice> {
        let access = access::admin(ctx)?;
        let id = InvoiceId::parse("id", &id)?;
        let made = access.services.invoice.finalize(access.caller, id).await?;
        Ok(Invoice(access.services.invoice.state(made).await?))
    }

    /// Marks a final invoice as paid. Twice is once. For admins.
    async fn pay_invoice(&self, ctx: &Context<'_>, #[graphql(desc = "The invoice's id.")] id: ID) -> Result<Invoice> {
        let access = access::admin(ctx)?;
        let id = InvoiceId::parse("id", &id)?;
        let made = access.services.invoice.pay(access.caller, id).await?;
        Ok(Invoice(access.services.invoice.state(made).await?))
    }

    /// Takes back a draft, or a final invoice that was not paid: credits that paid for it are given back, and its month is not invoiced
    /// again. Twice is once. For admins.
    async fn void_invoice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoice's id.")] id: ID,
        #[graphql(desc = "Why, 1 to 200 characters.")] reason: String,
    ) -> Result<Invoice> {
        let access = access::admin(ctx)?;
        let id = InvoiceId::parse("id", &id)?;
        let made = access.services.invoice.void(access.caller, id, &reason).await?;
        Ok(Invoice(access.services.invoice.state(made).await?))
    }
}
