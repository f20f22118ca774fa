//! Messages told of over the API: in any order one message, and one record of usage when it has reached somebody.

use futures::StreamExt as _;
use serde_json::{Value, json};
use wabacus::domain::event::{Fact, FactKind};
use wabacus::domain::id::OrganisationId;
use wabacus::service::event::Follow;

use crate::support::World;

const TELL: &str = "mutation($id: ID!, $messages: [MessageInput!]!) {
    recordMessages(organisationId: $id, messages: $messages) { outcome reason code field
        record { id kind resourceType resourceId idempotencyKey category country occurredAt customer { phone name } channel { id } } } }";

/// A shop with a WhatsApp channel that is told of messages.
struct Shop {
    world: World,
    id: String,
    channel: String,
}

impl Shop {
    async fn begin() -> Self {
        let world = World::begin().await;
        let (id, channel) = world.shop("kirana").await;
        Self { world, id, channel }
    }

    /// A message to Asha of which only its beginning is known.
    fn message(&self, external_id: &str, more: Value) -> Value {
        let mut message = json!({
            "externalId": external_id, "channelId": self.channel, "direction": "OUTBOUND",
            "customerPhone": "+91 98000-00001", "createdAt": "2026-06-04T06:00:00Z",
        });
        let Value::Object(more) = more else { panic!("{more} is no object") };
        message.as_object_mut().expect("an object").extend(more);
        message
    }

    async fn tell(&self, messages: Vec<Value>) -> Vec<Value> {
        let told = json!({ "id": self.id, "messages": messages });
        let mut data = self.world.ask(TELL, told).await;
        serde_json::from_value(data["recordMessages"].take()).expect("a result for each")
    }

    /// The outcomes, each with its field if it has one.
    async fn told(&self, messages: Vec<Value>) -> Vec<String> {
        let told = |result: &Value| match result["field"].as_str() {
            Some(field) => format!("{} {field}", result["outcome"].as_str().expect("an outcome")),
            None => result["outcome"].as_str().expect("an outcome").to_owned(),
        };
        self.tell(messages).await.iter().map(told).collect()
    }

