//! How a line came about: the steps of its price, its days, its records.

use chrono::{NaiveDate, TimeDelta};

use super::InvoiceService;
use crate::domain::billing::by_day;
use crate::domain::invoice::{InvoiceLine, month_of};
use crate::domain::money::{Money, Overflow};
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::period::Period;
use crate::domain::plan::Rate;
use crate::domain::quantity::Quantity;
use crate::domain::rating::Step;
use crate::domain::usage::UsageRecord;
use crate::service::ServiceError;
use crate::service::reckoning::too_large;
use crate::store;
use crate::store::invoice_usage::Part;
pub use crate::store::usage::Place;

/// A change of an organisation's zone moves its days by less than this.
const ZONE_SHIFT_MAX: TimeDelta = TimeDelta::days(2);

/// What a line has of one local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineDay {
    pub date: NaiveDate,
    pub quantity: Quantity,
    /// Not rounded; of tiers and packages, what the day added to the cost of the days before.
    pub cost: Money,
    pub records: i64,
}

/// How a line came about. The unrounded amount is that of the steps minus what was charged before, and that of the days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    pub rate: Option<Rate>,
    pub steps: Vec<Step>,
    /// What earlier invoices charged of the steps.
    pub charged_before: Money,
    /// Before it was rounded to what can be paid.
    pub unrounded: Money,
    /// Earliest first.
    pub days: Vec<LineDay>,
}

impl InvoiceService {
    /// How a line of the organisation's invoice came about.
    pub async fn explain(&self, organisation: &Organisation, line: &InvoiceLine) -> Result<Explanation, ServiceError> {
        let Some(part) = part_of(organisation, line) else {
            return Ok(Explanation { unrounded: line.amount, ..Explanation::default() });
        };
        let db = self.core.store().read();
        let prices = self.core.prices().current(db).await?;
        let rate = part.rate_id.and_then(|id| prices.rate(id)).cloned();
        let totals = store::invoice_usage::days(db, organisation.id, &part).await?;
        let tiered = rate.as_ref().map(|rate| &rate.price).filter(|price| price.per_unit().is_none());
        let before = match tiered {
            Some(_) => self.quantity_before(organisation, &part).await?,
            None => Quantity::ZERO,
        };
        let explained = || -> Result<Explanation, Overflow> {
            let costs = match tiered {
                Some(price) => by_day(price, before, totals.iter().map(|(_, totals)| totals.quantity))?,
                None => totals.iter().map(|(_, totals)| totals.cost).collect(),
            };
            let unrounded = Money::sum(costs.iter().copied()).ok_or(Overflow)?;
            let charged_before = tiered.map_or(Some(Money::ZERO), |price| price.total(before)).ok_or(Overflow)?;
            let days = totals.iter().zip(costs).map(|((date, totals), cost)| LineDay {
                date: *date,
                quantity: totals.quantity,
                cost,
                records: totals.records,
            });
            let steps = if line.steps.is_empty() { only_step(line, unrounded) } else { line.steps.clone() };
            Ok(Explanation { rate: rate.clone(), steps, charged_before, unrounded, days: days.collect() })
        };
        explained().map_err(too_large)
    }

    /// How much of the usage month earlier invoices have counted.
    async fn quantity_before(&self, organisation: &Organisation, part: &Part) -> Result<Quantity, ServiceError> {
        let db = self.core.store().read();
        let rows = store::rollup::of_usage_months(db, organisation.id, part.usage_month, part.usage_month).await?;
        let before = rows.into_iter().filter(|(key, _)| {
            key.billing_month < part.billing_month && key.resource == part.resource && key.rate_id == part.rate_id
        });
        let mut quantities = before.map(|(_, totals)| totals.quantity);
        let sum = quantities.try_fold(Quantity::ZERO, Quantity::checked_add);
        sum.ok_or(Overflow).map_err(too_large)
    }

    /// A page of the records that a line is made of, newest first; a fee or a credit is made of none.
    pub async fn records(
        &self,
        organisation: &Organisation,
        line: &InvoiceLine,
        request: &PageRequest<Place>,
    ) -> Result<Page<UsageRecord>, ServiceError> {
        let Some(part) = part_of(organisation, line) else {
            return Ok(Page { items: Vec::new(), has_previous: false, has_next: false });
        };
        Ok(store::invoice_usage::page(self.core.store().read(), organisation.id, &part, request).await?)
    }
}

/// Which records a line is made of, if of any.
fn part_of(organisation: &Organisation, line: &InvoiceLine) -> Option<Part> {
    let usage_month = line.usage_month?;
    let month = organisation.time_zone.month(usage_month);
    Some(Part {
        resource: line.resource.clone()?,
        rate_id: line.rate_id,
        usage_month,
        billing_month: month_of(line.invoice_id)?,
        within: Period { start: month.start - ZONE_SHIFT_MAX, end: month.end + ZONE_SHIFT_MAX },
    })
}

/// A price per unit has one step, and no price has none.
fn only_step(line: &InvoiceLine, amount: Money) -> Vec<Step> {
    let step = line.unit_price.map(|unit_price| Step {
        from: Quantity::ZERO,
        up_to: None,
        quantity: line.quantity,
        unit_price,
        flat_fee: Money::ZERO,
        amount,
    });
    step.into_iter().collect()
}
