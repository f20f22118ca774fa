//! Days as long as their zones make them, and ranges of days, by example and in every zone.

use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::from_name(name).unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn range(from: &str, to: &str) -> DateRange {
    DateRange::new(date(from), date(to)).unwrap()
}

/// What the zone's clocks show, asked instant by instant: the definition that [`Zone::first_instant_at`] has to meet.
fn first_instant_by_search(zone: Zone, local: NaiveDateTime) -> Instant {
    let shown = |instant: Instant| instant.with_timezone(&zone.tz()).naive_local();
    let around = local.and_utc();
    let quarter = TimeDelta::minutes(15);
    let mut instant = around - TimeDelta::hours(27);
    while shown(instant + quarter) < local {
        instant += quarter;
    }
    while shown(instant) < local {
        instant += TimeDelta::seconds(1);
    }
    instant
}

#[test]
fn a_zone_is_known_by_its_name_only() {
    assert_eq!(Zone::parse("timeZone", "Asia/Kuala_Lumpur").unwrap().name(), "Asia/Kuala_Lumpur");
    for bad in ["", "asia/kuala_lumpur", "GMT+8:00", "+08:00", "Mars/Olympus"] {
        assert_eq!(Zone::parse("timeZone", bad).unwrap_err().field, "timeZone", "{bad}");
    }
    assert_eq!(serde_json::to_string(&zone("Asia/Jakarta")).unwrap(), r#""Asia/Jakarta""#);
    assert_eq!(serde_json::from_str::<Zone>(r#""Asia/Jakarta""#).unwrap(), zone("Asia/Jakarta"));
    assert_eq!(Zone::from_name("UTC"), Some(Zone::UTC));
}

#[test]
fn a_day_is_as_long_as_the_zone_makes_it() {
    for (name, day, hours) in [
        ("Asia/Kuala_Lumpur", "2026-06-05", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("America/Sao_Paulo", "2018-02-17", 25),
        ("Asia/Beirut", "2025-03-30", 23),
        ("Africa/Cairo", "2025-04-25", 23),
        ("America/Havana", "2025-11-02", 25),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Pacific/Kwajalein", "1993-08-21", 0),
    ] {
        let period = zone(name).day(date(day));
        assert_eq!((period.end - period.start).num_hours(), hours, "{name} {day}");
    }
}

#[test]
fn midnight_in_a_gap_is_the_end_of_the_gap() {
    assert_eq!(zone("America/Sao_Paulo").midnight(date("2018-11-04")), at("2018-11-04T03:00:00Z"));
    assert_eq!(zone("America/Sao_Paulo").date(at("2018-11-04T02:59:59.999999Z")), date("2018-11-03"));
    assert_eq!(zone("America/Sao_Paulo").date(at("2018-11-04T03:00:00Z")), date("2018-11-04"));
}

#[test]
fn midnight_that_comes_twice_is_the_earlier_one() {
    // Given Havana, where at 01:00 clocks go back to 00:00.
    assert_eq!(zone("America/Havana").midnight(date("2025-11-02")), at("2025-11-02T04:00:00Z"));
    // Given Newfoundland, where at 00:01 clocks went back to 23:01 of the day before.
    let st_johns = zone("America/St_Johns");
    let midnight = at("2008-11-02T02:30:00Z");
    assert_eq!(st_johns.midnight(date("2008-11-02")), midnight);
    assert_eq!(st_johns.date(midnight - TimeDelta::microseconds(1)), date("2008-11-01"));
    // When the clocks show 23:30 for the second time, then the day that has begun goes on.
    let second = midnight + TimeDelta::minutes(30);
    assert_eq!(second.with_timezone(&st_johns.tz()).naive_local().to_string(), "2008-11-01 23:30:00");
    assert_eq!(st_johns.date(second), date("2008-11-02"));
}

#[test]
fn a_day_that_was_left_out_is_empty_and_holds_nothing() {
    let apia = zone("Pacific/Apia");
    let left_out = apia.day(date("2011-12-30"));
    assert_eq!(left_out.start, left_out.end);
    assert_eq!(left_out.start, at("2011-12-30T10:00:00Z"));
    assert_eq!(apia.date(left_out.start), date("2011-12-31"));
    assert_eq!(apia.date(left_out.start - TimeDelta::microseconds(1)), date("2011-12-29"));
    assert!(!left_out.contains(left_out.start));
}

#[test]
fn weeks_begin_on_monday_and_months_on_the_first() {
    let kuala_lumpur = zone("Asia/Kuala_Lumpur");
    let week = kuala_lumpur.week(date("2026-06-07"));
    assert_eq!((week.start, week.end), (at("2026-05-31T16:00:00Z"), at("2026-06-07T16:00:00Z")));
    assert_eq!(kuala_lumpur.week(date("2026-06-01")), week);
    let month = kuala_lumpur.month(Month::of(date("2026-06-15")));
    assert_eq!((month.start, month.end), (at("2026-05-31T16:00:00Z"), at("2026-06-30T16:00:00Z")));
    assert!(month.contains(month.start) && !month.contains(month.end));
}

#[test]
fn the_days_of_every_zone_tile_time() {
    // Seconds around each midnight of two years with the strangest changes, in every zone.
    let span = range("2011-01-01", "2012-01-02");
    for tz in chrono_tz::TZ_VARIANTS {
        let zone = Zone(tz);
        let mut end = zone.midnight(span.from());
        for day in span.days() {
            let period = zone.day(day);
            assert_eq!(period.start, end, "{zone} {day}");
            end = period.end;
            if period.start == period.end {
                continue;
            }
            let last = period.end - TimeDelta::microseconds(1);
            assert_eq!((zone.date(period.start), zone.date(last)), (day, day), "{zone}");
        }
    }
}

#[test]
fn the_ends_of_the_calendar_do_not_panic() {
    for tz in ["Pacific/Kiritimati", "Pacific/Niue", "UTC", "Europe/Berlin"] {
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            let period = zone(tz).day(day);
            assert!(period.start <= period.end);
            assert!(zone(tz).week(day).start <= period.end);
            assert!(zone(tz).month(Month::of(day)).start <= period.end);
        }
    }
    let last = Month::of(NaiveDate::MAX);
    assert_eq!((last.next(), last.last_day()), (last, NaiveDate::MAX));
    assert_eq!(DateRange::day(NaiveDate::MAX).months(), [last]);
    assert_eq!(DateRange::day(NaiveDate::MAX).chunks(7).count(), 1);
    assert_eq!(DateRange::new(NaiveDate::MIN, NaiveDate::MAX).unwrap().count_days(), 191_491_529);
}

#[test]
fn a_range_is_never_empty_and_says_what_is_wrong_with_one() {
    assert_eq!(DateRange::new(date("2026-06-02"), date("2026-06-01")), None);
    let reversed = DateRange::checked("fromDate", date("2026-06-02"), date("2026-06-01"), 31).unwrap_err();
    assert_eq!((reversed.field.as_str(), reversed.value.as_str()), ("fromDate", "2026-06-02"));
    assert!(DateRange::checked("fromDate", date("2026-06-01"), date("2026-07-01"), 31).is_ok());
    let long = DateRange::checked("fromDate", date("2026-06-01"), date("2026-07-02"), 31).unwrap_err();
    assert!(long.accepted.contains("31") && long.accepted.contains("32"), "{long}");
    assert!(serde_json::from_str::<DateRange>(r#"{"from":"2026-06-02","to":"2026-06-01"}"#).is_err());
    let june = Month::parse("month", "2026-06").unwrap().range();
    assert_eq!(serde_json::to_string(&june).unwrap(), r#"{"from":"2026-06-01","to":"2026-06-30"}"#);
    assert_eq!(serde_json::from_str::<DateRange>(&serde_json::to_string(&june).unwrap()).unwrap(), june);
}

#[test]
fn a_range_knows_its_months() {
    let months: Vec<_> = range("2025-11-30", "2026-02-01").months().iter().map(Month::to_string).collect();
    assert_eq!(months, ["2025-11", "2025-12", "2026-01", "2026-02"]);
    assert_eq!(DateRange::day(date("2026-06-05")).months(), [Month::parse("month", "2026-06").unwrap()]);
}

#[test]
fn months_and_dates_are_read_in_one_notation() {
    let june = Month::parse("month", "2024-02").unwrap();
    assert_eq!((june.first_day(), june.last_day()), (date("2024-02-01"), date("2024-02-29")));
    assert_eq!(Month::parse("month", "2025-12").unwrap().next().to_string(), "2026-01");
    assert_eq!(serde_json::from_str::<Month>(&serde_json::to_string(&june).unwrap()).unwrap(), june);
    for bad in [
        "",
        "2026",
        "2026-6",
        "2026-13",
        "2026-00",
        "1999-12",
        "2101-01",
        "2026-06-05",
        " 2026-06",
        "+2026-06",
        "2026/06",
    ] {
        assert_eq!(Month::parse("month", bad).unwrap_err().value, bad, "{bad:?}");
    }
    assert_eq!(parse_date("from", "2026-06-05"), Ok(date("2026-06-05")));
    for bad in [
        "",
        "2026-06",
        "2026-6-5",
        "2026-02-29",
        "1999-12-31",
        "2101-01-01",
        "2026-06-05T00:00:00Z",
        " 2026-06-05",
        "05.06.2026",
    ] {
        assert_eq!(parse_date("from", bad).unwrap_err().field, "from", "{bad:?}");
    }
}

proptest! {
    #[test]
    fn the_first_instant_of_a_local_time_is_where_clocks_first_reach_it(
        index in 0..chrono_tz::TZ_VARIANTS.len(),
        minute in 0_i64..60 * 24 * 366 * 40,
    ) {
        let zone = Zone(chrono_tz::TZ_VARIANTS[index]);
        let local = date("2000-01-01").and_time(NaiveTime::MIN) + TimeDelta::minutes(minute);
        prop_assert_eq!(zone.first_instant_at(local), first_instant_by_search(zone, local), "{} {}", zone, local);
    }

    #[test]
    fn every_instant_lies_in_the_day_week_and_month_of_its_date(
        index in 0..chrono_tz::TZ_VARIANTS.len(),
        second in 946_684_800_i64..4_102_444_800,
    ) {
        let zone = Zone(chrono_tz::TZ_VARIANTS[index]);
        let instant = DateTime::from_timestamp(second, 0).unwrap();
        let day = zone.date(instant);
        prop_assert!(zone.day(day).contains(instant));
        prop_assert!(zone.week(day).contains(instant));
        prop_assert!(zone.month(Month::of(day)).contains(instant));
    }

    #[test]
    fn chunks_are_the_days_in_order(from in 0_u64..40_000, length in 0_u64..400, max_days in 0_u32..100) {
        let from = date("1999-01-01") + Days::new(from);
        let whole = DateRange::new(from, from + Days::new(length)).unwrap();
        let chunks: Vec<_> = whole.chunks(max_days).collect();
        let days: Vec<_> = chunks.iter().flat_map(DateRange::days).collect();
        prop_assert_eq!(&days, &whole.days().collect::<Vec<_>>());
        prop_assert!(chunks.iter().all(|chunk| chunk.count_days() <= i64::from(max_days.max(1))));
        prop_assert_eq!(whole.count_days(), i64::try_from(days.len()).unwrap());
        prop_assert!(days.iter().all(|day| whole.contains(*day)));
        prop_assert!(!whole.contains(whole.to() + Days::new(1)));
        prop_assert!(days.iter().all(|day| whole.months().contains(&Month::of(*day))));
    }
}
