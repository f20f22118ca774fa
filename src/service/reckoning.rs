//! What an organisation's open months come to, settled in order: the one place where rollups, prices and credits meet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Core, ServiceError};
use crate::domain::billing;
use crate::domain::clock::Instant;
use crate::domain::credit::{CreditSource, Fund, Grant, Purse, Settlement};
use crate::domain::id::CreditGrantId;
use crate::domain::invoice::{self, InvoiceLine, InvoiceState, Subject, Sums};
use crate::domain::money::{Money, Overflow};
use crate::domain::organisation::Organisation;
use crate::domain::period::{Month, Period};
use crate::domain::plan::{Assignments, Plan, PriceBook};
use crate::store;
use crate::store::Db;

/// What a month comes to.
#[derive(Debug, Clone)]
pub(crate) struct Reckoning {
    pub(crate) month: Month,
    pub(crate) period: Period,
    /// The one in force on the month's last day, or today in the month that runs.
    pub(crate) plan: Plan,
    /// What there was in credits to pay for it with.
    pub(crate) available: Money,
    pub(crate) settlement: Settlement,
    /// Credits last.
    pub(crate) lines: Vec<InvoiceLine>,
    pub(crate) sums: Sums,
    /// What its usage and adjustments cost, not rounded.
    pub(crate) cost: Money,
}

/// An organisation's open months, with what is needed to reckon them.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    organisation: &'a Organisation,
    prices: Arc<PriceBook>,
    assignments: Assignments,
    states: BTreeMap<Month, InvoiceState>,
    /// Those that are not reckoned yet, latest first.
    open: Vec<Month>,
    purse: Purse,
    now: Instant,
}

impl<'a> Account<'a> {
    /// The months up to `last` that are to be invoiced and whose invoice is still open: from the one in which the organisation was made, and
    /// earlier ones with usage.
    pub(crate) async fn open(
        core: &Core,
        db: &impl Db,
        organisation: &'a Organisation,
        last: Month,
        now: Instant,
    ) -> Result<Self, ServiceError> {
        let prices = core.prices().current(db).await?;
        let assignments = store::plan::assignments(db, &[organisation.id]).await?.remove(&organisation.id);
        let states: BTreeMap<_, _> = store::invoice::states(db, organisation.id).await?.into_iter().collect();
        let mut months: BTreeSet<_> =
            store::invoice::billed_months(db, organisation.id, last).await?.into_iter().collect();
        let created = Month::of(organisation.time_zone.date(organisation.created_at));
        let following = |month: &Month| Some(month.next()).filter(|next| next > month);
        months.extend(std::iter::successors(Some(created), following).take_while(|month| *month <= last));
        // A draft that an admin asked for stays one whatever the organisation's zone has become.
        months.extend(states.keys().filter(|month| **month <= last));
        let is_open = |month: &Month| states.get(month).is_none_or(|state| *state == InvoiceState::Draft);
        let open = months.into_iter().rev().filter(is_open).collect();
        let purse = Purse::new(store::credit::funds(db, organisation.id).await?);
        Ok(Self { organisation, prices, assignments: assignments.unwrap_or_default(), states, open, purse, now })
    }

    /// The open months that were not reckoned yet, earliest first.
    pub(crate) fn months(&self) -> impl Iterator<Item = Month> {
        self.open.iter().rev().copied()
    }

    /// The state of a month's invoice, if there is one.
    pub(crate) fn state(&self, month: Month) -> Option<InvoiceState> {
        self.states.get(&month).copied()
    }

    /// The plan that a month's fee and included credit are of.
    pub(crate) fn plan(&self, month: Month) -> Result<&Plan, ServiceError> {
        let today = self.organisation.time_zone.date(self.now);
        let id = self.assignments.on(month.last_day().min(today));
        match id.and_then(|id| self.prices.plan(id)) {
            Some(plan) => Ok(plan),
            None => Ok(self.prices.plan_by_code("planCode", &self.organisation.plan_code)?),
        }
    }

    /// What there is to pay for `month` with, once the open months before it are settled.
    pub(crate) async fn available(&mut self, db: &impl Db, month: Month) -> Result<Money, ServiceError> {
        while self.months().next().is_some_and(|next| next < month) {
            self.next(db).await?;
        }
        self.include(month)?;
        self.purse.available(month, self.organisation.time_zone.month(month)).map_err(too_large)
    }

    /// Settles the earliest open month.
    pub(crate) async fn next(&mut self, db: &impl Db) -> Result<Option<Reckoning>, ServiceError> {
        let Some(month) = self.open.pop() else { return Ok(None) };
        let rows = store::rollup::of_billing_month(db, self.organisation.id, month).await?;
        let charges = billing::charges(&rows, month, &self.prices).map_err(too_large)?;
        let plan = self.plan(month)?.clone();
        self.include(month)?;
        let period = self.organisation.time_zone.month(month);
        let subject = Subject { organisation_id: self.organisation.id, month, plan: &plan };
        let reckoned = || -> Result<Reckoning, Overflow> {
            let mut lines = subject.charged(&charges)?;
            let due = invoice::due(&lines)?;
            let available = self.purse.available(month, period)?;
            let settlement = self.purse.settle(month, period, due, plan.currency.minor_digits())?;
            lines.extend(subject.credited(&settlement)?);
            let (sums, cost) = (invoice::sums(&lines)?, billing::cost_of(&charges)?);
            Ok(Reckoning { month, period, plan: plan.clone(), available, settlement, lines, sums, cost })
        };
        Ok(Some({ reckoned }().map_err(too_large)?))
    }

    /// Puts the month's included credit into the purse where it was not granted yet.
    fn include(&mut self, month: Month) -> Result<(), ServiceError> {
        if self.purse.has_included(month) {
            return Ok(());
        }
        let left = self.plan(month)?.included_credit;
        let grant = Grant {
            id: CreditGrantId::from_uuid(uuid::Uuid::nil()),
            organisation_id: self.organisation.id,
            source: CreditSource::Included,
            month: Some(month),
            reason: String::new(),
            expires_at: None,
            granted_at: self.now,
        };
        self.purse.add(Fund { grant, left });
        Ok(())
    }
}

/// A sum that does not fit is beyond what anybody pays; it is a fault to be looked at, never a wrong number.
pub(crate) fn too_large(overflow: Overflow) -> ServiceError {
    ServiceError::Internal(overflow.into())
}
