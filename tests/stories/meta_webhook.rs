//! What Meta tells by webhook: taken when it is signed, once however often it comes, and kept aside where it cannot be taken.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::webhook::{APP_SECRET, priced, sender_of, sender_with, status, statuses};
use crate::support::{NOON, Setup, World};

/// The signatures of the two bodies were made by other hands, with this secret.
const PUBLISHED_SECRET: &str = "test-app-secret";

async fn world() -> World {
    Setup::at(NOON).with("META_APP_SECRET", APP_SECRET).with("META_VERIFY_TOKEN", "agreed").begin().await
}

/// Sends a body as Meta does; what became of it.
async fn tell(world: &World, body: &Value) -> Value {
    let body = body.to_string();
    let signature = sender_of("any").header(body.as_bytes()).1;
    let (status, answer) = world.send("/webhooks/meta", ("x-hub-signature-256", &signature), body).await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).expect("the answer is JSON")
}

fn tally(recorded: u64, duplicates: u64, rejected: u64, passed_over: u64) -> Value {
    json!({ "recorded": recorded, "duplicates": duplicates, "rejected": rejected, "passedOver": passed_over })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_the_token_gets_the_challenge_back() {
    let world = world().await;
    let client = reqwest::Client::new();
    let ask = async |query: &str| {
        let answer = client.get(format!("{}/webhooks/meta?{query}", world.url())).send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().get("content-type").cloned(), answer.text().await.expect("a text"))
    };
    let (code, kind, text) = ask("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=agreed").await;
    assert_eq!((code, text.as_str()), (200, "1158201444"));
    assert!(kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain")));
    for query in [
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=guessed",
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=agreed2",
        "hub.mode=subscribe&hub.challenge=1158201444",
        "hub.mode=unsubscribe&hub.challenge=1158201444&hub.verify_token=agreed",
        "hub.mode=subscribe&hub.verify_token=agreed",
        "",
    ] {
        let (code, _, text) = ask(query).await;
        assert!(code == 403 && !text.contains("1158201444"), "{query}: {code} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_were_signed_by_other_hands_are_genuine() {
    let world = Setup::at(NOON).with("META_APP_SECRET", &format!("newer-secret, {PUBLISHED_SECRET}")).begin().await;
    for (body, signature) in [
        (
            r#"{"object":"whatsapp_business_account","entry":[]}"#,
            "sha256=c84a394cc475525991e78ff16e430b02e47f953877d2af0ade26956ce6f384dc",
        ),
        (r#"{"n":"caf\u00e9 \/ \u0939"}"#, "sha256=3e4393900d3bf4f196f6f8b56216f379b39b7e15a0a3cff34611565da8d3e9b5"),
    ] {
        let (code, answer) = world.send("/webhooks/meta", ("x-hub-signature-256", signature), body).await;
        assert_eq!(code, 200, "{answer}");
        // What says the same in other bytes was not signed.
        let value: Value = serde_json::from_str(body).expect("JSON");
        for other in [format!("{body} "), format!("{value:#}")] {
            let (code, _) = world.send("/webhooks/meta", ("x-hub-signature-256", signature), other).await;
            assert_eq!(code, 401);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_as_it_should_be_is_refused_and_nothing_is_written() {
    let world = world().await;
    let (shop, _) = world.shop_at_meta("waba-1").await;
    world.settle().await;
    let mut database = Database::look_into(world.database()).await;
    let before = database.version().await;
    let body = statuses("waba-1", &json!([status("wamid.é", "delivered", 0)])).to_string();
    let escaped = body.replace('é', "\\u00e9");
    assert_ne!(body, escaped);
    let (_, of_escaped) = sender_of("waba-1").header(escaped.as_bytes());
    let (_, of_other_secret) = sender_with("waba-1", "another-secret").header(body.as_bytes());
    let (_, good) = sender_of("waba-1").header(body.as_bytes());
    for (what, name, signature) in [
        ("of the same JSON in other bytes", "x-hub-signature-256", of_escaped.as_str()),
        ("of another secret", "x-hub-signature-256", of_other_secret.as_str()),
        ("missing", "x-something-else", good.as_str()),
        ("empty", "x-hub-signature-256", ""),
        ("without its algorithm", "x-hub-signature-256", &good["sha256=".len()..]),
        ("of another algorithm", "x-hub-signature-256", &good.replace("sha256", "sha1")),
        ("cut short", "x-hub-signature-256", &good[..good.len() - 2]),
        ("in the former header", "x-hub-signature", good.as_str()),
    ] {
        let (code, answer) = world.send("/webhooks/meta", (name, signature), body.clone()).await;
        assert!(code == 401 && answer.contains("UNAUTHENTICATED"), "{what}: {code} {answer}");
    }
    assert_eq!(database.version().await, before, "nothing was written");
    assert_eq!((database.rows("message").await, database.rows("rejected_update").await), (0, 0));

    assert_eq!(world.send("/webhooks/meta", ("x-hub-signature-256", &good), body).await.0, 200);
    assert_eq!(world.charged(&shop).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_nobody_is_let_in() {
    let world = World::begin().await;
    let body = statuses("waba-1", &json!([status("wamid.1", "delivered", 0)])).to_string();
    for secret in ["", APP_SECRET] {
        let (_, signature) = sender_with("waba-1", secret).header(body.as_bytes());
        assert_eq!(world.send("/webhooks/meta", ("x-hub-signature-256", &signature), body.clone()).await.0, 401);
    }
    let url = format!("{}/webhooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=", world.url());
    assert_eq!(reqwest::get(url).await.expect("an answer").status().as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_charged_once_whatever_order_its_statuses_come_in() {
    let world = world().await;
    let told = [
        priced("wamid.1", "sent", 0, "marketing", "regular"),
        status("wamid.1", "delivered", 2),
        status("wamid.1", "read", 9),
    ];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut expected = None;
    for (number, order) in orders.into_iter().enumerate() {
        let waba = format!("waba-{number}");
        let (shop, channel) = world.shop_at_meta(&waba).await;
        for place in order.into_iter().chain(order) {
            tell(&world, &statuses(&waba, &json!([told[place]]))).await;
        }
        let charged = world.charged(&shop).await;
        assert_eq!(charged.len(), 1, "{order:?}: {charged:#?}");
        let mut record = charged[0].clone();
        assert_eq!(record["channel"].take()["id"], channel.as_str());
        assert_eq!(record, *expected.get_or_insert(record.clone()), "{order:?}");
        let counted = Database::look_into(world.database()).await.counted(&shop).await;
        assert_eq!(["total", "sent", "delivered", "read", "failed"].map(|name| counted[name]), [1, 1, 1, 1, 0]);
    }
    let record = expected.expect("a record");
    assert_eq!((&record["resourceType"], &record["category"]), (&json!("message"), &json!("MARKETING")));
    assert_eq!((&record["resourceId"], &record["quantity"]), (&json!("wamid.1"), &json!("1")));
    assert_eq!(record["occurredAt"], "2026-06-05T05:00:02.000Z", "when it was delivered");
    assert_eq!(record["customer"], json!({ "phone": "+919800000002", "name": null, "registered": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_free_is_recorded_as_free_and_what_failed_or_came_not_at_all() {
    let world = world().await;
    let (shop, _) = world.shop_at_meta("waba-1").await;
    let mut failed = status("wamid.failed", "failed", 5);
    failed["errors"] = json!([{ "code": 131_049, "title": "Not delivered" }]);
    let body = statuses(
        "waba-1",
        &json!([
            priced("wamid.free", "delivered", 1, "service", "free_customer_service"),
            priced("wamid.entry", "delivered", 2, "referral_conversion", "free_entry_point"),
            priced("wamid.abroad", "delivered", 3, "authentication-international", "regular"),
            status("wamid.read", "read", 4),
            failed,
            status("wamid.sent", "sent", 6),
        ]),
    );
    assert_eq!(tell(&world, &body).await, tally(6, 0, 0, 0));
    let mut charged: Vec<_> = world
        .charged(&shop)
        .await
        .iter()
        .map(|record| {
            ["resourceId", "resourceType", "category"]
                .map(|name| record[name].as_str().unwrap_or("-").to_owned())
                .join(" ")
        })
        .collect();
    charged.sort_unstable();
    assert_eq!(
        charged,
        [
            "wamid.abroad message AUTHENTICATION_INTERNATIONAL",
            "wamid.entry free_message REFERRAL_CONVERSION",
            "wamid.free free_message SERVICE",
            "wamid.read message -",
        ]
    );
    let counted = Database::look_into(world.database()).await.counted(&shop).await;
    let names = ["total", "sent", "delivered", "read", "failed"];
    assert_eq!(names.map(|name| counted[name]), [6, 5, 4, 1, 1], "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_update_among_a_thousand_is_kept_aside_and_the_others_are_taken() {
    let world = world().await;
    let (shop, channel) = world.shop_at_meta("waba-1").await;
    let mut updates: Vec<_> =
        (0..1_000).map(|number| status(&format!("wamid.{number}"), "delivered", number)).collect();
    updates[417]["timestamp"] = json!("yesterday");
    let body = statuses("waba-1", &json!(updates));

    assert_eq!(tell(&world, &body).await, tally(999, 0, 1, 0));

    let mut database = Database::look_into(world.database()).await;
    assert_eq!((database.rows("message").await, database.rows("usage_record").await), (999, 999));
    let aside = world.rejected(Some(&shop)).await;
    assert_eq!(aside.len(), 1);
    let reason = aside[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("entry[0].changes[0].value.statuses[417].timestamp: "), "{reason}");
    assert_eq!((&aside[0]["source"], &aside[0]["channelId"]), (&json!("META"), &json!(channel)));
    let payload: Value = serde_json::from_str(aside[0]["payload"].as_str().expect("a text")).expect("JSON");
    assert_eq!(payload, updates[417]);

    assert_eq!(tell(&world, &body).await, tally(0, 999, 1, 0), "the same again");
    assert_eq!(database.rows("usage_record").await, 999);

    // They are kept for thirty days.
    world.advance(TimeDelta::days(31)).await;
    assert!(world.rejected(None).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_several_share_is_told_apart_by_its_numbers() {
    let world = world().await;
    let (ours, our_channel) = world.shop_at_meta("waba-1").await;
    let (theirs, their_channel) = world.shop_at_meta("waba-1").await;
    world.number(&our_channel, "+91 98000-00007").await;
    world.number(&their_channel, "+919800000008").await;
    let to = |number: &str, id: &str| {
        let mut body = statuses("waba-1", &json!([status(id, "delivered", 0)]));
        body["entry"][0]["changes"][0]["value"]["metadata"]["display_phone_number"] = json!(number);
        body
    };
    assert_eq!(tell(&world, &to("919800000007", "wamid.1")).await, tally(1, 0, 0, 0));
    assert_eq!(tell(&world, &to("+91 98000 00008", "wamid.2")).await, tally(1, 0, 0, 0));
    assert_eq!(tell(&world, &to("919800000001", "wamid.3")).await, tally(0, 0, 1, 0));
    let stranger = statuses("waba-9", &json!([status("wamid.4", "delivered", 0)]));
    assert_eq!(tell(&world, &stranger).await, tally(0, 0, 1, 0));

    for (shop, id) in [(&ours, "wamid.1"), (&theirs, "wamid.2")] {
        let charged = world.charged(shop).await;
        assert_eq!((charged.len(), &charged[0]["resourceId"]), (1, &json!(id)));
        assert!(world.rejected(Some(shop)).await.is_empty());
    }
    let aside = world.rejected(None).await;
    let reasons: Vec<_> = aside.iter().map(|update| update["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons[0], "no channel has the account \"waba-9\"");
    assert_eq!(reasons[1], "of the channels with the account \"waba-1\", none has the number \"919800000001\"");
    assert!(aside.iter().all(|update| update["organisation"].is_null() && update["channelId"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_writes_counts_and_tells_of_what_it_answers() {
    let world = world().await;
    let (shop, _) = world.shop_at_meta("waba-1").await;
    let came = |id: &str, context: Value| {
        json!({ "id": id, "from": "919800000002", "timestamp": "1780635660", "type": "text",
            "text": { "body": "Two, please" }, "context": context })
    };
    let mut body = statuses("waba-1", &json!([status("wamid.out", "delivered", 3)]));
    let value = &mut body["entry"][0]["changes"][0]["value"];
    value["contacts"] = json!([{ "wa_id": "919800000002", "profile": { "name": "Asha" } }]);
    value["messages"] = json!([
        came("wamid.in1", json!({ "from": "919800000009", "id": "wamid.out" })),
        came("wamid.in2", json!({ "from": "919800000002", "id": "wamid.in1" })),
    ]);
    assert_eq!(tell(&world, &body).await, tally(4, 0, 0, 0), "one of them tells of two messages");
    let counted = Database::look_into(world.database()).await.counted(&shop).await;
    let names = ["total", "inbound", "outbound", "delivered", "read", "replied"];
    assert_eq!(names.map(|name| counted[name]), [3, 2, 1, 1, 0, 1], "{counted:?}");
    let charged = world.charged(&shop).await;
    assert_eq!((charged.len(), &charged[0]["resourceId"]), (1, &json!("wamid.out")));
    assert_eq!(charged[0]["customer"], json!({ "phone": "+919800000002", "name": "Asha", "registered": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_messages_share_is_a_conflict_and_kept_aside() {
    let world = world().await;
    let (shop, _) = world.shop_at_meta("waba-1").await;
    let mut other = status("wamid.1", "read", 5);
    other["recipient_id"] = json!("919800000003");
    let body = statuses("waba-1", &json!([status("wamid.1", "sent", 0), other]));
    assert_eq!(tell(&world, &body).await, tally(1, 0, 1, 0));
    let aside = world.rejected(Some(&shop)).await;
    assert_eq!(aside[0]["reason"], "the message is known with another customerPhone");
    assert!(world.charged(&shop).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_news_are_passed_over_and_what_is_no_json_is_refused() {
    let world = world().await;
    world.shop_at_meta("waba-1").await;
    let news = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "waba-1", "time": 1, "changes": [
        { "field": "account_update", "value": { "event": "VOLUME_BASED_PRICING_TIER_UPDATE" } }] }] });
    assert_eq!(tell(&world, &news).await, tally(0, 0, 0, 1));
    for body in ["", "{", "[]", "7", "null"] {
        let signature = sender_of("waba-1").header(body.as_bytes()).1;
        let (code, answer) = world.send("/webhooks/meta", ("x-hub-signature-256", &signature), body).await;
        assert!(code == 400 && answer.contains("\"body\""), "{body:?}: {code} {answer}");
    }
    let mut database = Database::look_into(world.database()).await;
    assert_eq!((database.rows("message").await, database.rows("rejected_update").await), (0, 0));
}
