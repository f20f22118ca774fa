//! Retention removes old payloads and old runs, and keeps the usage.

use serde_json::{Value, json};
use wabacus::sim::{Fault, Often};

use crate::support::usage::id_of;
use crate::support::{NOON, Setup, World};

const FIRST: &str = "2026-05-28";

/// Where a day's figures came from; null once that is gone.
async fn source(world: &World, organisation: &str, day: &str) -> Value {
    let query = "query($id: ID!, $day: Date!) { organisation(id: $id) {
        dailyUsage(from: $day, to: $day) { source { source from to sha256 body } } } }";
    let data = world.ask(query, json!({ "id": organisation, "day": day })).await;
    data["organisation"]["dailyUsage"][0]["source"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_payloads_and_runs_go_and_the_usage_stays() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let sound = world.pull_day(&organisation, "2026-06-04").await;
    world.sim.fault("app-1", Fault::RedirectElsewhere, Often::Times(1));
    let failed = world.pull_day(&organisation, "2026-06-04").await;
    assert_eq!((&sound["state"], &failed["state"]), (&json!("SUCCEEDED"), &json!("FAILED")));
    let days = world.days(&organisation, FIRST, "2026-06-04").await;
    let months = world.months(&organisation, "2026-05", "2026-05").await;
    let kept = source(&world, &organisation, FIRST).await;
    assert_eq!((&kept["from"], &kept["to"]), (&json!(FIRST), &json!("2026-06-04")));
    assert!(kept["body"].as_str().is_some_and(|body| body.contains("partnerAppUsageList")), "{kept}");

    // 30 days and a night: runs that ended well are deleted.
    world.advance_to("2026-07-05T22:00:00Z").await;
    assert_eq!(world.run(id_of(&sound)).await, Value::Null);
    assert_eq!(world.run(id_of(&failed)).await["state"], "FAILED", "failed ones are kept longer");
    assert_eq!(source(&world, &organisation, FIRST).await, kept);

    // 90 days and a night: payloads are deleted.
    world.advance_to("2026-09-03T22:00:00Z").await;
    assert_eq!(source(&world, &organisation, FIRST).await, Value::Null);
    assert_eq!(world.days(&organisation, FIRST, "2026-06-04").await, days, "the figures stay as they were");
    assert_eq!(world.months(&organisation, "2026-05", "2026-05").await, months);
    assert_ne!(source(&world, &organisation, "2026-09-02").await, Value::Null, "a young payload is kept");
    assert_eq!(world.run(id_of(&failed)).await["state"], "FAILED");

    // 180 days and a night: failed runs are deleted.
    world.advance_to("2026-12-02T22:00:00Z").await;
    assert_eq!(world.run(id_of(&failed)).await, Value::Null);
    assert_eq!(world.days(&organisation, FIRST, "2026-06-04").await, days);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_kept_is_kept() {
    let world = Setup::at(NOON)
        .with("RETENTION_PAYLOADS_DAYS", "keep")
        .with("RETENTION_RUNS_DAYS", "keep")
        .with("RETENTION_FAILED_RUNS_DAYS", "keep")
        .begin()
        .await;
    let (organisation, _) = world.shop("app-1").await;
    let first = world.runs(&organisation).await[0].take();
    let kept = source(&world, &organisation, FIRST).await;

    world.advance_to("2027-06-05T22:00:00Z").await;

    assert_eq!(world.run(id_of(&first)).await["state"], "SUCCEEDED");
    assert_eq!(source(&world, &organisation, FIRST).await, kept);
}
