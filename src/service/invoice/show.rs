//! Invoices as they are shown: final ones as they are stored, drafts and the month that runs as they are now.

use std::collections::HashMap;

use super::InvoiceService;
use super::settle::parties;
use crate::domain::id::{InvoiceId, InvoiceLineId, OrganisationId};
use crate::domain::invoice::{self, Forecast, Invoice, InvoiceLine, InvoiceState, Parties, forecast};
use crate::domain::money::Currency;
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::Month;
use crate::service::ServiceError;
use crate::service::reckoning::{Account, too_large};
use crate::store;

/// An invoice with what it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Of a draft, with the sums of now.
    pub invoice: Invoice,
    /// Of a draft; the lines of others are stored, see [`InvoiceService::lines`].
    pub computed: Option<Vec<InvoiceLine>>,
}

/// The month that runs, as an invoice now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub month: Month,
    pub currency: Currency,
    /// Their ids are those that the invoice's will have.
    pub lines: Vec<InvoiceLine>,
    pub sums: invoice::Sums,
    pub forecast: Forecast,
}

impl InvoiceService {
    /// The organisation's invoices, newest month first; those in a state, or all.
    pub async fn page(
        &self,
        organisation: &Organisation,
        state: Option<InvoiceState>,
        request: &PageRequest<Month>,
    ) -> Result<Page<Statement>, ServiceError> {
        let db = self.core.store().read();
        let page = store::invoice::page(db, organisation.id, state, request).await?;
        let mut drafts = self.drafts(organisation, &page.items).await?;
        Ok(page.map(|invoice| {
            let draft = drafts.remove(&invoice.id);
            draft.unwrap_or(Statement { invoice, computed: None })
        }))
    }

    /// The invoice with this id, whosever it is.
    pub async fn find(&self, id: InvoiceId) -> Result<Option<Statement>, ServiceError> {
        match store::invoice::find(self.core.store().read(), id).await? {
            Some(invoice) => self.state(invoice).await.map(Some),
            None => Ok(None),
        }
    }

    /// An invoice as it is shown.
    pub async fn state(&self, invoice: Invoice) -> Result<Statement, ServiceError> {
        if invoice.state != InvoiceState::Draft {
            return Ok(Statement { invoice, computed: None });
        }
        let organisation = store::organisation::find(self.core.store().read(), invoice.organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let mut drafts = self.drafts(&organisation, std::slice::from_ref(&invoice)).await?;
        if let Some(statement) = drafts.remove(&invoice.id) {
            return Ok(statement);
        }
        // It stopped being a draft while it was reckoned.
        let invoice = store::invoice::find(self.core.store().read(), invoice.id).await?.unwrap_or(invoice);
        Ok(Statement { invoice, computed: None })
    }

    /// What those of the invoices that are drafts come to now.
    async fn drafts(
        &self,
        organisation: &Organisation,
        invoices: &[Invoice],
    ) -> Result<HashMap<InvoiceId, Statement>, ServiceError> {
        let drafts: Vec<_> = invoices.iter().filter(|invoice| invoice.state == InvoiceState::Draft).collect();
        let Some(last) = drafts.iter().map(|invoice| invoice.month).max() else { return Ok(HashMap::new()) };
        let db = self.core.store().read();
        let mut account = Account::open(&self.core, db, organisation, last, self.core.now()).await?;
        let mut statements = HashMap::new();
        while let Some(reckoning) = account.next(db).await? {
            let Some(invoice) = drafts.iter().find(|invoice| invoice.month == reckoning.month) else { continue };
            let invoice = Invoice {
                plan_id: reckoning.plan.id,
                currency: reckoning.plan.currency,
                sums: reckoning.sums,
                parties: Some(parties(&self.core, organisation, &reckoning.plan.name)),
                ..(*invoice).clone()
            };
            statements.insert(invoice.id, Statement { invoice, computed: Some(reckoning.lines) });
        }
        Ok(statements)
    }

    /// The stored lines of invoices that are no drafts, in their order.
    pub async fn lines(&self, ids: &[InvoiceId]) -> Result<HashMap<InvoiceId, Vec<InvoiceLine>>, ServiceError> {
        let mut lines: HashMap<InvoiceId, Vec<InvoiceLine>> = HashMap::new();
        for line in store::invoice::lines(self.core.store().read(), ids).await? {
            lines.entry(line.invoice_id).or_default().push(line);
        }
        Ok(lines)
    }

    /// The line with this id, whosever it is: a stored one, or one of a draft.
    pub async fn line(&self, id: InvoiceLineId) -> Result<Option<InvoiceLine>, ServiceError> {
        let db = self.core.store().read();
        if let Some(line) = store::invoice::line(db, id).await? {
            return Ok(Some(line));
        }
        let (first, last) = invoice::invoices_of_line(id);
        for invoice in store::invoice::between(db, first, last).await? {
            let computed = self.state(invoice).await?.computed.unwrap_or_default();
            if let Some(line) = computed.into_iter().find(|line| line.id == id) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// Whose an invoice is, without reckoning it.
    pub async fn owner(&self, id: InvoiceId) -> Result<Option<OrganisationId>, ServiceError> {
        let found = store::invoice::find(self.core.store().read(), id).await?;
        Ok(found.map(|invoice| invoice.organisation_id))
    }

    /// The month that runs, as an invoice now, with a guess at its end.
    pub async fn preview(&self, organisation: &Organisation) -> Result<Preview, ServiceError> {
        let (db, now) = (self.core.store().read(), self.core.now());
        let month = Month::of(organisation.time_zone.date(now));
        let mut account = Account::open(&self.core, db, organisation, month, now).await?;
        while let Some(reckoning) = account.next(db).await? {
            if reckoning.month != month {
                continue;
            }
            let digits = reckoning.plan.currency.minor_digits();
            let guess = forecast(&reckoning.lines, reckoning.available, reckoning.period, now, digits);
            return Ok(Preview {
                month,
                currency: reckoning.plan.currency,
                forecast: guess.map_err(too_large)?,
                lines: reckoning.lines,
                sums: reckoning.sums,
            });
        }
        // A change of zone may bring a day of a month back that was invoiced meanwhile.
        Err(ServiceError::Conflict(format!("the month {month} is invoiced already")))
    }

    /// Who the parties of a statement are: those that it keeps, or those of a draft at present.
    pub fn parties(statement: &Statement) -> Option<&Parties> {
        statement.invoice.parties.as_ref()
    }
}
