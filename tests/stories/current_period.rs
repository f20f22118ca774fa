//! The month that is billed now: what it costs, of what, and what that leaves of the credits.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::ledger::used;

const PERIOD: &str = "currentPeriod { periodStart periodEnd currency totalCost totalRecords unpricedRecords creditBalance remainingCredits
    byChannel { kind totalQuantity totalCost resources { resourceType quantity cost records } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_month_without_usage_is_all_zeros() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let period = world.of(&shop, PERIOD).await["currentPeriod"].take();
    assert_eq!(
        period,
        json!({
            "periodStart": "2026-06-01", "periodEnd": "2026-06-30", "currency": "USD", "totalCost": "0", "totalRecords": 0,
            "unpricedRecords": 0, "creditBalance": "50", "remainingCredits": "50", "byChannel": [],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_is_shown_by_kind_and_resource_and_taken_off_the_credits() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let mut records = vec![used("VOICE", "minute", 0, "499.5", "2026-06-01T06:00:00Z")];
    records.push(used("VOICE", "minute", 1, "0.5", "2026-06-02T06:00:00Z"));
    records.extend((0..61).map(|number| used("SMS", "message", number, "10", "2026-06-03T06:00:00Z")));
    records.extend((0..25).map(|number| used("SMS", "mms", number, "1", "2026-06-03T06:00:00Z")));
    // Of the month before there, though it is June in Kolkata's west already.
    records.push(used("SMS", "mms", 99, "1", "2026-05-31T18:29:59Z"));
    records.push(used("SOCIAL", "post", 0, "3", "2026-06-04T06:00:00Z"));
    world.record(&shop, records).await;

    let period = world.of(&shop, PERIOD).await["currentPeriod"].take();
    assert_eq!(period["totalCost"], "12.575");
    assert_eq!((&period["totalRecords"], &period["unpricedRecords"]), (&json!(89), &json!(1)));
    assert_eq!((&period["creditBalance"], &period["remainingCredits"]), (&json!("50"), &json!("37.425")));
    let resource = |resource: &str, quantity: &str, cost: &str, records: i64| -> Value {
        json!({ "resourceType": resource, "quantity": quantity, "cost": cost, "records": records })
    };
    assert_eq!(
        period["byChannel"],
        json!([
            { "kind": "VOICE", "totalQuantity": "500", "totalCost": "7.5", "resources": [resource("minute", "500", "7.5", 2)] },
            { "kind": "SMS", "totalQuantity": "635", "totalCost": "5.075",
              "resources": [resource("message", "610", "4.575", 61), resource("mms", "25", "0.5", 25)] },
            { "kind": "SOCIAL", "totalQuantity": "3", "totalCost": "0", "resources": [resource("post", "3", "0", 1)] },
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_remains_of_credits_is_their_balance_less_the_cost_of_the_month() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    // Given the 10 that the plan includes, and 27.42 paid ahead.
    let query = "mutation($id: ID!) { assignPlan(organisationId: $id, planCode: \"starter\") { plan { code } }
        grantCredit(organisationId: $id, amount: \"27.42\", reason: \"paid ahead\") { balance remaining } }";
    let granted = world.ask(query, json!({ "id": shop })).await;
    assert_eq!(granted["assignPlan"]["plan"]["code"], "starter");
    assert_eq!(granted["grantCredit"], json!({ "balance": "37.42", "remaining": "37.42" }));

    let minutes = used("VOICE", "minute", 0, "500", "2026-06-01T06:00:00Z");
    let messages = used("WHATSAPP", "message", 0, "1015", "2026-06-02T06:00:00Z");
    world.record(&shop, vec![minutes, messages]).await;

    let period = world.of(&shop, PERIOD).await["currentPeriod"].take();
    assert_eq!((&period["totalCost"], &period["creditBalance"]), (&json!("12.575"), &json!("37.42")));
    assert_eq!(period["remainingCredits"], "24.845");
    let more = used("VOICE", "minute", 1, "2000", "2026-06-03T06:00:00Z");
    world.record(&shop, vec![more]).await;
    let period = world.of(&shop, PERIOD).await["currentPeriod"].take();
    assert_eq!(period["remainingCredits"], "-5.155", "what is owed is shown as such");
}
