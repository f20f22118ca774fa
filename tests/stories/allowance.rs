//! What an organisation may use, where that stands, and what becomes of use beyond it.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::ledger::used;
use crate::support::watch::{Told, Watch, beginning};

const FIGURES: &str = "allowance { dailyLimit dailyUsed dailyReserved dailyRemaining monthlyLimit monthlyUsed monthlyReserved \
    monthlyRemaining overage policy gracePercent kind resourceType dailyResetsAt monthlyResetsAt }";

/// An organisation's allowance, or a part of it.
pub(super) async fn allowance(world: &World, organisation: &str) -> Value {
    world.of(organisation, FIGURES).await["allowance"].take()
}

/// Used today, left today, used this month, left this month.
pub(super) fn figures(allowance: &Value) -> [Value; 4] {
    ["dailyUsed", "dailyRemaining", "monthlyUsed", "monthlyRemaining"].map(|name| allowance[name].clone())
}

/// Changes an allowance; `arguments` as they are written, after the organisation.
pub(super) async fn set(world: &World, organisation: &str, arguments: &str) -> Value {
    let query = format!(
        "mutation($id: ID!) {{ allowance: setAllowance(organisationId: $id, {arguments}) {} }}",
        FIGURES.trim_start_matches("allowance ")
    );
    world.ask(&query, json!({ "id": organisation })).await["allowance"].take()
}

