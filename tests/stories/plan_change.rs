//! Prices and plans change in the middle of a month: what is recorded keeps its price, and a plan can be tried before it is given.

use serde_json::{Value, json};

use super::ledger::record;
use crate::support::World;

const PUBLISH: &str =
    "mutation($plan: String!, $rates: [RateInput!]!) { publishRates(planCode: $plan, rates: $rates) { code } }";

const ASSIGN: &str =
    "mutation($id: ID!, $plan: String!) { assignPlan(organisationId: $id, planCode: $plan) { planCode } }";

const PREVIEW: &str = "month currency difference
    current { plan { code } monthlyFee usage includedCredit total unpricedRecords }
    proposed { plan { code } monthlyFee usage includedCredit total unpricedRecords }
    lines { kind resourceType category country quantity records currentAmount proposedAmount difference }";

async fn publish(world: &World, plan: &str, rates: Value) {
    world.ask(PUBLISH, json!({ "plan": plan, "rates": rates })).await;
}

/// What each of the records costs, as it is recorded.
async fn costs(world: &World, organisation: &str, records: Value) -> Vec<Value> {
    let results = record(world, organisation, records).await;
    assert!(results.iter().all(|result| result["outcome"] == "RECORDED"), "{results:#?}");
    results.iter().map(|result| result["record"]["cost"].clone()).collect()
}

