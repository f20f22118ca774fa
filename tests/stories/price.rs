//! Prices: plans for new and old organisations, rates that are added and never changed, and price lists as CSV.

use serde_json::{Value, json};

use crate::support::World;

const PUBLISH: &str =
    "mutation($plan: String!, $rates: [RateInput!]!) { publishRates(planCode: $plan, rates: $rates) { code } }";

const PUBLISH_CSV: &str = "mutation($plan: String!, $csv: String!) {
    publishRatesCsv(planCode: $plan, csv: $csv) { added unchanged plan { code } } }";

fn sms(from: &str, unit_price: &str) -> Value {
    json!({ "kind": "SMS", "resourceType": "message", "effectiveFrom": from, "unitPrice": unit_price })
}

/// The rates of a plan for a resource, as (first day, country, price).
async fn prices(world: &World, plan: &str, kind: &str) -> Vec<(String, String, String)> {
    let query = "query($kind: ChannelKind!) { plans { code rates(kind: $kind, resourceType: \"message\") {
        effectiveFrom country unitPrice } } }";
    let data = world.ask(query, json!({ "kind": kind })).await;
    let plans = data["plans"].as_array().expect("a list of plans");
    let plan = plans.iter().find(|known| known["code"] == plan).expect("the plan is listed");
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rates = plan["rates"].as_array().expect("a list of rates").iter();
    rates.map(|rate| (text(&rate["effectiveFrom"]), text(&rate["country"]), text(&rate["unitPrice"]))).collect()
}

