//! A month under another plan: worked examples, and what holds of any month.

use proptest::prelude::*;

use super::*;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::id::PlanId;
use crate::domain::money::Currency;
use crate::domain::plan::Rate;
use crate::domain::rating::{Price, RateModel, Tier};
use crate::domain::usage::{Country, ResourceType};

const JUNE: &str = "2026-06";

fn june() -> Month {
    Month::parse("month", JUNE).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse_exact(text).unwrap()
}

fn plan(number: u128, fee: &str, credit: &str) -> Plan {
    Plan {
        id: PlanId::from_uuid(uuid::Uuid::from_u128(number)),
        code: format!("plan-{number}"),
        name: String::new(),
        monthly_fee: money(fee),
        included_credit: money(credit),
        currency: Currency::from_code("USD").unwrap(),
        daily_limit: None,
        monthly_limit: None,
        created_at: Instant::default(),
    }
}

fn resource(kind: ChannelKind, country: Option<&str>) -> Resource {
    Resource {
        kind,
        resource_type: ResourceType::from_code("message").unwrap(),
        category: None,
        country: country.map(|code| Country::from_code(code).unwrap()),
    }
}

fn rate(number: u128, plan: u128, kind: ChannelKind, from: &str, price: Price) -> Rate {
    let resource = resource(kind, None);
    Rate {
        id: RateId::from_uuid(uuid::Uuid::from_u128(number)),
        plan_id: PlanId::from_uuid(uuid::Uuid::from_u128(plan)),
        kind,
        resource_type: resource.resource_type,
        category: None,
        country: None,
        effective_from: from.parse().unwrap(),
        price,
        created_at: Instant::default(),
    }
}

/// A day's usage at a price per unit that was stamped.
fn day(date: &str, resource: Resource, rate: u128, quantity: i64, cost: &str, records: i64) -> DayOfResource {
    let rate_id = (rate > 0).then(|| RateId::from_uuid(uuid::Uuid::from_u128(rate)));
    let unpriced = if rate > 0 { 0 } else { records };
    let quantity = Quantity::whole(quantity).unwrap();
    DayOfResource {
        date: date.parse().unwrap(),
        resource,
        rate_id,
        totals: Totals { quantity, cost: money(cost), records, unpriced },
    }
}

fn per_unit(price: &str) -> Price {
    Price::PerUnit(money(price))
}

/// 100 for 0.1 each, then 0.05 each.
fn tiers() -> Price {
    let tier = |up_to: Option<i64>, price: &str| Tier {
        up_to: up_to.map(|end| Quantity::whole(end).unwrap()),
        unit_price: money(price),
        flat_fee: Money::ZERO,
    };
    Price::new(RateModel::Graduated, None, vec![tier(Some(100), "0.1"), tier(None, "0.05")]).unwrap()
}

