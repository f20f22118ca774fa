//! Panics heal: in a job as a failed attempt, in an actor by a restart; an actor that dies too often is left alone and said so.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::domain::clock::Instant;
use wabacus::domain::id::OrganisationId;
use wabacus::scheduler::{FaultPoint, Faults};

use crate::support::{NOON, Setup, World};

/// Makes one organisation's actor or job panic, so many times at each place.
#[derive(Debug, Default)]
struct Saboteur {
    plan: Mutex<Vec<(FaultPoint, String, u32)>>,
}

impl Saboteur {
    fn plan(&self, point: FaultPoint, organisation: &str, times: u32) {
        self.plan.lock().expect("nobody panics while holding it").push((point, organisation.to_owned(), times));
    }

    fn relent(&self) {
        self.plan.lock().expect("nobody panics while holding it").clear();
    }

    fn takes(&self, point: FaultPoint, organisation: OrganisationId) -> bool {
        let mut plan = self.plan.lock().expect("nobody panics while holding it");
        let id = organisation.to_string();
        let planned = plan.iter_mut().find(|(at, victim, left)| *at == point && *victim == id && *left > 0);
        planned.is_some_and(|(_, _, left)| {
            *left -= 1;
            true
        })
    }
}

impl Faults for Saboteur {
    fn strike(&self, point: FaultPoint, organisation: OrganisationId) {
        assert!(!self.takes(point, organisation), "the story wants a panic here");
    }
}

async fn begin() -> (World, Arc<Saboteur>) {
    let saboteur = Arc::new(Saboteur::default());
    let world = Setup::at(NOON).with_faults(Arc::<Saboteur>::clone(&saboteur)).begin().await;
    (world, saboteur)
}

async fn scheduler(world: &World) -> Value {
    let mut data = world.ask("{ scheduler { restarts quarantined actors } }", json!({})).await;
    data["scheduler"].take()
}

async fn alarms(world: &World, organisation: &str) -> Value {
    world.of(organisation, "alerts { nodes { kind state } }").await["alerts"]["nodes"].take()
}

async fn newest_run(world: &World, organisation: &str) -> Value {
    world.runs(organisation).await.into_iter().next().expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_job_is_a_failed_attempt_and_heals() {
    let (world, saboteur) = begin().await;
    let (organisation, _) = world.shop("app-1").await;
    // Retention has its turn in the night, and none in this story.
    world.advance_to("2026-06-06T03:00:00Z").await;
    saboteur.plan(FaultPoint::JobRun, &organisation, 1);

    world.advance_to("2026-06-06T03:30:00Z").await;
    let run = newest_run(&world, &organisation).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("RETRYING"), &json!(1)));
    let error = run["error"].as_str().expect("it says what happened");
    assert!(error.contains("panicked") && error.contains("the story wants a panic here"), "{error}");

    let next: Instant = run["nextAttemptAt"].as_str().and_then(|at| at.parse().ok()).expect("another attempt comes");
    // The API shows thousandths of a second, the clock has finer ones.
    world.advance(next - world.now() + TimeDelta::milliseconds(1)).await;
    let run = newest_run(&world, &organisation).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(2)));
    assert_eq!(world.days(&organisation, "2026-06-05", "2026-06-05").await.len(), 1);
    assert_eq!(scheduler(&world).await["restarts"], 0, "the actor lived through it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_an_actor_heals_and_costs_its_run_no_attempt() {
    let (world, saboteur) = begin().await;
    let (organisation, _) = world.shop("app-1").await;
    // Retention has its turn in the night, and none in this story.
    world.advance_to("2026-06-06T03:00:00Z").await;
    saboteur.plan(FaultPoint::ActorHandle, &organisation, 1);

    world.advance_to("2026-06-06T03:30:00Z").await;
    let run = newest_run(&world, &organisation).await;
    assert_eq!(
        (&run["kind"], &run["state"], &run["attempt"]),
        (&json!("DAILY_USAGE"), &json!("QUEUED"), &json!(0)),
        "the run waits for its actor"
    );

    // The first restart comes after a second or two.
    world.advance(TimeDelta::seconds(3)).await;
    let run = newest_run(&world, &organisation).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
    let status = scheduler(&world).await;
    assert_eq!((&status["restarts"], &status["quarantined"], &status["actors"]), (&json!(1), &json!([]), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_dies_too_often_is_quarantined_others_go_on_and_it_comes_back() {
    let (world, saboteur) = begin().await;
    let (sick, _) = world.shop("app-1").await;
    let (well, _) = world.shop("app-2").await;
    saboteur.plan(FaultPoint::ActorHandle, &sick, 1);
    saboteur.plan(FaultPoint::ActorStart, &sick, u32::MAX);

    world.advance_to("2026-06-06T03:30:00Z").await;
    for restart in 0..5 {
        assert_eq!(scheduler(&world).await["quarantined"], json!([]), "after {restart} restarts");
        // The longest of the five pauses is half a minute and some.
        world.advance(TimeDelta::seconds(65)).await;
    }
    let status = scheduler(&world).await;
    assert_eq!((&status["quarantined"], &status["restarts"]), (&json!([sick]), &json!(5)));
    assert_eq!(alarms(&world, &sick).await, json!([{ "kind": "SCHEDULER_QUARANTINED", "state": "RAISED" }]));
    assert_eq!(alarms(&world, &well).await, json!([]));
    assert_eq!(newest_run(&world, &sick).await["state"], "QUEUED");
    assert_eq!(newest_run(&world, &well).await["state"], "SUCCEEDED", "the others are not affected");
    assert_eq!(world.days(&well, "2026-06-05", "2026-06-05").await.len(), 1);

    saboteur.relent();
    world.advance(TimeDelta::minutes(30)).await;
    assert_eq!(scheduler(&world).await["restarts"], 5, "it is left alone for an hour");
    world.advance(TimeDelta::minutes(31)).await;
    assert_eq!(newest_run(&world, &sick).await["state"], "SUCCEEDED", "a probe starts it, and it does what waited");
    assert_eq!(scheduler(&world).await["quarantined"], json!([sick]), "it has to prove itself first");
    world.advance(TimeDelta::minutes(11)).await;
    assert_eq!(scheduler(&world).await["quarantined"], json!([]));
    world.settle().await;
    assert_eq!(alarms(&world, &sick).await, json!([{ "kind": "SCHEDULER_QUARANTINED", "state": "RECOVERED" }]));
    assert_eq!(world.days(&sick, "2026-06-05", "2026-06-05").await.len(), 1);
}
