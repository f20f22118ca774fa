//! A server that was away makes up for what it missed: one run stands for all mornings, and no day is missing.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::World;

fn dates(days: &[Value]) -> Vec<&str> {
    days.iter().map(|day| day["date"].as_str().expect("a date")).collect()
}

/// Every day from one to another, as the API writes them.
fn every_day(from: &str, to: &str) -> Vec<String> {
    let (from, to): (chrono::NaiveDate, chrono::NaiveDate) = (from.parse().expect("a day"), to.parse().expect("a day"));
    from.iter_days().take_while(|day| *day <= to).map(|day| day.to_string()).collect()
}

async fn runs_of(world: &World, organisation: &str, kind: &str) -> Vec<Value> {
    world.runs(organisation).await.into_iter().filter(|run| run["kind"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_days_of_downtime_are_caught_up_by_one_run() {
    let mut world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = runs_of(&world, &organisation, "DAILY_USAGE").await.len();

    world.stop().await;
    world.clock.advance(TimeDelta::days(5));
    world.start().await;

    let runs = runs_of(&world, &organisation, "DAILY_USAGE").await;
    assert_eq!(runs.len(), before + 1, "one run stands for five mornings");
    assert_eq!((&runs[0]["trigger"], &runs[0]["state"]), (&json!("CATCH_UP"), &json!("SUCCEEDED")));
    assert_eq!(runs[0]["scheduledFor"], "2026-06-06T03:30:00.000Z", "it is keyed by the first of them");
    let days = world.days(&organisation, "2026-05-28", "2026-06-10").await;
    assert_eq!(dates(&days), every_day("2026-05-28", "2026-06-09"), "no day is missing");
    assert!(days.iter().all(|day| day["complete"] == true));

    world.advance_to("2026-06-11T03:30:00Z").await;
    let runs = runs_of(&world, &organisation, "DAILY_USAGE").await;
    assert_eq!(runs.len(), before + 2, "the next morning is an ordinary one");
    assert_eq!((&runs[0]["trigger"], &runs[0]["state"]), (&json!("SCHEDULE"), &json!("SUCCEEDED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downtime_longer_than_the_usual_look_back_leaves_no_gap_either() {
    let mut world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;

    world.stop().await;
    world.clock.advance(TimeDelta::days(45));
    world.start().await;

    let days = world.days(&organisation, "2026-05-28", "2026-07-20").await;
    assert_eq!(dates(&days), every_day("2026-05-28", "2026-07-19"));
    let months = world.months(&organisation, "2026-06", "2026-07").await;
    let days_of_months: Vec<_> = months.iter().map(|month| month["days"].as_i64()).collect();
    assert_eq!(days_of_months, [Some(30), Some(19)], "its months are whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_nothing_missed_runs_nothing() {
    let mut world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = world.runs(&organisation).await;

    world.stop().await;
    world.start().await;

    assert_eq!(world.runs(&organisation).await, before);
}
