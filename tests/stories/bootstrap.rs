//! The welcome bootstrap: a new customer's first word has the catalogue fetched before it is needed, and nobody waits for it.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::domain::catalog::CatalogPart;
use wabacus::domain::clock::Instant;
use wabacus::sim::{CatalogFault, Often};

use crate::support::analytics::sent;
use crate::support::cache::SeenCache;
use crate::support::catalog::greeting;
use crate::support::usage::{id_of, instant};
use crate::support::{NOON, Setup, World};

const ASHA: &str = "+919800000001";
const BIMA: &str = "+919800000002";

/// Whether each part of the catalogue is kept.
async fn hits(world: &World, organisation: &str) -> Value {
    let query = "query($id: ID!) { organisation(id: $id) { catalog { categories { hit } branches { hit } } } }";
    world.ask(query, json!({ "id": organisation })).await["organisation"]["catalog"].take()
}

async fn start(world: &World, organisation: &str, phone: &str) -> Value {
    let query =
        "mutation($id: ID!, $phone: String!) { startWelcomeBootstrap(organisationId: $id, customerPhone: $phone) {
        id state trigger maxAttempts customer { phone registered } } }";
    world.ask(query, json!({ "id": organisation, "phone": phone })).await["startWelcomeBootstrap"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_word_of_a_new_customer_starts_one_run_and_the_second_none() {
    let world = Setup::at(NOON).with("TEMPLATE_WELCOME", "1001").begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["state"], &run["trigger"]), (&json!("SUCCEEDED"), &json!("EVENT")));
    assert_eq!((&run["attempt"], &run["maxAttempts"], &run["error"]), (&json!(1), &json!(3), &Value::Null));
    assert_eq!(run["customer"]["phone"], ASHA);
    assert_eq!(run["bootstrap"], json!({ "categories": 4, "branches": 2, "templates": 1, "milliseconds": 0 }));
    assert_eq!(hits(&world, &shop).await, json!({ "categories": { "hit": true }, "branches": { "hit": true } }));
    assert_eq!(world.fetched("kirana"), [1, 1]);

    world.advance(TimeDelta::minutes(10)).await;
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    assert_eq!(world.bootstraps(&shop).await.len(), 1, "she is known by now");
    world.greet(&shop, &channel, BIMA).await;
    world.settle().await;
    assert_eq!(world.bootstraps(&shop).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_word_of_the_last_day_from_somebody_unknown_starts_a_run() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    let upsert =
        "mutation($id: ID!) { upsertCustomers(organisationId: $id, customers: [{ phone: \"+919800000003\" }]) { id } }";
    world.ask(upsert, json!({ "id": shop })).await;
    let told = vec![
        sent(&channel, "to-asha", ASHA, NOON, &[]),
        greeting(&channel, BIMA, "2026-06-04T05:59:59Z"),
        greeting(&channel, "+919800000003", NOON),
    ];
    world.tell(&shop, told).await;
    // The catalogue cannot know who has no external id.
    let (nameless, own) = world.shop("nameless").await;
    world.greet(&nameless, &own, ASHA).await;
    world.settle().await;
    assert_eq!(world.bootstraps(&shop).await, Vec::<Value>::new());
    assert_eq!(world.bootstraps(&nameless).await, Vec::<Value>::new());
    world.tell(&shop, vec![greeting(&channel, "+919800000004", "2026-06-04T06:00:01Z")]).await;
    world.settle().await;
    assert_eq!(world.bootstrap(&shop).await["state"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_is_kept_and_only_the_other_is_asked_for_again() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().fault("kirana", Some(CatalogPart::Categories), CatalogFault::Status(503), Often::Times(1));
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("RETRYING"), &json!(1)));
    assert_eq!((&run["bootstrap"]["categories"], &run["bootstrap"]["branches"]), (&Value::Null, &json!(2)));
    let wait = instant(&run["nextAttemptAt"]) - world.now();
    assert!(TimeDelta::seconds(1) <= wait && wait <= TimeDelta::seconds(5), "it waits for {wait}");
    world.until_over(&run).await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["state"], &run["attempt"], &run["error"]), (&json!("SUCCEEDED"), &json!(2), &Value::Null));
    assert_eq!((&run["bootstrap"]["categories"], &run["bootstrap"]["branches"]), (&json!(4), &json!(2)));
    assert_eq!(world.fetched("kirana"), [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_three_times_leaves_the_run_partial_and_is_all_that_a_retry_asks_for() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().fault("kirana", Some(CatalogPart::Branches), CatalogFault::Garbage, Often::Always);
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.until_over(&world.bootstrap(&shop).await).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("PARTIAL"), &json!(3)));
    assert!(run["error"].as_str().is_some_and(|error| error.contains("no JSON")), "{run:#}");
    assert_eq!(world.fetched("kirana"), [1, 3]);

    world.sim.catalog().clear("kirana");
    assert_eq!(world.retry(id_of(&run)).await["state"], "SUCCEEDED");
    assert_eq!(world.fetched("kirana"), [1, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_by_hand_fetches_again_what_is_no_longer_kept() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().fault("kirana", Some(CatalogPart::Branches), CatalogFault::Status(500), Often::Times(3));
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.until_over(&world.bootstrap(&shop).await).await;
    assert_eq!(run["state"], "PARTIAL");
    world.advance(TimeDelta::minutes(3)).await;
    assert_eq!(world.retry(id_of(&run)).await["state"], "SUCCEEDED");
    assert_eq!(world.fetched("kirana"), [2, 4]);
    assert_eq!(hits(&world, &shop).await["categories"]["hit"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_failed_three_times_is_a_dead_letter() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().fault("kirana", None, CatalogFault::Status(500), Often::Always);
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.until_over(&world.bootstrap(&shop).await).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("FAILED"), &json!(3)));
    assert_eq!(world.fetched("kirana"), [3, 3]);
    world.advance(TimeDelta::hours(1)).await;
    assert_eq!(world.fetched("kirana"), [3, 3], "nobody tries again by himself");
    let dead = world.ask("{ jobRuns(kind: WELCOME_BOOTSTRAP, state: [FAILED]) { nodes { id } } }", json!({})).await;
    assert_eq!(dead["jobRuns"]["nodes"], json!([{ "id": run["id"] }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_merchant_and_a_key_that_is_refused_fail_once() {
    let world = World::begin().await;
    let (shop, channel) = world.stranger("nobody").await;
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("FAILED"), &json!(1)));
    assert_eq!(run["error"], "the catalogue knows no merchant \"nobody\"");
    assert_eq!(world.sim.catalog().strangers(), 2);

    let (nameless, _) = world.shop("nameless").await;
    start(&world, &nameless, ASHA).await;
    world.settle().await;
    let run = world.bootstrap(&nameless).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("FAILED"), &json!(1)));
    assert!(run["error"].as_str().is_some_and(|error| error.contains("external id")), "{run:#}");

    let world = Setup::at(NOON).with("CATALOG_API_KEY", "another").begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("FAILED"), &json!(1)));
    assert!(run["error"].as_str().is_some_and(|error| error.contains("401")), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_a_failed_attempt() {
    let world = Setup::at(NOON).with("CATALOG_TIMEOUT_SECONDS", "1").begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().fault("kirana", None, CatalogFault::Hang, Often::Times(2));
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("RETRYING"), &json!(1)));
    assert!(run["error"].as_str().is_some_and(|error| error.contains("did not answer in time")), "{run:#}");
    assert_eq!(world.until_over(&run).await["state"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_a_run_succeeds_all_the_same() {
    let world = Setup::at(NOON).with_cache(Arc::new(SeenCache::down())).begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().fault("kirana", Some(CatalogPart::Branches), CatalogFault::Status(502), Often::Times(1));
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    let run = world.until_over(&world.bootstrap(&shop).await).await;
    assert_eq!((&run["state"], &run["attempt"]), (&json!("SUCCEEDED"), &json!(2)));
    assert_eq!(world.fetched("kirana"), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_at_once_five_run_at_a_time_and_twenty_start_in_a_minute() {
    let world = World::begin().await;
    let mut shops = Vec::new();
    for number in 0..30 {
        shops.push(world.merchant(&format!("merchant-{number}")).await);
    }
    world.sim.catalog().hold();
    for (shop, channel) in &shops {
        world.greet(shop, channel, ASHA).await;
    }
    world.sim.catalog().reached(5).await;
    world.sim.catalog().release();
    world.settle().await;
    for (shop, _) in &shops {
        let run = world.until_over(&world.bootstrap(shop).await).await;
        assert_eq!((&run["state"], &run["attempt"], &run["error"]), (&json!("SUCCEEDED"), &json!(1), &Value::Null));
    }
    assert_eq!(world.sim.catalog().busiest(), 5);
    let started = |number: usize| world.sim.catalog().asked(&format!("merchant-{number}"))[0].1;
    let mut starts: Vec<Instant> = (0..30).map(started).collect();
    starts.sort_unstable();
    for (earlier, later) in starts.iter().zip(&starts[20..]) {
        assert!(*later - *earlier >= TimeDelta::minutes(1), "{starts:#?}");
    }
    assert!(starts[29] - starts[0] < TimeDelta::minutes(2), "nobody waits for longer than he must: {starts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_of_customers_is_recorded_whole_and_leaves_room_for_other_runs() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    world.sim.catalog().hold();
    let rush = (0..120).map(|number| greeting(&channel, &format!("+9198000{number:05}"), NOON)).collect();
    world.tell(&shop, rush).await;
    assert_eq!(world.bootstraps(&shop).await.len(), 50);
    let trigger = "mutation($id: ID!) { triggerJob(organisationId: $id, kind: DAILY_USAGE) { state } }";
    assert_eq!(world.ask(trigger, json!({ "id": shop })).await["triggerJob"]["state"], "QUEUED");
    world.sim.catalog().release();
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_by_hand_it_makes_the_customer_and_runs_once_within_three_minutes() {
    let world = World::begin().await;
    let (shop, channel) = world.merchant("kirana").await;
    let token = world.token(Some(&shop)).await;
    let own =
        "mutation { startWelcomeBootstrap(customerPhone: \"+91 98000 00001\") { id customer { phone registered } } }";
    let first = world.ask_as(&token, own, json!({})).await["data"]["startWelcomeBootstrap"].take();
    assert_eq!(first["customer"], json!({ "phone": ASHA, "registered": false }));
    world.settle().await;
    let run = world.bootstrap(&shop).await;
    assert_eq!((&run["id"], &run["state"], &run["trigger"]), (&first["id"], &json!("SUCCEEDED"), &json!("MANUAL")));

    world.advance(TimeDelta::seconds(179)).await;
    assert_eq!(start(&world, &shop, ASHA).await["id"], first["id"]);
    assert_ne!(start(&world, &shop, BIMA).await["id"], first["id"], "another customer is another run");
    world.settle().await;
    world.advance(TimeDelta::seconds(2)).await;
    let later = start(&world, &shop, ASHA).await;
    assert_eq!((&later["state"], &later["maxAttempts"]), (&json!("QUEUED"), &json!(3)));
    assert_ne!(later["id"], first["id"]);
    world.settle().await;
    world.greet(&shop, &channel, ASHA).await;
    world.settle().await;
    assert_eq!(world.bootstraps(&shop).await.len(), 3, "she was known when she wrote");
}
