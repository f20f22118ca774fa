//! Asking twice for the same day makes one run's worth of rows, however the two meet.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::usage::id_of;

const DAY: &str = "2026-06-03";

/// Asks for [`DAY`] without waiting for it; the run as it was queued.
async fn ask_for_day(world: &World, organisation: &str, day: &str) -> Value {
    let query = "mutation($id: ID!, $date: Date) { triggerDailyUsage(organisationId: $id, date: $date) { id state } }";
    world.ask(query, json!({ "id": organisation, "date": day })).await["triggerDailyUsage"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_meet_in_the_queue_are_one_run() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = world.days(&organisation, "2026-05-28", "2026-06-04").await;
    let (runs, asked) = (world.runs(&organisation).await.len(), world.asked("app-1"));
    // A run of another day is under way, so that what is asked for now has to wait.
    world.sim.hold("app-1");
    ask_for_day(&world, &organisation, "2026-06-02").await;
    world.sim.arrived("app-1", asked + 1).await;

    let (first, second) =
        tokio::join!(ask_for_day(&world, &organisation, DAY), ask_for_day(&world, &organisation, DAY));

    assert_eq!(first, second);
    assert_eq!(first["state"], "QUEUED");
    world.sim.release("app-1");
    world.settle().await;
    assert_eq!(world.run(id_of(&first)).await["state"], "SUCCEEDED");
    assert_eq!(world.runs(&organisation).await.len(), runs + 2);
    assert_eq!(world.asked("app-1"), asked + 2);
    assert_eq!(world.days(&organisation, "2026-05-28", "2026-06-04").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_after_one_another_leave_the_rows_of_one() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let first = world.pull_day(&organisation, "2026-05-20").await;
    let days = world.days(&organisation, "2026-05-20", "2026-05-20").await;
    let months = world.months(&organisation, "2026-05", "2026-05").await;

    let second = world.pull_day(&organisation, "2026-05-20").await;

    assert_ne!(id_of(&first), id_of(&second));
    assert_eq!((&first["state"], &second["state"]), (&json!("SUCCEEDED"), &json!("SUCCEEDED")));
    assert_eq!((days.len(), &days[0]["revision"]), (1, &json!(0)));
    assert_eq!(world.days(&organisation, "2026-05-20", "2026-05-20").await, days);
    assert_eq!(world.months(&organisation, "2026-05", "2026-05").await, months, "nothing is added twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_while_the_same_day_is_being_pulled_has_a_run_of_its_own() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let before = world.days(&organisation, "2026-05-28", "2026-06-04").await;
    let asked = world.asked("app-1");
    world.sim.hold("app-1");
    let first = ask_for_day(&world, &organisation, DAY).await;
    world.sim.arrived("app-1", asked + 1).await;

    // The BSP may have answered the first one already, so the second must ask again.
    let second = ask_for_day(&world, &organisation, DAY).await;
    world.sim.release("app-1");
    world.settle().await;

    assert_ne!(id_of(&first), id_of(&second));
    assert_eq!(world.asked("app-1"), asked + 2);
    assert_eq!(world.days(&organisation, "2026-05-28", "2026-06-04").await, before);
}
