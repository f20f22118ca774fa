//! Plans, their rates, and the price list that finds the rate in force.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::clock::Instant;
use super::id::{PlanId, RateId};
use super::input::BadInput;
use super::money::{Currency, Money};
use super::rating::Price;
use super::usage::{Country, Resource, ResourceType};

pub mod draft;

/// A price list with a monthly fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub id: PlanId,
    /// What it is known by: `free-trial`.
    pub code: String,
    pub name: String,
    pub monthly_fee: Money,
    /// Granted for each month; it pays for usage of that month only.
    pub included_credit: Money,
    pub currency: Currency,
    /// The allowance of an organisation that has none of its own; `None`: no limit.
    pub daily_limit: Option<i32>,
    pub monthly_limit: Option<i32>,
    pub created_at: Instant,
}

/// One price of a plan, in force from a day on until another of the same scope takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    pub id: RateId,
    pub plan_id: PlanId,
    pub kind: ChannelKind,
    pub resource_type: ResourceType,
    /// `None`: of any category, and of none.
    pub category: Option<UsageCategory>,
    /// `None`: of any country, and of none.
    pub country: Option<Country>,
    pub effective_from: NaiveDate,
    pub price: Price,
    pub created_at: Instant,
}

impl Rate {
    /// What there is one price for, in the order in which rates are listed.
    pub fn key(&self) -> RateKey<'_> {
        let scope = (self.category, self.country);
        (self.plan_id, self.kind, &self.resource_type, scope, self.effective_from)
    }
}

/// Plan, kind, resource, category and country, and the first day.
pub type RateKey<'a> = (PlanId, ChannelKind, &'a ResourceType, Scope, NaiveDate);

/// What narrows a rate down: category and country.
type Scope = (Option<UsageCategory>, Option<Country>);

/// The rates of one scope by the day from which they are in force; the numbers are places in the list of all.
type InTime = BTreeMap<NaiveDate, usize>;

/// Every plan and rate at one version.
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    /// Goes up with every change.
    pub version: i64,
    plans: Vec<Plan>,
    /// By plan, kind, resource, category, country and day.
    rates: Vec<Rate>,
    by_id: HashMap<RateId, usize>,
    by_scope: HashMap<(PlanId, ChannelKind), HashMap<ResourceType, HashMap<Scope, InTime>>>,
}

impl PriceBook {
    /// Puts a price list together. Plans keep their order; in which order rates come does not matter.
    pub fn new(version: i64, plans: Vec<Plan>, mut rates: Vec<Rate>) -> Self {
        rates.sort_by(|a, b| a.key().cmp(&b.key()));
        let mut book = Self { version, plans, ..Self::default() };
        for (place, rate) in rates.iter().enumerate() {
            book.by_id.insert(rate.id, place);
            let resources = book.by_scope.entry((rate.plan_id, rate.kind)).or_default();
            let scopes = resources.entry(rate.resource_type.clone()).or_default();
            scopes.entry((rate.category, rate.country)).or_default().insert(rate.effective_from, place);
        }
        Self { rates, ..book }
    }

    /// Every plan.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The plan with this id.
    pub fn plan(&self, id: PlanId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// The plan with this code; a complaint names the argument `field` and every code there is.
    pub fn plan_by_code(&self, field: &str, code: &str) -> Result<&Plan, BadInput> {
        self.plans.iter().find(|plan| plan.code == code).ok_or_else(|| {
            let codes: Vec<_> = self.plans.iter().map(|plan| plan.code.as_str()).collect();
            BadInput::new(field, code, format!("expected one of {}", codes.join(", ")))
        })
    }

    /// The rate with this id.
    pub fn rate(&self, id: RateId) -> Option<&Rate> {
        self.by_id.get(&id).and_then(|place| self.rates.get(*place))
    }

    /// The rates of a plan, by kind, resource, category, country and day.
    pub fn rates_of(&self, plan: PlanId) -> &[Rate] {
        let start = self.rates.partition_point(|rate| rate.plan_id < plan);
        let end = self.rates.partition_point(|rate| rate.plan_id <= plan);
        self.rates.get(start..end).unwrap_or_default()
    }

    /// The rate that stands where `rate` would: for the same thing, from the same day on.
    pub fn rival_of(&self, rate: &Rate) -> Option<&Rate> {
        let scopes = self.by_scope.get(&(rate.plan_id, rate.kind))?.get(&rate.resource_type)?;
        let place = scopes.get(&(rate.category, rate.country))?.get(&rate.effective_from)?;
        self.rates.get(*place)
    }

    /// Whether `rate` is the last one of its scope that began by `date`.
    pub fn is_in_force(&self, rate: &Rate, date: NaiveDate) -> bool {
        let scopes = self.by_scope.get(&(rate.plan_id, rate.kind)).and_then(|kind| kind.get(&rate.resource_type));
        let in_time = scopes.and_then(|scopes| scopes.get(&(rate.category, rate.country)));
        let last = in_time.and_then(|in_time| in_time.range(..=date).next_back());
        last.is_some_and(|(began, _)| *began == rate.effective_from)
    }

    /// The rate of `plan` for `resource` on the local day `date`: the most specific one in force. Of one scope the one with the
    /// latest start is in force. A category outweighs a country: BSPs price categories further apart than countries.
    ///
    /// A handful of look-ups, however many rates there are: a plan may have one for each category, country and year.
    pub fn find(&self, plan: PlanId, resource: &Resource, date: NaiveDate) -> Option<&Rate> {
        let scopes = self.by_scope.get(&(plan, resource.kind))?.get(&resource.resource_type)?;
        let (category, country) = (resource.category, resource.country);
        let most_specific_first = [(category, country), (category, None), (None, country), (None, None)];
        let in_force = |scope| scopes.get(scope).and_then(|in_time: &InTime| in_time.range(..=date).next_back());
        let (_, place) = most_specific_first.iter().find_map(in_force)?;
        self.rates.get(*place)
    }
}

/// Which plan an organisation has had since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignments(BTreeMap<NaiveDate, PlanId>);

impl Assignments {
    /// From pairs of first local day and plan.
    pub fn new(pairs: impl IntoIterator<Item = (NaiveDate, PlanId)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The plan in force on a local day. The first one also holds for the days before it, of which there may be late records.
    pub fn on(&self, date: NaiveDate) -> Option<PlanId> {
        let at = self.0.range(..=date).next_back().or_else(|| self.0.first_key_value());
        at.map(|(_, plan)| *plan)
    }
}

#[cfg(test)]
mod tests;
