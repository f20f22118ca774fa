//! Statistics against what the records behind them say, whatever they are.

use proptest::prelude::*;

use super::*;
use crate::domain::channel::ChannelKind;
use crate::domain::id::{OrganisationId, PlanId};
use crate::domain::plan::Rate;
use crate::domain::rating::{Price, Tier};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn june() -> DateRange {
    DateRange::new(date("2026-06-01"), date("2026-06-30")).unwrap()
}

fn hour(day: &str, hour: u8, cost: &str, records: i64) -> HourSpend {
    HourSpend { date: date(day), hour, spend: Spend { cost: money(cost), records } }
}

fn resource() -> Resource {
    let resource_type = ResourceType::from_code("message").unwrap();
    Resource { kind: ChannelKind::Whatsapp, resource_type, category: None, country: None }
}

fn rate_id(number: u128) -> RateId {
    RateId::from_uuid(uuid::Uuid::from_u128(number))
}

/// Rate 1: ten at 0.02, then 0.01, and 1 once; rate 2: the whole at 0.05 up to 5, then at 0.01; rate 3: 0.3 a package of 4.
fn prices() -> PriceBook {
    let tier = |up_to: Option<i64>, unit_price: &str, flat_fee: &str| Tier {
        up_to: up_to.and_then(Quantity::whole),
        unit_price: money(unit_price),
        flat_fee: money(flat_fee),
    };
    let prices = [
        Price::Graduated(vec![tier(Some(10), "0.02", "1"), tier(None, "0.01", "0")]),
        Price::Volume(vec![tier(Some(5), "0.05", "0"), tier(None, "0.01", "0")]),
        Price::Package { size: Quantity::whole(4).unwrap(), price: money("0.3") },
    ];
    let rates = (1..).zip(prices).map(|(number, price)| Rate {
        id: rate_id(number),
        plan_id: PlanId::from_uuid(uuid::Uuid::nil()),
        kind: ChannelKind::Whatsapp,
        resource_type: ResourceType::from_code("message").unwrap(),
        category: None,
        country: None,
        effective_from: date("2026-01-01"),
        price,
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    });
    PriceBook::new(1, Vec::new(), rates.collect())
}

#[test]
fn every_day_and_hour_is_there_zeros_included() {
    let statistics = statistics(june(), &[hour("2026-06-05", 9, "0.125", 25)], &[]).unwrap();
    assert_eq!((statistics.daily.len(), statistics.hourly.len()), (30, 24));
    assert_eq!(statistics.total, Spend { cost: money("0.125"), records: 25 });
    assert_eq!(statistics.average_daily_cost, money("0.004166667"));
    assert_eq!((statistics.peak_hour, statistics.busiest_day), (Some(9), Some(date("2026-06-05"))));
}

#[test]
fn of_equal_costs_more_records_decide_then_the_earlier() {
    let hours = [hour("2026-06-07", 9, "1", 2), hour("2026-06-05", 8, "1", 2), hour("2026-06-06", 10, "1", 1)];
    let figures = statistics(june(), &hours, &[]).unwrap();
    assert_eq!((figures.peak_hour, figures.busiest_day), (Some(8), Some(date("2026-06-05"))));
    let unpriced = statistics(june(), &[hour("2026-06-07", 9, "0", 1)], &[]).unwrap();
    assert_eq!((unpriced.peak_hour, unpriced.busiest_day), (Some(9), Some(date("2026-06-07"))));
    let nothing = statistics(june(), &[hour("2026-06-07", 9, "0", 0)], &[]).unwrap();
    assert_eq!((nothing.peak_hour, nothing.busiest_day), (None, None));
}

#[test]
fn growth_is_rounded_to_two_places_half_away_from_zero() {
    for (current, previous, growth) in [
        ("0.125", "0.095", "31.58"),
        ("0.095", "0.125", "-24"),
        ("1", "0", "100"),
        ("0", "0", "0"),
        ("0", "3", "-100"),
        ("1.00005", "1", "0.01"),
        ("0.99995", "1", "-0.01"),
        ("1.00004", "1", "0"),
    ] {
        let grown = Percent::growth(money(current), money(previous)).unwrap();
        assert_eq!(grown.to_string(), growth, "{current} after {previous}");
    }
}

#[test]
fn the_months_before_are_those_of_the_calendar() {
    let months = months_back(Month::parse("month", "2026-02").unwrap(), 3);
    assert_eq!(
        months.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["2026-02", "2026-01", "2025-12", "2025-11"]
    );
}

