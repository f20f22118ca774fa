//! Alerts: raised once where a threshold is crossed or something goes wrong, over when somebody sees to it, and followed without a hole.

use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;
use wabacus::sim::{Fault, Often};

use crate::support::ledger::used;
use crate::support::usage::id_of;
use crate::support::watch::{Told, Watch, beginning};
use crate::support::{NOON, Setup, World};

const AT: &str = "2026-06-05T05:00:00Z";

const FIELDS: &str =
    "id kind state open threshold percent used limit subject periodStart endsAt message raisedAt recoveredAt
    channel { id } jobRun { id } organisation { id }";

const SET: &str = "mutation($id: ID!, $thresholds: [Int!], $budget: Decimal) {
    setAlerts(organisationId: $id, thresholds: $thresholds, monthlyBudget: $budget) { thresholds monthlyBudget } }";

/// An organisation's alerts, oldest first.
async fn alerts(world: &World, organisation: &str) -> Vec<Value> {
    let of = world.of(organisation, &format!("alerts(first: 100) {{ nodes {{ {FIELDS} }} }}")).await;
    let mut alerts = of["alerts"]["nodes"].as_array().expect("a list").clone();
    alerts.reverse();
    alerts
}

/// Their kinds, thresholds and states.
async fn told(world: &World, organisation: &str) -> Vec<String> {
    alerts(world, organisation).await.iter().map(brief).collect()
}

