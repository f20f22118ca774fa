//! A long range of past days is pulled in spans, with progress that whoever follows the run sees.

use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::domain::event::Fact;
use wabacus::sim::{Fault, Often};

use crate::support::World;
use crate::support::usage::dates;

/// What is shown of a long range: less than a story about one week asks for.
async fn long_range(world: &World, organisation: &str, from: &str, to: &str) -> Vec<Value> {
    let query = "query($id: ID!, $from: Date!, $to: Date!) { organisation(id: $id) {
        dailyUsage(from: $from, to: $to) { date unit counts { total } } } }";
    let data = world.ask(query, json!({ "id": organisation, "from": from, "to": to })).await;
    data["organisation"]["dailyUsage"].as_array().expect("a list of days").clone()
}

/// How far the run said that it had come, in the order of the events, each once.
async fn progress(world: &World, organisation: &str, run: &Value) -> Vec<(i64, i64)> {
    let mut told = Vec::new();
    for fact in world.facts_of(organisation, run).await {
        if let Fact::JobRunChanged { run } = fact {
            told.extend(run.progress.map(|progress| (progress.done, progress.total)));
        }
    }
    told.dedup();
    told
}

async fn interakt_shop(world: &World) -> String {
    let organisation = world.organisation("Toko", "Asia/Kolkata").await;
    world.channel(&organisation, BspKind::Interakt, "waba-1", "Asia/Kolkata").await;
    world.settle().await;
    organisation
}

#[tokio::test(flavor = "multi_thread")]
async fn nearly_a_year_is_pulled_in_spans_across_the_day_on_which_meta_changed_what_it_counts() {
    let world = World::begin().await;
    let organisation = interakt_shop(&world).await;
    let asked = world.asked("waba-1");

    let run = world.backfill(&organisation, "2025-06-20", "2026-06-04").await;

    assert_eq!((&run["state"], &run["kind"], &run["error"]), (&json!("SUCCEEDED"), &json!("BACKFILL"), &Value::Null));
    assert_eq!((&run["from"], &run["to"]), (&json!("2025-06-20"), &json!("2026-06-04")));
    assert_eq!(run["progress"], json!({ "done": 350, "total": 350 }));
    let steps = progress(&world, &organisation, &run).await;
    assert_eq!(steps, [(90, 350), (180, 350), (270, 350), (350, 350)]);
    let requests = world.sim.requests("waba-1").split_off(asked);
    let fields: Vec<_> = requests.iter().map(|request| request.query.split('.').next().unwrap_or_default()).collect();
    let asks = |field: &str| fields.iter().filter(|asked| asked.contains(field)).count();
    assert_eq!((asks("conversation_analytics"), asks("pricing_analytics")), (1, 4), "{fields:?}");

    let days = long_range(&world, &organisation, "2025-06-20", "2026-06-04").await;
    assert_eq!(days.len(), 350, "no day is missing");
    for day in &days {
        let date = day["date"].as_str().expect("a date");
        let unit = if date < "2025-07-01" { "CONVERSATION" } else { "MESSAGE" };
        assert_eq!(day["unit"], unit, "{date}");
        assert_eq!(day["counts"]["total"], world.said("waba-1", date), "{date}");
    }
    for month in world.months(&organisation, "2025-06", "2026-06").await {
        let name = month["month"].as_str().expect("a month");
        let days = days.iter().filter(|day| day["date"].as_str().is_some_and(|date| date.starts_with(name)));
        let total: i64 = days.map(|day| day["counts"]["total"].as_i64().expect("a count")).sum();
        assert_eq!(month["counts"]["total"], total, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pulled_before_a_backfill_is_held_up_is_there_and_the_rest_follows() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let asked = world.asked("app-1");
    // The first pull was one request of this minute, two spans are two more, and the third is one too many.
    world.sim.limit("app-1", Some(asked + 2));

    let run = world.backfill(&organisation, "2026-02-15", "2026-05-27").await;

    assert_eq!((&run["state"], &run["attempt"]), (&json!("RETRYING"), &json!(0)), "{run:#}");
    assert_eq!(run["progress"], json!({ "done": 60, "total": 102 }));
    let days = long_range(&world, &organisation, "2026-02-15", "2026-05-27").await;
    assert_eq!((days.len(), dates(&days)[0], dates(&days)[59]), (60, "2026-02-15", "2026-04-15"), "two whole spans");

    world.sim.limit("app-1", None);
    let run = world.until_over(&run).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(run["progress"], json!({ "done": 102, "total": 102 }));
    assert_eq!(long_range(&world, &organisation, "2026-02-15", "2026-05-27").await.len(), 102);
    let query = "query($id: ID!) { organisation(id: $id) {
        dailyUsage(from: \"2026-02-15\", to: \"2026-05-27\") { revision } } }";
    let data = world.ask(query, json!({ "id": organisation })).await;
    let revisions = data["organisation"]["dailyUsage"].as_array().expect("a list of days");
    assert!(revisions.iter().all(|day| day["revision"] == 0), "what was pulled twice is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_begin_off_midnight_are_flagged_and_nothing_of_them_is_written() {
    let world = World::begin().await;
    let organisation = interakt_shop(&world).await;
    let before = world.days(&organisation, "2026-05-20", "2026-06-04").await;
    let months = world.months(&organisation, "2026-05", "2026-06").await;
    world.sim.fault("waba-1", Fault::OffMidnight, Often::Always);

    let run = world.backfill(&organisation, "2026-05-20", "2026-06-04").await;

    assert_eq!((&run["state"], &run["attempt"]), (&json!("FAILED"), &json!(1)), "asking again would change nothing");
    let error = run["error"].as_str().expect("what went wrong");
    assert!(error.contains("no day from midnight to midnight in Asia/Kolkata"), "{error}");
    assert_eq!(world.days(&organisation, "2026-05-20", "2026-06-04").await, before);
    assert_eq!(world.months(&organisation, "2026-05", "2026-06").await, months);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_the_bsp_has_forgotten_are_refused_before_anything_is_asked() {
    let world = World::begin().await;
    let (organisation, channel) = world.shop("app-1").await;
    let asked = world.asked("app-1");

    let run = world.backfill(&organisation, "2025-06-04", "2025-06-30").await;

    assert_eq!(run["state"], "FAILED");
    assert!(run["error"].as_str().is_some_and(|error| error.contains("earliest day is 2025-06-05")), "{run:#}");
    assert_eq!(world.asked("app-1"), asked);
    assert_eq!(world.channel_status(&channel).await.0, "ACTIVE", "the channel itself is sound");
    let run = world.backfill(&organisation, "2025-06-05", "2025-06-30").await;
    assert_eq!(run["state"], "SUCCEEDED", "{run:#}");
}
