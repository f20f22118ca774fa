//! A day that the BSP revises is overwritten and its month recomputed; nothing is ever added to what is stored.

use serde_json::json;

use crate::support::World;
use crate::support::usage::{assert_is_sum, date, dates, instant};

const FROM: &str = "2026-06-01";
const TO: &str = "2026-06-04";
const REVISED: &str = "2026-06-03";

#[tokio::test(flavor = "multi_thread")]
async fn a_revised_day_is_overwritten_and_its_month_recomputed() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = world.days(&organisation, FROM, TO).await;
    let month_before = world.months(&organisation, "2026-06", "2026-06").await;
    assert_is_sum(&month_before[0], &before);

    for revision in 1..=2 {
        world.sim.revise("app-1", date(REVISED));
        let run = world.pull_day(&organisation, REVISED).await;
        assert_eq!(run["state"], "SUCCEEDED");
        assert_eq!(world.changed_days(&organisation, &run).await, [REVISED], "and of no other day is anything said");

        let after = world.days(&organisation, FROM, TO).await;
        assert_eq!(dates(&after), dates(&before));
        assert_eq!(after[2]["revision"], revision);
        assert_eq!(after[2]["counts"]["total"], world.said("app-1", REVISED), "what the BSP says now, and only that");
        assert_ne!(after[2]["fees"], before[2]["fees"]);
        assert_eq!(after[..2], before[..2], "days before are as they were");
        assert_eq!(after[3]["counts"], before[3]["counts"], "and so are days after");
        assert_eq!(after[3]["revision"], 0);
        let months = world.months(&organisation, "2026-06", "2026-06").await;
        assert_is_sum(&months[0], &after);
        assert_ne!(months, month_before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_vanished_at_the_bsp_goes() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;

    world.sim.vanish("app-1", date(REVISED));
    let run = world.pull_day(&organisation, REVISED).await;

    assert_eq!(world.changed_days(&organisation, &run).await, [REVISED]);
    let days = world.days(&organisation, FROM, TO).await;
    assert_eq!(dates(&days), ["2026-06-01", "2026-06-02", "2026-06-04"]);
    assert_is_sum(&world.months(&organisation, "2026-06", "2026-06").await[0], &days);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_finds_nothing_new_changes_nothing_and_says_nothing() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let query = "query($id: ID!) { organisation(id: $id) {
        dailyUsage(from: \"2026-06-03\", to: \"2026-06-03\") { fetchedAt } } }";
    let before = world.days(&organisation, "2026-05-28", TO).await;
    let months_before = world.months(&organisation, "2026-05", "2026-06").await;

    world.advance(chrono::TimeDelta::hours(1)).await;
    let run = world.backfill(&organisation, "2026-05-28", TO).await;

    assert_eq!((&run["state"], &run["channels"][0]["days"]), (&json!("SUCCEEDED"), &json!(8)));
    assert_eq!(world.changed_days(&organisation, &run).await, Vec::<String>::new());
    assert_eq!(world.days(&organisation, "2026-05-28", TO).await, before);
    assert_eq!(world.months(&organisation, "2026-05", "2026-06").await, months_before);
    let fetched = world.ask(query, json!({ "id": organisation })).await;
    let fetched_at = instant(&fetched["organisation"]["dailyUsage"][0]["fetchedAt"]);
    assert_eq!(fetched_at, world.now(), "only that the BSP was asked again is noted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_still_open_is_marked_so_until_it_has_ended() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    world.pull_day(&organisation, "2026-06-05").await;
    let open = world.days(&organisation, "2026-06-05", "2026-06-05").await;
    assert_eq!((&open[0]["complete"], &open[0]["revision"]), (&json!(false), &json!(0)));

    world.advance_to("2026-06-06T03:30:00Z").await;

    let days = world.days(&organisation, "2026-06-01", "2026-06-05").await;
    assert_eq!((&days[4]["complete"], &days[4]["revision"]), (&json!(true), &json!(1)));
    assert_eq!(days[4]["counts"]["total"], world.said("app-1", "2026-06-05"), "the whole day, and not the part twice");
    assert_is_sum(&world.months(&organisation, "2026-06", "2026-06").await[0], &days);
}