async fn audited(world: &World) -> Vec<String> {
    let data = world.ask("{ auditLog { nodes { action } } }", json!({})).await;
    let nodes = data["auditLog"]["nodes"].as_array().expect("a list").clone();
    nodes.iter().map(|node| node["action"].as_str().expect("an action").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_installation_begins_with_four_plans_and_their_rates() {
    let world = World::begin().await;
    let query = "{ plans { code name monthlyFee includedCredit currency rates { kind resourceType model unitPrice category country } } }";
    let plans = world.ask(query, json!({})).await["plans"].clone();
    let told: Vec<_> = plans
        .as_array()
        .expect("a list")
        .iter()
        .map(|plan| {
            let text = |field: &str| plan[field].as_str().expect("a text").to_owned();
            [text("code"), text("name"), text("monthlyFee"), text("includedCredit"), text("currency")].join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "free-trial Free Trial 0 50 USD",
            "starter Starter 29 10 USD",
            "professional Professional 99 50 USD",
            "enterprise Enterprise 499 200 USD",
        ]
    );
    let rates: Vec<_> = plans[0]["rates"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|rate| {
            let text = |field: &str| rate[field].as_str().expect("a text");
            [text("kind"), text("resourceType"), text("unitPrice"), text("model")].join(" ")
        })
        .collect();
    assert_eq!(
        rates,
        [
            "WHATSAPP free_message 0 PER_UNIT",
            "WHATSAPP message 0.005 PER_UNIT",
            "VOICE minute 0.015 PER_UNIT",
            "SMS message 0.0075 PER_UNIT",
            "SMS mms 0.02 PER_UNIT",
            "EMAIL message 0.001 PER_UNIT",
            "LLM response 0.005 PER_UNIT",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_a_rate_are_found_by_their_ids_by_whoever_reads() {
    let world = World::begin().await;
    let organisation = world.organisation("Kedai Kopi", "Asia/Kolkata").await;
    let token = world.token(Some(&organisation)).await;
    let query = "{ organisation { plan { id code rates { id } } } }";
    let plan = world.ask_as(&token, query, json!({})).await["data"]["organisation"]["plan"].clone();
    assert_eq!(plan["code"], "free-trial");
    let node = "query($id: ID!) { node(id: $id) { id ... on Plan { name } ... on Rate { unitPrice } } }";
    let found = world.ask_as(&token, node, json!({ "id": plan["id"] })).await;
    assert_eq!(found["data"]["node"], json!({ "id": plan["id"], "name": "Free Trial" }));
    let found = world.ask_as(&token, node, json!({ "id": plan["rates"][0]["id"] })).await;
    assert_eq!(found["data"]["node"], json!({ "id": plan["rates"][0]["id"], "unitPrice": "0" }));
    for unknown in ["pln_0192b7c0f0007000800000000000000a", "rat_0192b7c0f0007000800000000000000a"] {
        assert_eq!(world.refused(node, json!({ "id": unknown })).await.0, "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_organisation_has_the_plan_that_is_asked_for() {
    let world = World::begin().await;
    let create = "mutation($code: String) { createOrganisation(input: { name: \"A\", timeZone: \"Asia/Kolkata\", planCode: $code }) {
        planCode plan { name } } }";
    let made = world.ask(create, json!({ "code": "professional" })).await;
    assert_eq!(made["createOrganisation"], json!({ "planCode": "professional", "plan": { "name": "Professional" } }));
    let answer = world.ask_as(&world.admin, create, json!({ "code": "gold" })).await;
    let message = answer["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("free-trial, starter, professional, enterprise"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_added_and_never_changed() {
    let world = World::begin().await;
    let mut seeded = vec![("2000-01-01".to_owned(), String::new(), "0.0075".to_owned())];
    assert_eq!(prices(&world, "starter", "SMS").await, seeded);

    world.ask(PUBLISH, json!({ "plan": "starter", "rates": [sms("2026-07-01", "0.009")] })).await;
    seeded.push(("2026-07-01".to_owned(), String::new(), "0.009".to_owned()));
    assert_eq!(prices(&world, "starter", "SMS").await, seeded);
    assert_eq!(prices(&world, "free-trial", "SMS").await.len(), 1, "of this plan only");

    // The same again, in another notation, is harmless and leaves no trace.
    let entries = audited(&world).await;
    world
        .ask(PUBLISH, json!({ "plan": "starter", "rates": [sms("2026-07-01", "0.0090"), sms("2026-07-01", "9e-3")] }))
        .await;
    assert_eq!(prices(&world, "starter", "SMS").await, seeded);
    assert_eq!(audited(&world).await, entries);
    assert_eq!(entries[0], "publishRates");

    // Another price for the same is refused with what to do, and what came with it is not published either.
    let rates = json!({ "plan": "starter", "rates": [sms("2026-08-01", "0.01"), sms("2026-07-01", "0.0091")] });
    let answer = world.ask_as(&world.admin, PUBLISH, rates).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONFLICT");
    let message = answer["errors"][0]["message"].as_str().expect("a message");
    for part in ["rates[1]", "0.009 per unit", "later effectiveFrom"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(prices(&world, "starter", "SMS").await, seeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_force_on_a_day_is_shown_alone() {
    let world = World::begin().await;
    world
        .ask(PUBLISH, json!({ "plan": "starter", "rates": [sms("2026-07-01", "0.009"), sms("2026-07-15", "0.01")] }))
        .await;
    let query = "query($on: Date!) { plans { rates(kind: SMS, resourceType: \"message\", on: $on) { unitPrice } } }";
    for (on, price) in
        [("2026-06-30", "0.0075"), ("2026-07-01", "0.009"), ("2026-07-14", "0.009"), ("2026-07-15", "0.01")]
    {
        let plans = world.ask(query, json!({ "on": on })).await["plans"].clone();
        assert_eq!(plans[1]["rates"], json!([{ "unitPrice": price }]), "{on}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_read_back_as_they_were_published() {
    let world = World::begin().await;
    let tiers = json!([
        { "upTo": "1000", "unitPrice": "0.01", "flatFee": "0" },
        { "upTo": "10000.5", "unitPrice": "0.008", "flatFee": "5" },
        { "upTo": null, "unitPrice": "0.000000001", "flatFee": "0" },
    ]);
    let mut sent = tiers.clone();
    sent[0].as_object_mut().expect("a tier").remove("flatFee");
    let rate = |model: &str, country: &str, tiers: &Value| json!({ "kind": "EMAIL", "resourceType": "message", "country": country, "effectiveFrom": "2026-07-01", "model": model, "tiers": tiers });
    let package = json!([{ "upTo": "100", "unitPrice": "0", "flatFee": "7" }]);
    let rates = json!([rate("GRADUATED", "BR", &sent), rate("VOLUME", "DE", &sent), rate("PACKAGE", "IN", &package)]);
    let query = "mutation($plan: String!, $rates: [RateInput!]!) { publishRates(planCode: $plan, rates: $rates) {
        rates(kind: EMAIL, on: \"2026-07-01\") { country model unitPrice tiers { upTo unitPrice flatFee } } } }";
    let data = world.ask(query, json!({ "plan": "starter", "rates": rates })).await;
    let shown = &data["publishRates"]["rates"];
    let expected = |country, model, tiers: &Value| json!({ "country": country, "model": model, "unitPrice": null, "tiers": tiers });
    assert_eq!(shown[0], json!({ "country": null, "model": "PER_UNIT", "unitPrice": "0.001", "tiers": [] }));
    assert_eq!(shown[1], expected("BR", "GRADUATED", &tiers));
    assert_eq!(shown[2], expected("DE", "VOLUME", &tiers));
    assert_eq!(shown[3], expected("IN", "PACKAGE", &package));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_list_comes_as_csv_all_or_nothing() {
    let world = World::begin().await;
    let header = "kind,resource_type,category,country,effective_from,model,unit_price,tiers";
    let good = format!(
        "{header}\n\
         WHATSAPP,message,MARKETING,IN,2026-07-01,,0.0107,\n\
         WHATSAPP,message,MARKETING,BR,2026-07-01,,0.0625,\n\
         WHATSAPP,message,UTILITY,,2026-07-01,GRADUATED,,100000:0.0014;:0.0012\n"
    );
    let bad = format!("{good}WHATSAPP,message,SERVICE,Indonesia,2026-07-01,,0,\n");
    assert_eq!(
        world.refused(PUBLISH_CSV, json!({ "plan": "starter", "csv": bad })).await,
        ("BAD_USER_INPUT".to_owned(), Some("csv line 5: country".to_owned()))
    );
    assert_eq!(prices(&world, "starter", "WHATSAPP").await.len(), 1, "nothing of it was published");

    let published = world.ask(PUBLISH_CSV, json!({ "plan": "starter", "csv": good })).await;
    assert_eq!(published["publishRatesCsv"], json!({ "added": 3, "unchanged": 0, "plan": { "code": "starter" } }));
    let again = world.ask(PUBLISH_CSV, json!({ "plan": "starter", "csv": good })).await;
    assert_eq!(again["publishRatesCsv"], json!({ "added": 0, "unchanged": 3, "plan": { "code": "starter" } }));
    assert_eq!(audited(&world).await.iter().filter(|action| *action == "publishRatesCsv").count(), 1);

    let changed = format!("{header}\nWHATSAPP,message,MARKETING,IN,2026-07-01,,0.0108,\n");
    let answer = world.ask_as(&world.admin, PUBLISH_CSV, json!({ "plan": "starter", "csv": changed })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONFLICT");
    assert!(answer["errors"][0]["message"].as_str().expect("a message").contains("csv line 2"), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_rates_are_published_at_once_and_one_more_is_not() {
    let world = World::begin().await;
    let rate = |number: usize| {
        let letter = |number: usize| char::from(b'A' + u8::try_from(number % 26).expect("a letter"));
        let country = String::from_iter([letter(number / 26), letter(number)]);
        json!({ "kind": if number < 676 { "SMS" } else { "WHATSAPP" }, "resourceType": "message", "country": country,
            "effectiveFrom": "2026-07-01", "unitPrice": "0.01" })
    };
    let rates: Vec<_> = (0..1_000).map(rate).collect();
    world.ask(PUBLISH, json!({ "plan": "starter", "rates": rates })).await;
    assert_eq!(prices(&world, "starter", "SMS").await.len(), 677);
    assert_eq!(prices(&world, "starter", "WHATSAPP").await.len(), 325);
    let rates: Vec<_> = (0..1_001).map(rate).collect();
    assert_eq!(
        world.refused(PUBLISH, json!({ "plan": "starter", "rates": rates })).await,
        ("BAD_USER_INPUT".to_owned(), Some("rates".to_owned()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_given_another_plan_once() {
    let world = World::begin().await;
    let organisation = world.organisation("Kedai Kopi", "Asia/Kolkata").await;
    let assign = "mutation($id: ID!, $plan: String!) { assignPlan(organisationId: $id, planCode: $plan) { planCode plan { name } } }";
    let entries = audited(&world).await.len();
    for _ in 0..2 {
        let data = world.ask(assign, json!({ "id": organisation, "plan": "starter" })).await;
        assert_eq!(data["assignPlan"], json!({ "planCode": "starter", "plan": { "name": "Starter" } }));
    }
    assert_eq!(audited(&world).await.len(), entries + 1);
    let unknown = "org_0192b7c0f0007000800000000000000a";
    assert_eq!(world.refused(assign, json!({ "id": unknown, "plan": "starter" })).await.0, "NOT_FOUND");
}
