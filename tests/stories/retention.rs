//! Retention removes old payloads and old runs, and keeps the usage.

use serde_json::{Value, json};
use wabacus::domain::event::{Cursor, Log};
use wabacus::sim::{Fault, Often};

use crate::support::usage::id_of;
use crate::support::watch::{Told, Watch, beginning, beginning_of_all};
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
        .with("RETENTION_EVENTS_DAYS", "keep")
        .begin()
        .await;
    let (organisation, _) = world.shop("app-1").await;
    let first = world.runs(&organisation).await[0].take();
    let kept = source(&world, &organisation, FIRST).await;

    world.advance_to("2027-06-05T22:00:00Z").await;

    assert_eq!(world.run(id_of(&first)).await["state"], "SUCCEEDED");
    assert_eq!(source(&world, &organisation, FIRST).await, kept);
    let arguments = json!({ "organisationId": organisation, "after": beginning() });
    let told = Watch::begin(&world.websocket_url(), &world.admin, "jobRunChanged", &arguments, RUNS).await.next().await;
    assert_eq!(told["jobRun"]["state"], "QUEUED", "the very first event");
}

const RUNS: &str = "{ cursor jobRun { id state } }";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_after_events_were_deleted_is_told_so_instead_of_being_given_a_hole() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let watch = async |arguments: Value| {
        Watch::begin(&world.websocket_url(), &world.admin, "jobRunChanged", &arguments, RUNS).await
    };
    let first = watch(json!({ "organisationId": organisation, "after": beginning() })).await.next().await;
    let first_of_all = watch(json!({ "after": beginning_of_all() })).await.next().await;

    world.advance_to("2026-07-05T22:00:00Z").await;

    for (cursor, arguments) in [
        ("the beginning", json!({ "organisationId": organisation, "after": beginning() })),
        ("an old event", json!({ "organisationId": organisation, "after": first["cursor"] })),
        ("the beginning of all", json!({ "after": beginning_of_all() })),
        ("an old event of all", json!({ "after": first_of_all["cursor"] })),
    ] {
        let Told::Errors(errors) = watch(arguments).await.told().await else { panic!("{cursor}: a refusal") };
        let extensions = &errors[0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["field"]),
            (&json!("BAD_USER_INPUT"), &json!("after")),
            "{cursor}"
        );
    }
    // From the oldest one that is kept the log is whole.
    let run = world.pull_day(&organisation, "2026-07-05").await;
    let mut from_now_on =
        watch(json!({ "organisationId": organisation, "after": last_cursor(&world, &organisation).await })).await;
    let next = world.pull_day(&organisation, "2026-07-04").await;
    let told = from_now_on.next().await;
    assert_eq!(told["jobRun"]["id"], next["id"]);
    assert_ne!(told["jobRun"]["id"], run["id"]);
}

/// The cursor of an organisation's newest event.
async fn last_cursor(world: &World, organisation: &str) -> String {
    let id = wabacus::domain::id::OrganisationId::parse("id", organisation).expect("an organisation's id");
    let options = wabacus::store::Options { url: world.database().to_owned(), ..wabacus::store::Options::default() };
    let store = wabacus::store::Store::open(&options).await.expect("the story's database");
    let after = wabacus::store::event::last_sequence(store.read(), id).await.expect("a number");
    Cursor { log: Log::Organisation, after }.to_string()
}
