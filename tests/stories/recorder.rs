//! What counts of a call, a message, a letter or an answer, and the people whom it is for.

use serde_json::{Value, json};

use crate::support::World;

const UPSERT: &str = "mutation($customers: [CustomerInput!]!, $id: ID) {
    upsertCustomers(organisationId: $id, customers: $customers) { id phone name registered blocked externalId } }";

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_made_and_changed_by_their_numbers() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let till = world.token(Some(&shop)).await;
    let upsert = async |customers: Value| {
        let mut answer = world.ask_as(&till, UPSERT, json!({ "customers": customers })).await;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"]["upsertCustomers"].take()
    };

    let made = upsert(json!([
        { "phone": "+91 98000-00002", "name": "Binod", "registered": false },
        { "phone": "+919800000001", "name": "Asha", "externalId": "crm-1" },
        { "phone": "919800000002", "blocked": true },
    ]))
    .await;
    assert_eq!((&made[0], &made[1]["phone"]), (&made[2], &json!("+919800000001")), "{made:#}");
    assert_eq!((&made[0]["name"], &made[0]["registered"]), (&json!("Binod"), &json!(true)), "the later word holds");

    let changed = upsert(json!([{ "phone": "+919800000001", "blocked": true }])).await;
    assert_eq!(changed[0]["id"], made[1]["id"]);
    assert_eq!((&changed[0]["name"], &changed[0]["externalId"]), (&json!("Asha"), &json!("crm-1")));
    let node = world
        .ask("query($id: ID!) { node(id: $id) { ... on Customer { phone blocked } } }", json!({ "id": made[1]["id"] }))
        .await;
    assert_eq!(node["node"], json!({ "phone": "+919800000001", "blocked": true }));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_that_are_no_customers_are_refused_by_their_place_and_nothing_is_written() {
    let world = World::begin().await;
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let good = json!({ "phone": "+919800000001", "externalId": "crm-1" });
    let many: Vec<_> = (0..1_001).map(|last| json!({ "phone": format!("+9198000{last:05}") })).collect();
    for (customers, code, field) in [
        (json!([good, { "phone": "nobody" }]), "BAD_USER_INPUT", Some("customers[1].phone")),
        (json!([good, { "phone": "+919800000002", "name": "" }]), "BAD_USER_INPUT", Some("customers[1].name")),
        (json!([good, { "phone": "+919800000002", "externalId": "crm-1" }]), "CONFLICT", None),
        (json!(many), "BAD_USER_INPUT", Some("customers")),
        (json!([]), "BAD_USER_INPUT", Some("customers")),
    ] {
        let refused = world.refused(UPSERT, json!({ "id": shop, "customers": customers })).await;
        assert_eq!((refused.0.as_str(), refused.1.as_deref()), (code, field));
    }
    let nowhere = json!({ "id": "org_0192b7c0f0007000800000000000000a", "customers": [good] });
    assert_eq!(world.refused(UPSERT, nowhere).await.0, "NOT_FOUND");
}

/// What became of something handed to a recorder by the organisation's own token.
async fn recorded(world: &World, token: &str, mutation: &str, input: Value) -> Value {
    let (name, kind) = mutation.split_once(' ').expect("a mutation and the type of its input");
    let argument = match name {
        "recordCall" => "call",
        "recordEmail" => "email",
        "recordLlmResponse" => "response",
        _ => "message",
    };
    let query = format!(
        "mutation($input: {kind}!) {{ {name}({argument}: $input) {{ outcome reason code field
            record {{ kind resourceType resourceId quantity category country cost metadata occurredAt
                      customer {{ phone }} channel {{ id }} }} }} }}"
    );
    let mut answer = world.ask_as(token, &query, json!({ "input": input })).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"][name].take()
}

