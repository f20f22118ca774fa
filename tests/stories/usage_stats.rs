//! Statistics of usage: every day and hour, who used most, and how the month stands against those before.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::ledger::used;

const STATS: &str = "query($id: ID!, $from: Date!, $to: Date!, $top: Int) { organisation(id: $id) {
    usageStats(from: $from, to: $to, top: $top) { totalCost totalRecords averageDailyCost growth peakHour busiestDay
        daily { date cost records } hourly { hour cost records } monthly { month cost records }
        topCustomers { customer { phone } cost records } topCustomersByCount { customer { phone } records } }
    usageSummaries(from: $from, to: $to) { date kind resourceType quantity cost records } } }";

async fn ask(world: &World, organisation: &str, from: &str, to: &str) -> Value {
    world.ask(STATS, json!({ "id": organisation, "from": from, "to": to })).await["organisation"].take()
}

fn money(value: &Value) -> wabacus::domain::money::Money {
    wabacus::domain::money::Money::parse(value.as_str().expect("an amount")).expect("an amount")
}

/// What the points of a list come to together.
fn sum(points: &Value) -> (wabacus::domain::money::Money, i64) {
    let points = points.as_array().expect("a list");
    let costs = wabacus::domain::money::Money::sum(points.iter().map(|point| money(&point["cost"])));
    (costs.expect("a sum"), points.iter().map(|point| point["records"].as_i64().expect("a count")).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_is_compared_with_those_before() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let messages = |count, at| (0..count).map(move |number| used("WHATSAPP", "message", number, "1", at));
    world.record(&shop, messages(25, "2026-06-03T04:00:00Z").collect()).await;
    world.record(&shop, messages(19, "2026-05-20T15:00:00Z").collect()).await;

    let answer = ask(&world, &shop, "2026-06-01", "2026-06-30").await;
    let stats = &answer["usageStats"];
    assert_eq!((&stats["totalCost"], &stats["totalRecords"]), (&json!("0.125"), &json!(25)));
    assert_eq!((&stats["growth"], &stats["averageDailyCost"]), (&json!("31.58"), &json!("0.004166667")));
    assert_eq!((&stats["peakHour"], &stats["busiestDay"]), (&json!(9), &json!("2026-06-03")), "09:30 in Kolkata");
    let month = |month: &str, cost: &str, records: i64| json!({ "month": month, "cost": cost, "records": records });
    let months = [month("2026-06", "0.125", 25), month("2026-05", "0.095", 19), month("2026-04", "0", 0)];
    assert_eq!(stats["monthly"].as_array().expect("months")[..3], months);
    assert_eq!(stats["monthly"][3]["month"], "2026-03");
    for (list, length) in [("daily", 30), ("hourly", 24)] {
        assert_eq!(stats[list].as_array().map(Vec::len), Some(length), "zeros included");
        assert_eq!(sum(&stats[list]), (money(&json!("0.125")), 25));
    }
    assert_eq!(stats["daily"][2], json!({ "date": "2026-06-03", "cost": "0.125", "records": 25 }));

    let fields = "usageSummary { today { cost records } thisMonth { cost records } lastMonth { cost records } }";
    assert_eq!(
        world.of(&shop, fields).await["usageSummary"],
        json!({
            "today": { "cost": "0", "records": 0 }, "thisMonth": { "cost": "0.125", "records": 25 },
            "lastMonth": { "cost": "0.095", "records": 19 },
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_usage_there_is_no_peak_and_no_growth() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let answer = ask(&world, &shop, "2026-06-05", "2026-06-05").await;
    let stats = &answer["usageStats"];
    assert_eq!((&stats["peakHour"], &stats["busiestDay"], &stats["growth"]), (&json!(null), &json!(null), &json!("0")));
    assert_eq!((&stats["topCustomers"], &answer["usageSummaries"]), (&json!([]), &json!([])));
    assert_eq!(stats["daily"], json!([{ "date": "2026-06-05", "cost": "0", "records": 0 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_in_the_day_that_it_corrects() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let records = (0..3).map(|number| used("VOICE", "minute", number, "10", "2026-06-02T06:00:00Z"));
    let ids = world.record(&shop, records.collect()).await;
    let amend = "mutation($id: ID!) { amendUsage(id: $id, quantity: \"4\", reason: \"cut off\") { id } }";
    world.ask(amend, json!({ "id": ids[0] })).await;
    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": ids[1] })).await;

    let answer = ask(&world, &shop, "2026-06-01", "2026-06-05").await;
    let line = json!({ "date": "2026-06-02", "kind": "VOICE", "resourceType": "minute", "quantity": "14", "cost": "0.21", "records": 2 });
    assert_eq!(answer["usageSummaries"], json!([line]));
    assert_eq!(answer["usageStats"]["daily"][1], json!({ "date": "2026-06-02", "cost": "0.21", "records": 2 }));

    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": ids[0] })).await;
    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": ids[2] })).await;
    let answer = ask(&world, &shop, "2026-06-01", "2026-06-05").await;
    assert_eq!((&answer["usageSummaries"], &answer["usageStats"]["busiestDay"]), (&json!([]), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_ranked_by_cost_and_by_count() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let query = "mutation($id: ID, $customers: [CustomerInput!]!) { upsertCustomers(organisationId: $id, customers: $customers) { id } }";
    let people: Vec<_> = (1..=3).map(|number| json!({ "phone": format!("+91980000000{number}") })).collect();
    let made = world.ask(query, json!({ "id": shop, "customers": people })).await;
    let of = |place: usize, mut record: Value| {
        record["customerId"] = made["upsertCustomers"][place]["id"].clone();
        record
    };
    let at = "2026-06-02T06:00:00Z";
    let mut records = vec![of(0, used("VOICE", "minute", 0, "100", at))];
    records.extend((0..5).map(|number| of(1, used("SMS", "message", number, "1", at))));
    records.extend((5..8).map(|number| of(2, used("SMS", "mms", number, "1", at))));
    records.push(used("SMS", "mms", 9, "1", at));
    world.record(&shop, records).await;

    let variables = json!({ "id": shop, "from": "2026-06-01", "to": "2026-06-05", "top": 2 });
    let stats = world.ask(STATS, variables).await["organisation"]["usageStats"].take();
    let of = |phone: &str| json!({ "phone": phone });
    assert_eq!(
        stats["topCustomers"],
        json!([
            { "customer": of("+919800000001"), "cost": "1.5", "records": 1 },
            { "customer": of("+919800000003"), "cost": "0.06", "records": 3 },
        ])
    );
    let by_count = json!([
        { "customer": of("+919800000002"), "records": 5 }, { "customer": of("+919800000003"), "records": 3 },
    ]);
    assert_eq!(stats["topCustomersByCount"], by_count);
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_are_charged_where_they_are_reached_and_come_to_the_month() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let publish = "mutation($rates: [RateInput!]!) { publishRates(planCode: \"free-trial\", rates: $rates) { id } }";
    let graduated = json!({
        "kind": "WHATSAPP", "resourceType": "message", "effectiveFrom": "2026-05-01", "model": "GRADUATED",
        "tiers": [{ "upTo": "10", "unitPrice": "0.02", "flatFee": "1" }, { "unitPrice": "0.01" }],
    });
    let package = json!({
        "kind": "LLM", "resourceType": "response", "effectiveFrom": "2026-05-01", "model": "PACKAGE",
        "tiers": [{ "upTo": "4", "unitPrice": "0", "flatFee": "0.3" }],
    });
    world.ask(publish, json!({ "rates": [graduated, package] })).await;
    let mut records = vec![
        // Later days first: what is shown does not depend on what came first.
        used("WHATSAPP", "message", 1, "8", "2026-06-04T06:00:00Z"),
        used("WHATSAPP", "message", 2, "7", "2026-06-02T06:00:00Z"),
        used("WHATSAPP", "message", 3, "5", "2026-05-20T06:00:00Z"),
        used("VOICE", "minute", 4, "10", "2026-06-04T06:00:00Z"),
    ];
    records.extend((5..11).map(|number| used("LLM", "response", number, "1", "2026-06-03T06:00:00Z")));
    world.record(&shop, records).await;

    // Messages: 7 for 1 and 7 x 0.02; then 3 x 0.02 and 5 x 0.01. Responses: two packages. Minutes: 0.15.
    let answer = ask(&world, &shop, "2026-06-02", "2026-06-05").await;
    let stats = &answer["usageStats"];
    let costs: Vec<_> =
        stats["daily"].as_array().expect("days").iter().map(|day| day["cost"].as_str().expect("a cost")).collect();
    assert_eq!(costs, ["1.14", "0.6", "0.26", "0"]);
    assert_eq!((&stats["totalCost"], &stats["monthly"][0]["cost"]), (&json!("2"), &json!("2")));
    assert_eq!((&stats["monthly"][1]["cost"], sum(&stats["hourly"]).0), (&json!("1.1"), money(&json!("2"))));
    assert_eq!(sum(&answer["usageSummaries"]), (money(&json!("2")), 9));
    let period =
        world.of(&shop, "currentPeriod { totalCost } usageSummary { today { cost } thisMonth { cost } }").await;
    assert_eq!(period["currentPeriod"]["totalCost"], "2");
    assert_eq!(period["usageSummary"], json!({ "today": { "cost": "0" }, "thisMonth": { "cost": "2" } }));

    // A day in the middle is charged as what came before it leaves it.
    let answer = ask(&world, &shop, "2026-06-04", "2026-06-04").await;
    assert_eq!(answer["usageStats"]["totalCost"], "0.26");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_question_is_refused_by_its_field() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    for (from, to, top, field) in [
        ("2025-05-01", "2026-06-05", 10, "from"),
        ("2026-06-06", "2026-06-05", 10, "from"),
        ("2026-06-31", "2026-06-05", 10, "from"),
        ("2026-06-01", "today", 10, "to"),
        ("2026-06-01", "2026-06-05", 0, "top"),
        ("2026-06-01", "2026-06-05", 101, "top"),
    ] {
        let refused = world.refused(STATS, json!({ "id": shop, "from": from, "to": to, "top": top })).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some(field.to_owned())), "{from} {to} {top}");
    }
}
