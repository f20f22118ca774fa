//! Forecasts: where the month goes if use goes on as it did.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::ledger::used;

async fn forecast(world: &World, organisation: &str) -> Vec<Value> {
    let fields = "forecast { kind percent percentAtEnd perDay reachesLimitOn text }";
    world.of(organisation, fields).await["forecast"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_of_the_month_says_when_it_is_reached() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    // Noon of the tenth: nine days and a half of thirty are over.
    world.advance_to("2026-06-10T06:30:00Z").await;
    let untouched = forecast(&world, &shop).await;
    let kinds: Vec<_> = untouched.iter().map(|one| (&one["kind"], &one["percent"], &one["reachesLimitOn"])).collect();
    let none = (json!("0"), json!(null));
    let (allowance, credit) = (json!("ALLOWANCE_MONTHLY"), json!("CREDIT"));
    assert_eq!(kinds, [(&allowance, &none.0, &none.1), (&credit, &none.0, &none.1)], "there is no budget");

    let at = "2026-06-10T05:00:00Z";
    world.record(&shop, vec![used("WHATSAPP", "message", 0, "2000", at), used("VOICE", "minute", 0, "1000", at)]).await;
    let set = "mutation($id: ID!) { setAlerts(organisationId: $id, monthlyBudget: \"25\") { monthlyBudget } }";
    world.ask(set, json!({ "id": shop })).await;

    // 2,000 of 30,000; 25 of the credit of 50, and all of the budget of 25.
    let told = forecast(&world, &shop).await;
    let allowance = json!({ "kind": "ALLOWANCE_MONTHLY", "percent": "6.67", "percentAtEnd": "21.05",
        "perDay": "210.526316", "reachesLimitOn": null, "text": "at this pace 21.05 % at the end of the month" });
    assert_eq!(told[0], allowance);
    assert_eq!((&told[1]["kind"], &told[1]["percent"]), (&json!("CREDIT"), &json!("50")));
    assert_eq!(
        (&told[1]["reachesLimitOn"], &told[1]["text"]),
        (&json!("2026-06-20"), &json!("at this pace 100 % on the 20th"))
    );
    assert_eq!((&told[2]["kind"], &told[2]["percent"]), (&json!("BUDGET"), &json!("100")));
    assert_eq!(told[2]["percentAtEnd"], "315.79");

    // With more of it the same pace goes on longer.
    let grant = "mutation($id: ID!) { grantCredit(organisationId: $id, amount: \"20\", reason: \"paid\") { balance } }";
    world.ask(grant, json!({ "id": shop })).await;
    assert_eq!(forecast(&world, &shop).await[1]["reachesLimitOn"], "2026-06-27");
}
