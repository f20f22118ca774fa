//! What Meta and Gupshup (in its version 3) write, read.

use serde_json::json;

use super::*;

fn body(field: &str, value: &Value) -> Value {
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "waba-1", "changes": [{ "field": field, "value": value }] }] })
}

fn statuses(statuses: &Value) -> Value {
    body("messages", &json!({ "metadata": { "display_phone_number": "919800000001" }, "statuses": statuses }))
}

/// The only thing that a status tells.
fn status(status: Value) -> Result<Told, BadInput> {
    let body = statuses(&Value::Array(vec![status]));
    let mut items = read(&body);
    assert_eq!(items.len(), 1);
    let item = items.remove(0);
    assert_eq!((item.account, item.number), ("waba-1", Some("919800000001")));
    item.told.map(|told| told.into_iter().next().expect("a status tells something"))
}

fn sent() -> Value {
    json!({ "id": "wamid.1", "status": "sent", "timestamp": "1780560000", "recipient_id": "919800000002",
        "conversation": { "id": "c-1", "expiration_timestamp": "1780646400", "origin": { "type": "marketing" } },
        "pricing": { "billable": true, "pricing_model": "PMP", "type": "regular", "category": "marketing" } })
}

fn with(name: &str, value: Value) -> Value {
    let mut status = sent();
    status[name] = value;
    status
}

#[test]
fn a_status_is_read_with_its_price_and_conversation() {
    let told = status(sent()).unwrap();
    assert_eq!((told.external_id.as_str(), told.phone.as_str()), ("wamid.1", "+919800000002"));
    assert_eq!((told.direction, told.happening), (Direction::Outbound, Happening::Sent));
    assert_eq!(told.at.map(|at| at.timestamp()), Some(1_780_560_000));
    assert_eq!(told.conversation_id.as_deref(), Some("c-1"));
    assert_eq!(told.conversation_expires_at.map(|at| at.timestamp()), Some(1_780_646_400));
    let regular = Pricing { category: Some(UsageCategory::Marketing), pricing_type: Some("regular".to_owned()) };
    assert_eq!(told.pricing, regular);

    let plain =
        json!({ "id": "wamid.1", "status": "played", "timestamp": 1_780_560_000, "recipient_id": "919800000002" });
    let told = status(plain).unwrap();
    assert_eq!((told.happening, told.pricing, told.conversation_id), (Happening::Read, Pricing::default(), None));
}

#[test]
fn prices_are_read_in_every_spelling() {
    let pricing = |pricing: Value| status(with("pricing", pricing)).unwrap().pricing;
    let free = pricing(json!({ "billable": false, "type": "free_customer_service", "category": "service" }));
    assert_eq!(free.pricing_type.as_deref(), Some("free_customer_service"));
    let entry = pricing(json!({ "type": "FREE_ENTRY_POINT", "category": "referral_conversion" }));
    assert_eq!(entry.category, Some(UsageCategory::ReferralConversion));
    assert_eq!(entry.pricing_type.as_deref(), Some("free_entry_point"));
    for raw in ["authentication-international", "authentication_international"] {
        assert_eq!(pricing(json!({ "category": raw })).category, Some(UsageCategory::AuthenticationInternational));
    }
    assert_eq!(pricing(json!({ "category": "group_utility" })).category, Some(UsageCategory::Other));
    assert_eq!(pricing(json!({ "billable": "false", "category": "utility" })).pricing_type.as_deref(), Some("free"));
    assert_eq!(pricing(json!({ "billable": true, "category": "utility" })).pricing_type, None);
}

