//! Whoever watches usage hears of every change, with the month as it stands, and goes on where it was.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::ledger::used;
use crate::support::watch::{Told, Watch, beginning};

const CHANGE: &str = "{ cursor at changed currentPeriod { totalCost totalRecords } }";

async fn watch(world: &World, token: &str, arguments: Value) -> Watch {
    Watch::begin(&world.websocket_url(), token, "usageChanged", &arguments, CHANGE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_usage_is_pushed_with_the_month_as_it_stands() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let token = world.token(Some(&shop)).await;
    let mut live = watch(&world, &token, json!({ "after": beginning() })).await;

    let at = "2026-06-05T05:00:00Z";
    let records = vec![
        used("VOICE", "minute", 0, "100", at),
        used("SMS", "message", 1, "4", at),
        used("VOICE", "minute", 2, "1", at),
    ];
    let ids = world.record(&shop, records).await;
    let first = live.next().await;
    let mut kinds: Vec<_> =
        first["changed"].as_array().expect("kinds").iter().map(|kind| kind.as_str().expect("a kind")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["SMS", "VOICE"], "each once");
    assert_eq!(first["currentPeriod"], json!({ "totalCost": "1.545", "totalRecords": 3 }));

    drop(live);
    world.record(&shop, vec![used("EMAIL", "message", 3, "10", at)]).await;
    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": ids[0] })).await;
    let mut again = watch(&world, &token, json!({ "after": first["cursor"] })).await;
    let missed = [again.next().await, again.next().await];
    assert_eq!(missed.each_ref().map(|event| &event["changed"][0]), ["EMAIL", "VOICE"]);
    assert_eq!(missed[0]["currentPeriod"], json!({ "totalCost": "0.055", "totalRecords": 3 }), "as it is now");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_usage_is_not_told() {
    let world = World::begin().await;
    let ours = world.organisation("Kirana", "Asia/Kolkata").await;
    let theirs = world.organisation("Bazaar", "Asia/Kolkata").await;
    let token = world.token(Some(&ours)).await;
    let mut own = watch(&world, &token, json!({ "after": beginning() })).await;
    let at = "2026-06-05T05:00:00Z";
    world.record(&theirs, vec![used("VOICE", "minute", 0, "100", at)]).await;
    world.record(&ours, vec![used("SMS", "message", 0, "1", at)]).await;
    assert_eq!(own.next().await["changed"], json!(["SMS"]));

    let mut foreign = watch(&world, &token, json!({ "organisationId": theirs })).await;
    let Told::Errors(errors) = foreign.told().await else { panic!("expected a refusal") };
    assert_eq!(errors[0]["extensions"]["code"], "NOT_FOUND");
}
