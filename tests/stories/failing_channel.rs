//! A channel that fails stops no other: the rest is stored, and only what failed is asked again.

use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::sim::{Fault, Often};

use crate::support::World;
use crate::support::usage::{dates, id_of};

const NEXT_MORNING: &str = "2026-06-06T03:30:00Z";
const YESTERDAY: &str = "2026-06-05";

/// An organisation with a channel at each BSP, both pulled: the organisation's id and those of the channels.
async fn two_channels(world: &World) -> (String, String, String) {
    let organisation = world.organisation("Warung", "Asia/Kolkata").await;
    let sound = world.channel(&organisation, BspKind::Gupshup, "sound", "Asia/Kolkata").await;
    let failing = world.channel(&organisation, BspKind::Interakt, "failing", "Asia/Kolkata").await;
    world.settle().await;
    (organisation, sound, failing)
}

fn outcome<'a>(run: &'a Value, channel: &str) -> &'a Value {
    let outcomes = run["channels"].as_array().expect("the outcomes of a run");
    outcomes.iter().find(|outcome| outcome["channel"]["id"] == channel).expect("an outcome of the channel")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_others_are_stored_at_once_and_only_the_failed_one_is_asked_again() {
    let world = World::begin().await;
    let (organisation, sound, failing) = two_channels(&world).await;
    world.sim.fault("failing", Fault::ServerError(503), Often::Times(1));

    world.advance_to(NEXT_MORNING).await;

    let run = world.runs(&organisation).await[0].take();
    assert_eq!((&run["state"], &run["attempt"]), (&json!("RETRYING"), &json!(1)));
    assert_eq!((&outcome(&run, &sound)["succeeded"], &outcome(&run, &sound)["days"]), (&json!(true), &json!(8)));
    assert_eq!(outcome(&run, &failing)["succeeded"], false);
    let error = outcome(&run, &failing)["error"].as_str().expect("what went wrong");
    assert!(error.contains("503"), "{error}");
    let days = world.days(&organisation, YESTERDAY, YESTERDAY).await;
    assert_eq!((days.len(), &days[0]["channel"]["id"]), (1, &json!(sound)), "the others have theirs already");

    let (asked_sound, asked_failing) = (world.asked("sound"), world.asked("failing"));
    let run = world.until_over(&run).await;
    assert_eq!((&run["state"], &run["attempt"], &run["error"]), (&json!("SUCCEEDED"), &json!(2), &Value::Null));
    assert_eq!(outcome(&run, &failing)["succeeded"], true);
    assert_eq!(world.asked("sound"), asked_sound, "whoever succeeded is not asked again");
    assert!(world.asked("failing") > asked_failing);
    assert_eq!(dates(&world.days(&organisation, YESTERDAY, YESTERDAY).await), [YESTERDAY, YESTERDAY]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_attempts_are_used_up_the_run_is_partial_and_says_of_whom() {
    let world = World::begin().await;
    let (organisation, sound, failing) = two_channels(&world).await;
    let asked_sound = world.asked("sound");
    world.sim.fault("failing", Fault::ServerError(500), Often::Always);

    world.advance_to(NEXT_MORNING).await;
    let run = world.runs(&organisation).await[0].take();
    let run = world.until_over(&run).await;

    assert_eq!((&run["state"], &run["attempt"]), (&json!("PARTIAL"), &json!(8)));
    assert!(run["error"].as_str().is_some_and(|error| error.contains("500")), "{run:#}");
    assert_eq!(
        (&outcome(&run, &sound)["succeeded"], &outcome(&run, &failing)["succeeded"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(world.asked("sound"), asked_sound + 1);

    world.sim.clear("failing");
    let run = world.retry(id_of(&run)).await;
    assert_eq!((&run["state"], &run["trigger"]), (&json!("SUCCEEDED"), &json!("RETRY")));
    assert_eq!(world.asked("sound"), asked_sound + 1, "by hand, too, only what failed is done again");
    assert_eq!(dates(&world.days(&organisation, YESTERDAY, YESTERDAY).await), [YESTERDAY, YESTERDAY]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_whose_bsp_fails_holds_up_no_other() {
    let world = World::begin().await;
    let (broken, _) = world.shop("broken").await;
    let (sound, _) = world.shop("sound").await;
    world.sim.fault("broken", Fault::NotJson, Often::Always);

    world.advance_to(NEXT_MORNING).await;

    assert_eq!(world.runs(&broken).await[0]["state"], "RETRYING");
    assert_eq!(world.runs(&sound).await[0]["state"], "SUCCEEDED");
    assert_eq!(dates(&world.days(&sound, YESTERDAY, YESTERDAY).await), [YESTERDAY]);
}
