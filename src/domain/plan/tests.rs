//! Which rate is in force, and which plan: worked examples, and what holds of any price list.

use proptest::prelude::*;

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

/// Scopes and days out of few, so that they meet.
fn any_rates() -> impl Strategy<Value = Vec<Rate>> {
    let category = prop::sample::select(vec![None, Some(UsageCategory::Marketing), Some(UsageCategory::Utility)]);
    let country = prop::sample::select(vec![None, Some("IN"), Some("BR")]);
    let parts = (category, country, 1_u32..6, 1_u128..3);
    prop::collection::vec(parts, 0..40).prop_map(|parts| {
        let mut rates: Vec<Rate> = Vec::new();
        for (number, (category, country, day, plan)) in (1..).zip(parts) {
            let rate = Rate { plan_id: id(plan), ..rate(number, category, country, &format!("2026-06-0{day}")) };
            if rates.iter().all(|other| other.key() != rate.key()) {
                rates.push(rate);
            }
        }
        rates
    })
}

fn resource(category: Option<UsageCategory>, country: Option<&str>) -> Resource {
    Resource {
        kind: ChannelKind::Whatsapp,
        resource_type: ResourceType::parse("resourceType", "message").unwrap(),
        category,
        country: country.map(|code| Country::parse("country", code).unwrap()),
    }
}

proptest! {
    #[test]
    fn the_rate_found_is_the_most_specific_of_those_in_force(
        rates in any_rates(),
        category in prop::sample::select(vec![None, Some(UsageCategory::Marketing), Some(UsageCategory::Service)]),
        country in prop::sample::select(vec![None, Some("IN"), Some("DE")]),
        day in 1_u32..8,
    ) {
        let (wanted, day) = (resource(category, country), date(&format!("2026-06-0{day}")));
        let fits = |rate: &&Rate| {
            rate.plan_id == id(1)
                && rate.effective_from <= day
                && (rate.category.is_none() || rate.category == wanted.category)
                && (rate.country.is_none() || rate.country == wanted.country)
        };
        let rank = |rate: &&Rate| (rate.category.is_some(), rate.country.is_some(), rate.effective_from);
        let expected = rates.iter().filter(fits).max_by_key(rank).cloned();
        let book = PriceBook::new(1, Vec::new(), rates);
        let found = book.find(id(1), &wanted, day);
        prop_assert_eq!(found, expected.as_ref());
        prop_assert!(found.is_none_or(|rate| book.is_in_force(rate, day)));
    }

    #[test]
    fn in_which_order_rates_were_published_does_not_matter(rates in any_rates(), turn in 0_usize..40) {
        let mut other = rates.clone();
        other.reverse();
        let turn = turn.min(other.len());
        other.rotate_left(turn);
        let (book, again) = (PriceBook::new(1, Vec::new(), rates.clone()), PriceBook::new(1, Vec::new(), other));
        for plan in [id(1), id(2), id(3)] {
            prop_assert_eq!(book.rates_of(plan), again.rates_of(plan));
            prop_assert_eq!(book.rates_of(plan).len(), rates.iter().filter(|rate| rate.plan_id == plan).count());
        }
        for rate in &rates {
            prop_assert_eq!(book.rate(rate.id), Some(rate));
            prop_assert_eq!(book.rival_of(rate), Some(rate));
            let resource = resource(rate.category, rate.country.as_ref().map(Country::code));
            let day = rate.effective_from;
            prop_assert_eq!(book.find(rate.plan_id, &resource, day), again.find(rate.plan_id, &resource, day));
            prop_assert_eq!(book.find(rate.plan_id, &resource, day), Some(rate), "its own first day is its own");
        }
    }
}

#[test]
fn of_each_scope_one_rate_is_in_force_on_a_day() {
    let rates = vec![
        rate(1, None, None, "2026-06-01"),
        rate(2, None, None, "2026-07-01"),
        rate(3, None, Some("IN"), "2026-06-15"),
    ];
    let book = PriceBook::new(1, Vec::new(), rates);
    let in_force = |day: &str| {
        let rates = book.rates_of(id(1)).iter().filter(|rate| book.is_in_force(rate, date(day)));
        rates.map(|rate| rate.id.uuid().as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(in_force("2026-05-31"), Vec::<u128>::new());
    assert_eq!(in_force("2026-06-01"), [1]);
    assert_eq!(in_force("2026-06-30"), [1, 3]);
    assert_eq!(in_force("2026-07-01"), [2, 3]);
}
