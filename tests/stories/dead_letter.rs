//! A run that fails at every attempt is kept as a dead letter, listed, and retried by hand.

use serde_json::json;
use wabacus::sim::{Fault, Often};

use crate::support::World;
use crate::support::usage::{dates, id_of, instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_attempts_are_used_up_is_listed_and_retried_by_hand() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let asked = world.asked("app-1");
    world.sim.fault("app-1", Fault::ServerError(500), Often::Times(8));

    world.advance_to("2026-06-06T03:30:00Z").await;
    let mut run = world.runs(&organisation).await[0].take();
    let id = id_of(&run).to_owned();
    let mut attempts = 1;
    while run["state"] == "RETRYING" {
        assert_eq!((&run["attempt"], &run["finishedAt"]), (&json!(attempts), &json!(null)));
        world.advance(instant(&run["nextAttemptAt"]) - world.now()).await;
        run = world.run(&id).await;
        attempts += 1;
    }

    assert_eq!((&run["state"], &run["attempt"], &run["maxAttempts"]), (&json!("FAILED"), &json!(8), &json!(8)));
    assert_eq!(instant(&run["finishedAt"]), world.now());
    assert_eq!(run["nextAttemptAt"], json!(null));
    assert_eq!(world.asked("app-1"), asked + 8);
    assert_eq!(world.days(&organisation, "2026-06-05", "2026-06-05").await.len(), 0);
    let query = "{ jobRuns(state: [FAILED]) { nodes { id error organisation { id } } } }";
    let letters = world.ask(query, json!({})).await["jobRuns"]["nodes"].take();
    assert_eq!(letters.as_array().map(Vec::len), Some(1));
    assert_eq!((&letters[0]["id"], &letters[0]["organisation"]["id"]), (&json!(id), &json!(organisation)));
    assert!(letters[0]["error"].as_str().is_some_and(|error| error.contains("500")), "{letters:#}");

    let run = world.retry(&id).await;
    assert_eq!((&run["state"], &run["attempt"], &run["error"]), (&json!("SUCCEEDED"), &json!(1), &json!(null)));
    assert_eq!(dates(&world.days(&organisation, "2026-06-05", "2026-06-05").await), ["2026-06-05"]);
    let letters = world.ask(query, json!({})).await["jobRuns"]["nodes"].take();
    assert_eq!(letters, json!([]), "what was put right is no dead letter any more");
    let again = "mutation($id: ID!) { retryJobRun(id: $id) { id } }";
    assert_eq!(world.refused(again, json!({ "id": id })).await.0, "CONFLICT", "there is nothing left to retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_morning_comes_whatever_became_of_the_last() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    world.sim.fault("app-1", Fault::ServerError(500), Often::Times(8));
    world.advance_to("2026-06-06T03:30:00Z").await;
    let run = world.runs(&organisation).await[0].take();
    assert_eq!(world.until_over(&run).await["state"], "FAILED");

    world.advance_to("2026-06-07T03:30:00Z").await;

    assert_eq!(world.runs(&organisation).await[0]["state"], "SUCCEEDED");
    let days = world.days(&organisation, "2026-06-05", "2026-06-06").await;
    assert_eq!(dates(&days), ["2026-06-05", "2026-06-06"], "and brings what was missed");
}