#[test]
fn a_failure_says_what_says_most() {
    let failure = |errors: Value| {
        let mut failed = with("status", json!("failed"));
        failed["errors"] = errors;
        status(failed).unwrap().failure
    };
    let error = json!([{ "code": 131_049, "title": "Not delivered", "error_data": { "details": "Too many of them" } }]);
    assert_eq!(failure(error).as_deref(), Some("131049: Too many of them"));
    assert_eq!(failure(json!([{ "code": 1, "title": "T" }])).as_deref(), Some("1: T"));
    assert_eq!(failure(json!([{}])).as_deref(), Some("no reason is given"));
    assert_eq!(failure(json!([])), None);
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let bad = [
        ("id", json!(null), "id"),
        ("id", json!(""), "id"),
        ("status", json!("warped"), "status"),
        ("timestamp", json!("yesterday"), "timestamp"),
        ("timestamp", json!(null), "timestamp"),
        ("recipient_id", json!("nobody"), "recipient_id"),
        ("pricing", json!("much"), "pricing"),
        ("pricing", json!({ "category": 7 }), "pricing.category"),
        ("conversation", json!({ "id": "c", "expiration_timestamp": "soon" }), "conversation.expiration_timestamp"),
    ];
    for (name, value, field) in bad {
        let refused = status(with(name, value.clone())).unwrap_err();
        assert_eq!(refused.field, format!("entry[0].changes[0].value.statuses[0].{field}"), "{name}: {value}");
    }
    let strange = statuses(&json!(["text", sent()]));
    let items = read(&strange);
    assert!(items[0].told.is_err() && items[1].told.is_ok(), "one that is wrong leaves the others as they are");
    for (body, field) in [
        (json!({ "entry": 7 }), "entry"),
        (json!({ "entry": [{ "changes": {} }] }), "entry[0].changes"),
        (statuses(&json!("none")), "entry[0].changes[0].value.statuses"),
    ] {
        let items = read(&body);
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].told.as_ref().unwrap_err().field, field);
    }
    assert!(read(&json!({})).is_empty() && read(&json!({ "entry": [] })).is_empty());
}

/// What the messages of a body tell.
fn messages(messages: Value) -> Vec<Told> {
    let contacts = json!([{ "wa_id": "919800000002", "profile": { "name": " Asha " } }]);
    let mut value = json!({ "contacts": contacts });
    value["messages"] = messages;
    let body = body("messages", &value);
    let items = read(&body).into_iter().map(|item| item.told.unwrap());
    items.flatten().collect()
}

#[test]
fn a_customers_message_tells_of_itself_and_of_the_one_that_it_answers() {
    let came = |context: Value, kind: &str| json!({ "id": "wamid.in", "from": "919800000002", "timestamp": "1780560000", "type": kind, "context": context });
    let told = messages(json!([came(json!({ "from": "919800000001", "id": "wamid.out" }), "text")]));
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].direction, told[0].happening), (Direction::Inbound, Happening::Seen));
    assert_eq!(told[0].customer_name.as_deref(), Some("Asha"));
    assert_eq!((told[1].direction, told[1].happening), (Direction::Outbound, Happening::Replied));
    assert_eq!((told[1].external_id.as_str(), &told[1].phone), ("wamid.out", &told[0].phone));

    let own = messages(json!([came(json!({ "from": "919800000002", "id": "wamid.in0" }), "text")]));
    assert_eq!(own.len(), 1, "a customer who quotes their own words answers nothing");
    assert_eq!(
        messages(json!([came(json!({ "id": "wamid.out" }), "button")])).len(),
        2,
        "only organisations send buttons"
    );
    assert_eq!(messages(json!([came(json!({ "id": "wamid.out" }), "text")])).len(), 1);
    assert_eq!(messages(json!([came(json!({ "forwarded": true }), "text")])).len(), 1);
    assert!(messages(json!([came(json!(null), "system")])).is_empty());
}

#[test]
fn news_of_other_things_are_passed_over() {
    for field in ["account_update", "message_template_status_update", "smb_message_echoes"] {
        let body = body(field, &json!({ "event": "VOLUME_BASED_PRICING_TIER_UPDATE" }));
        let items = read(&body);
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].told.as_deref(), Ok([].as_slice()), "{field}");
    }
}

#[test]
fn what_was_charged_is_told_of_the_message() {
    let billing = |deductions: Value| {
        let value = json!({ "billing": { "deductions": deductions,
            "references": { "id": "m-1", "gs_id": "g-1", "destination": "919800000002" } } });
        let body = body("billing-event", &value);
        let mut items = read(&body);
        assert_eq!(items.len(), 1);
        items.remove(0).told.unwrap()
    };
    let told = billing(
        json!({ "type": "regular", "model": "PMP", "source": "whatsapp", "billable": "true", "category": "utility" }),
    );
    assert_eq!((told[0].external_id.as_str(), told[0].happening, told[0].at), ("m-1", Happening::Seen, None));
    assert_eq!(told[0].pricing.category, Some(UsageCategory::Utility));
    assert!(billing(json!({ "type": "regular", "model": "PMP", "source": "gupshup", "billable": true })).is_empty());
}