fn sms(id: &str, at: &str) -> Value {
    json!({ "kind": "SMS", "resourceType": "message", "resourceId": id, "occurredAt": at })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raise_in_the_middle_of_a_month_holds_from_its_local_day_on() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let before = costs(&world, &shop, json!([sms("early", "2026-06-04T06:00:00Z")])).await;
    assert_eq!(before, ["0.0075"]);

    let raise =
        json!([{ "kind": "SMS", "resourceType": "message", "effectiveFrom": "2026-06-03", "unitPrice": "0.009" }]);
    publish(&world, "free-trial", raise).await;
    // Midnight in Kolkata is half past six in the evening of UTC.
    let records = json!([sms("last", "2026-06-02T18:29:59.999Z"), sms("first", "2026-06-02T18:30:00Z")]);
    assert_eq!(costs(&world, &shop, records).await, ["0.0075", "0.009"]);

    let query = "query($id: ID!) { organisation(id: $id) { currentPeriod { totalCost totalRecords } usageRecords { nodes { resourceId cost } } } }";
    let data = world.ask(query, json!({ "id": shop })).await;
    assert_eq!(data["organisation"]["currentPeriod"], json!({ "totalCost": "0.024", "totalRecords": 3 }));
    let kept = &data["organisation"]["usageRecords"]["nodes"][0];
    assert_eq!(*kept, json!({ "resourceId": "early", "cost": "0.0075" }), "what was recorded keeps its price");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_specific_rate_prices_a_record_and_one_without_a_rate_waits_for_it() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let csv = "kind,resource_type,category,country,effective_from,unit_price\n\
               WHATSAPP,message,MARKETING,,2026-06-01,0.06\n\
               WHATSAPP,message,MARKETING,IN,2026-06-01,0.0107\n\
               WHATSAPP,message,,BR,2026-06-01,0.03\n";
    let query = "mutation($csv: String!) { publishRatesCsv(planCode: \"free-trial\", csv: $csv) { added } }";
    world.ask(query, json!({ "csv": csv })).await;
    let message = |id: &str, category: Option<&str>, country: Option<&str>| json!({ "kind": "WHATSAPP", "resourceType": "message", "resourceId": id, "category": category, "country": country });
    let records = json!([
        message("1", Some("MARKETING"), Some("IN")),
        message("2", Some("MARKETING"), Some("BR")),
        message("3", Some("UTILITY"), Some("BR")),
        message("4", Some("UTILITY"), Some("IN")),
        message("5", None, None),
        { "kind": "SOCIAL", "resourceType": "post", "resourceId": "6" },
    ]);
    let told = costs(&world, &shop, records).await;
    let expected = json!(["0.0107", "0.06", "0.03", "0.005", "0.005", null]);
    assert_eq!(json!(told), expected);

    let rate =
        json!([{ "kind": "SOCIAL", "resourceType": "post", "effectiveFrom": "2026-06-01", "unitPrice": "0.25" }]);
    publish(&world, "free-trial", rate).await;
    let reprice = "mutation($id: ID!) { repriceUsage(organisationId: $id) { priced unpriced } }";
    let data = world.ask(reprice, json!({ "id": shop })).await;
    assert_eq!(data["repriceUsage"], json!({ "priced": 1, "unpriced": 0 }));
    let query = "query($id: ID!) { organisation(id: $id) { currentPeriod { totalCost } } }";
    let data = world.ask(query, json!({ "id": shop })).await;
    assert_eq!(data["organisation"]["currentPeriod"]["totalCost"], "0.3607");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plan_prices_the_days_from_its_own_on() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let rate =
        json!([{ "kind": "SMS", "resourceType": "message", "effectiveFrom": "2026-01-01", "unitPrice": "0.002" }]);
    publish(&world, "enterprise", rate).await;
    world.advance_to("2026-06-08T06:00:00Z").await;
    assert_eq!(costs(&world, &shop, json!([sms("before", "2026-06-08T05:00:00Z")])).await, ["0.0075"]);

    world.ask(ASSIGN, json!({ "id": shop, "plan": "enterprise" })).await;
    let records = json!([
        sms("late", "2026-06-07T18:29:59.999Z"),
        sms("today", "2026-06-07T18:30:00Z"),
        sms("now", "2026-06-08T06:00:00Z"),
    ]);
    assert_eq!(costs(&world, &shop, records).await, ["0.0075", "0.002", "0.002"]);
    let query = "query($id: ID!) { organisation(id: $id) { planCode plan { includedCredit } credits { balance } } }";
    let data = world.ask(query, json!({ "id": shop })).await;
    let expected =
        json!({ "planCode": "enterprise", "plan": { "includedCredit": "200" }, "credits": { "balance": "200" } });
    assert_eq!(data["organisation"], expected, "the month's credit is that of the plan now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_tried_under_another_plan() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let tiers = json!([{ "upTo": "100", "unitPrice": "0.002" }, { "unitPrice": "0.001" }]);
    let rates = json!([
        { "kind": "EMAIL", "resourceType": "message", "effectiveFrom": "2026-06-01", "model": "GRADUATED", "tiers": tiers },
        { "kind": "VOICE", "resourceType": "minute", "effectiveFrom": "2026-06-03", "unitPrice": "0.01" },
    ]);
    publish(&world, "starter", rates).await;
    let used = |kind: &str, resource: &str, id: &str, quantity: &str, day: u32| {
        json!({ "kind": kind, "resourceType": resource, "resourceId": id, "quantity": quantity,
            "occurredAt": format!("2026-06-0{day}T06:00:00Z") })
    };
    let records = json!([
        used("VOICE", "minute", "1", "300", 2),
        used("VOICE", "minute", "2", "200", 3),
        used("EMAIL", "message", "3", "60", 2),
        used("EMAIL", "message", "4", "60", 4),
        used("SOCIAL", "post", "5", "3", 4),
    ]);
    record(&world, &shop, records).await;

    let by_code = format!(
        "query($id: ID, $plan: String!) {{ organisation(id: $id) {{ planPreview(planCode: $plan, month: \"2026-06\") {{ {PREVIEW} }} }} }}"
    );
    let preview = world.ask(&by_code, json!({ "id": shop, "plan": "starter" })).await;
    let preview = &preview["organisation"]["planPreview"];
    let cost = |code: &str, fee: &str, usage: &str, total: &str| json!({ "plan": { "code": code }, "monthlyFee": fee, "usage": usage, "includedCredit": usage, "total": total, "unpricedRecords": 1 });
    let line = |kind: &str, resource: &str, quantity: &str, records: i32, amounts: [&str; 3]| {
        let [current, proposed, difference] = amounts;
        json!({ "kind": kind, "resourceType": resource, "category": null, "country": null, "quantity": quantity, "records": records,
            "currentAmount": current, "proposedAmount": proposed, "difference": difference })
    };
    let expected = json!({
        "month": "2026-06", "currency": "USD", "difference": "29",
        "current": cost("free-trial", "0", "7.62", "0"),
        "proposed": cost("starter", "29", "6.72", "29"),
        "lines": [
            line("VOICE", "minute", "500", 2, ["7.5", "6.5", "-1"]),
            line("EMAIL", "message", "120", 2, ["0.12", "0.22", "0.1"]),
            line("SOCIAL", "post", "3", 1, ["0", "0", "0"]),
        ],
    });
    assert_eq!(*preview, expected);

    // The same by the plan's id, and to the organisation itself.
    let plans = world.ask("{ plans { id code } }", json!({})).await;
    let by_id = format!(
        "query($id: ID!, $plan: ID!) {{ previewPlan(organisationId: $id, planId: $plan, month: \"2026-06\") {{ {PREVIEW} }} }}"
    );
    let token = world.token(Some(&shop)).await;
    let own = world.ask_as(&token, &by_id, json!({ "id": shop, "plan": plans["plans"][1]["id"] })).await;
    assert_eq!(own["data"]["previewPlan"], expected);

    let stranger = world.organisation("Stranger", "Asia/Kolkata").await;
    let foreign = world.ask_as(&token, &by_id, json!({ "id": stranger, "plan": plans["plans"][1]["id"] })).await;
    assert_eq!(foreign["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let unknown = json!({ "id": shop, "plan": "pln_0192b7c0f0007000800000000000000a" });
    assert_eq!(world.refused(&by_id, unknown).await.0, "NOT_FOUND");
    assert_eq!(
        world.refused(&by_code, json!({ "id": shop, "plan": "gold" })).await,
        ("BAD_USER_INPUT".to_owned(), Some("planCode".to_owned()))
    );

    // Nothing of it was stored: the plan that it has, tried on itself, makes no difference.
    let same = world.ask(&by_code, json!({ "id": shop, "plan": "free-trial" })).await;
    let same = &same["organisation"]["planPreview"];
    assert_eq!((&same["difference"], &same["current"]), (&json!("0"), &same["proposed"]));
}
