//! The merchants' catalogue read through the cache: asked once for a while, once for all who ask together, and never in the way of the rest.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::{Value, json};
use wabacus::domain::catalog::CatalogPart;
use wabacus::sim::{CatalogFault, Often};

use crate::support::cache::SeenCache;
use crate::support::{NOON, Setup, World};

const CATALOG: &str = "query($id: ID!) { organisation(id: $id) { name catalog { unavailable
    categories { hit fetchedAt items { id name data } } branches { hit fetchedAt items { id name data } } templates { name id } } } }";

async fn catalog(world: &World, organisation: &str) -> Value {
    world.ask(CATALOG, json!({ "id": organisation })).await["organisation"]["catalog"].take()
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("items").iter().filter_map(|item| item["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_kept_for_three_minutes_or_until_it_is_dropped() {
    let setup = Setup::at(NOON).with("TEMPLATE_WELCOME", "1001").with("TEMPLATE_MENU", "1002");
    let world = setup.begin().await;
    let (shop, _) = world.merchant("kirana").await;
    let first = catalog(&world, &shop).await;
    assert_eq!(names(&first["categories"]), ["Breakfast", "Dosas", "Sweets", "Drinks"]);
    assert_eq!((&first["categories"]["hit"], &first["branches"]["hit"]), (&json!(false), &json!(false)));
    assert_eq!(
        first["branches"]["items"][1],
        json!({ "id": "kirana-2", "name": "Station Road",
            "data": { "id": "kirana-2", "name": "Station Road", "phone": "+919800000100" } })
    );
    assert_eq!(first["categories"]["items"][0]["id"], "1", "a number is an id as well");
    assert_eq!(first["templates"], json!([{ "name": "MENU", "id": "1002" }, { "name": "WELCOME", "id": "1001" }]));
    assert_eq!(first["unavailable"], Value::Null);

    world.advance(TimeDelta::seconds(179)).await;
    let second = catalog(&world, &shop).await;
    assert_eq!(second["categories"]["hit"], true);
    assert_eq!(second["categories"]["fetchedAt"], "2026-06-05T06:00:00.000Z");
    assert_eq!(second["categories"]["items"], first["categories"]["items"]);
    assert_eq!(world.fetched("kirana"), [1, 1]);

    world.advance(TimeDelta::seconds(1)).await;
    assert_eq!(catalog(&world, &shop).await["branches"]["hit"], false, "its time is over");
    assert_eq!(world.fetched("kirana"), [2, 2]);
    let drop = "mutation($id: ID!) { invalidateCache(organisationId: $id) }";
    assert_eq!(world.ask(drop, json!({ "id": shop })).await["invalidateCache"], 2);
    assert_eq!(catalog(&world, &shop).await["branches"]["hit"], false, "it was dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_ask_together_make_one_request() {
    let world = World::begin().await;
    let (shop, _) = world.merchant("kirana").await;
    world.sim.catalog().hold();
    let asking = join_all((0..50).map(|_| catalog(&world, &shop)));
    let release = async {
        world.sim.catalog().reached(1).await;
        world.sim.catalog().release();
    };
    let (answers, ()) = tokio::join!(asking, release);
    assert!(answers.iter().all(|answer| names(&answer["categories"]).len() == 4));
    assert_eq!(world.fetched("kirana"), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_is_a_list_of_one_and_json_may_be_labelled_as_plain_text() {
    let world = World::begin().await;
    let (shop, _) = world.merchant("odd/kirana 100%").await;
    let odd = |part, fault| world.sim.catalog().fault("odd/kirana 100%", Some(part), fault, Often::Always);
    odd(CatalogPart::Categories, CatalogFault::OneObject);
    odd(CatalogPart::Branches, CatalogFault::TextPlain);
    let shown = catalog(&world, &shop).await;
    assert_eq!(names(&shown["categories"]), ["Breakfast"]);
    assert_eq!(names(&shown["branches"]), ["Market Street", "Station Road"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_is_an_error_of_its_field_and_the_others_stand() {
    let world = Setup::at(NOON).with("CATALOG_TIMEOUT_SECONDS", "1").begin().await;
    let (shop, _) = world.merchant("kirana").await;
    for (fault, says) in [
        (CatalogFault::Status(503), "503"),
        (CatalogFault::Status(429), "429"),
        (CatalogFault::Status(404), "no merchant"),
        (CatalogFault::Garbage, "no JSON"),
        (CatalogFault::RedirectElsewhere, "302"),
        (CatalogFault::HugeBody { bytes: 8 * 1024 * 1024 }, "more than"),
        (CatalogFault::Hang, "did not answer in time"),
    ] {
        world.sim.catalog().fault("kirana", Some(CatalogPart::Categories), fault, Often::Times(1));
        let answer = world.ask_as(&world.admin, CATALOG, json!({ "id": shop })).await;
        let errors = answer["errors"].as_array().expect("an error");
        assert_eq!(errors.len(), 1, "{answer:#}");
        assert_eq!(errors[0]["extensions"]["code"], "UPSTREAM");
        assert_eq!(errors[0]["path"], json!(["organisation", "catalog", "categories"]));
        assert!(errors[0]["message"].as_str().is_some_and(|message| message.contains(says)), "{errors:#?}");
        let shown = &answer["data"]["organisation"];
        assert_eq!((&shown["name"], &shown["catalog"]["categories"]), (&json!("kirana"), &Value::Null));
        assert_eq!(names(&shown["catalog"]["branches"]).len(), 2);
    }
    assert_eq!(names(&catalog(&world, &shop).await["categories"]).len(), 4, "what failed was not kept");
    assert_eq!(world.fetched("kirana"), [8, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_catalogue_is_told_why_and_nobody_is_asked() {
    let world = Setup::at(NOON).with("CATALOG_API_BASE", "").begin().await;
    let (shop, _) = world.merchant("kirana").await;
    let shown = catalog(&world, &shop).await;
    assert!(shown["unavailable"].as_str().is_some_and(|why| why.contains("CATALOG_API_BASE")), "{shown:#}");
    assert_eq!((&shown["categories"], &shown["templates"]), (&Value::Null, &json!([])));
    let start =
        "mutation($id: ID!) { startWelcomeBootstrap(organisationId: $id, customerPhone: \"+919800000001\") { id } }";
    let answer = world.ask_as(&world.admin, start, json!({ "id": shop })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONFLICT");
    assert!(answer["errors"][0]["message"].as_str().is_some_and(|message| message.contains("CATALOG_API_BASE")));

    let world = World::begin().await;
    let (nameless, _) = world.shop("nameless").await;
    let shown = catalog(&world, &nameless).await;
    assert!(shown["unavailable"].as_str().is_some_and(|why| why.contains("external id")), "{shown:#}");
    assert_eq!(world.sim.catalog().strangers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_the_catalogue_is_asked_each_time() {
    let cache = Arc::new(SeenCache::down());
    let world = Setup::at(NOON).with_cache(cache).begin().await;
    let (shop, _) = world.merchant("kirana").await;
    for times in 1..=3 {
        let shown = catalog(&world, &shop).await;
        assert_eq!((names(&shown["branches"]).len(), &shown["branches"]["hit"]), (2, &json!(false)));
        assert_eq!(world.fetched("kirana"), [times, times]);
    }
}