/// Such as `CREDIT 80 RAISED`.
fn brief(alert: &Value) -> String {
    let text = |field: &str| alert[field].as_str().expect("a text").to_owned();
    let threshold = alert["threshold"].as_i64().map(|threshold| threshold.to_string());
    [Some(text("kind")), threshold, Some(text("state"))].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

async fn messages(world: &World, organisation: &str, number: usize, quantity: &str) -> String {
    world.record(organisation, vec![used("WHATSAPP", "message", number, quantity, AT)]).await.remove(0)
}

/// Minutes cost 0.015 each, and the plan includes a credit of 50.
async fn minutes(world: &World, organisation: &str, number: usize, quantity: &str) {
    world.record(organisation, vec![used("VOICE", "minute", number, quantity, AT)]).await;
}

async fn limit_a_day(world: &World, organisation: &str, limit: i32) {
    let query =
        "mutation($id: ID!, $limit: Int) { setAllowance(organisationId: $id, dailyLimit: $limit) { dailyLimit } }";
    world.ask(query, json!({ "id": organisation, "limit": limit })).await;
}

async fn watch(world: &World, organisation: &str) -> Watch {
    let token = world.token(Some(organisation)).await;
    let selection = format!("{{ cursor at state alert {{ {FIELDS} }} }}");
    Watch::begin(&world.websocket_url(), &token, "alertRaised", &json!({ "after": beginning() }), &selection).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_fills_up_is_told_at_each_threshold_once_and_in_order() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let mut live = watch(&world, &shop).await;

    messages(&world, &shop, 0, "799").await;
    assert!(alerts(&world, &shop).await.is_empty());
    for (number, quantity) in [(1, "1"), (2, "100"), (3, "100"), (4, "500")] {
        messages(&world, &shop, number, quantity).await;
    }

    let raised = alerts(&world, &shop).await;
    let first = &raised[0];
    assert_eq!(first["message"], "80 % of the daily allowance is used: 800 of 1,000");
    assert_eq!((&first["used"], &first["limit"], &first["percent"]), (&json!("800"), &json!("1000"), &json!("80")));
    assert_eq!((&first["periodStart"], &first["endsAt"]), (&json!("2026-06-05"), &json!("2026-06-05T18:30:00.000Z")));
    assert_eq!((&first["open"], &first["organisation"]["id"]), (&json!(true), &json!(shop)));
    let expected = ["ALLOWANCE_DAILY 80 RAISED", "ALLOWANCE_DAILY 90 RAISED", "ALLOWANCE_DAILY 100 RAISED"];
    assert_eq!(raised.iter().map(brief).collect::<Vec<_>>(), expected);
    for alert in &raised {
        let event = live.next().await;
        assert_eq!((&event["state"], &event["alert"]), (&json!("RAISED"), alert));
    }
    let node = world.ask("query($id: ID!) { node(id: $id) { ... on Alert { kind } } }", json!({ "id": first["id"] }));
    assert_eq!(node.await["node"]["kind"], "ALLOWANCE_DAILY");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_that_jumps_over_all_thresholds_is_told_of_each() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let mut live = watch(&world, &shop).await;
    let records = (0..12).map(|number| used("WHATSAPP", "message", number, "100", AT)).collect();
    world.record(&shop, records).await;
    let mut passed = Vec::new();
    for _ in 0..3 {
        let alert = live.next().await["alert"].take();
        assert_eq!((&alert["used"], &alert["percent"]), (&json!("1200"), &json!("120")));
        passed.push(alert["threshold"].clone());
    }
    assert_eq!(passed, [80, 90, 100]);
    assert_eq!(alerts(&world, &shop).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_limit_ends_alerts_and_what_crosses_it_again_is_told_again() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let mut live = watch(&world, &shop).await;
    messages(&world, &shop, 0, "900").await;
    limit_a_day(&world, &shop, 2_000).await;
    let expected = ["ALLOWANCE_DAILY 80 RECOVERED", "ALLOWANCE_DAILY 90 RECOVERED"];
    assert_eq!(told(&world, &shop).await, expected);
    let mut states = Vec::new();
    for _ in 0..4 {
        states.push(live.next().await["state"].take());
    }
    assert_eq!(states, ["RAISED", "RAISED", "RECOVERED", "RECOVERED"]);

    let last = messages(&world, &shop, 1, "700").await;
    let again = ["ALLOWANCE_DAILY 80 RECOVERED", "ALLOWANCE_DAILY 90 RECOVERED", "ALLOWANCE_DAILY 80 RAISED"];
    assert_eq!(told(&world, &shop).await, again);

    // What is taken back is no reason to sleep well, and what comes instead no news.
    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": last })).await;
    messages(&world, &shop, 2, "700").await;
    assert_eq!(told(&world, &shop).await, again);

    limit_a_day(&world, &shop, 1_600).await;
    let lowered = ["ALLOWANCE_DAILY 90 RAISED", "ALLOWANCE_DAILY 100 RAISED"];
    assert_eq!(told(&world, &shop).await[3..], lowered, "a limit that is lowered is crossed where it stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_starts_over_and_a_day_that_is_over_concerns_nobody() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    messages(&world, &shop, 0, "800").await;
    world.advance_to("2026-06-06T06:00:00Z").await;
    messages(&world, &shop, 1, "500").await;
    let yesterday = alerts(&world, &shop).await;
    assert_eq!(yesterday.iter().map(brief).collect::<Vec<_>>(), ["ALLOWANCE_DAILY 80 RAISED"], "late use of yesterday");
    assert_eq!(yesterday[0]["open"], false);

    world.record(&shop, vec![used("WHATSAPP", "message", 0, "850", "2026-06-06T05:00:00Z")]).await;
    let query =
        "query($id: ID!, $open: Boolean) { organisation(id: $id) { alerts(open: $open) { nodes { periodStart } } } }";
    for (open, day) in [(true, "2026-06-06"), (false, "2026-06-05")] {
        let data = world.ask(query, json!({ "id": shop, "open": open })).await;
        assert_eq!(data["organisation"]["alerts"]["nodes"], json!([{ "periodStart": day }]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_are_set_and_what_is_beyond_them_is_told_at_once() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let settings = "alertSettings { thresholds monthlyBudget }";
    let usual = json!({ "alertSettings": { "thresholds": [80, 90, 100], "monthlyBudget": null } });
    assert_eq!(world.of(&shop, settings).await, usual);
    messages(&world, &shop, 0, "500").await;
    let set = world.ask(SET, json!({ "id": shop, "thresholds": [75, 25, 50] })).await;
    assert_eq!(set["setAlerts"], json!({ "thresholds": [25, 50, 75], "monthlyBudget": null }));
    let expected = ["ALLOWANCE_DAILY 25 RAISED", "ALLOWANCE_DAILY 50 RAISED"];
    assert_eq!(told(&world, &shop).await, expected);
    messages(&world, &shop, 1, "250").await;
    assert_eq!(told(&world, &shop).await[2..], ["ALLOWANCE_DAILY 75 RAISED"]);
    assert_eq!(world.of(&shop, settings).await["alertSettings"], set["setAlerts"]);
    let audit = world.ask("{ auditLog(first: 1) { nodes { action details } } }", json!({})).await;
    let last = &audit["auditLog"]["nodes"][0];
    assert_eq!((&last["action"], &last["details"]["thresholds"]), (&json!("setAlerts"), &json!([25, 50, 75])));
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_that_is_used_up_is_told_and_a_grant_ends_it() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    minutes(&world, &shop, 0, "2666").await;
    assert!(told(&world, &shop).await.is_empty());
    minutes(&world, &shop, 1, "334").await;
    assert_eq!(told(&world, &shop).await, ["CREDIT 80 RAISED", "CREDIT 90 RAISED"]);
    let first = &alerts(&world, &shop).await[0];
    assert_eq!(first["message"], "80 % of the credit of 2026-06 is used: 45 of 50 USD");
    assert_eq!((&first["used"], &first["limit"], &first["percent"]), (&json!("45"), &json!("50"), &json!("90")));
    assert_eq!((&first["periodStart"], &first["endsAt"]), (&json!("2026-06-01"), &json!("2026-06-30T18:30:00.000Z")));
    minutes(&world, &shop, 2, "400").await;
    minutes(&world, &shop, 3, "1").await;
    let used_up = ["CREDIT 80 RAISED", "CREDIT 90 RAISED", "CREDIT 100 RAISED"];
    assert_eq!(told(&world, &shop).await, used_up);

    let grant =
        "mutation($id: ID!) { grantCredit(organisationId: $id, amount: \"50\", reason: \"paid\") { remaining } }";
    world.ask(grant, json!({ "id": shop })).await;
    let over = ["CREDIT 80 RECOVERED", "CREDIT 90 RECOVERED", "CREDIT 100 RECOVERED"];
    assert_eq!(told(&world, &shop).await, over);
    minutes(&world, &shop, 4, "2000").await;
    assert_eq!(told(&world, &shop).await[3..], ["CREDIT 80 RAISED"], "80 of 100 is crossed anew");

    // The plan that includes less takes some of it away.
    let assign = "mutation($id: ID!) { assignPlan(organisationId: $id, planCode: \"starter\") { id } }";
    world.ask(assign, json!({ "id": shop })).await;
    assert_eq!(told(&world, &shop).await[4..], ["CREDIT 90 RAISED", "CREDIT 100 RAISED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_month_has_its_credit_and_late_usage_of_the_one_before_takes_of_it() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    minutes(&world, &shop, 0, "2700").await;
    assert_eq!(told(&world, &shop).await, ["CREDIT 80 RAISED"]);
    let grant =
        "mutation($id: ID!) { grantCredit(organisationId: $id, amount: \"50\", reason: \"paid\") { remaining } }";
    world.ask(grant, json!({ "id": shop })).await;

    world.advance_to("2026-07-01T06:00:00Z").await;
    world.record(&shop, vec![used("VOICE", "minute", 0, "3100", "2026-07-01T05:00:00Z")]).await;
    assert_eq!(told(&world, &shop).await, ["CREDIT 80 RECOVERED"], "46.5 of 100");
    minutes(&world, &shop, 1, "3500").await;
    let late = ["CREDIT 80 RECOVERED", "CREDIT 80 RAISED"];
    assert_eq!(told(&world, &shop).await, late, "June takes 43 of what was paid, and July has 57");
    assert_eq!(alerts(&world, &shop).await[1]["limit"], "57");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_measured_before_credits_and_changes_with_what_is_said() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    minutes(&world, &shop, 0, "500").await;
    let set = world.ask(SET, json!({ "id": shop, "budget": "10" })).await;
    assert_eq!(set["setAlerts"], json!({ "thresholds": [80, 90, 100], "monthlyBudget": "10" }));
    assert!(told(&world, &shop).await.is_empty());
    minutes(&world, &shop, 1, "50").await;
    assert_eq!(told(&world, &shop).await, ["BUDGET 80 RAISED"]);
    assert_eq!(alerts(&world, &shop).await[0]["message"], "80 % of the budget of 2026-06 is spent: 8.25 of 10 USD");

    world.ask(SET, json!({ "id": shop, "budget": "9" })).await;
    assert_eq!(told(&world, &shop).await, ["BUDGET 80 RAISED", "BUDGET 90 RAISED"]);
    // What is left out stays; no budget is said by null.
    let only = "mutation($id: ID!) { setAlerts(organisationId: $id, thresholds: [90]) { monthlyBudget } }";
    assert_eq!(world.ask(only, json!({ "id": shop })).await["setAlerts"]["monthlyBudget"], "9");
    let none = world.ask(SET, json!({ "id": shop, "thresholds": [90], "budget": null })).await;
    assert_eq!(none["setAlerts"], json!({ "thresholds": [90], "monthlyBudget": null }));
    assert_eq!(told(&world, &shop).await, ["BUDGET 80 RECOVERED", "BUDGET 90 RECOVERED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_without_a_rate_is_told_once_until_it_has_a_price() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    world.record(&shop, vec![used("SOCIAL", "message", 0, "1", AT), used("SOCIAL", "reply", 0, "1", AT)]).await;
    world.record(&shop, vec![used("SOCIAL", "message", 1, "1", AT)]).await;
    let raised = alerts(&world, &shop).await;
    assert_eq!(raised.iter().map(brief).collect::<Vec<_>>(), ["USAGE_UNPRICED RAISED"; 2]);
    let subjects: Vec<_> = raised.iter().map(|alert| alert["subject"].as_str().expect("a resource")).collect();
    assert_eq!(subjects, ["SOCIAL/message", "SOCIAL/reply"]);

    let publish = "mutation($rates: [RateInput!]!) { publishRates(planCode: \"free-trial\", rates: $rates) { code } }";
    let rate =
        json!([{ "kind": "SOCIAL", "resourceType": "message", "effectiveFrom": "2026-06-01", "unitPrice": "0.01" }]);
    world.ask(publish, json!({ "rates": rate })).await;
    let reprice = "mutation($id: ID!) { repriceUsage(organisationId: $id) { priced unpriced } }";
    let repriced = world.ask(reprice, json!({ "id": shop })).await;
    assert_eq!(repriced["repriceUsage"], json!({ "priced": 2, "unpriced": 1 }));
    assert_eq!(told(&world, &shop).await, ["USAGE_UNPRICED RECOVERED", "USAGE_UNPRICED RAISED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_told_until_it_is_retried_with_success() {
    let world = World::begin().await;
    let (shop, _) = world.shop("app-1").await;
    world.sim.fault("app-1", Fault::RedirectElsewhere, Often::Times(2));
    let run = world.pull_day(&shop, "2026-06-04").await;
    assert_eq!(run["state"], "FAILED");
    let raised = alerts(&world, &shop).await;
    assert_eq!(raised.iter().map(brief).collect::<Vec<_>>(), ["JOB_FAILED RAISED"]);
    assert_eq!(raised[0]["jobRun"]["id"], run["id"]);
    let message = raised[0]["message"].as_str().expect("a text");
    assert!(message.starts_with("a run of DAILY_USAGE failed for good: "), "{message}");

    assert_eq!(world.retry(id_of(&run)).await["state"], "FAILED");
    assert_eq!(told(&world, &shop).await, ["JOB_FAILED RAISED"], "no news");
    assert_eq!(world.retry(id_of(&run)).await["state"], "SUCCEEDED");
    assert_eq!(told(&world, &shop).await, ["JOB_FAILED RECOVERED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_needs_attention_is_told_until_it_has_new_credentials() {
    let world = World::begin().await;
    let (shop, _) = world.shop("sound").await;
    let expiring = world.channel(&shop, BspKind::Gupshup, "expiring", "Asia/Kolkata").await;
    world.settle().await;
    world.sim.change("expiring", |account| "another".clone_into(&mut account.token));
    world.sim.fault("expiring", Fault::TokenExpired, Often::Always);
    world.pull_day(&shop, "2026-06-04").await;
    let raised = alerts(&world, &shop).await;
    assert_eq!(raised.iter().map(brief).collect::<Vec<_>>(), ["CHANNEL_NEEDS_ATTENTION RAISED"]);
    assert_eq!(raised[0]["channel"]["id"], expiring);

    world.sim.clear("expiring");
    let mend = "mutation($id: ID!, $input: UpdateChannelInput!) { updateChannel(id: $id, input: $input) { status } }";
    let credentials = json!({ "gupshup": { "appId": "expiring", "token": "another" } });
    world.ask(mend, json!({ "id": expiring, "input": credentials })).await;
    world.settle().await;
    assert_eq!(told(&world, &shop).await, ["CHANNEL_NEEDS_ATTENTION RECOVERED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_the_alerts_of_all_and_others_only_their_own() {
    let world = World::begin().await;
    let ours = world.organisation("Kirana", "Asia/Kolkata").await;
    let theirs = world.organisation("Bazaar", "Asia/Kolkata").await;
    messages(&world, &theirs, 0, "800").await;
    messages(&world, &ours, 0, "800").await;
    let query = "query($id: ID, $after: String) { alerts(first: 1, organisationId: $id, after: $after, open: true) {
        nodes { organisation { id } } pageInfo { hasNextPage endCursor } } }";
    let first = world.ask(query, json!({})).await["alerts"].take();
    assert_eq!(
        (&first["nodes"][0]["organisation"]["id"], &first["pageInfo"]["hasNextPage"]),
        (&json!(ours), &json!(true))
    );
    let next = world.ask(query, json!({ "after": first["pageInfo"]["endCursor"] })).await["alerts"].take();
    let expected = (&json!(theirs), &json!(false));
    assert_eq!((&next["nodes"][0]["organisation"]["id"], &next["pageInfo"]["hasNextPage"]), expected);
    let of_one = world.ask(query, json!({ "id": theirs })).await["alerts"].take();
    assert_eq!(of_one["nodes"], next["nodes"]);

    let token = world.token(Some(&ours)).await;
    for question in [
        "query { alerts { nodes { id } } }".to_owned(),
        SET.replace("$id: ID!, ", "").replace("$id", &format!("\"{ours}\"")),
    ] {
        let refused = world.ask_as(&token, &question, json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused:#}");
    }
    let arguments = json!({ "organisationId": theirs });
    let mut foreign = Watch::begin(&world.websocket_url(), &token, "alertRaised", &arguments, "{ cursor }").await;
    let Told::Errors(errors) = foreign.told().await else { panic!("expected a refusal") };
    assert_eq!(errors[0]["extensions"]["code"], "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_are_over_go_when_they_are_old_enough() {
    let world = Setup::at(NOON).with("RETENTION_ALERTS_DAYS", "3").begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    messages(&world, &shop, 0, "800").await;
    world.record(&shop, vec![used("SOCIAL", "message", 0, "1", AT)]).await;
    let both = ["ALLOWANCE_DAILY 80 RAISED", "USAGE_UNPRICED RAISED"];
    assert_eq!(told(&world, &shop).await, both);
    world.advance_to("2026-06-07T22:30:00Z").await;
    assert_eq!(told(&world, &shop).await, both);
    world.advance_to("2026-06-09T22:30:00Z").await;
    assert_eq!(told(&world, &shop).await, ["USAGE_UNPRICED RAISED"], "what still stands is kept");
}
