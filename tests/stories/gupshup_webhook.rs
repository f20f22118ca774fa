//! What Gupshup tells by webhook of a channel, in its two versions: taken when it carries the channel's secret.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::database::Database;

/// A channel that Gupshup tells of.
struct Line {
    shop: String,
    channel: String,
    secret: String,
}

async fn line(world: &World, app: &str) -> Line {
    let (shop, channel) = world.shop(app).await;
    let secret = world.channel_secret(&channel).await;
    Line { shop, channel, secret }
}

impl Line {
    fn path(&self) -> String {
        format!("/webhooks/gupshup/{}", self.channel)
    }

    /// Sends a body, which must be answered with nothing.
    async fn tell(&self, world: &World, body: &Value) {
        let (code, answer) = world.send(&self.path(), ("x-webhook-secret", &self.secret), body.to_string()).await;
        assert_eq!((code, answer.as_str()), (200, ""), "{body:#}");
    }
}

/// An event of version 2.
fn event(kind: &str, payload: &Value) -> Value {
    json!({ "app": "kirana", "phone": "919800000009", "timestamp": 1_780_635_600_123_i64, "version": 2, "type": kind, "payload": payload })
}

fn message_event(id: &str, kind: &str, second: i64) -> Value {
    event(
        "message-event",
        &json!({ "id": id, "gsId": format!("gs-{id}"), "type": kind, "destination": "919800000002",
            "payload": { "ts": 1_780_635_600 + second } }),
    )
}

fn billing(id: &str, deductions: &Value) -> Value {
    let references = json!({ "id": id, "gsId": format!("gs-{id}"), "destination": "919800000002" });
    event("billing-event", &json!({ "deductions": deductions, "references": references }))
}

