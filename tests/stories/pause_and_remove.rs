//! A recurring job is paused, resumed, moved, removed and scheduled again, and a restart changes nothing about that.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::World;

/// Asks for a change of the organisation's daily pull and returns what the mutation answers.
async fn change(world: &World, mutation: &str, organisation: &str, more: &str, selection: &str) -> Value {
    let query =
        format!("mutation($id: ID!) {{ {mutation}(organisationId: $id, kind: DAILY_USAGE{more}) {selection} }}");
    let mut data = world.ask(&query, json!({ "id": organisation })).await;
    data[mutation].take()
}

/// The organisation's daily pull; null if it has none.
async fn daily(world: &World, organisation: &str) -> Value {
    let query =
        "query($id: ID!) { organisation(id: $id) { scheduledJobs { id kind cron timeZone paused nextRunAt } } }";
    let data = world.ask(query, json!({ "id": organisation })).await;
    let jobs = data["organisation"]["scheduledJobs"].as_array().expect("a list of jobs");
    jobs.iter().find(|job| job["kind"] == "DAILY_USAGE").cloned().unwrap_or_default()
}

async fn pulls(world: &World, organisation: &str) -> usize {
    world.runs(organisation).await.iter().filter(|run| run["kind"] == "DAILY_USAGE").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_job_does_not_run_until_it_is_resumed_and_makes_up_for_nothing() {
    let mut world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let first = pulls(&world, &organisation).await;

    let paused = change(&world, "pauseJob", &organisation, "", "{ paused nextRunAt }").await;
    assert_eq!(paused, json!({ "paused": true, "nextRunAt": null }));
    world.advance(TimeDelta::days(1)).await;
    world.stop().await;
    world.clock.advance(TimeDelta::days(1));
    world.start().await;
    assert_eq!(pulls(&world, &organisation).await, first, "two mornings went by");
    assert_eq!(daily(&world, &organisation).await["paused"], true, "a restart does not resume it");

    let resumed = change(&world, "resumeJob", &organisation, "", "{ paused nextRunAt }").await;
    assert_eq!(resumed, json!({ "paused": false, "nextRunAt": "2026-06-08T03:30:00.000Z" }));
    world.settle().await;
    assert_eq!(pulls(&world, &organisation).await, first);
    world.advance_to("2026-06-08T03:30:00Z").await;
    assert_eq!(pulls(&world, &organisation).await, first + 1);
    assert_eq!(
        world.days(&organisation, "2026-06-05", "2026-06-07").await.len(),
        3,
        "the days themselves are not lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cron_or_zone_moves_the_next_run() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = daily(&world, &organisation).await;
    let first = pulls(&world, &organisation).await;

    let selection = "{ id cron timeZone nextRunAt }";
    let moved = change(&world, "scheduleJob", &organisation, ", cron: \"0 18 * * *\"", selection).await;
    assert_eq!(
        moved,
        json!({ "id": before["id"], "cron": "0 18 * * *", "timeZone": "Asia/Kolkata", "nextRunAt": "2026-06-05T12:30:00.000Z" })
    );
    let moved = change(&world, "scheduleJob", &organisation, ", timeZone: \"America/Mexico_City\"", selection).await;
    assert_eq!(
        moved,
        json!({ "id": before["id"], "cron": "0 18 * * *", "timeZone": "America/Mexico_City", "nextRunAt": "2026-06-06T00:00:00.000Z" })
    );
    world.advance_to("2026-06-05T12:30:00Z").await;
    assert_eq!(pulls(&world, &organisation).await, first, "the time that was given up passes");
    world.advance_to("2026-06-06T00:00:00Z").await;
    assert_eq!(pulls(&world, &organisation).await, first + 1);

    // Another zone of the organisation moves what stood in its zone, and not what was put elsewhere.
    let query = "mutation($id: ID!) { updateOrganisation(id: $id, input: { timeZone: \"Asia/Jakarta\" }) {
        scheduledJobs { kind timeZone nextRunAt } } }";
    let data = world.ask(query, json!({ "id": organisation })).await;
    let expected = json!([
        { "kind": "DAILY_USAGE", "timeZone": "America/Mexico_City", "nextRunAt": "2026-06-07T00:00:00.000Z" },
        { "kind": "DAILY_SNAPSHOT", "timeZone": "Asia/Jakarta", "nextRunAt": "2026-06-06T19:00:00.000Z" },
        { "kind": "WEEKLY_SNAPSHOT", "timeZone": "Asia/Jakarta", "nextRunAt": "2026-06-07T20:00:00.000Z" },
        { "kind": "MONTHLY_SNAPSHOT", "timeZone": "Asia/Jakarta", "nextRunAt": "2026-06-30T21:00:00.000Z" },
        { "kind": "INVOICE_CLOSE", "timeZone": "Asia/Jakarta", "nextRunAt": "2026-06-30T22:00:00.000Z" },
        { "kind": "RETENTION", "timeZone": "Asia/Jakarta", "nextRunAt": "2026-06-06T20:30:00.000Z" },
    ]);
    assert_eq!(data["updateOrganisation"]["scheduledJobs"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_job_stays_removed_over_a_restart_until_it_is_scheduled_again() {
    let mut world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = daily(&world, &organisation).await;
    let first = pulls(&world, &organisation).await;

    assert_eq!(change(&world, "removeJob", &organisation, "", "").await, true);
    assert_eq!(change(&world, "removeJob", &organisation, "", "").await, false, "it is gone already");
    let query = "mutation($id: ID!) { pauseJob(organisationId: $id, kind: DAILY_USAGE) { id } }";
    assert_eq!(world.refused(query, json!({ "id": organisation })).await.0, "NOT_FOUND");
    world.stop().await;
    world.start().await;
    assert_eq!(daily(&world, &organisation).await, json!(null));
    world.advance(TimeDelta::days(2)).await;
    assert_eq!(pulls(&world, &organisation).await, first);

    let again = change(&world, "scheduleJob", &organisation, "", "{ id cron timeZone paused nextRunAt }").await;
    assert_eq!(
        again,
        json!({ "id": before["id"], "cron": "0 9 * * *", "timeZone": "Asia/Kolkata", "paused": false,
            "nextRunAt": "2026-06-08T03:30:00.000Z" })
    );
    world.advance_to("2026-06-08T03:30:00Z").await;
    assert_eq!(pulls(&world, &organisation).await, first + 1);
}
