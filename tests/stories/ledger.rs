//! Usage is put into the ledger over the API: each record answered by itself, once however often it is sent, and priced as it is written.

use serde_json::{Value, json};

use crate::support::World;

/// Everything of an outcome that is of interest here.
pub(super) const RESULT: &str = "outcome reason code field record { id kind resourceType resourceId quantity unitPrice cost unpriced \
    category country metadata occurredAt date billingMonth amends voided idempotencyKey channel { id } customer { id } }";

/// Records as an admin; the outcomes.
pub(super) async fn record(world: &World, organisation: &str, records: Value) -> Vec<Value> {
    let query = format!(
        "mutation($id: ID!, $records: [UsageRecordInput!]!) {{ recordUsage(organisationId: $id, records: $records) {{ {RESULT} }} }}"
    );
    let mut data = world.ask(&query, json!({ "id": organisation, "records": records })).await;
    serde_json::from_value(data["recordUsage"].take()).expect("a list of outcomes")
}

/// What became of each.
pub(super) fn outcomes(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["outcome"].as_str().expect("an outcome")).collect()
}

/// All of an organisation's records, newest first.
pub(super) async fn records(world: &World, organisation: &str, filter: &str) -> Vec<Value> {
    let query = format!(
        "query($id: ID!) {{ organisation(id: $id) {{ usageRecords(first: 100 {filter}) {{ nodes {{ \
         id kind resourceType resourceId quantity cost unpriced amends voided reason date billingMonth occurredAt }} }} }} }}"
    );
    let mut data = world.ask(&query, json!({ "id": organisation })).await;
    serde_json::from_value(data["organisation"]["usageRecords"]["nodes"].take()).expect("a list of records")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_priced_as_it_is_written_and_is_there_once() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let call = json!({ "kind": "VOICE", "resourceType": "minute", "resourceId": "call-1", "quantity": "500" });
    let results = record(&world, &shop, json!([call])).await;
    let made = &results[0]["record"];
    assert_eq!(results[0]["outcome"], "RECORDED");
    assert_eq!((&made["unitPrice"], &made["cost"], &made["unpriced"]), (&json!("0.015"), &json!("7.5"), &json!(false)));
    assert_eq!((&made["date"], &made["billingMonth"]), (&json!("2026-06-05"), &json!("2026-06")));
    assert_eq!(made["idempotencyKey"], "VOICE/minute/call-1");

    let again = record(&world, &shop, json!([call])).await;
    assert_eq!((&again[0]["outcome"], &again[0]["record"]), (&json!("DUPLICATE"), made));
    let other = json!({ "kind": "VOICE", "resourceType": "minute", "resourceId": "call-1", "quantity": "501" });
    let results = record(&world, &shop, json!([other, call, other])).await;
    assert_eq!(outcomes(&results), ["CONFLICT", "DUPLICATE", "CONFLICT"]);
    assert_eq!(&results[0]["record"], made);
    assert_eq!(records(&world, &shop, "").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_no_other_records_trouble() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-1").await;
    let (other, foreign) = world.shop("app-2").await;
    let query =
        "mutation($id: ID!) { upsertCustomers(organisationId: $id, customers: [{ phone: \"+919800000001\" }]) { id } }";
    let customer = world.ask(query, json!({ "id": shop })).await["upsertCustomers"][0]["id"].take();
    let stranger = world.ask(query, json!({ "id": other })).await["upsertCustomers"][0]["id"].take();
    let message = |number: usize, more: Value| {
        let mut record = json!({ "kind": "WHATSAPP", "resourceType": "message", "resourceId": format!("m-{number}") });
        record.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        record
    };
    let long = "x".repeat(8_192);
    let cases = [
        (json!({}), "RECORDED", None),
        (json!({ "quantity": "0" }), "REJECTED", Some(("BAD_USER_INPUT", "quantity"))),
        (json!({ "quantity": "-1" }), "REJECTED", Some(("BAD_USER_INPUT", "quantity"))),
        (json!({ "quantity": "0.0000001" }), "REJECTED", Some(("BAD_USER_INPUT", "quantity"))),
        (json!({ "quantity": "1000000000.000001" }), "REJECTED", Some(("BAD_USER_INPUT", "quantity"))),
        (json!({ "quantity": "three" }), "REJECTED", Some(("BAD_USER_INPUT", "quantity"))),
        (json!({ "resourceType": "Message" }), "REJECTED", Some(("BAD_USER_INPUT", "resourceType"))),
        (json!({ "resourceId": "a\u{0}b" }), "REJECTED", Some(("BAD_USER_INPUT", "resourceId"))),
        (json!({ "resourceId": null }), "REJECTED", Some(("BAD_USER_INPUT", "idempotencyKey"))),
        (json!({ "idempotencyKey": "" }), "REJECTED", Some(("BAD_USER_INPUT", "idempotencyKey"))),
        (json!({ "country": "in" }), "REJECTED", Some(("BAD_USER_INPUT", "country"))),
        (json!({ "metadata": [1] }), "REJECTED", Some(("BAD_USER_INPUT", "metadata"))),
        (json!({ "metadata": { "text": long } }), "REJECTED", Some(("BAD_USER_INPUT", "metadata"))),
        (json!({ "occurredAt": "2026-06-05T06:05:00.001Z" }), "REJECTED", Some(("BAD_USER_INPUT", "occurredAt"))),
        (json!({ "occurredAt": "2026-05-02T05:59:59.999Z" }), "REJECTED", Some(("BAD_USER_INPUT", "occurredAt"))),
        (json!({ "occurredAt": "yesterday" }), "REJECTED", Some(("BAD_USER_INPUT", "occurredAt"))),
        (json!({ "channelId": "x" }), "REJECTED", Some(("BAD_USER_INPUT", "channelId"))),
        (json!({ "channelId": foreign }), "REJECTED", Some(("NOT_FOUND", "channelId"))),
        (json!({ "channelId": channel, "kind": "SMS" }), "REJECTED", Some(("BAD_USER_INPUT", "kind"))),
        (json!({ "customerId": stranger }), "REJECTED", Some(("NOT_FOUND", "customerId"))),
        (
            json!({ "channelId": channel, "customerId": customer, "country": "IN", "category": "MARKETING" }),
            "RECORDED",
            None,
        ),
        (json!({ "occurredAt": "2026-06-05T06:05:00Z", "metadata": { "a": { "b": [1, null] } } }), "RECORDED", None),
        (json!({ "occurredAt": "2026-05-02T06:00:00Z", "metadata": {} }), "RECORDED", None),
    ];
    let drafts: Vec<_> = cases.iter().enumerate().map(|(number, (more, ..))| message(number, more.clone())).collect();
    let results = record(&world, &shop, json!(drafts)).await;
    for (number, ((more, outcome, wrong), result)) in cases.iter().zip(&results).enumerate() {
        let code = wrong.map(|(code, _)| code);
        let field = wrong.map(|(_, field)| format!("records[{number}].{field}"));
        assert_eq!(
            (&result["outcome"], &result["code"], &result["field"]),
            (&json!(outcome), &json!(code), &json!(field)),
            "{more}\n{result:#}"
        );
    }
    assert_eq!(records(&world, &shop, "").await.len(), 4);
    assert_eq!(results[20]["record"]["customer"]["id"], customer);
    assert_eq!(results[21]["record"]["metadata"], json!({ "a": { "b": [1, null] } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_1_to_1000_records() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let query = "mutation($id: ID!, $records: [UsageRecordInput!]!) {
        recordUsage(organisationId: $id, records: $records) { outcome } }";
    let many = |count: usize| -> Vec<Value> {
        let one = |number| json!({ "kind": "SMS", "resourceType": "message", "resourceId": format!("sms-{number}") });
        (0..count).map(one).collect()
    };
    for count in [0, 1_001] {
        let refused = world.refused(query, json!({ "id": shop, "records": many(count) })).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("records".to_owned())), "{count}");
    }
    let data = world.ask(query, json!({ "id": shop, "records": many(1_000) })).await;
    let results = data["recordUsage"].as_array().expect("a list of outcomes");
    assert!(results.len() == 1_000 && results.iter().all(|result| result["outcome"] == "RECORDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_organisation_still_records_and_a_token_that_only_reads_does_not() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let query = "mutation($id: ID!) { updateOrganisation(id: $id, input: { active: false }) { active } }";
    world.ask(query, json!({ "id": shop })).await;
    let sms = json!([{ "kind": "SMS", "resourceType": "message", "resourceId": "sms-1" }]);
    assert_eq!(outcomes(&record(&world, &shop, sms.clone()).await), ["RECORDED"]);

    let query = "mutation($input: CreateTokenInput!) { createToken(input: $input) { secret } }";
    let input = json!({ "name": "eyes", "organisationId": shop, "scopes": ["READ"] });
    let data = world.ask(query, json!({ "input": input })).await;
    let eyes = data["createToken"]["secret"].as_str().expect("a secret");
    let query = "mutation($records: [UsageRecordInput!]!) { recordUsage(records: $records) { outcome } }";
    let answer = world.ask_as(eyes, query, json!({ "records": sms })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer:#}");
    let own = world.token(Some(&shop)).await;
    let answer = world.ask_as(&own, query, json!({ "records": sms })).await;
    assert_eq!(answer["data"]["recordUsage"][0]["outcome"], "DUPLICATE", "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_belongs_to_the_local_day_and_month_in_which_it_happened() {
    // New York's clocks go back at 2 in the morning of the first of November, and that day has 25 hours.
    let world = crate::support::Setup::at("2026-11-03T06:00:00Z").begin().await;
    let shop = world.organisation("Deli", "America/New_York").await;
    let cases = [
        ("2026-11-01T03:59:59.999Z", "2026-10-31", "2026-10"),
        ("2026-11-01T04:00:00Z", "2026-11-01", "2026-11"),
        ("2026-11-01T05:30:00Z", "2026-11-01", "2026-11"),
        ("2026-11-01T06:30:00Z", "2026-11-01", "2026-11"),
        ("2026-11-02T04:59:59.999Z", "2026-11-01", "2026-11"),
        ("2026-11-02T05:00:00Z", "2026-11-02", "2026-11"),
    ];
    let one = |(at, ..): &(&str, &str, &str)| json!({ "kind": "SMS", "resourceType": "message", "resourceId": at, "occurredAt": at });
    let results = record(&world, &shop, json!(cases.iter().map(one).collect::<Vec<_>>())).await;
    for ((at, date, month), result) in cases.iter().zip(&results) {
        let record = &result["record"];
        assert_eq!((&record["date"], &record["billingMonth"]), (&json!(date), &json!(month)), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_listed_newest_first_and_filtered() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let one = |id: &str, kind: &str, of: &str, at: &str| json!({ "kind": kind, "resourceType": of, "resourceId": id, "occurredAt": at });
    let handed_in = json!([
        one("a", "SMS", "message", "2026-06-01T00:00:00Z"),
        one("b", "SMS", "mms", "2026-06-03T00:00:00Z"),
        one("c", "VOICE", "minute", "2026-06-02T00:00:00Z"),
        one("d", "SOCIAL", "post", "2026-06-02T00:00:00Z"),
    ]);
    record(&world, &shop, handed_in).await;
    let listed = async |filter: &str| -> Vec<String> {
        let records = records(&world, &shop, filter).await;
        records.iter().map(|record| record["resourceId"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(listed("").await, ["b", "d", "c", "a"]);
    assert_eq!(listed(", kind: SMS").await, ["b", "a"]);
    assert_eq!(listed(r#", resourceType: "minute""#).await, ["c"]);
    assert_eq!(listed(", unpriced: true").await, ["d"]);
    assert_eq!(listed(", unpriced: false").await, ["b", "c", "a"]);
    assert_eq!(listed(r#", from: "2026-06-02T00:00:00Z", to: "2026-06-03T00:00:00Z""#).await, ["d", "c"]);

    let query = "query($id: ID!, $after: String) { organisation(id: $id) { usageRecords(first: 3, after: $after) {
        nodes { resourceId } pageInfo { hasNextPage endCursor } } } }";
    let first = world.ask(query, json!({ "id": shop })).await["organisation"]["usageRecords"].take();
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let after = &first["pageInfo"]["endCursor"];
    let second = world.ask(query, json!({ "id": shop, "after": after })).await["organisation"]["usageRecords"].take();
    assert_eq!(
        (&second["nodes"], &second["pageInfo"]["hasNextPage"]),
        (&json!([{ "resourceId": "a" }]), &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wrong_is_corrected_by_another_record() {
    let world = World::begin().await;
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let call = json!([{ "kind": "VOICE", "resourceType": "minute", "resourceId": "call-1", "quantity": "10" }]);
    let first = record(&world, &shop, call).await[0]["record"]["id"].take();
    let fields = "{ id quantity cost amends reason voided occurredAt }";
    let amend = format!("mutation($id: ID!) {{ amendUsage(id: $id, quantity: \"4\", reason: \"hung up\") {fields} }}");
    let amended = world.ask(&amend, json!({ "id": first })).await["amendUsage"].take();
    assert_eq!((&amended["quantity"], &amended["cost"], &amended["amends"]), (&json!("-6"), &json!("-0.09"), &first));
    let void = format!("mutation($id: ID!) {{ voidUsage(id: $id, reason: \"a test\") {fields} }}");
    let voided = world.ask(&void, json!({ "id": first })).await["voidUsage"].take();
    assert_eq!(
        (&voided["quantity"], &voided["cost"], &voided["reason"]),
        (&json!("-4"), &json!("-0.06"), &json!("a test"))
    );
    let (code, _) = world.refused(&amend, json!({ "id": first })).await;
    assert_eq!(code, "CONFLICT");
    let listed = records(&world, &shop, "").await;
    let voided: Vec<_> = listed.iter().map(|record| (record["quantity"].clone(), record["voided"].clone())).collect();
    let expected =
        [("-4", false), ("-6", false), ("10", true)].map(|(quantity, voided)| (json!(quantity), json!(voided)));
    assert_eq!(voided, expected);
    let log = "query($id: ID!) { auditLog(organisationId: $id, first: 2) { nodes { action target } } }";
    let entries = world.ask(log, json!({ "id": shop })).await["auditLog"]["nodes"].take();
    let expected = json!([{ "action": "voidUsage", "target": first }, { "action": "amendUsage", "target": first }]);
    assert_eq!(entries, expected);
}