/// A body of version 3 with statuses.
fn version_3(app: &str, statuses: &Value) -> Value {
    let value = json!({ "messaging_product": "whatsapp", "statuses": statuses,
        "metadata": { "display_phone_number": "919800000009", "phone_number_id": "1" } });
    json!({ "object": "whatsapp_business_account", "gs_app_id": app,
        "entry": [{ "id": "900", "changes": [{ "field": "messages", "value": value }] }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_carry_the_channels_secret_is_refused_and_nothing_is_written() {
    let world = World::begin().await;
    let own = line(&world, "app-1").await;
    let other = line(&world, "app-2").await;
    let (_, silent) = world.shop("app-3").await;
    let body = message_event("m-1", "delivered", 1).to_string();
    let former = own.secret.clone();
    let own = Line { secret: world.channel_secret(&own.channel).await, ..own };
    world.settle().await;
    let mut database = Database::look_into(world.database()).await;
    let before = database.version().await;
    let at = |channel: &str| format!("/webhooks/gupshup/{channel}");
    let mut answers = Vec::new();
    for (what, path, name, secret) in [
        ("the secret of another channel", own.path(), "x-webhook-secret", other.secret.as_str()),
        ("the former secret", own.path(), "x-webhook-secret", former.as_str()),
        ("no secret", own.path(), "x-something-else", own.secret.as_str()),
        ("an empty secret", own.path(), "x-webhook-secret", ""),
        ("a secret cut short", own.path(), "x-webhook-secret", &own.secret[..own.secret.len() - 1]),
        ("a channel that has none", at(&silent), "x-webhook-secret", own.secret.as_str()),
        ("no channel", at("chn_0192b7c0f0007000800000000000000a"), "x-webhook-secret", own.secret.as_str()),
        ("what is no id", at("orders"), "x-webhook-secret", own.secret.as_str()),
    ] {
        let (code, answer) = world.send(&path, (name, secret), body.clone()).await;
        assert_eq!(code, 401, "{what}: {answer}");
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "a stranger learns nothing: {answers:#?}");
    assert_eq!(database.version().await, before, "nothing was written");

    own.tell(&world, &message_event("m-1", "delivered", 1)).await;
    assert_eq!(world.charged(&own.shop).await.len(), 1);
    let audit = world.ask("{ auditLog(first: 1) { nodes { action target } } }", json!({})).await;
    assert_eq!(audit["auditLog"]["nodes"][0], json!({ "action": "rotateChannelSecret", "target": own.channel }));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_billed_through_gupshup_has_such_a_secret() {
    let world = World::begin().await;
    let (shop, channel) = world.shop_at_meta("waba-1").await;
    let query = "mutation($id: ID!) { rotateChannelSecret(channelId: $id) { secret } }";
    let refused = world.refused(query, json!({ "id": channel })).await;
    assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("channelId".to_owned())));
    let nowhere = world.refused(query, json!({ "id": "chn_0192b7c0f0007000800000000000000a" })).await;
    assert_eq!(nowhere.0, "NOT_FOUND");
    let token = world.token(Some(&shop)).await;
    let answer = world.ask_as(&token, query, json!({ "id": channel })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let answer = world.ask_as(&token, "{ rejectedUpdates { nodes { id } } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_version_2_make_a_message_and_its_one_record() {
    let world = World::begin().await;
    let own = line(&world, "app-1").await;
    let price =
        json!({ "type": "regular", "model": "PMP", "source": "whatsapp", "billable": "true", "category": "marketing" });
    let fee =
        json!({ "type": "regular", "model": "PMP", "source": "gupshup", "billable": true, "category": "utility" });
    let enqueued = json!({ "id": "gs-m-1", "type": "enqueued", "destination": "919800000002",
        "payload": { "whatsappMessageId": "m-1", "type": "session" } });
    let told = [
        message_event("m-1", "read", 9),
        billing("m-1", &fee),
        message_event("m-1", "delivered", 2),
        billing("m-1", &price),
        message_event("m-1", "sent", 1),
        event("message-event", &enqueued),
        event("account-event", &json!({ "type": "pricing-tier-update" })),
        event("user-event", &json!({ "type": "sandbox-start" })),
    ];
    for body in told.iter().chain(told.iter().rev()) {
        own.tell(&world, body).await;
    }
    let charged = world.charged(&own.shop).await;
    assert_eq!(charged.len(), 1, "{charged:#?}");
    assert_eq!((&charged[0]["resourceId"], &charged[0]["category"]), (&json!("m-1"), &json!("MARKETING")));
    assert_eq!((&charged[0]["resourceType"], &charged[0]["channel"]["id"]), (&json!("message"), &json!(own.channel)));
    assert_eq!(charged[0]["occurredAt"], "2026-06-05T05:00:02.000Z");
    let counted = Database::look_into(world.database()).await.counted(&own.shop).await;
    assert_eq!(["total", "sent", "delivered", "read"].map(|name| counted[name]), [1; 4]);
    assert!(world.rejected(None).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_and_what_customers_write_is_counted() {
    let world = World::begin().await;
    let own = line(&world, "app-1").await;
    let failed = json!({ "id": "m-1", "gsId": "gs-m-1", "type": "failed", "destination": "919800000002",
        "payload": { "code": 1_002, "reason": "Number does not exist on WhatsApp" } });
    let came = json!({ "id": "in-1", "source": "919800000003", "type": "text", "payload": { "text": "Hi" },
        "sender": { "phone": "919800000003", "name": "Binod" }, "context": { "id": "m-2", "gsId": "gs-m-2" } });
    own.tell(&world, &event("message-event", &failed)).await;
    own.tell(&world, &event("message", &came)).await;
    let counted = Database::look_into(world.database()).await.counted(&own.shop).await;
    let names = ["total", "inbound", "outbound", "failed", "replied"];
    assert_eq!(names.map(|name| counted[name]), [3, 1, 2, 1, 1], "{counted:?}");
    let charged = world.charged(&own.shop).await;
    assert_eq!((charged.len(), &charged[0]["resourceId"]), (1, &json!("m-2")), "who answered it has got it");
    assert_eq!(charged[0]["customer"]["name"], "Binod");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_version_3_are_of_the_channels_own_app() {
    let world = World::begin().await;
    let own = line(&world, "app-1").await;
    let status = |id: &str| {
        json!({ "id": id, "gs_id": format!("gs-{id}"), "status": "delivered", "timestamp": "1780635602",
            "recipient_id": "919800000002" })
    };
    own.tell(&world, &version_3("app-1", &json!([status("m-1"), status("m-2"), { "id": "m-3" }]))).await;
    own.tell(&world, &version_3("app-2", &json!([status("m-4")]))).await;
    let mut charge = version_3("app-1", &json!([]));
    let deductions = json!({ "type": "free_customer_service", "model": "PMP", "source": "whatsapp", "billable": false, "category": "service" });
    charge["entry"][0]["changes"] = json!([{ "field": "billing-event", "value": { "billing": {
        "deductions": deductions, "references": { "id": "m-2", "gs_id": "gs-m-2", "destination": "919800000002" } } } }]);
    own.tell(&world, &charge).await;

    let mut charged: Vec<_> = world
        .charged(&own.shop)
        .await
        .iter()
        .map(|record| format!("{} {}", record["resourceId"], record["resourceType"]).replace('"', ""))
        .collect();
    charged.sort_unstable();
    assert_eq!(charged, ["m-1 message", "m-2 free_message"]);
    let aside = world.rejected(None).await;
    let reasons: Vec<_> = aside.iter().map(|update| update["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons[0], "gs_app_id: \"app-2\" is not the app of the channel, which is \"app-1\"");
    assert!(reasons[1].starts_with("entry[0].changes[0].value.statuses[2].status"), "{reasons:?}");
    assert_eq!(aside.len(), 2);
    assert!(aside.iter().all(|update| update["source"] == "GUPSHUP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept_aside_and_what_is_no_json_is_refused() {
    let world = World::begin().await;
    let own = line(&world, "app-1").await;
    own.tell(&world, &event("message-event", &json!({ "id": "m-1", "type": "delivered" }))).await;
    own.tell(&world, &json!({ "payload": {} })).await;
    let aside = world.rejected(Some(&own.shop)).await;
    assert_eq!(aside.len(), 2);
    assert!(aside[0]["reason"].as_str().is_some_and(|reason| reason.starts_with("body.type: ")), "{aside:#?}");
    assert!(aside[1]["reason"].as_str().is_some_and(|reason| reason.starts_with("body.payload.destination: ")));
    for body in ["", "{", "[]"] {
        let (code, _) = world.send(&own.path(), ("x-webhook-secret", &own.secret), body).await;
        assert_eq!(code, 400, "{body:?}");
    }
}