#[test]
fn fee_credit_tiers_and_a_raise_in_the_middle_of_the_month_are_in_the_difference() {
    let (sms, email, voice) = (ChannelKind::Sms, ChannelKind::Email, ChannelKind::Voice);
    let (old, new) = (plan(1, "0", "5"), plan(2, "29", "10"));
    let rates = vec![
        rate(1, 1, sms, "2000-01-01", per_unit("0.1")),
        rate(2, 1, email, "2000-01-01", per_unit("0.5")),
        rate(3, 2, sms, "2000-01-01", per_unit("0.05")),
        rate(4, 2, sms, "2026-06-16", per_unit("0.06")),
        rate(5, 2, email, "2000-01-01", tiers()),
    ];
    let prices = PriceBook::new(1, vec![old.clone(), new.clone()], rates);
    let days = [
        day("2026-06-15", resource(sms, None), 1, 100, "10", 100),
        day("2026-06-16", resource(sms, None), 1, 100, "10", 100),
        day("2026-06-20", resource(sms, Some("IN")), 1, 10, "1", 10),
        day("2026-06-15", resource(email, None), 2, 60, "30", 2),
        day("2026-06-30", resource(email, None), 2, 60, "30", 3),
        day("2026-06-30", resource(voice, None), 0, 7, "0", 7),
    ];
    let told = preview(&prices, june(), &days, &old, &new).unwrap();
    let lines: Vec<_> = told
        .lines
        .iter()
        .map(|line| {
            let country = line.resource.country.map_or_else(String::new, |country| country.to_string());
            format!(
                "{}{country} {} in {}: {} -> {} ({})",
                line.resource.kind, line.quantity, line.records, line.current, line.proposed, line.difference
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "VOICE 7 in 7: 0 -> 0 (0)",
            "SMS 200 in 200: 20 -> 11 (-9)",
            "SMSIN 10 in 10: 1 -> 0.6 (-0.4)",
            "EMAIL 120 in 5: 60 -> 11 (-49)",
        ]
    );
    let told_of = |cost: &PlanCost| (cost.usage.to_string(), cost.included_credit.to_string(), cost.total.to_string());
    assert_eq!(told_of(&told.current), ("81".to_owned(), "5".to_owned(), "76".to_owned()));
    assert_eq!(told_of(&told.proposed), ("22.6".to_owned(), "10".to_owned(), "41.6".to_owned()));
    assert_eq!(told.difference, money("-34.4"));
    assert_eq!((told.current.unpriced, told.proposed.unpriced), (7, 7));
}

#[test]
fn the_credit_does_not_pay_the_fee() {
    let (old, new) = (plan(1, "0", "0"), plan(2, "29", "10"));
    let prices = PriceBook::new(1, Vec::new(), vec![rate(1, 2, ChannelKind::Sms, "2000-01-01", per_unit("1"))]);
    let days = [day("2026-06-15", resource(ChannelKind::Sms, None), 0, 3, "0", 3)];
    let told = preview(&prices, june(), &days, &old, &new).unwrap();
    assert_eq!((told.proposed.included_credit, told.proposed.total), (money("3"), money("29")));
    assert_eq!((told.current.unpriced, told.proposed.unpriced), (3, 0));
    let nothing = preview(&prices, june(), &[], &old, &new).unwrap();
    assert_eq!(
        (nothing.proposed.included_credit, nothing.difference, nothing.lines),
        (Money::ZERO, money("29"), vec![])
    );
}

#[test]
fn what_does_not_fit_is_no_number() {
    let prices = vec![rate(1, 2, ChannelKind::Sms, "2000-01-01", per_unit("9000000000"))];
    let prices = PriceBook::new(1, Vec::new(), prices);
    let days = [day("2026-06-15", resource(ChannelKind::Sms, None), 0, 1_000_000, "0", 1)];
    assert_eq!(preview(&prices, june(), &days, &plan(1, "0", "0"), &plan(2, "0", "0")), Err(Overflow));
}

proptest! {
    #[test]
    fn a_plan_tried_on_its_own_month_changes_nothing(
        used in prop::collection::vec((1_u32..30, 1_i64..1_000_000_000, 0_i64..1_000, any::<bool>()), 0..30),
    ) {
        let own = plan(1, "29", "10");
        let rates = vec![
            rate(1, 1, ChannelKind::Sms, "2000-01-01", per_unit("0.000000007")),
            rate(2, 1, ChannelKind::Email, "2000-01-01", tiers()),
        ];
        let prices = PriceBook::new(1, vec![own.clone()], rates);
        let days: Vec<_> = used.into_iter().map(|(date, micros, nanos, tiered)| {
            let (kind, rate, nanos) = if tiered { (ChannelKind::Email, 2, 0) } else { (ChannelKind::Sms, 1, nanos) };
            let mut day = day(&format!("2026-06-{date:02}"), resource(kind, None), rate, 1, "0", 1);
            // Records were rounded each by itself, so a day's cost need not be its quantity times the price.
            day.totals.quantity = Quantity::from_micros(micros);
            day.totals.cost = Money::from_nanos(nanos);
            day
        }).collect();
        let told = preview(&prices, june(), &days, &own, &own).unwrap();
        prop_assert_eq!(told.difference, Money::ZERO);
        prop_assert_eq!(&told.current, &told.proposed);
        let sum = Money::sum(told.lines.iter().map(|line| line.proposed)).unwrap();
        prop_assert_eq!(sum, told.proposed.usage);
    }
}