    /// The records of the ledger, newest first.
    async fn records(&self) -> Vec<Value> {
        let fields = "usageRecords(first: 100) { nodes { resourceId resourceType category occurredAt cost } }";
        let mut data = self.world.of(&self.id, fields).await;
        serde_json::from_value(data["usageRecords"]["nodes"].take()).expect("records")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_read_delivered_and_sent_in_that_order_is_one_record() {
    let shop = Shop::begin().await;
    let name = json!({ "customerName": "Asha", "readAt": "2026-06-04T06:03:00Z" });
    let read = shop.tell(vec![shop.message("wamid.1", name)]).await.remove(0);
    assert_eq!(
        (&read["outcome"], &read["record"]["occurredAt"]),
        (&json!("RECORDED"), &json!("2026-06-04T06:03:00.000Z"))
    );
    let record = &read["record"];
    assert_eq!(record["customer"], json!({ "phone": "+919800000001", "name": "Asha" }));
    assert_eq!((&record["idempotencyKey"], &record["country"]), (&json!("WHATSAPP/message/wamid.1"), &json!("IN")));

    let delivered = shop.message("wamid.1", json!({ "deliveredAt": "2026-06-04T06:01:00.5Z" }));
    let delivered = shop.tell(vec![delivered]).await.remove(0);
    assert_eq!((&delivered["outcome"], &delivered["record"]["id"]), (&json!("RECORDED"), &record["id"]));
    assert_eq!(delivered["record"]["occurredAt"], "2026-06-04T06:01:00.500Z", "restated: it had reached her earlier");

    // Only now its category, as the BSP tells with `sent`, and who says the same again says nothing new.
    let sent = shop.message("wamid.1", json!({ "sentAt": "2026-06-04T06:00:30Z", "category": "MARKETING" }));
    let told = shop.tell(vec![sent.clone(), sent]).await;
    assert_eq!([&told[0]["outcome"], &told[1]["outcome"]], ["RECORDED", "DUPLICATE"]);
    assert_eq!((&told[0]["record"]["category"], &told[1]["record"]), (&json!("MARKETING"), &Value::Null));
    let records = shop.records().await;
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["category"], "MARKETING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_is_told_when_it_was_sent_is_that_of_the_record() {
    let shop = Shop::begin().await;
    let sent = shop.message("wamid.1", json!({ "sentAt": "2026-06-04T06:00:30Z", "category": "UTILITY" }));
    let told = shop.tell(vec![sent]).await.remove(0);
    assert_eq!((&told["outcome"], &told["record"]), (&json!("RECORDED"), &Value::Null), "it is no usage yet");
    let status = |at: &str| shop.message("wamid.1", json!({ "createdAt": at, "deliveredAt": at }));
    let told = shop.tell(vec![status("2026-06-04T06:01:00Z"), status("2026-06-04T06:01:00Z")]).await;
    assert_eq!((&told[0]["record"]["category"], &told[1]["outcome"]), (&json!("UTILITY"), &json!("DUPLICATE")));
    let others = vec![
        shop.message("wamid.2", json!({ "direction": "INBOUND", "readAt": "2026-06-04T07:00:00Z" })),
        shop.message("wamid.3", json!({ "failedAt": "2026-06-04T07:00:00Z" })),
    ];
    assert_eq!(shop.told(others).await, ["RECORDED", "RECORDED"]);
    assert_eq!(shop.records().await.len(), 1, "what came in, and what failed, is no usage");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_message_is_no_others_trouble() {
    let shop = Shop::begin().await;
    let foreign = shop.world.organisation("Toko", "Asia/Jakarta").await;
    let message = |id: &str, name: &str, value: Value| shop.message(id, json!({ name: value }));
    let told = shop
        .told(vec![
            message("wamid.1", "conversationId", json!("talk")),
            message("", "category", json!("UTILITY")),
            message("wamid.2", "channelId", json!("chn_0192b7c0f0007000800000000000000a")),
            message("wamid.2", "channelId", json!(foreign)),
            message("wamid.2", "campaignId", json!("cmp_0192b7c0f0007000800000000000000a")),
            message("wamid.2", "customerPhone", json!("nobody")),
            message("wamid.2", "customerName", json!(" ")),
            message("wamid.2", "createdAt", json!("yesterday")),
            message("wamid.2", "readAt", json!("2026-06-05T06:05:01Z")),
            message("wamid.2", "sentAt", json!("1999-12-31T00:00:00Z")),
            message("wamid.2", "conversationId", json!("x".repeat(256))),
            message("wamid.2", "readAt", json!("2026-06-05T06:05:00Z")),
            message("wamid.1", "direction", json!("INBOUND")),
            message("wamid.1", "customerPhone", json!("+919800000002")),
        ])
        .await;
    assert_eq!(
        told,
        [
            "RECORDED",
            "REJECTED messages[1].externalId",
            "REJECTED messages[2].channelId",
            "REJECTED messages[3].channelId",
            "REJECTED messages[4].campaignId",
            "REJECTED messages[5].customerPhone",
            "REJECTED messages[6].customerName",
            "REJECTED messages[7].createdAt",
            "REJECTED messages[8].readAt",
            "REJECTED messages[9].sentAt",
            "REJECTED messages[10].conversationId",
            "RECORDED",
            "CONFLICT",
            "CONFLICT",
        ]
    );
    let conflict = shop.tell(vec![message("wamid.1", "customerPhone", json!("+919800000002"))]).await.remove(0);
    assert_eq!(conflict["reason"], "a message with the same externalId and another customerPhone is known");
    let nowhere = json!({ "id": "org_0192b7c0f0007000800000000000000a", "messages": [shop.message("m", json!({}))] });
    assert_eq!(shop.world.refused(TELL, nowhere).await.0, "NOT_FOUND");
    let many: Vec<_> = (0..1_001).map(|number| shop.message(&format!("m{number}"), json!({}))).collect();
    let refused = shop.world.refused(TELL, json!({ "id": shop.id, "messages": many })).await;
    assert_eq!((refused.0.as_str(), refused.1.as_deref()), ("BAD_USER_INPUT", Some("messages")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_recorded_a_message_as_usage_keeps_the_record() {
    let shop = Shop::begin().await;
    let query = "mutation($id: ID!) { recordWhatsApp(organisationId: $id, message: {
        resourceId: \"wamid.1\", direction: OUTBOUND, category: UTILITY }) { outcome } }";
    shop.world.ask(query, json!({ "id": shop.id })).await;
    for at in ["2026-06-04T06:03:00Z", "2026-06-04T06:02:00Z"] {
        let told = shop.tell(vec![shop.message("wamid.1", json!({ "deliveredAt": at }))]).await.remove(0);
        assert_eq!((&told["outcome"], &told["record"]), (&json!("RECORDED"), &Value::Null));
    }
    let records = shop.records().await;
    assert_eq!((records.len(), &records[0]["category"]), (1, &json!("UTILITY")));
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_told_of_before_and_after_their_messages() {
    let shop = Shop::begin().await;
    let query = "mutation($id: ID!, $conversations: [ConversationInput!]!) {
        upsertConversations(organisationId: $id, conversations: $conversations) { outcome field code } }";
    let talk = |name: &str, more: Value| {
        let mut talk = json!({ "externalId": name, "channelId": shop.channel, "openedAt": "2026-06-04T06:00:00Z" });
        talk.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        talk
    };
    let conversations = vec![
        talk("talk", json!({})),
        talk("talk", json!({})),
        talk("talk", json!({ "closedAt": "2026-06-04T07:00:00Z", "firstResponseAt": "2026-06-04T06:01:00Z" })),
        talk("talk", json!({ "closedAt": "2026-06-04T05:00:00Z" })),
        talk("other", json!({ "channelId": "chn_0192b7c0f0007000800000000000000a" })),
        talk("other", json!({ "openedAt": "2026-06-06T06:00:00Z" })),
    ];
    let data = shop.world.ask(query, json!({ "id": shop.id, "conversations": conversations })).await;
    let told = data["upsertConversations"].as_array().expect("a result for each").iter();
    let told: Vec<_> = told.map(|result| (result["outcome"].as_str().unwrap(), result["field"].as_str())).collect();
    assert_eq!(
        told,
        [
            ("RECORDED", None),
            ("DUPLICATE", None),
            ("RECORDED", None),
            ("REJECTED", Some("conversations[3].closedAt")),
            ("REJECTED", Some("conversations[4].channelId")),
            ("REJECTED", Some("conversations[5].openedAt")),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_tells_once_which_channels_and_days_changed() {
    let shop = Shop::begin().await;
    let told = vec![
        shop.message("wamid.1", json!({ "createdAt": "2026-06-03T18:29:59Z" })),
        shop.message("wamid.2", json!({ "createdAt": "2026-06-03T18:30:00Z" })),
    ];
    shop.tell(told.clone()).await;
    shop.tell(told).await;
    // It becomes known that it was there a day earlier.
    shop.tell(vec![shop.message("wamid.2", json!({ "createdAt": "2026-06-02T19:00:00Z" }))]).await;
    let follow = Follow::Organisation(OrganisationId::parse("id", &shop.id).expect("an id"));
    let services = shop.world.app().services();
    let log = services.event.follow(follow, Some(0), vec![FactKind::MessagesChanged]).await.expect("the log opens");
    let facts: Vec<_> = log.take(2).map(|event| event.expect("the log can be read").fact).collect().await;
    let dates = facts.iter().map(|fact| {
        let Fact::MessagesChanged { channels, dates } = fact else { panic!("{fact:?}") };
        assert_eq!(channels.iter().map(ToString::to_string).collect::<Vec<_>>(), [shop.channel.as_str()]);
        dates.iter().map(ToString::to_string).collect::<Vec<_>>()
    });
    assert_eq!(dates.collect::<Vec<_>>(), [["2026-06-03", "2026-06-04"], ["2026-06-03", "2026-06-04"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_forty_days_ago_is_usage_by_a_backfill() {
    let shop = Shop::begin().await;
    let old = |name: &str| {
        let at = json!({ "createdAt": "2026-04-26T06:00:00Z", "deliveredAt": "2026-04-26T06:00:05Z" });
        shop.message(name, at)
    };
    assert_eq!(shop.told(vec![old("wamid.1"), old("wamid.2")]).await, ["RECORDED", "RECORDED"]);
    let sent = json!({ "createdAt": "2026-04-26T06:00:00Z", "sentAt": "2026-04-26T06:00:05Z" });
    shop.tell(vec![shop.message("wamid.3", sent)]).await;
    assert_eq!(shop.records().await, Vec::<Value>::new(), "too old to be recorded live");

    for _ in 0..2 {
        let run = shop.world.backfill_usage(&shop.id, "2026-04-26", "2026-04-26").await;
        assert_eq!((&run["state"], &run["progress"]), (&json!("SUCCEEDED"), &json!({ "done": 2, "total": 2 })));
        assert_eq!(shop.records().await.len(), 2, "twice is once");
    }
    // What becomes known later still restates the record.
    let earlier = json!({ "createdAt": "2026-04-26T06:00:00Z", "deliveredAt": "2026-04-26T06:00:01Z" });
    let told = shop.tell(vec![shop.message("wamid.1", earlier)]).await.remove(0);
    assert_eq!(told["record"]["occurredAt"], "2026-04-26T06:00:01.000Z");
}
