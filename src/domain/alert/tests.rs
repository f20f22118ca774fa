//! Thresholds as they are passed, and what alerts say.

use proptest::prelude::*;

use super::*;

fn standing(limit: Option<i64>, before: i64, used: i64) -> Standing {
    let whole = |count| Quantity::whole(count).unwrap();
    Standing {
        organisation_id: OrganisationId::from_uuid(uuid::Uuid::from_u128(1)),
        channel_id: None,
        period: AllowancePeriod::Day,
        start: "2026-06-05".parse().unwrap(),
        ends_at: "2026-06-05T18:30:00Z".parse().unwrap(),
        limit: limit.map(whole),
        used_before: whole(before),
        used: whole(used),
        limit_changed: false,
    }
}

fn passed(standing: &Standing) -> Vec<i32> {
    let alerts = crossed(standing, &Thresholds::default());
    assert!(alerts.is_empty() || may_cross(standing), "{standing:?}");
    alerts.iter().filter_map(|alert| alert.threshold).collect()
}

#[test]
fn each_threshold_that_is_passed_is_told_the_lowest_first() {
    for (limit, before, used, expected) in [
        (Some(1_000), 0, 799, vec![]),
        (Some(1_000), 799, 800, vec![80]),
        (Some(1_000), 800, 899, vec![]),
        (Some(1_000), 0, 5_000, vec![80, 90, 100]),
        (Some(1_000), 950, 1_000, vec![100]),
        (Some(1_000), 900, 700, vec![]),
        (Some(3), 2, 3, vec![80, 90, 100]),
        (Some(0), 0, 1, vec![80, 90, 100]),
        (Some(0), 1, 2, vec![]),
        (Some(0), 0, 0, vec![]),
        (None, 0, 5_000, vec![]),
    ] {
        assert_eq!(passed(&standing(limit, before, used)), expected, "{limit:?}: {before} to {used}");
    }
}

#[test]
fn where_the_limit_changed_all_that_it_is_beyond_is_told() {
    let changed = Standing { limit_changed: true, ..standing(Some(1_000), 950, 950) };
    assert_eq!(passed(&changed), [80, 90]);
    assert!(may_cross(&Standing { limit_changed: true, ..standing(None, 1, 1) }), "what was raised may be over");
}

#[test]
fn an_alert_says_in_words_what_it_is_about_and_is_known_by_it() {
    let all = crossed(&standing(Some(1_000), 0, 1_234), &Thresholds::default());
    assert_eq!(all[1].message, "90 % of the daily allowance is used: 1,234 of 1,000");
    assert_eq!(all[1].key(), "ALLOWANCE_DAILY 2026-06-05 90");
    let channel_id = ChannelId::from_uuid(uuid::Uuid::from_u128(2));
    let month = Standing {
        channel_id: Some(channel_id),
        period: AllowancePeriod::Month,
        ..standing(Some(1_000_000), 0, 800_000)
    };
    let of_channel = crossed(&month, &Thresholds::default());
    assert_eq!(of_channel[0].message, "80 % of a channel's monthly allowance is used: 800,000 of 1,000,000");
    assert_eq!(of_channel[0].key(), format!("ALLOWANCE_MONTHLY {channel_id} 2026-06-05 80"));
}

#[test]
fn a_month_is_measured_against_its_credit() {
    let spending = |cost: &str| Spending {
        organisation_id: OrganisationId::from_uuid(uuid::Uuid::from_u128(1)),
        month: Month::parse("month", "2026-06").unwrap(),
        until: "2026-06-30T18:30:00Z".parse().unwrap(),
        cost: Money::parse(cost).unwrap(),
        currency: Currency::from_code("USD").unwrap(),
    };
    let (ten, thresholds) = (Money::parse("10").unwrap(), Thresholds::default());
    let raised = spending("9.5").reached(AlertKind::Credit, ten, &thresholds);
    let said: Vec<_> = raised.iter().map(|alert| alert.message.as_str()).collect();
    let expected = [
        "80 % of the credit of 2026-06 is used: 9.5 of 10 USD",
        "90 % of the credit of 2026-06 is used: 9.5 of 10 USD",
    ];
    assert_eq!(said, expected);
    assert_eq!(thresholds.next_after(spending("9.5").against(ten)), Some(10_000_000_000));
    assert_eq!(thresholds.next_after(spending("10").against(ten)), None);
    assert_eq!(spending("0.001").reached(AlertKind::Credit, Money::ZERO, &thresholds).len(), 3, "all of nothing");
    assert_eq!(spending("0").reached(AlertKind::Credit, Money::ZERO, &thresholds), []);
}

#[test]
fn thresholds_are_few_and_each_once() {
    assert_eq!(Thresholds::checked("thresholds", &[90, 50]).unwrap().percents(), [50, 90]);
    let eleven: Vec<_> = (1..=11).collect();
    for bad in [&[][..], &[0], &[1_001], &[-5], &[80, 80], &eleven] {
        assert_eq!(Thresholds::checked("thresholds", bad).unwrap_err().field, "thresholds", "{bad:?}");
    }
}

#[test]
fn long_numbers_are_read_by_threes() {
    for (text, grouped_text) in
        [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567.0189", "-1,234,567.0189"), ("100000", "100,000")]
    {
        assert_eq!(grouped(text), grouped_text);
    }
}

proptest! {
    #[test]
    fn however_use_is_cut_into_batches_the_same_thresholds_are_passed_once(
        limit in 0..10_000_i64, steps in prop::collection::vec(0..3_000_i64, 1..20),
    ) {
        let mut used = 0;
        let mut told = Vec::new();
        for step in steps {
            told.extend(passed(&standing(Some(limit), used, used + step)));
            used += step;
        }
        prop_assert_eq!(told, passed(&standing(Some(limit), 0, used)));
    }
}
