//! A run is cancelled while it waits, while it runs and when it is over; what it wrote stays, and it can be asked for again.

use serde_json::{Value, json};

use crate::support::{NOON, Setup, World};

async fn cancel(world: &World, run: &Value) -> Value {
    let query = "mutation($id: ID!) { cancelJobRun(id: $id) { state cancelRequested } }";
    let mut data = world.ask(query, json!({ "id": run })).await;
    data["cancelJobRun"].take()
}

async fn run(world: &World, organisation: &str, id: &Value) -> Value {
    world.runs(organisation).await.into_iter().find(|run| run["id"] == *id).expect("the run is there")
}

/// Asks for a backfill, and returns its id.
async fn backfill(world: &World, organisation: &str, from: &str, to: &str) -> Value {
    let query = "mutation($id: ID!, $from: Date!, $to: Date!) { backfillAccountUsage(organisationId: $id, from: $from, to: $to) { id } }";
    let mut data = world.ask(query, json!({ "id": organisation, "from": from, "to": to })).await;
    data["backfillAccountUsage"]["id"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_while_it_waits_while_it_runs_and_not_when_it_is_over() {
    let world = Setup::at(NOON).with("BSP_TIMEOUT_SECONDS", "600").begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let days = world.days(&organisation, "2026-01-01", "2026-06-05").await;
    let over = world.runs(&organisation).await[0]["id"].clone();
    let asked = world.sim.requests("app-1").len();
    world.sim.hold("app-1");

    let running = backfill(&world, &organisation, "2026-03-01", "2026-03-20").await;
    world.sim.arrived("app-1", asked + 1).await;
    let waiting = backfill(&world, &organisation, "2026-02-01", "2026-02-20").await;
    assert_eq!(run(&world, &organisation, &running).await["state"], "RUNNING");
    assert_eq!(run(&world, &organisation, &waiting).await["state"], "QUEUED", "one job at a time");

    assert_eq!(cancel(&world, &waiting).await, json!({ "state": "CANCELLED", "cancelRequested": false }));
    assert_eq!(cancel(&world, &running).await, json!({ "state": "RUNNING", "cancelRequested": true }));
    world.settle().await;
    for id in [&waiting, &running] {
        let run = run(&world, &organisation, id).await;
        assert_eq!((&run["state"], &run["error"]), (&json!("CANCELLED"), &json!("cancelled on request")));
        assert_eq!(cancel(&world, id).await["state"], "CANCELLED", "asking again changes nothing");
    }
    assert_eq!(world.sim.requests("app-1").len(), asked + 1, "what waited never asked");
    assert_eq!(world.days(&organisation, "2026-01-01", "2026-06-05").await, days);

    let query = "mutation($id: ID!) { cancelJobRun(id: $id) { state } }";
    assert_eq!(world.refused(query, json!({ "id": over })).await, ("CONFLICT".to_owned(), None));

    world.sim.release("app-1");
    let query = "mutation($id: ID!) { retryJobRun(id: $id) { state trigger } }";
    let retried = world.ask(query, json!({ "id": running })).await;
    assert_eq!(retried["retryJobRun"], json!({ "state": "QUEUED", "trigger": "RETRY" }));
    world.settle().await;
    assert_eq!(run(&world, &organisation, &running).await["state"], "SUCCEEDED");
    assert_eq!(world.days(&organisation, "2026-03-01", "2026-03-20").await.len(), 20);
    assert!(world.days(&organisation, "2026-02-01", "2026-02-20").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cancelled_run_wrote_stays() {
    let world = Setup::at(NOON).with("BSP_TIMEOUT_SECONDS", "600").begin().await;
    let (organisation, first) = world.shop("app-1").await;
    let second =
        world.channel(&organisation, wabacus::domain::channel::BspKind::Gupshup, "app-2", "Asia/Kolkata").await;
    world.settle().await;
    let asked = world.sim.requests("app-2").len();
    world.sim.hold("app-2");

    let running = backfill(&world, &organisation, "2026-03-01", "2026-03-20").await;
    world.sim.arrived("app-2", asked + 1).await;
    cancel(&world, &running).await;
    world.settle().await;

    let days = world.days(&organisation, "2026-03-01", "2026-03-20").await;
    let of = |channel: &str| days.iter().filter(|day| day["channel"]["id"] == channel).count();
    assert_eq!((of(&first), of(&second)), (20, 0));
    let progress = &run(&world, &organisation, &running).await["progress"];
    assert_eq!(*progress, json!({ "done": 20, "total": 40 }));
}
