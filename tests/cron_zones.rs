//! Every zone that there is, through four years of clock changes: a daily job runs once on each local day, and never out of order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone};
use wabacus::domain::clock::Instant;
use wabacus::domain::period::Zone;
use wabacus::domain::schedule::Cron;

/// The local times whose daily jobs are followed: an ordinary one, and those that clock changes hit.
const TIMES: [&str; 4] = ["0 9 * * *", "30 2 * * *", "0 0 * * *", "30 0 * * *"];

fn new_year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).expect("every year has a first day")
}

fn cron(text: &str) -> Cron {
    Cron::parse("cron", text).expect("a cron text")
}

fn zone(name: &str) -> Zone {
    Zone::from_name(name).expect("a zone of the database")
}

/// What the clocks of a zone do over the four years and one to each side: their first offset in seconds, and each change of it.
type Behaviour = Vec<(Instant, i32)>;

fn behaviour(zone: Zone) -> Behaviour {
    let offset = |at: Instant| zone.tz().offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    let noon = NaiveTime::MIN + TimeDelta::hours(12);
    let noons =
        new_year(2023).iter_days().take_while(|day| *day < new_year(2029)).map(|day| day.and_time(noon).and_utc());
    let noons: Vec<_> = noons.collect();
    let mut changes = vec![(noons[0], offset(noons[0]))];
    for pair in noons.windows(2).filter(|pair| offset(pair[0]) != offset(pair[1])) {
        let (mut before, mut after) = (pair[0], pair[1]);
        while after - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
            if offset(middle) == offset(before) { before = middle } else { after = middle }
        }
        changes.push((after, offset(after)));
    }
    changes
}

/// Every zone's behaviour with one zone that has it: many names are for clocks that have agreed for years, and one stands for all.
fn zones_by_behaviour() -> BTreeMap<Behaviour, Zone> {
    chrono_tz::TZ_VARIANTS.iter().map(|tz| zone(tz.name())).map(|zone| (behaviour(zone), zone)).collect()
}

/// Whether the clocks of `zone` show any time of `date`, found out minute by minute and without the code under test.
fn exists(zone: Zone, date: NaiveDate) -> bool {
    let start = date.and_time(NaiveTime::MIN).and_utc() - TimeDelta::hours(16);
    (0..60 * 56).any(|minute| (start + TimeDelta::minutes(minute)).with_timezone(&zone.tz()).date_naive() == date)
}

/// The runs of `cron` from the first instant of `from` up to the first instant of `to`.
fn runs(cron: &Cron, zone: Zone, from: NaiveDate, to: NaiveDate) -> Vec<Instant> {
    let end = zone.midnight(to);
    let before = zone.midnight(from) - TimeDelta::microseconds(1);
    let next = |after: &Instant| cron.next_after(zone, *after).filter(|due| *due < end);
    std::iter::successors(next(&before), next).collect()
}

/// Follows every daily job from `from` up to `to` and asserts that each local day has one run, but for days that were left out.
fn assert_one_run_each_day(zone: Zone, from: NaiveDate, to: NaiveDate) {
    for text in TIMES {
        let runs = runs(&cron(text), zone, from, to);
        assert!(runs.is_sorted_by(|earlier, later| earlier < later), "{zone} {text}");
        let days: BTreeSet<_> = runs.iter().map(|run| zone.date(*run)).collect();
        assert_eq!(runs.len(), days.len(), "{zone} {text}: a day with two runs");
        let missed =
            from.iter_days().take_while(|date| *date < to).find(|date| !days.contains(date) && exists(zone, *date));
        assert_eq!(missed, None, "{zone} {text}: a day without a run");
    }
}

#[test]
fn a_daily_job_runs_once_on_each_local_day_in_every_zone() {
    for zone in zones_by_behaviour().into_values() {
        assert_one_run_each_day(zone, new_year(2024), new_year(2028));
    }
}

#[test]
fn so_it_did_where_clocks_changed_in_uncommon_ways() {
    for name in [
        "America/Sao_Paulo",
        "America/Asuncion",
        "America/Havana",
        "America/St_Johns",
        "Antarctica/Troll",
        "Africa/Cairo",
        "Asia/Amman",
        "Asia/Beirut",
        "Asia/Damascus",
        "Asia/Gaza",
        "Asia/Pyongyang",
        "Asia/Tehran",
        "Australia/Lord_Howe",
    ] {
        assert_one_run_each_day(zone(name), new_year(2000), new_year(2020));
    }
}

#[test]
fn an_hourly_job_runs_once_for_each_hour_that_clocks_show() {
    let hourly = cron("0 * * * *");
    for (behaviour, zone) in zones_by_behaviour() {
        for (change, _) in &behaviour[1..] {
            let day = zone.date(*change);
            let runs = runs(&hourly, zone, day - Days::new(2), day + Days::new(2));
            let shown: BTreeSet<_> = runs.iter().map(|run| run.with_timezone(&zone.tz()).naive_local()).collect();
            assert_eq!(shown.len(), runs.len(), "{zone} {day}: a local hour came due twice");
            // Repeated hours make a pause of so many more (three in Casey); a gap that ends within an hour makes a shorter one.
            let pauses = runs.windows(2).map(|pair| (pair[1] - pair[0]).num_minutes());
            let uncommon: BTreeSet<_> = pauses.filter(|minutes| !(1..=240).contains(minutes)).collect();
            assert_eq!(uncommon, BTreeSet::new(), "{zone} {day}");
        }
    }
}

#[test]
fn the_day_that_samoa_left_out_has_no_run_of_its_own() {
    let (apia, left_out) = (zone("Pacific/Apia"), NaiveDate::from_ymd_opt(2011, 12, 30).unwrap());
    assert!(!exists(apia, left_out));
    let (from, to) = (left_out - Days::new(5), left_out + Days::new(5));
    let midnights = runs(&cron("0 0 * * *"), apia, from, to);
    let days: Vec<_> = midnights.iter().map(|run| apia.date(*run)).collect();
    let expected: Vec<_> = from.iter_days().take(10).filter(|date| *date != left_out).collect();
    assert_eq!(days, expected);
}

#[test]
fn a_job_just_before_midnight_follows_the_gap_into_the_next_day() {
    // Given Pyongyang, where on 2018-05-04 clocks went from 23:30 to 00:00.
    let (pyongyang, day) = (zone("Asia/Pyongyang"), NaiveDate::from_ymd_opt(2018, 5, 4).unwrap());
    let runs = runs(&cron("59 23 * * *"), pyongyang, day - Days::new(1), day + Days::new(2));
    let shown: Vec<_> = runs.iter().map(|run| run.with_timezone(&pyongyang.tz()).naive_local().to_string()).collect();
    assert_eq!(shown, ["2018-05-03 23:59:00", "2018-05-05 00:00:00", "2018-05-05 23:59:00"]);
}