fn message(number: usize, quantity: &str, at: &str) -> Value {
    used("WHATSAPP", "message", number, quantity, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_figures_are_what_is_shown() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let at = "2026-06-02T06:00:00Z";
    let free = used("WHATSAPP", "free_message", 0, "5", at);
    let call = used("VOICE", "minute", 0, "500", at);
    let may = message(1, "7", "2026-05-31T18:29:59Z");
    world.record(&shop, vec![message(0, "40", at), free, call, may]).await;
    assert_eq!(
        allowance(&world, &shop).await,
        json!({
            "dailyLimit": 1_000, "dailyUsed": 0, "dailyReserved": 0, "dailyRemaining": 1_000,
            "monthlyLimit": 30_000, "monthlyUsed": 45, "monthlyReserved": 0, "monthlyRemaining": 29_955,
            "overage": 0, "policy": "ALLOW", "gracePercent": 0, "kind": "WHATSAPP", "resourceType": "message",
            "dailyResetsAt": "2026-06-05T18:30:00.000Z", "monthlyResetsAt": "2026-06-30T18:30:00.000Z",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_anew_at_the_midnight_of_the_organisation() {
    let world = World::begin().await;
    let east = world.organisation("Kirana", "Asia/Kolkata").await;
    let west = world.organisation("Bodega", "America/New_York").await;
    for shop in [&east, &west] {
        world.record(shop, vec![message(0, "10", "2026-06-05T05:30:00Z")]).await;
    }
    let today = async |shop: &str| allowance(&world, shop).await["dailyUsed"].clone();
    assert_eq!((today(&east).await, today(&west).await), (json!(10), json!(10)));
    world.advance_to("2026-06-05T18:30:00Z").await;
    assert_eq!((today(&east).await, today(&west).await), (json!(0), json!(10)));
    world.advance_to("2026-06-06T04:00:00Z").await;
    assert_eq!((today(&east).await, today(&west).await), (json!(0), json!(0)));
    world.advance_to("2026-06-30T18:30:00Z").await;
    let month = async |shop: &str| allowance(&world, shop).await["monthlyUsed"].clone();
    assert_eq!((month(&east).await, month(&west).await), (json!(0), json!(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_beyond_a_limit_that_blocks_is_written_and_flagged() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    set(&world, &shop, "dailyLimit: 10, monthlyLimit: null, policy: BLOCK, gracePercent: 20").await;
    let at = "2026-06-05T05:30:00Z";
    let messages = (0..15).map(|number| message(number, "1", at)).collect();
    let ids = world.record(&shop, messages).await;
    let late = world.record(&shop, vec![message(20, "13", "2026-06-04T05:30:00Z"), used("SMS", "message", 0, "9", at)]);
    let late = late.await;
    let query = "query($id: ID!) { organisation(id: $id) { usageRecords(first: 100) { nodes { id overAllowance } } } }";
    let data = world.ask(query, json!({ "id": shop })).await;
    let records = data["organisation"]["usageRecords"]["nodes"].as_array().expect("a list");
    let mut over: Vec<_> = records.iter().filter(|record| record["overAllowance"] == true).collect();
    over.sort_by_key(|record| record["id"].to_string());
    let over: Vec<_> = over.iter().map(|record| record["id"].as_str().expect("an id")).collect();
    assert_eq!(
        over,
        [&ids[12], &ids[13], &ids[14], &late[0]],
        "the thirteenth and on, and a late one that is 13 at once"
    );
    let now = allowance(&world, &shop).await;
    assert_eq!(figures(&now), [json!(15), json!(0), json!(28), json!(null)]);
    assert_eq!((&now["overage"], &now["policy"]), (&json!(5), &json!("BLOCK")));

    // What is taken back makes room again.
    for id in &ids[..5] {
        let query = "mutation($id: ID!) { voidUsage(id: $id, reason: \"never sent\") { id } }";
        world.ask(query, json!({ "id": id })).await;
    }
    let ids = world.record(&shop, vec![message(30, "2", at)]).await;
    let query = "query($id: ID!) { node(id: $id) { ... on UsageRecord { overAllowance } } }";
    assert_eq!(
        world.ask(query, json!({ "id": ids[0] })).await["node"]["overAllowance"],
        false,
        "12 of 10 and 20 per cent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_stays_and_null_is_no_limit() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let limits = |allowance: &Value| [allowance["dailyLimit"].clone(), allowance["monthlyLimit"].clone()];
    let set = async |arguments: &str| set(&world, &shop, arguments).await;
    assert_eq!(limits(&set("dailyLimit: 5").await), [json!(5), json!(30_000)]);
    assert_eq!(limits(&set("monthlyLimit: null").await), [json!(5), json!(null)]);
    let blocked = set("policy: BLOCK").await;
    assert_eq!((limits(&blocked), &blocked["policy"]), ([json!(5), json!(null)], &json!("BLOCK")));
    let none = set("dailyLimit: null").await;
    assert_eq!((limits(&none), &none["dailyRemaining"]), ([json!(null), json!(null)], &json!(null)));
    assert_eq!(limits(&set("usePlanLimits: true").await), [json!(1_000), json!(30_000)]);
    assert_eq!(allowance(&world, &shop).await["policy"], "BLOCK");
    let audit = "query($id: ID!) { auditLog(organisationId: $id) { nodes { action details } } }";
    let entries = world.ask(audit, json!({ "id": shop })).await["auditLog"]["nodes"].take();
    assert_eq!(entries[0]["action"], "setAllowance");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_left_out_is_an_argument_that_is_left_out() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let query = "mutation($id: ID!, $day: Int, $month: Int, $budget: Decimal, $thresholds: [Int!]) {
        setAllowance(organisationId: $id, dailyLimit: $day, monthlyLimit: $month) { dailyLimit monthlyLimit }
        setAlerts(organisationId: $id, monthlyBudget: $budget, thresholds: $thresholds) { thresholds monthlyBudget } }";
    let all = json!({ "id": shop, "day": 5, "month": 50, "budget": "9", "thresholds": [50] });
    let set = world.ask(query, all).await;
    assert_eq!(world.ask(query, json!({ "id": shop })).await, set, "nothing was said, so nothing changed");
    let nulls = world.ask(query, json!({ "id": shop, "day": null, "budget": null })).await;
    assert_eq!(nulls["setAllowance"], json!({ "dailyLimit": null, "monthlyLimit": 50 }));
    assert_eq!(nulls["setAlerts"], json!({ "thresholds": [50], "monthlyBudget": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_may_have_an_allowance_of_its_own() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-1").await;
    let at = "2026-06-05T05:30:00Z";
    let on_channel = |number| {
        let mut record = message(number, "3", at);
        record["channelId"] = json!(channel);
        record
    };
    world.record(&shop, vec![on_channel(0), message(1, "10", at)]).await;
    let own = async || {
        let mut channels = world.of(&shop, &format!("channels {{ {FIGURES} }}")).await;
        channels["channels"][0]["allowance"].take()
    };
    assert_eq!(own().await, Value::Null);
    set(&world, &shop, &format!("channelId: \"{channel}\", dailyLimit: 5")).await;
    assert_eq!(
        figures(&own().await),
        [json!(3), json!(2), json!(3), json!(null)],
        "what was used before it had one counts"
    );
    world.record(&shop, vec![on_channel(2)]).await;
    let now = own().await;
    assert_eq!((figures(&now), &now["overage"]), ([json!(6), json!(0), json!(6), json!(null)], &json!(1)));
    assert_eq!(allowance(&world, &shop).await["dailyUsed"], 16);
    let refused = world
        .refused(
            "mutation($id: ID!, $channel: ID!) { reserveAllowance(organisationId: $id, channelId: $channel, quantity: 1) { id } }",
            json!({ "id": world.shop("app-2").await.0, "channel": channel }),
        )
        .await;
    assert_eq!(refused.0, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_hears_of_every_change_and_goes_on_where_it_was() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let other = world.organisation("Bazaar", "Asia/Kolkata").await;
    let token = world.token(Some(&shop)).await;
    let selection = format!("{{ cursor at {FIGURES} }}");
    let watch = async |after: Value| {
        let arguments = json!({ "after": after });
        Watch::begin(&world.websocket_url(), &token, "allowanceChanged", &arguments, &selection).await
    };
    let mut live = watch(json!(beginning())).await;
    let at = "2026-06-05T05:30:00Z";
    world.record(&other, vec![message(0, "4", at)]).await;
    world.record(&shop, vec![used("VOICE", "minute", 0, "100", at)]).await;
    world.record(&shop, vec![message(0, "1", at), message(1, "1", at)]).await;
    let first = live.next().await;
    assert_eq!(first["allowance"]["dailyUsed"], 2, "only what counts is told, once for a transaction");

    drop(live);
    set(&world, &shop, "dailyLimit: 50").await;
    let query = "mutation($id: ID!) { assignPlan(organisationId: $id, planCode: \"starter\") { id } }";
    world.ask(query, json!({ "id": shop })).await;
    world
        .ask("mutation($id: ID!) { reserveAllowance(organisationId: $id, quantity: 8) { id } }", json!({ "id": shop }))
        .await;
    let mut again = watch(first["cursor"].clone()).await;
    for _ in 0..3 {
        let missed = again.next().await;
        let now = [&missed["allowance"]["dailyLimit"], &missed["allowance"]["dailyReserved"]];
        assert_eq!(now, [&json!(50), &json!(8)], "as it is now");
    }
    let arguments = json!({ "organisationId": other });
    let mut foreign = Watch::begin(&world.websocket_url(), &token, "allowanceChanged", &arguments, "{ cursor }").await;
    let Told::Errors(errors) = foreign.told().await else { panic!("expected a refusal") };
    assert!(["NOT_FOUND", "FORBIDDEN"].contains(&errors[0]["extensions"]["code"].as_str().expect("a code")));
}
