//! Campaigns and customers with their figures and scores, as they are worked by hand.

use serde_json::{Value, json};

use crate::support::analytics::{of_campaign, sent};
use crate::support::{NOON, World};

const CAMPAIGNS: &str = "campaigns(first: 10) { nodes { externalId name state recipients startedAt finishedAt channel { id } score
    messages { total sent delivered read failed replied engaged deliveryRate readRate replyRate failureRate engagementRate } } }";

fn phone(number: usize) -> String {
    format!("+9198000{number:05}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaigns_score_is_as_worked_by_hand() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-campaign").await;
    let ids = world
        .tell_campaigns(
            &shop,
            json!([
                { "externalId": "diwali", "name": "Diwali", "channelId": channel, "state": "ACTIVE", "recipients": 15,
                  "startedAt": "2026-06-05T05:00:00Z" },
                { "externalId": "holi", "name": "Holi", "state": "DRAFT", "recipients": 0 },
            ]),
        )
        .await;
    let lives: &[(usize, &[&str])] = &[
        (3, &["sentAt", "deliveredAt", "readAt", "repliedAt"]),
        (6, &["readAt"]),
        (2, &["deliveredAt"]),
        (1, &["sentAt"]),
        (1, &["failedAt"]),
        (2, &[]),
    ];
    let lives = lives.iter().flat_map(|(count, times)| std::iter::repeat_n(*times, *count)).enumerate();
    let messages = lives.map(|(number, times)| {
        of_campaign(&ids[0], sent(&channel, &format!("wamid.{number}"), &phone(number), NOON, times))
    });
    world.tell(&shop, messages.collect()).await;

    let shown = &world.of(&shop, CAMPAIGNS).await["campaigns"]["nodes"];
    let (holi, diwali) = (&shown[0], &shown[1]);
    assert_eq!(
        (&holi["externalId"], &holi["score"], &holi["messages"]["total"]),
        (&json!("holi"), &json!("0.00"), &json!(0))
    );
    let messages = json!({
        "total": 15, "sent": 12, "delivered": 11, "read": 9, "failed": 1, "replied": 3, "engaged": 9,
        "deliveryRate": "91.67", "readRate": "81.82", "replyRate": "25.00", "failureRate": "6.67", "engagementRate": "81.82",
    });
    assert_eq!(diwali["messages"], messages);
    // 0.3 x (91.67 + 81.82 + 25.00) - 0.1 x 6.67
    assert_eq!(diwali["score"], "58.88");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_score_is_as_worked_by_hand_and_wears_off() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-customer").await;
    let campaign = |name: &str| json!({ "externalId": name, "name": name, "state": "ACTIVE", "recipients": 1 });
    let ids = world.tell_campaigns(&shop, json!([campaign("diwali"), campaign("holi")])).await;
    let asha = phone(1);
    let mut inbound = sent(&channel, "wamid.4", &asha, NOON, &[]);
    inbound["direction"] = json!("INBOUND");
    world
        .tell(
            &shop,
            vec![
                of_campaign(&ids[0], sent(&channel, "wamid.1", &asha, NOON, &["deliveredAt", "readAt", "repliedAt"])),
                of_campaign(&ids[1], sent(&channel, "wamid.2", &asha, NOON, &["deliveredAt"])),
                sent(&channel, "wamid.3", &asha, NOON, &["deliveredAt"]),
                inbound,
            ],
        )
        .await;
    let query = "mutation($id: ID!, $phone: String!) {
        upsertCustomers(organisationId: $id, customers: [{ phone: $phone, name: \"Asha_1\" }, { phone: \"+919800000002\" }]) { id } }";
    let made = world.ask(query, json!({ "id": shop, "phone": asha })).await["upsertCustomers"].take();

    let fields = |search: &str| {
        format!(
            "customers(first: 5, search: \"{search}\") {{ nodes {{ id name engagementScore
                engagement {{ messages replied lastActiveOn campaignsReceived campaignsEngaged }} }} }}"
        )
    };
    let shown = world.of(&shop, &fields("")).await["customers"]["nodes"].take();
    assert_eq!((&shown[0]["id"], &shown[1]["id"]), (&made[1]["id"], &made[0]["id"]), "newest first");
    let nothing = json!({
        "messages": 0, "replied": 0, "lastActiveOn": null, "campaignsReceived": 0, "campaignsEngaged": 0 });
    assert_eq!((&shown[0]["engagement"], &shown[0]["engagementScore"]), (&nothing, &json!("0.00")));
    let found = world.of(&shop, &fields("a_1")).await["customers"]["nodes"].take();
    assert_eq!(found, json!([shown[1]]));
    let did = json!({
        "messages": 4, "replied": 1, "lastActiveOn": "2026-06-05", "campaignsReceived": 2, "campaignsEngaged": 1 });
    assert_eq!(found[0]["engagement"], did);
    let score = async || {
        let query = "query($id: ID!) { node(id: $id) { ... on Customer { engagementScore } } }";
        world.ask(query, json!({ "id": made[0]["id"] })).await["node"]["engagementScore"].take()
    };
    // 2 x 4 + 30 x 1/4 + 20 + 10 x 1/2
    assert_eq!(score().await, "40.50");
    for (on, expected) in [
        ("2026-06-11", "40.50"),
        ("2026-06-12", "35.50"),
        ("2026-07-05", "30.50"),
        ("2026-09-03", "25.50"),
        ("2026-12-02", "20.50"),
    ] {
        world.clock.set(format!("{on}T06:00:00Z").parse().expect("a time"));
        assert_eq!(score().await, expected, "{on}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_campaign_in_any_order_comes_to_the_same() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-order").await;
    let told = [
        json!({ "externalId": "x", "name": "X", "state": "DRAFT", "recipients": 10 }),
        json!({ "externalId": "x", "name": "X", "state": "ACTIVE", "recipients": 12, "startedAt": "2026-06-05T05:00:00Z", "channelId": channel }),
        json!({ "externalId": "x", "name": "X", "state": "COMPLETED", "recipients": 11, "startedAt": "2026-06-05T05:30:00Z", "finishedAt": "2026-06-05T05:45:00Z" }),
    ];
    let mut seen: Vec<Value> = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        // One after the other under one name, and all at once under another.
        let named = |place: usize, name: String| {
            let mut campaign = told[place].clone();
            campaign["externalId"] = json!(name);
            campaign
        };
        let name = format!("{order:?}");
        for place in order {
            world.tell_campaigns(&shop, json!([named(place, name.clone())])).await;
        }
        let batch: Vec<_> = order.iter().map(|place| named(*place, format!("all {name}"))).collect();
        let ids = world.tell_campaigns(&shop, json!(batch)).await;
        assert!(ids.iter().all(|id| *id == ids[0]), "answered in their order: {ids:?}");
    }
    for mut campaign in world.of(&shop, CAMPAIGNS).await["campaigns"]["nodes"].as_array().expect("six").clone() {
        campaign["externalId"] = Value::Null;
        seen.push(campaign);
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|campaign| *campaign == seen[0]), "{seen:#?}");
    let expected = json!(["COMPLETED", 12, "2026-06-05T05:00:00.000Z", "2026-06-05T05:45:00.000Z", channel]);
    let first = &seen[0];
    assert_eq!(
        json!([first["state"], first["recipients"], first["startedAt"], first["finishedAt"], first["channel"]["id"]]),
        expected
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_on_a_strangers_channel_is_refused_and_nothing_is_written() {
    let world = World::begin().await;
    let (shop, _) = world.shop("app-own").await;
    let (_, foreign) = world.shop("app-foreign").await;
    let query = "mutation($id: ID!, $channel: ID!) { upsertCampaigns(organisationId: $id, campaigns: [
        { externalId: \"a\", name: \"A\", state: ACTIVE, recipients: 1 }
        { externalId: \"b\", name: \"B\", state: ACTIVE, recipients: 1, channelId: $channel }]) { id } }";
    let refused = world.refused(query, json!({ "id": shop, "channel": foreign })).await;
    assert_eq!(refused.0, "NOT_FOUND");
    assert_eq!(world.of(&shop, CAMPAIGNS).await["campaigns"]["nodes"], json!([]));
}
