//! What Gupshup writes in its version 2, read.

use serde_json::json;

use super::*;
use crate::domain::account_usage::UsageCategory;

fn event(kind: &str, payload: Value) -> Value {
    let mut event = json!({ "app": "kedai", "phone": "6281200000001", "timestamp": 1_780_560_000_123_i64, "version": 2, "type": kind });
    event["payload"] = payload;
    event
}

fn told(kind: &str, payload: Value) -> Result<Vec<Told>, BadInput> {
    read(&event(kind, payload)).told
}

fn status(kind: &str) -> Value {
    json!({ "id": "m-1", "gsId": "g-1", "type": kind, "destination": "6281299000001", "payload": { "ts": 1_780_560_007 } })
}

fn with(kind: &str, name: &str, value: Value) -> Value {
    let mut status = status(kind);
    status[name] = value;
    status
}

#[test]
fn a_status_is_read_with_its_price_and_conversation() {
    let mut sent = with("sent", "pricing", json!({ "policy": "PMP", "category": "marketing", "type": "regular" }));
    sent["conversation"] = json!({ "id": "c-1", "expiresAt": 1_780_646_400, "type": "marketing" });
    let told = told("message-event", sent).unwrap().remove(0);
    assert_eq!((told.external_id.as_str(), told.phone.as_str()), ("m-1", "+6281299000001"));
    assert_eq!((told.happening, told.at.map(|at| at.timestamp())), (Happening::Sent, Some(1_780_560_007)));
    assert_eq!(told.pricing.category, Some(UsageCategory::Marketing));
    assert_eq!(told.pricing.pricing_type.as_deref(), Some("regular"));
    assert_eq!(told.conversation_id.as_deref(), Some("c-1"));
    assert_eq!(told.conversation_expires_at.map(|at| at.timestamp()), Some(1_780_646_400));
}

#[test]
fn every_status_is_known_and_one_without_a_time_has_that_of_its_event() {
    let happening = |kind: &str| told("message-event", status(kind)).unwrap().first().map(|told| told.happening);
    assert_eq!(happening("delivered"), Some(Happening::Delivered));
    assert_eq!(happening("read"), Some(Happening::Read));
    assert_eq!(happening("enqueued"), None, "WhatsApp has no name for it yet");
    let enqueued = with("enqueued", "payload", json!({ "whatsappMessageId": "wamid.1", "type": "session" }));
    let enqueued = told("message-event", enqueued).unwrap().remove(0);
    assert_eq!((enqueued.external_id.as_str(), enqueued.happening), ("wamid.1", Happening::Seen));
    let failed = with("failed", "payload", json!({ "code": 1_002, "reason": "Number does not exist" }));
    let failed = told("message-event", failed).unwrap().remove(0);
    assert_eq!((failed.happening, failed.failure.as_deref()), (Happening::Failed, Some("1002: Number does not exist")));
    assert_eq!(failed.at.map(|at| at.timestamp_millis()), Some(1_780_560_000_123));
}

#[test]
fn a_billing_event_tells_the_price_and_gupshups_own_fee_nothing() {
    let billing = |deductions: Value| {
        let references = json!({ "id": "m-1", "gsId": "g-1", "destination": "6281299000001" });
        told("billing-event", json!({ "deductions": deductions, "references": references })).unwrap()
    };
    let pmp =
        json!({ "type": "regular", "model": "PMP", "source": "whatsapp", "billable": true, "category": "marketing" });
    let told = billing(pmp.clone()).remove(0);
    assert_eq!((told.external_id.as_str(), told.happening), ("m-1", Happening::Seen));
    assert_eq!(told.pricing.category, Some(UsageCategory::Marketing));
    assert_eq!(told.pricing.pricing_type.as_deref(), Some("regular"));
    let mut own_fee = pmp;
    own_fee["source"] = json!("gupshup");
    assert!(billing(own_fee).is_empty());
    let legacy = json!({ "type": "FTC", "conversationType": "service", "model": "CBP", "source": "whatsapp", "billable": "false" });
    let told = billing(legacy).remove(0);
    assert_eq!(told.pricing.category, Some(UsageCategory::Service));
    assert_eq!(told.pricing.pricing_type.as_deref(), Some("free_tier"));
}

#[test]
fn a_customers_message_tells_of_itself_and_of_the_one_that_it_answers() {
    let came = |context: Value, kind: &str| {
        let sender = json!({ "phone": "6281299000001", "name": "Ayu" });
        told(
            "message",
            json!({ "id": "in-1", "source": "6281299000001", "type": kind, "sender": sender, "context": context }),
        )
        .unwrap()
    };
    let told = came(json!({ "id": "m-1", "gsId": "g-1" }), "text");
    assert_eq!((told[0].direction, told[0].customer_name.as_deref()), (Direction::Inbound, Some("Ayu")));
    assert_eq!((told[1].external_id.as_str(), told[1].happening), ("m-1", Happening::Replied));
    assert_eq!(came(json!({ "id": "in-0" }), "text").len(), 1, "their own words, quoted");
    assert_eq!(came(json!({ "id": "m-1" }), "button_reply").len(), 2);
    assert_eq!(came(json!(null), "text").len(), 1);
}

#[test]
fn news_of_other_things_are_passed_over_and_what_is_wrong_is_named() {
    for kind in ["account-event", "user-event", "system-event"] {
        assert_eq!(told(kind, json!({ "type": "pricing-tier-update" })), Ok(Vec::new()), "{kind}");
    }
    for (bad, field) in [
        (status("mislaid"), "body.payload.type"),
        (with("sent", "id", json!(null)), "body.payload.id"),
        (with("sent", "destination", json!("home")), "body.payload.destination"),
        (with("sent", "payload", json!({ "ts": "soon" })), "body.payload.payload.ts"),
    ] {
        assert_eq!(told("message-event", bad).unwrap_err().field, field);
    }
    assert_eq!(read(&json!({ "payload": {} })).told.unwrap_err().field, "body.type");
    assert_eq!(told("message", json!(7)).unwrap_err().field, "body.payload");
    let timeless = json!({ "type": "message", "payload": { "id": "x" } });
    assert_eq!(read(&timeless).told.unwrap_err().field, "body.timestamp");
}
