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
    /// Whether it is for `resource` at all.
    fn fits(&self, resource: &Resource) -> bool {
        let category = self.category.is_none() || self.category == resource.category;
        category && (self.country.is_none() || self.country == resource.country)
    }

    /// More for what says more. A category outweighs a country: BSPs price categories further apart than countries.
    fn specificity(&self) -> u8 {
        2 * u8::from(self.category.is_some()) + u8::from(self.country.is_some())
    }
}

/// Every plan and rate at one version.
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    /// Goes up with every change.
    pub version: i64,
    plans: Vec<Plan>,
    /// By what most of them are told apart by.
    rates: HashMap<(PlanId, ChannelKind, ResourceType), Vec<Rate>>,
    by_id: HashMap<RateId, Rate>,
}

impl PriceBook {
    /// Puts a price list together. Plans keep their order.
    pub fn new(version: i64, plans: Vec<Plan>, rates: Vec<Rate>) -> Self {
        let mut book = Self { version, plans, ..Self::default() };
        for rate in rates {
            book.by_id.insert(rate.id, rate.clone());
            book.rates.entry((rate.plan_id, rate.kind, rate.resource_type.clone())).or_default().push(rate);
        }
        book
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
        self.by_id.get(&id)
    }

    /// The rates of a plan, by kind, resource, category and country, oldest first.
    pub fn rates_of(&self, plan: PlanId) -> Vec<&Rate> {
        let mut rates: Vec<_> = self.by_id.values().filter(|rate| rate.plan_id == plan).collect();
        rates.sort_by(|a, b| {
            let scope = |rate: &Rate| (rate.kind, rate.resource_type.clone(), rate.category, rate.country);
            scope(a).cmp(&scope(b)).then(a.effective_from.cmp(&b.effective_from))
        });
        rates
    }

    /// The rate of `plan` for `resource` on the local day `date`: the most specific one in force. Of one scope the one with the
    /// latest start is in force.
    pub fn find(&self, plan: PlanId, resource: &Resource, date: NaiveDate) -> Option<&Rate> {
        let candidates = self.rates.get(&(plan, resource.kind, resource.resource_type.clone()))?;
        let in_force = candidates.iter().filter(|rate| rate.effective_from <= date && rate.fits(resource));
        in_force.max_by_key(|rate| (rate.specificity(), rate.effective_from))
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
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn id(number: u128) -> PlanId {
        PlanId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn rate(number: u128, category: Option<UsageCategory>, country: Option<&str>, from: &str) -> Rate {
        Rate {
            id: RateId::from_uuid(uuid::Uuid::from_u128(number)),
            plan_id: id(1),
            kind: ChannelKind::Whatsapp,
            resource_type: ResourceType::parse("resourceType", "message").unwrap(),
            category,
            country: country.map(|code| Country::parse("country", code).unwrap()),
            effective_from: date(from),
            price: Price::PerUnit(Money::ZERO),
            created_at: Instant::default(),
        }
    }

    #[test]
    fn the_most_specific_rate_in_force_on_the_day_wins() {
        let marketing = Some(UsageCategory::Marketing);
        let rates = vec![
            rate(1, None, None, "2026-01-01"),
            rate(2, None, None, "2026-06-01"),
            rate(3, marketing, None, "2026-01-01"),
            rate(4, None, Some("IN"), "2026-01-01"),
            rate(5, marketing, Some("IN"), "2026-03-01"),
        ];
        let book = PriceBook::new(1, Vec::new(), rates);
        let found = |category, country: Option<&str>, day: &str| {
            let resource = Resource {
                kind: ChannelKind::Whatsapp,
                resource_type: ResourceType::parse("resourceType", "message").unwrap(),
                category,
                country: country.map(|code| Country::parse("country", code).unwrap()),
            };
            book.find(id(1), &resource, date(day)).map(|rate| rate.id.uuid().as_u128())
        };
        assert_eq!(found(None, None, "2025-12-31"), None);
        assert_eq!(found(None, None, "2026-05-31"), Some(1));
        assert_eq!(found(None, None, "2026-06-01"), Some(2));
        assert_eq!(found(marketing, None, "2026-07-01"), Some(3), "an older but more specific one");
        assert_eq!(found(marketing, Some("IN"), "2026-02-28"), Some(3), "a category before a country");
        assert_eq!(found(marketing, Some("IN"), "2026-03-01"), Some(5));
        assert_eq!(found(Some(UsageCategory::Utility), Some("IN"), "2026-03-01"), Some(4));
        assert_eq!(found(Some(UsageCategory::Utility), Some("BR"), "2026-03-01"), Some(1));
    }

    #[test]
    fn a_plan_holds_from_its_day_and_the_first_one_always() {
        let assignments = Assignments::new([(date("2026-03-01"), id(1)), (date("2026-05-10"), id(2))]);
        let on = |day| assignments.on(date(day));
        assert_eq!((on("2026-01-01"), on("2026-05-09"), on("2026-05-10")), (Some(id(1)), Some(id(1)), Some(id(2))));
        assert_eq!(Assignments::default().on(date("2026-01-01")), None);
    }
}
