//! Which rate is in force, and which plan: worked examples, and what holds of any price list.

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
