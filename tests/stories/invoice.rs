//! A month becomes a draft, follows late usage, becomes final with a number, and does not change any more.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::ledger::record;
use crate::support::World;
use crate::support::watch::{Watch, beginning};

const INVOICE: &str = "id number state month currency subtotal creditsApplied total issuedAt finalizedAt paidAt pdfUrl
    lines { id source description kind resourceType quantity unitPrice amount }";

/// An organisation in Kolkata on the plan Starter: 29 a month, 10 included.
async fn starter(world: &World) -> String {
    let query = "mutation($input: CreateOrganisationInput!) { createOrganisation(input: $input) { id } }";
    let input = json!({ "name": "Kedai Kopi", "timeZone": "Asia/Kolkata", "planCode": "starter" });
    let data = world.ask(query, json!({ "input": input })).await;
    data["createOrganisation"]["id"].as_str().expect("an id").to_owned()
}

/// The invoices, earliest month first.
async fn invoices(world: &World, organisation: &str) -> Vec<Value> {
    let query = format!("query($id: ID!) {{ organisation(id: $id) {{ invoices {{ nodes {{ {INVOICE} }} }} }} }}");
    let data = world.ask(&query, json!({ "id": organisation })).await;
    let mut nodes = data["organisation"]["invoices"]["nodes"].as_array().expect("a list").clone();
    nodes.reverse();
    nodes
}

async fn change(world: &World, mutation: &str, id: &Value) -> Value {
    let query = format!("mutation($id: ID!) {{ {mutation}(id: $id) {{ {INVOICE} }} }}");
    world.ask(&query, json!({ "id": id })).await[mutation].take()
}

fn lines(invoice: &Value) -> Vec<(&str, &str)> {
    let lines = invoice["lines"].as_array().expect("a list");
    lines
        .iter()
        .map(|line| (line["description"].as_str().expect("a text"), line["amount"].as_str().expect("a text")))
        .collect()
}

fn sums(invoice: &Value) -> [&str; 3] {
    ["subtotal", "creditsApplied", "total"].map(|field| invoice[field].as_str().expect("an amount"))
}