/// The outcome, and then what was recorded, or why it was not.
fn told(result: &Value) -> String {
    let record = &result["record"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rest = if !record.is_null() {
        format!("{}/{} {}", text(&record["kind"]), text(&record["resourceType"]), text(&record["quantity"]))
    } else if result["field"].is_null() {
        text(&result["reason"])
    } else {
        format!("{} {}", text(&result["code"]), text(&result["field"]))
    };
    format!("{} {rest}", text(&result["outcome"]))
}

async fn shop_with_token(world: &World) -> (String, String) {
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let token = world.token(Some(&shop)).await;
    (shop, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_recorded_in_minutes_if_they_went_out_were_taken_and_lasted() {
    let world = World::begin().await;
    let (_, token) = shop_with_token(&world).await;
    let inbound = "SKIPPED the call is INBOUND, and only what the organisation sends counts";
    for (call, direction, status, seconds, expected) in [
        ("CA-1", "OUTBOUND", "COMPLETED", 90, "RECORDED VOICE/minute 1.5"),
        ("CA-1", "OUTBOUND", "COMPLETED", 90, "DUPLICATE VOICE/minute 1.5"),
        ("CA-1", "OUTBOUND", "COMPLETED", 91, "CONFLICT VOICE/minute 1.5"),
        ("CA-2", "OUTBOUND", "COMPLETED", 1, "RECORDED VOICE/minute 0.016667"),
        ("CA-3", "OUTBOUND", "COMPLETED", 0, "SKIPPED the call lasted 0 seconds, and only longer ones count"),
        ("CA-3", "OUTBOUND", "BUSY", 0, "SKIPPED the call is BUSY, and only COMPLETED ones count"),
        ("CA-3", "OUTBOUND", "NO_ANSWER", 9, "SKIPPED the call is NO_ANSWER, and only COMPLETED ones count"),
        ("CA-3", "INBOUND", "COMPLETED", 90, inbound),
        ("CA-3", "OUTBOUND", "COMPLETED", -1, "REJECTED BAD_USER_INPUT call.durationSeconds"),
        ("", "OUTBOUND", "COMPLETED", 90, "REJECTED BAD_USER_INPUT call.resourceId"),
    ] {
        let input = json!({ "resourceId": call, "direction": direction, "status": status, "durationSeconds": seconds });
        let result = recorded(&world, &token, "recordCall CallInput", input).await;
        assert_eq!(told(&result), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recorder_refuses_is_named_as_it_was_sent() {
    let world = World::begin().await;
    let (_, token) = shop_with_token(&world).await;
    let foreign = world.organisation("Toko", "Asia/Jakarta").await;
    let customers = json!({ "id": foreign, "customers": [{ "phone": "+919800000001" }] });
    let foreign = world.ask(UPSERT, customers).await["upsertCustomers"][0]["id"].take();
    let call = json!({ "resourceId": "CA-1", "direction": "OUTBOUND", "status": "COMPLETED", "durationSeconds": 60 });
    for (name, value, expected) in [
        ("occurredAt", json!("2026-06-05T06:05:01Z"), "REJECTED BAD_USER_INPUT call.occurredAt"),
        ("occurredAt", json!("2026-05-01T00:00:00Z"), "REJECTED BAD_USER_INPUT call.occurredAt"),
        ("country", json!("India"), "REJECTED BAD_USER_INPUT call.country"),
        ("metadata", json!(["no", "object"]), "REJECTED BAD_USER_INPUT call.metadata"),
        ("customerId", foreign, "REJECTED NOT_FOUND call.customerId"),
        ("channelId", json!("chn_0192b7c0f0007000800000000000000a"), "REJECTED NOT_FOUND call.channelId"),
    ] {
        let mut call = call.clone();
        call[name] = value;
        assert_eq!(told(&recorded(&world, &token, "recordCall CallInput", call).await), expected);
    }
    let message = json!({ "resourceId": "", "direction": "OUTBOUND" });
    let refused = recorded(&world, &token, "recordMessage SmsInput", message).await;
    assert_eq!(told(&refused), "REJECTED BAD_USER_INPUT message.resourceId");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_letters_are_recorded_by_their_own_rules() {
    let world = World::begin().await;
    let (_, token) = shop_with_token(&world).await;
    let inbound = "SKIPPED the message is INBOUND, and only what the organisation sends counts";
    for (mutation, input, expected) in [
        ("recordMessage SmsInput", json!({ "resourceId": "SM-1", "direction": "OUTBOUND" }), "RECORDED SMS/message 1"),
        (
            "recordMessage SmsInput",
            json!({ "resourceId": "SM-2", "direction": "OUTBOUND", "mediaUrls": ["https://example.com/a.png"] }),
            "RECORDED SMS/mms 1",
        ),
        (
            "recordMessage SmsInput",
            json!({ "resourceId": "SM-3", "direction": "OUTBOUND", "mediaUrls": [] }),
            "RECORDED SMS/message 1",
        ),
        ("recordMessage SmsInput", json!({ "resourceId": "SM-4", "direction": "INBOUND" }), inbound),
        ("recordEmail EmailInput", json!({ "resourceId": "EM-1", "recipients": 3 }), "RECORDED EMAIL/message 3"),
        (
            "recordEmail EmailInput",
            json!({ "resourceId": "EM-2", "recipients": 0 }),
            "REJECTED BAD_USER_INPUT email.recipients",
        ),
        (
            "recordWhatsApp WhatsAppInput",
            json!({ "resourceId": "wamid.1", "direction": "OUTBOUND" }),
            "RECORDED WHATSAPP/message 1",
        ),
        ("recordWhatsApp WhatsAppInput", json!({ "resourceId": "wamid.2", "direction": "INBOUND" }), inbound),
    ] {
        let result = recorded(&world, &token, mutation, input.clone()).await;
        assert_eq!(told(&result), expected, "{mutation} {input}");
    }
    let input = json!({ "resourceId": "wamid.3", "direction": "OUTBOUND", "category": "MARKETING", "country": "IN",
        "occurredAt": "2026-06-04T00:00:00.000Z", "metadata": { "template": "sale" } });
    let record = recorded(&world, &token, "recordWhatsApp WhatsAppInput", input).await["record"].take();
    assert_eq!((&record["category"], &record["country"]), (&json!("MARKETING"), &json!("IN")));
    assert_eq!(record["metadata"], json!({ "template": "sale" }));
    assert_eq!(record["occurredAt"], "2026-06-04T00:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_count_that_say_something_to_a_customer_who_signed_up_and_is_not_blocked() {
    let world = World::begin().await;
    let (shop, token) = shop_with_token(&world).await;
    let toko = world.organisation("Toko", "Asia/Jakarta").await;
    let upsert = async |id: &str, customers: Value| {
        world.ask(UPSERT, json!({ "id": id, "customers": customers })).await["upsertCustomers"].take()
    };
    let own = upsert(
        &shop,
        json!([
            { "phone": "+919800000001" },
            { "phone": "+919800000002", "registered": false },
            { "phone": "+919800000003", "blocked": true },
        ]),
    )
    .await;
    let theirs = upsert(&toko, json!([{ "phone": "+919800000004" }])).await;
    let nobody = "SKIPPED no customer of the organisation is named, and only answers to registered ones count";
    let blank = "SKIPPED the text is blank, and only answers that say something count";
    let counts = "RECORDED LLM/response 1";
    for (place, (text, who, named, expected)) in [
        ("Namaste", "customerId", own[0]["id"].clone(), counts),
        ("Namaste", "customerPhone", json!("+91 98000 00001"), counts),
        (" \n", "customerId", own[0]["id"].clone(), blank),
        ("", "customerPhone", json!("+919800000001"), blank),
        ("Namaste", "customerId", Value::Null, nobody),
        ("Namaste", "customerId", theirs[0]["id"].clone(), nobody),
        ("Namaste", "customerPhone", json!("+919800000004"), nobody),
        (
            "Namaste",
            "customerId",
            own[1]["id"].clone(),
            "SKIPPED the customer is not registered, and only answers to registered ones count",
        ),
        (
            "Namaste",
            "customerPhone",
            json!("+919800000003"),
            "SKIPPED the customer is blocked, and only answers to active ones count",
        ),
        ("Namaste", "customerPhone", json!("nobody"), "REJECTED BAD_USER_INPUT response.customerPhone"),
        ("Namaste", "customerId", json!("nobody"), "REJECTED BAD_USER_INPUT response.customerId"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut response = json!({ "resourceId": format!("LL-{place}"), "text": text });
        response[who] = named;
        let result = recorded(&world, &token, "recordLlmResponse LlmResponseInput", response.clone()).await;
        assert_eq!(told(&result), expected, "{response}");
        if expected == counts {
            assert_eq!(result["record"]["customer"]["phone"], "+919800000001");
        }
    }
    let both = json!({ "resourceId": "LL", "text": "x", "customerId": own[0]["id"], "customerPhone": "+919800000001" });
    let result = recorded(&world, &token, "recordLlmResponse LlmResponseInput", both).await;
    assert_eq!(told(&result), "REJECTED BAD_USER_INPUT response.customerPhone");
}
