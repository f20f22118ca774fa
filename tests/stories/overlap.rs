//! A pull that is still under way when the next is due stands for that one too, which is written down as skipped.

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::sim::{Fault, Often};

use crate::support::{NOON, Setup, World};

async fn hourly(world: &World, organisation: &str) {
    let query =
        "mutation($id: ID!) { scheduleJob(organisationId: $id, kind: DAILY_USAGE, cron: \"0 * * * *\") { nextRunAt } }";
    let job = world.ask(query, json!({ "id": organisation })).await;
    assert_eq!(job["scheduleJob"]["nextRunAt"], "2026-06-05T06:30:00.000Z");
}

/// When each scheduled pull was due and what became of it, newest first.
async fn pulls(world: &World, organisation: &str) -> Vec<(Value, Value)> {
    let runs = world.runs(organisation).await.into_iter();
    let pulls = runs.filter(|run| run["kind"] == "DAILY_USAGE" && run["trigger"] != "EVENT");
    pulls.map(|run| (run["scheduledFor"].clone(), run["state"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_still_runs_skips_the_next() {
    // The requests are held for as long as the story wants, by the real clock and by the story's.
    let setup = Setup::at(NOON).with("BSP_TIMEOUT_SECONDS", "600").with("JOB_DEADLINE_SECONDS", "86400");
    let world = setup.begin().await;
    let (organisation, _) = world.shop("app-1").await;
    hourly(&world, &organisation).await;

    let asked = world.sim.requests("app-1").len();
    world.sim.hold("app-1");
    world.clock.advance(TimeDelta::minutes(30));
    world.sim.arrived("app-1", asked + 1).await;
    world.clock.advance(TimeDelta::minutes(70));
    world.sim.release("app-1");
    world.settle().await;

    let expected = [
        (json!("2026-06-05T07:30:00.000Z"), json!("SKIPPED")),
        (json!("2026-06-05T06:30:00.000Z"), json!("SUCCEEDED")),
    ];
    assert_eq!(pulls(&world, &organisation).await, expected);
    let skipped =
        world.runs(&organisation).await.into_iter().find(|run| run["state"] == "SKIPPED").expect("a skipped run");
    assert_eq!(
        (&skipped["startedAt"], &skipped["error"]),
        (&json!(null), &json!("the run before it was not finished"))
    );

    world.advance_to("2026-06-05T08:30:00Z").await;
    assert_eq!(pulls(&world, &organisation).await[0], (json!("2026-06-05T08:30:00.000Z"), json!("SUCCEEDED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_waits_for_its_next_attempt_skips_the_next() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    hourly(&world, &organisation).await;
    let until_half_past_eight = Fault::TooManyRequests { retry_after_seconds: Some(90 * 60) };
    world.sim.fault("app-1", until_half_past_eight, Often::Times(1));

    world.advance(TimeDelta::minutes(30)).await;
    assert_eq!(pulls(&world, &organisation).await, [(json!("2026-06-05T06:30:00.000Z"), json!("RETRYING"))]);
    world.advance(TimeDelta::minutes(60)).await;
    let expected =
        [(json!("2026-06-05T07:30:00.000Z"), json!("SKIPPED")), (json!("2026-06-05T06:30:00.000Z"), json!("RETRYING"))];
    assert_eq!(pulls(&world, &organisation).await, expected);
    world.advance(TimeDelta::minutes(35)).await;
    assert_eq!(pulls(&world, &organisation).await[1].1, "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_for_one_day_that_somebody_asked_for_does_not_stand_for_the_mornings_pull() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    world.sim.fault("app-1", Fault::TooManyRequests { retry_after_seconds: Some(22 * 3_600) }, Often::Times(1));
    let run = world.pull_day(&organisation, "2026-05-20").await;
    assert_eq!(run["state"], "RETRYING");

    world.sim.clear("app-1");
    world.advance_to("2026-06-06T03:30:00Z").await;
    let states: Vec<_> = pulls(&world, &organisation).await.into_iter().map(|(_, state)| state).collect();
    assert!(!states.contains(&json!("SKIPPED")), "{states:?}");
    world.advance_to("2026-06-06T05:00:00Z").await;
    assert_eq!(world.days(&organisation, "2026-06-05", "2026-06-05").await.len(), 1);
}