async fn minutes(world: &World, organisation: &str, id: &str, quantity: &str, at: &str) -> String {
    let call = json!({
        "kind": "VOICE", "resourceType": "minute", "resourceId": id, "quantity": quantity, "occurredAt": at
    });
    let results = record(world, organisation, json!([call])).await;
    assert_eq!(results[0]["outcome"], "RECORDED", "{results:?}");
    results[0]["record"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_drafted_followed_and_made_final_and_what_comes_later_is_adjusted() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    world.advance_to("2026-06-30T12:00:00Z").await;
    let first = minutes(&world, &shop, "call-1", "500", "2026-06-10T06:00:00Z").await;
    let texts = json!([{ "kind": "SMS", "resourceType": "message", "resourceId": "sms-1", "quantity": "25" }]);
    record(&world, &shop, texts).await;

    // In the morning after the month there is a draft.
    world.advance_to("2026-07-01T00:00:00Z").await;
    let draft = invoices(&world, &shop).await.remove(0);
    assert_eq!(
        (&draft["state"], &draft["number"], &draft["month"]),
        (&json!("DRAFT"), &Value::Null, &json!("2026-06"))
    );
    let expected = [
        ("Plan Starter, June 2026", "29"),
        ("SMS messages", "0.19"),
        ("Voice minutes", "7.5"),
        ("Included credit, June 2026", "-7.69"),
    ];
    let mut found = lines(&draft);
    found[1..3].sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(sums(&draft), ["36.69", "7.69", "29"]);

    // It follows what comes late.
    minutes(&world, &shop, "call-2", "200", "2026-06-30T12:00:00Z").await;
    let draft = invoices(&world, &shop).await.remove(0);
    assert_eq!(sums(&draft), ["39.69", "10", "29.69"], "and the credit pays no more than there is");

    // After the grace it is final.
    world.advance_to("2026-07-03T18:30:00Z").await;
    let last = invoices(&world, &shop).await.remove(0);
    assert_eq!((&last["state"], &last["number"]), (&json!("FINALIZED"), &json!("INV-2026-000001")));
    assert_eq!((sums(&last), lines(&last)), (sums(&draft), lines(&draft)));
    assert_eq!(last["lines"], draft["lines"], "its lines keep their ids");

    // What comes now, and what is taken back now, is on the next one.
    minutes(&world, &shop, "call-3", "100", "2026-06-29T12:00:00Z").await;
    world
        .ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test call\") { id } }", json!({ "id": first }))
        .await;
    assert_eq!(invoices(&world, &shop).await, std::slice::from_ref(&last), "a final invoice does not change");
    let query = "query($id: ID!) { organisation(id: $id) { invoicePreview { month total lines { description amount }
        forecast { total usage until basis } } } }";
    let preview = world.ask(query, json!({ "id": shop })).await["organisation"]["invoicePreview"].take();
    let adjusted = ("Adjustment for June 2026: Voice minutes", "-6");
    assert_eq!(lines(&preview), [("Plan Starter, July 2026", "29"), adjusted]);
    assert_eq!((&preview["month"], &preview["total"]), (&json!("2026-07"), &json!("23")));
    assert_eq!(preview["forecast"]["until"], "2026-07-31T18:30:00.000Z");

    world.advance_to("2026-08-03T18:30:00Z").await;
    let both = invoices(&world, &shop).await;
    assert_eq!((&both[0], &both[1]["number"]), (&last, &json!("INV-2026-000002")));
    assert_eq!(lines(&both[1]), [("Plan Starter, July 2026", "29"), adjusted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_walked_down_to_its_records() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    world.advance_to("2026-06-30T12:00:00Z").await;
    minutes(&world, &shop, "call-1", "500", "2026-06-10T06:00:00Z").await;
    minutes(&world, &shop, "call-2", "0.5", "2026-06-10T07:00:00Z").await;
    minutes(&world, &shop, "call-3", "1", "2026-06-11T06:00:00Z").await;
    world.advance_to("2026-07-01T00:00:00Z").await;
    let draft = invoices(&world, &shop).await.remove(0);
    let line = draft["lines"].as_array().expect("a list").iter().find(|line| line["source"] == "USAGE").expect("usage");
    for state in ["DRAFT", "FINALIZED"] {
        let query = "query($id: ID!) { node(id: $id) { id ... on InvoiceLine { amount explain { unrounded chargedBefore
            line { id } steps { from upTo quantity unitPrice flatFee amount } days { date quantity cost records }
            records(first: 2) { pageInfo { hasNextPage } nodes { resourceId cost } } } } } }";
        let node = world.ask(query, json!({ "id": line["id"] })).await["node"].take();
        let explained = &node["explain"];
        assert_eq!((&node["amount"], &explained["unrounded"]), (&json!("7.52"), &json!("7.5225")), "{state}");
        let step = json!({ "from": "0", "upTo": null, "quantity": "501.5", "unitPrice": "0.015", "flatFee": "0", "amount": "7.5225" });
        assert_eq!((&explained["steps"], &explained["chargedBefore"]), (&json!([step]), &json!("0")));
        let days = json!([
            { "date": "2026-06-10", "quantity": "500.5", "cost": "7.5075", "records": 2 },
            { "date": "2026-06-11", "quantity": "1", "cost": "0.015", "records": 1 },
        ]);
        assert_eq!(explained["days"], days);
        let records = json!({
            "pageInfo": { "hasNextPage": true },
            "nodes": [{ "resourceId": "call-3", "cost": "0.015" }, { "resourceId": "call-2", "cost": "0.0075" }],
        });
        assert_eq!(explained["records"], records);
        world.advance_to("2026-07-03T18:30:00Z").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_makes_final_in_order_and_twice_is_once() {
    let mut world = World::begin().await;
    let shop = starter(&world).await;
    world.stop().await;
    world.clock.advance(TimeDelta::days(95));
    world.start().await;

    // Three month ends passed while nobody was there.
    let made = invoices(&world, &shop).await;
    let states: Vec<_> = made.iter().map(|invoice| (invoice["month"].as_str(), invoice["number"].as_str())).collect();
    let expected = [("2026-06", "INV-2026-000001"), ("2026-07", "INV-2026-000002"), ("2026-08", "INV-2026-000003")];
    assert_eq!(states, expected.map(|(month, number)| (Some(month), Some(number))));

    // Two more month ends, without the job.
    let remove = "mutation($id: ID!) { removeJob(organisationId: $id, kind: INVOICE_CLOSE) }";
    world.ask(remove, json!({ "id": shop })).await;
    world.advance_to("2026-11-02T00:00:00Z").await;
    let generate = format!(
        "mutation($id: ID!, $month: Month!) {{ generateInvoice(organisationId: $id, month: $month) {{ {INVOICE} }} }}"
    );
    for (month, field) in [("2026-11", "month"), ("2026-05", "month"), ("2026-13", "month")] {
        let refused = world.refused(&generate, json!({ "id": shop, "month": month })).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some(field.to_owned())), "{month}");
    }
    let october = json!({ "id": shop, "month": "2026-10" });
    let late = world.ask(&generate, october.clone()).await["generateInvoice"].take();
    assert_eq!(world.ask(&generate, october).await["generateInvoice"], late, "again, it is the same");
    let finalize = "mutation($id: ID!) { finalizeInvoice(id: $id) { id } }";
    let answer = world.ask_as(&world.admin, finalize, json!({ "id": late["id"] })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONFLICT");
    assert!(answer["errors"][0]["message"].as_str().expect("a text").contains("2026-09 is open"), "{answer}");

    let september = world.ask(&generate, json!({ "id": shop, "month": "2026-09" })).await["generateInvoice"].take();
    let first = change(&world, "finalizeInvoice", &september["id"]).await;
    assert_eq!(first["number"], "INV-2026-000004");
    assert_eq!(change(&world, "finalizeInvoice", &september["id"]).await, first);

    let paid = change(&world, "payInvoice", &september["id"]).await;
    assert_eq!((&paid["state"], &paid["paidAt"]), (&json!("PAID"), &json!("2026-11-02T00:00:00.000Z")));
    assert_eq!(change(&world, "payInvoice", &september["id"]).await, paid);
    assert_eq!(change(&world, "finalizeInvoice", &september["id"]).await, paid);
    let void = "mutation($id: ID!) { voidInvoice(id: $id, reason: \"no\") { id } }";
    assert_eq!(world.refused(void, json!({ "id": september["id"] })).await.0, "CONFLICT");
    let pay = "mutation($id: ID!) { payInvoice(id: $id) { id } }";
    assert_eq!(world.refused(pay, json!({ "id": late["id"] })).await.0, "CONFLICT", "a draft is not paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_credits_paid_of_a_void_invoice_comes_back_as_far_as_it_lasts() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    let grant =
        "mutation($id: ID!) { grantCredit(organisationId: $id, amount: \"20\", reason: \"a gift\") { balance } }";
    world.ask(grant, json!({ "id": shop })).await;
    minutes(&world, &shop, "call-1", "1000", "2026-06-05T06:00:00Z").await;
    world.advance_to("2026-07-03T18:30:00Z").await;
    let june = invoices(&world, &shop).await.remove(0);
    assert_eq!(sums(&june), ["44", "15", "29"]);
    assert_eq!(lines(&june)[2..], [("Included credit, June 2026", "-10"), ("Prepaid credit", "-5")]);
    let balance = "query($id: ID!) { organisation(id: $id) { credits { balance entries { nodes { kind amount } } } } }";
    let credits = world.ask(balance, json!({ "id": shop })).await["organisation"]["credits"].take();
    assert_eq!(credits["balance"], "25", "15 prepaid and 10 of July");

    let void =
        "mutation($id: ID!) { voidInvoice(id: $id, reason: \"the wrong plan\") { state voidedAt voidReason total } }";
    let void = world.ask(void, json!({ "id": june["id"] })).await["voidInvoice"].take();
    assert_eq!((&void["state"], &void["voidReason"]), (&json!("VOID"), &json!("the wrong plan")));
    let credits = world.ask(balance, json!({ "id": shop })).await["organisation"]["credits"].take();
    assert_eq!(credits["balance"], "30", "20 prepaid and 10 of July; June's included credit is over");
    let sum: i64 = credits["entries"]["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["amount"].as_str().expect("an amount").parse::<i64>().expect("a whole amount"))
        .sum();
    assert_eq!(sum, 30, "all entries together are what there is");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_that_waits_for_the_grace_survives_a_restart_and_is_seen_for_what_it_is() {
    let mut world = World::begin().await;
    let shop = starter(&world).await;
    world.advance_to("2026-07-01T00:00:00Z").await;
    let waiting = |runs: Vec<Value>| {
        let mut queued = runs.into_iter().filter(|run| run["state"] == "QUEUED");
        let first = queued.next().expect("a run waits");
        assert!(queued.next().is_none(), "and only one");
        first
    };
    let run = waiting(world.runs(&shop).await);
    assert_eq!((&run["kind"], &run["trigger"]), (&json!("INVOICE_CLOSE"), &json!("EVENT")));
    assert_eq!(
        (&run["scheduledFor"], &run["nextAttemptAt"]),
        (&json!("2026-07-03T18:30:00.000Z"), &json!("2026-07-03T18:30:00.000Z"))
    );

    // Doing it again changes nothing, and other jobs are done meanwhile.
    let trigger = "mutation($id: ID!, $kind: JobKind!) { triggerJob(organisationId: $id, kind: $kind) { id } }";
    world.ask(trigger, json!({ "id": shop, "kind": "INVOICE_CLOSE" })).await;
    world.settle().await;
    world.ask(trigger, json!({ "id": shop, "kind": "RETENTION" })).await;
    world.settle().await;
    let runs = world.runs(&shop).await;
    assert_eq!((&runs[0]["kind"], &runs[0]["state"]), (&json!("RETENTION"), &json!("SUCCEEDED")));
    assert_eq!(waiting(runs)["id"], run["id"]);

    world.stop().await;
    world.clock.advance(TimeDelta::days(3));
    world.start().await;
    let made = invoices(&world, &shop).await;
    assert_eq!((made.len(), &made[0]["state"]), (1, &json!("FINALIZED")));
    assert!(world.runs(&shop).await.iter().all(|run| run["state"] == "SUCCEEDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_invoices_is_told_of_each_change() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    let token = world.token(Some(&shop)).await;
    world.advance_to("2026-06-30T23:30:00Z").await;
    world.advance_to("2026-07-03T18:30:00Z").await;
    let arguments = json!({ "after": beginning() });
    let selection = "{ cursor at invoice { id number state } }";
    let mut watch = Watch::begin(&world.websocket_url(), &token, "invoiceChanged", &arguments, selection).await;
    let (made, settled) = (watch.next().await, watch.next().await);
    assert_eq!(made["at"], "2026-06-30T23:30:00.000Z", "five in the morning there");
    assert_eq!(settled["at"], "2026-07-03T18:30:00.000Z");
    assert_eq!(settled["invoice"]["state"], "FINALIZED");
    change(&world, "payInvoice", &settled["invoice"]["id"]).await;
    assert_eq!(watch.next().await["invoice"]["state"], "PAID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_is_the_same_each_time_and_for_those_who_may_see_it() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    let other = world.organisation("Stranger", "Asia/Kolkata").await;
    minutes(&world, &shop, "call-1", "500", "2026-06-05T06:00:00Z").await;
    world.advance_to("2026-07-01T00:00:00Z").await;
    let client = reqwest::Client::new();
    let get = async |path: &str, token: Option<&str>| {
        let request = client.get(format!("{}{path}", world.url()));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let response = request.send().await.expect("the server answers");
        (response.status().as_u16(), response.bytes().await.expect("a body"))
    };
    let path = invoices(&world, &shop).await[0]["pdfUrl"].as_str().expect("a path").to_owned();
    let own = world.token(Some(&shop)).await;
    let (status, draft) = get(&path, Some(&own)).await;
    assert_eq!((status, &draft[..5]), (200, b"%PDF-".as_slice()));

    world.advance_to("2026-07-03T18:30:00Z").await;
    let (_, first) = get(&path, Some(&own)).await;
    assert_ne!(first, draft);
    assert_eq!(get(&path, Some(&world.admin)).await, (200, first));
    let stranger = world.token(Some(&other)).await;
    assert_eq!(get(&path, Some(&stranger)).await.0, 404);
    assert_eq!(get("/v1/invoices/inv_1.pdf", Some(&own)).await.0, 404);
    assert_eq!(get(&path, None).await.0, 401);
    assert_eq!(get(&format!("{path}?token={own}"), None).await.0, 401, "a secret in an address is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_go_on_across_an_adjustment_where_the_invoice_before_had_come_to() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    let publish = "mutation($rates: [RateInput!]!) { publishRates(planCode: \"starter\", rates: $rates) { code } }";
    let tiers = json!([
        { "upTo": "100", "unitPrice": "0.02" }, { "upTo": "1000", "unitPrice": "0.015" }, { "unitPrice": "0.01" }
    ]);
    let rate = json!({
        "kind": "VOICE", "resourceType": "minute", "effectiveFrom": "2026-06-01", "model": "GRADUATED", "tiers": tiers
    });
    world.ask(publish, json!({ "rates": [rate] })).await;
    minutes(&world, &shop, "call-1", "90", "2026-06-05T06:00:00Z").await;
    world.advance_to("2026-07-03T18:30:00Z").await;
    assert_eq!(lines(&invoices(&world, &shop).await[0])[1], ("Voice minutes", "1.8"));

    minutes(&world, &shop, "call-2", "20", "2026-06-28T06:00:00Z").await;
    world.advance_to("2026-08-01T00:00:00Z").await;
    let july = invoices(&world, &shop).await.remove(1);
    assert_eq!(lines(&july)[1], ("Adjustment for June 2026: Voice minutes", "0.35"), "10 at 0.02 and 10 at 0.015");
    let query =
        "query($id: ID!) { node(id: $id) { ... on InvoiceLine { explain { unrounded chargedBefore rate { model }
        steps { quantity amount } days { date quantity cost } records { nodes { resourceId } } } } } }";
    let explained = world.ask(query, json!({ "id": july["lines"][1]["id"] })).await["node"]["explain"].take();
    let expected = json!({
        "unrounded": "0.35", "chargedBefore": "1.8", "rate": { "model": "GRADUATED" },
        "steps": [{ "quantity": "100", "amount": "2" }, { "quantity": "10", "amount": "0.15" }],
        "days": [{ "date": "2026-06-28", "quantity": "20", "cost": "0.35" }],
        "records": { "nodes": [{ "resourceId": "call-2" }] },
    });
    assert_eq!(explained, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_billed_under_the_plan_of_its_last_day() {
    let world = World::begin().await;
    let shop = starter(&world).await;
    minutes(&world, &shop, "call-1", "1000", "2026-06-05T06:00:00Z").await;
    world.advance_to("2026-06-20T06:00:00Z").await;
    let assign = "mutation($id: ID!) { assignPlan(organisationId: $id, planCode: \"professional\") { id } }";
    world.ask(assign, json!({ "id": shop })).await;
    let query =
        "query($id: ID!) { organisation(id: $id) { credits { balance remaining entries { nodes { amount } } } } }";
    let credits = world.ask(query, json!({ "id": shop })).await["organisation"]["credits"].take();
    let entries = json!({ "nodes": [{ "amount": "40" }, { "amount": "10" }] });
    assert_eq!(credits, json!({ "balance": "50", "remaining": "35", "entries": entries }));

    world.advance_to("2026-07-03T18:30:00Z").await;
    let june = invoices(&world, &shop).await.remove(0);
    let expected =
        [("Plan Professional, June 2026", "99"), ("Voice minutes", "15"), ("Included credit, June 2026", "-15")];
    assert_eq!((lines(&june).as_slice(), sums(&june)), (expected.as_slice(), ["114", "15", "99"]));
}
