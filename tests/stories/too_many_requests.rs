//! A BSP that says "too many requests" is left alone for as long as it says, and that costs no attempt.

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::sim::{Fault, Often};

use crate::support::World;
use crate::support::usage::{dates, instant};

const FROM: &str = "2026-05-28";
const TO: &str = "2026-06-04";

/// An organisation with one channel at `bsp`, pulled.
async fn shop_at(world: &World, bsp: BspKind, account: &str) -> String {
    let organisation = world.organisation(account, "Asia/Kolkata").await;
    world.channel(&organisation, bsp, account, "Asia/Kolkata").await;
    world.settle().await;
    organisation
}

/// Checks that a run waits, and for how long; nothing of it counts as an attempt.
fn assert_waits(world: &World, run: &Value, from: TimeDelta, to: TimeDelta) {
    assert_eq!((&run["state"], &run["attempt"]), (&json!("RETRYING"), &json!(0)), "{run:#}");
    let wait = instant(&run["nextAttemptAt"]) - world.now();
    assert!(from <= wait && wait <= to, "it waits for {wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_before_the_time_that_retry_after_says() {
    for bsp in [BspKind::Gupshup, BspKind::Interakt] {
        let world = World::begin().await;
        let organisation = shop_at(&world, bsp, "busy").await;
        let asked = world.asked("busy");
        world.sim.fault("busy", Fault::TooManyRequests { retry_after_seconds: Some(90) }, Often::Times(1));

        let run = world.backfill(&organisation, FROM, TO).await;

        assert_waits(&world, &run, TimeDelta::seconds(90), TimeDelta::seconds(90));
        assert!(run["error"].as_str().is_some_and(|error| error.contains("429")), "{run:#}");
        assert_eq!(world.asked("busy"), asked + 1);
        let query = "{ scheduler { limiters { account closedUntil } } }";
        let limiters = world.ask(query, json!({})).await["scheduler"]["limiters"].take();
        let closed = limiters.as_array().and_then(|all| all.iter().find(|limiter| limiter["account"] == "busy"));
        assert_eq!(closed.map(|limiter| &limiter["closedUntil"]), Some(&run["nextAttemptAt"]), "whoever looks sees it");

        // Another run finds the gate closed, and does not knock.
        world.advance(TimeDelta::seconds(30)).await;
        let other = world.pull_day(&organisation, TO).await;
        assert_waits(&world, &other, TimeDelta::seconds(60), TimeDelta::seconds(60));
        world.advance(TimeDelta::seconds(59)).await;
        assert_eq!(world.asked("busy"), asked + 1, "no request before the time is up");

        world.advance(TimeDelta::seconds(1)).await;
        let (run, other) = (world.until_over(&run).await, world.until_over(&other).await);
        assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
        assert_eq!((&other["state"], &other["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
        assert_eq!(world.asked("busy"), asked + 3);
        assert_eq!(dates(&world.days(&organisation, FROM, TO).await).len(), 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_time_the_waits_grow_and_still_cost_no_attempt() {
    let world = World::begin().await;
    let organisation = shop_at(&world, BspKind::Gupshup, "busy").await;
    // More refusals than a run has attempts.
    world.sim.fault("busy", Fault::TooManyRequests { retry_after_seconds: None }, Often::Times(10));
    let asked = world.asked("busy");

    let first = world.backfill(&organisation, FROM, TO).await;
    assert_waits(&world, &first, TimeDelta::seconds(30), TimeDelta::seconds(60));
    world.advance(instant(&first["nextAttemptAt"]) - world.now()).await;
    let second = world.run(first["id"].as_str().expect("an id")).await;
    assert_waits(&world, &second, TimeDelta::seconds(60), TimeDelta::seconds(120));

    let run = world.until_over(&second).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(world.asked("busy"), asked + 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_is_left_alone_once_its_usage_headers_are_at_a_hundred_per_cent() {
    let world = World::begin().await;
    let organisation = shop_at(&world, BspKind::Interakt, "busy").await;
    world.sim.fault("busy", Fault::UsageHeaders { percent: 100, regain_minutes: 19 }, Often::Times(1));

    let answered = world.backfill(&organisation, FROM, TO).await;
    assert_eq!(answered["state"], "SUCCEEDED", "the answer itself was good");
    let asked = world.asked("busy");

    let run = world.pull_day(&organisation, TO).await;
    assert_waits(&world, &run, TimeDelta::minutes(19), TimeDelta::minutes(19));
    world.advance(TimeDelta::minutes(19) - TimeDelta::seconds(1)).await;
    assert_eq!(world.asked("busy"), asked, "no request before the time is up");
    let run = world.until_over(&run).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_that_waits_holds_up_no_other_channel() {
    let world = World::begin().await;
    let organisation = shop_at(&world, BspKind::Gupshup, "busy").await;
    world.channel(&organisation, BspKind::Gupshup, "calm", "Asia/Kolkata").await;
    world.settle().await;
    world.sim.fault("busy", Fault::TooManyRequests { retry_after_seconds: Some(600) }, Often::Times(1));

    world.advance_to("2026-06-06T03:30:00Z").await;

    let run = world.runs(&organisation).await[0].take();
    assert_waits(&world, &run, TimeDelta::minutes(10), TimeDelta::minutes(10));
    assert_eq!(dates(&world.days(&organisation, "2026-06-05", "2026-06-05").await), ["2026-06-05"]);
    let asked = world.asked("calm");
    let run = world.until_over(&run).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(world.asked("calm"), asked);
    assert_eq!(world.days(&organisation, "2026-06-05", "2026-06-05").await.len(), 2);
}
