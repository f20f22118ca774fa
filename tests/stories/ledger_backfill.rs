//! Calls that were stored and not recorded are made up for, however long ago they were.

use serde_json::{Value, json};

use super::cdr::{Delivery, call, recorded, secret};
use crate::support::World;
use crate::support::usage::id_of;

impl World {
    /// Asks for the records that are missing in a range of days and waits; the run as it is then.
    pub(super) async fn backfill_usage(&self, organisation: &str, from: &str, to: &str) -> Value {
        let query = "mutation($id: ID!, $from: Date!, $to: Date!) {
            backfillUsage(organisationId: $id, from: $from, to: $to) { id kind subject state } }";
        let data = self.ask(query, json!({ "id": organisation, "from": from, "to": to })).await;
        let queued = &data["backfillUsage"];
        assert_eq!((&queued["kind"], &queued["subject"]), (&json!("BACKFILL"), &json!("LEDGER")));
        self.settle().await;
        self.run(id_of(queued)).await
    }
}

/// Delivers calls; the outcomes, each with its field.
async fn deliver(world: &World, organisation: &str, secret: &str, calls: Value) -> Vec<String> {
    let (status, answer) = Delivery::signed(world, organisation, secret, &calls).send(world).await;
    assert_eq!(status, 200, "{answer:#}");
    let results = answer["results"].as_array().expect("results").iter();
    results.map(|result| result["outcome"].as_str().expect("an outcome").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_forty_days_ago_is_rejected_live_and_recorded_by_a_backfill() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let secret = secret(&world, &shop).await;
    let mut inbound = call("CA-3", "2026-04-26T09:00:00Z");
    inbound["direction"] = json!("INBOUND");
    let calls = json!([
        call("CA-1", "2026-04-26T06:00:00Z"),
        call("CA-2", "2026-06-05T05:00:00Z"),
        inbound,
        // The last instant of the 25th in Kolkata, and of the day after the range.
        call("CA-4", "2026-04-25T18:29:59.999999Z"),
        call("CA-5", "2026-06-05T05:30:00Z"),
    ]);
    let told = deliver(&world, &shop, &secret, calls).await;
    assert_eq!(told, ["REJECTED", "RECORDED", "SKIPPED", "REJECTED", "RECORDED"]);

    let run = world.backfill_usage(&shop, "2026-04-26", "2026-06-05").await;

    assert_eq!((&run["state"], &run["error"]), (&json!("SUCCEEDED"), &Value::Null), "{run:#}");
    assert_eq!(run["progress"], json!({ "done": 4, "total": 4 }));
    let ids = async || {
        let records = recorded(&world, &shop).await;
        records.iter().map(|record| record["resourceId"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ["CA-5", "CA-2", "CA-1"]);

    let run = world.backfill_usage(&shop, "2026-04-26", "2026-06-05").await;
    assert_eq!(run["state"], "SUCCEEDED");
    assert_eq!(ids().await, ["CA-5", "CA-2", "CA-1"], "twice is once");
    let run = world.backfill_usage(&shop, "2026-04-25", "2026-04-25").await;
    assert_eq!(run["progress"], json!({ "done": 1, "total": 1 }));
    assert_eq!(ids().await, ["CA-5", "CA-2", "CA-1", "CA-4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_one_batch_holds_are_looked_through_and_one_that_cannot_be_recorded_is_told_of() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let secret = secret(&world, &shop).await;
    for batch in 0..3 {
        let old = (0..800).map(|place| call(&format!("CA-{batch}-{place:03}"), "2026-04-20T06:00:00Z"));
        let told = deliver(&world, &shop, &secret, old.collect()).await;
        assert!(told.iter().all(|outcome| outcome == "REJECTED"));
    }
    let mut large = call("CA-large", "2026-04-21T06:00:00Z");
    large["metadata"] = json!({ "note": "x".repeat(9_000) });
    deliver(&world, &shop, &secret, large).await;

    let run = world.backfill_usage(&shop, "2026-04-20", "2026-04-30").await;

    assert_eq!((&run["state"], &run["progress"]), (&json!("PARTIAL"), &json!({ "done": 2_401, "total": 2_401 })));
    let error = run["error"].as_str().expect("what went wrong");
    assert!(error.starts_with("2400 recorded, 0 recorded before, 0 skipped, 1 rejected"), "{error}");
    assert!(error.contains("the call CA-large") && error.contains("metadata"), "{error}");

    let run = world.retry(id_of(&run)).await;
    let error = run["error"].as_str().expect("what went wrong");
    assert!(error.starts_with("0 recorded, 2400 recorded before, 0 skipped, 1 rejected"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_of_days_to_come_or_of_nobody_is_refused() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let query = "mutation($id: ID!, $from: Date!, $to: Date!) {
        backfillUsage(organisationId: $id, from: $from, to: $to) { id } }";
    for (id, from, to, code, field) in [
        (shop.as_str(), "2026-06-01", "2026-06-06", "BAD_USER_INPUT", Some("to")),
        (&shop, "2026-06-05", "2026-06-01", "BAD_USER_INPUT", Some("from")),
        (&shop, "2024-06-05", "2026-06-01", "BAD_USER_INPUT", Some("from")),
        ("org_0192b7c0f0007000800000000000000a", "2026-06-01", "2026-06-05", "NOT_FOUND", None),
    ] {
        let refused = world.refused(query, json!({ "id": id, "from": from, "to": to })).await;
        assert_eq!((refused.0.as_str(), refused.1.as_deref()), (code, field), "{from} to {to}");
    }
    let run = world.backfill_usage(&shop, "2026-06-01", "2026-06-05").await;
    assert_eq!((&run["state"], &run["progress"]), (&json!("SUCCEEDED"), &json!({ "done": 0, "total": 0 })));
}