#[test]
fn a_tier_is_charged_in_the_hour_that_reaches_it() {
    let row = |day: &str, hour, quantity| TieredHour {
        date: date(day),
        hour,
        resource: resource(),
        rate_id: rate_id(1),
        quantity: Quantity::whole(quantity).unwrap(),
    };
    // Out of order, and over the end of a month.
    let rows =
        vec![row("2026-06-02", 3, 12), row("2026-06-01", 8, 4), row("2026-07-01", 0, 1), row("2026-06-02", 2, 2)];
    let costs: Vec<_> = marginal(rows, &prices()).unwrap().into_iter().map(|cost| cost.cost.to_string()).collect();
    assert_eq!(costs, ["1.08", "0.04", "0.16", "1.02"]);
}

#[test]
fn what_was_taken_back_altogether_is_no_summary() {
    let row = |day: &str, quantity, records| Summary {
        date: date(day),
        kind: ChannelKind::Sms,
        resource_type: ResourceType::from_code("mms").unwrap(),
        quantity: Quantity::whole(quantity).unwrap(),
        spend: Spend { cost: Money::ZERO, records },
    };
    let found = summaries(june(), vec![row("2026-06-01", 0, 0), row("2026-06-02", 3, 1), row("2026-07-01", 1, 1)], &[]);
    assert_eq!(found.unwrap(), [row("2026-06-02", 3, 1)]);
}

/// Hours of May to July, with quantities that corrections may have made smaller.
fn tiered_hours() -> impl Strategy<Value = Vec<TieredHour>> {
    let row = (0..92_i64, 0..24_u8, 1..=3_u128, -3..40_i64).prop_map(|(day, hour, rate, quantity)| TieredHour {
        date: date("2026-05-01") + chrono::TimeDelta::days(day),
        hour,
        resource: resource(),
        rate_id: rate_id(rate),
        quantity: Quantity::whole(quantity).unwrap(),
    });
    proptest::collection::vec(row, 0..60)
}

fn hour_spends() -> impl Strategy<Value = Vec<HourSpend>> {
    let row = (0..92_i64, 0..24_u8, -1_000..1_000_000_i64, -2..100_i64).prop_map(|(day, hour, nanos, records)| {
        let spend = Spend { cost: Money::from_nanos(nanos), records };
        HourSpend { date: date("2026-05-01") + chrono::TimeDelta::days(day), hour, spend }
    });
    proptest::collection::vec(row, 0..60)
}

proptest! {
    #[test]
    fn days_and_hours_sum_to_the_total(hours in hour_spends(), tiered in tiered_hours(), from in 0..90_i64, count in 1..60_i64) {
        let from = date("2026-05-01") + chrono::TimeDelta::days(from);
        let range = DateRange::new(from, from + chrono::TimeDelta::days(count - 1)).unwrap();
        let tiered = marginal(tiered, &prices()).unwrap();
        let figures = statistics(range, &hours, &tiered).unwrap();
        prop_assert_eq!(i64::try_from(figures.daily.len()).unwrap(), count);
        prop_assert_eq!(Spend::sum(figures.daily.iter().map(|day| day.spend)).unwrap(), figures.total);
        prop_assert_eq!(Spend::sum(figures.hourly.iter().copied()).unwrap(), figures.total);
        if let Some(busiest) = figures.busiest_day {
            let of = |date| figures.daily.iter().find(|day| day.date == date).unwrap().spend;
            prop_assert!(figures.daily.iter().all(|day| day.spend <= of(busiest)));
        }
    }

    #[test]
    fn two_halves_of_a_range_come_to_the_whole(hours in hour_spends(), tiered in tiered_hours(), cut in 0..29_i64) {
        let tiered = marginal(tiered, &prices()).unwrap();
        let middle = june().from() + chrono::TimeDelta::days(cut);
        let total = |from, to| statistics(DateRange::new(from, to).unwrap(), &hours, &tiered).unwrap().total;
        let halves = total(june().from(), middle).checked_add(total(middle.succ_opt().unwrap(), june().to())).unwrap();
        prop_assert_eq!(halves, total(june().from(), june().to()));
    }

    #[test]
    fn the_hours_of_a_month_cost_what_its_quantity_does(tiered in tiered_hours()) {
        let month = Month::of(june().from());
        let row = |row: &TieredHour| {
            let key = PeriodKey {
                organisation_id: OrganisationId::from_uuid(uuid::Uuid::nil()),
                billing_month: Month::of(row.date).next(),
                usage_month: Month::of(row.date),
                resource: row.resource.clone(),
                rate_id: Some(row.rate_id),
            };
            (key, Totals { quantity: row.quantity, ..Totals::default() })
        };
        let rows: Vec<_> = tiered.iter().map(row).collect();
        let months = months_back(month.next(), 2);
        let by_month = by_month(&months, &rows, &prices()).unwrap();
        let costs = marginal(tiered, &prices()).unwrap();
        for MonthSpend { month, spend } in by_month {
            prop_assert_eq!(statistics(month.range(), &[], &costs).unwrap().total.cost, spend.cost);
        }
    }
}
