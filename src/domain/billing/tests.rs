//! Stories and properties of charges.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, PlanId};
use crate::domain::plan::Rate;
use crate::domain::rating::Tier;
use crate::domain::usage::ResourceType;

fn month(text: &str) -> Month {
    Month::parse("month", text).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse_exact(text).unwrap()
}

fn voice() -> Resource {
    let resource_type = ResourceType::parse("resourceType", "minute").unwrap();
    Resource { kind: ChannelKind::Voice, resource_type, category: None, country: None }
}

fn rate_id() -> RateId {
    RateId::from_uuid(Uuid::from_u128(1))
}

fn book(price: Price) -> PriceBook {
    let rate = Rate {
        id: rate_id(),
        plan_id: PlanId::from_uuid(Uuid::from_u128(1)),
        kind: ChannelKind::Voice,
        resource_type: voice().resource_type,
        category: None,
        country: None,
        effective_from: month("2026-01").first_day(),
        price,
        created_at: Instant::default(),
    };
    PriceBook::new(1, Vec::new(), vec![rate])
}

fn graduated() -> Price {
    let tier = |end: Option<i64>, price: &str| Tier {
        up_to: end.map(|end| Quantity::whole(end).unwrap()),
        unit_price: money(price),
        flat_fee: Money::ZERO,
    };
    Price::Graduated(vec![tier(Some(100), "0.02"), tier(Some(1_000), "0.015"), tier(None, "0.01")])
}

fn row(billing: &str, usage: &str, quantity: i64, cost: &str) -> (PeriodKey, Totals) {
    let key = PeriodKey {
        organisation_id: OrganisationId::from_uuid(Uuid::nil()),
        billing_month: month(billing),
        usage_month: month(usage),
        resource: voice(),
        rate_id: Some(rate_id()),
    };
    let quantity = Quantity::from_micros(quantity);
    (key, Totals { quantity, cost: money(cost), records: 1, unpriced: 0 })
}

fn whole(count: i64) -> i64 {
    Quantity::whole(count).unwrap().micros()
}

#[test]
fn a_price_per_unit_is_what_was_stamped() {
    let rows = [row("2026-06", "2026-06", whole(500), "7.5")];
    let charges = charges(&rows, month("2026-06"), &book(Price::PerUnit(money("0.015")))).unwrap();
    let of = &charges[0];
    assert_eq!((of.amount, of.unit_price, of.steps.len()), (money("7.5"), Some(money("0.015")), 0));
    assert_eq!(cost_of(&charges), Ok(money("7.5")));
}

#[test]
fn an_adjustment_is_charged_at_the_tier_that_the_month_had_come_to() {
    let rows = [row("2026-05", "2026-05", whole(90), "0"), row("2026-06", "2026-05", whole(20), "0")];
    let may = charges(&rows, month("2026-05"), &book(graduated())).unwrap();
    assert_eq!(cost_of(&may), Ok(money("1.8")));
    let june = charges(&rows, month("2026-06"), &book(graduated())).unwrap();
    assert_eq!((june[0].usage_month, june[0].amount), (month("2026-05"), money("0.35")), "10 at 0.02 and 10 at 0.015");
    assert_eq!((june[0].charged_before, june[0].steps.len()), (money("1.8"), 2));
}

#[test]
fn a_month_without_rollups_costs_nothing() {
    let rows = [row("2026-05", "2026-05", whole(90), "0")];
    assert_eq!(charges(&rows, month("2026-06"), &book(graduated())), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn invoices_of_tiers_come_to_the_price_of_the_whole_quantity_however_it_came(
        parts in prop::collection::vec((0_usize..3, -50_000_000_i64..900_000_000), 1..8),
    ) {
        let months = ["2026-05", "2026-06", "2026-07"];
        let mut rows = Vec::new();
        for (place, billing) in months.into_iter().enumerate() {
            let sum: i64 = parts.iter().filter(|(of, _)| *of == place).map(|(_, micros)| micros).sum();
            rows.push(row(billing, "2026-05", sum, "0"));
        }
        let prices = book(graduated());
        let charged = months.into_iter().map(|of| cost_of(&charges(&rows, month(of), &prices).unwrap()).unwrap());
        let all: i64 = parts.iter().map(|(_, micros)| micros).sum();
        prop_assert_eq!(Money::sum(charged), graduated().total(Quantity::from_micros(all)));
    }

    #[test]
    fn days_add_up_to_the_period(before in 0_i64..2_000_000_000, days in prop::collection::vec(-9_000_000_i64..900_000_000, 0..31)) {
        let price = graduated();
        let before = Quantity::from_micros(before);
        let costs = by_day(&price, before, days.iter().copied().map(Quantity::from_micros)).unwrap();
        let end = Quantity::from_micros(before.micros() + days.iter().sum::<i64>());
        let added = price.total(end).unwrap().checked_sub(price.total(before).unwrap());
        prop_assert_eq!(Money::sum(costs), added);
    }
}
