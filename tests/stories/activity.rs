//! Who is active: conversations of the month, since when and until when something happened, a history, and the admin's list of all.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::analytics::sent;
use crate::support::home::Home;
use crate::support::process::{self, Process};
use crate::support::{NOON, World};

const ACTIVITY: &str = "activity { conversationsThisMonth lastConversationAt firstActivityAt lastActivityAt active }";

/// A message that is part of a conversation.
fn said(channel: &str, number: usize, conversation: &str, at: &str) -> Value {
    let mut message = sent(channel, &format!("wamid.{number}"), &format!("+9198000{number:05}"), at, &[]);
    message["conversationId"] = json!(conversation);
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_counted_by_month_and_the_last_one_is_told() {
    let world = World::begin().await;
    // A channel without a provider, which would report something of its own.
    let shop = world.organisation("Shop", "Asia/Kolkata").await;
    let query = "mutation($id: ID!) { createChannel(organisationId: $id, input: { kind: SMS, name: \"SMS\" }) { id } }";
    let channel = world.ask(query, json!({ "id": shop })).await["createChannel"]["id"].take();
    let channel = channel.as_str().unwrap();
    let nothing = json!({ "conversationsThisMonth": 0, "lastConversationAt": null, "firstActivityAt": null,
        "lastActivityAt": null, "active": false });
    assert_eq!(world.of(&shop, ACTIVITY).await["activity"], nothing);

    // June begins in Kolkata while it is still May in UTC.
    let told = [
        (1, "june.1", "2026-05-31T18:30:00Z"),
        (2, "june.2", "2026-06-04T08:00:00Z"),
        (3, "june.2", "2026-06-04T09:00:00Z"),
        (4, "may.1", "2026-05-31T18:29:59Z"),
        (5, "march.1", "2026-03-10T10:00:00Z"),
    ];
    let told = told.map(|(number, conversation, at)| said(channel, number, conversation, at));
    world.tell(&shop, told.to_vec()).await;
    let shown = world.of(&shop, &format!("{ACTIVITY} usageHistory {{ month conversations lastConversationAt }}")).await;
    let activity = json!({ "conversationsThisMonth": 2, "lastConversationAt": "2026-06-04T08:00:00.000Z",
        "firstActivityAt": "2026-03-10T10:00:00.000Z", "lastActivityAt": "2026-06-04T09:00:00.000Z", "active": true });
    assert_eq!(shown["activity"], activity);
    let month = |month: &str, conversations: i32, last: Option<&str>| json!({ "month": month, "conversations": conversations, "lastConversationAt": last });
    let history = json!([
        month("2026-06", 2, Some("2026-06-04T08:00:00.000Z")),
        month("2026-05", 1, Some("2026-05-31T18:29:59.000Z")),
        month("2026-04", 0, None),
        month("2026-03", 1, Some("2026-03-10T10:00:00.000Z")),
        month("2026-02", 0, None),
        month("2026-01", 0, None),
    ]);
    assert_eq!(shown["usageHistory"], history);
    assert_eq!(world.of(&shop, "usageHistory(months: 24) { month }").await["usageHistory"][23]["month"], "2024-07");

    let query = "query($id: ID!) { organisation(id: $id) { usageHistory(months: 25) { month } } }";
    let refused = world.refused(query, json!({ "id": shop })).await;
    assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("months".to_owned())));

    // The last thing was on 4 June.
    world.clock.advance(TimeDelta::days(30));
    assert_eq!(world.of(&shop, ACTIVITY).await["activity"]["active"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_and_what_a_provider_reports_are_activity_too() {
    let world = World::begin().await;
    let recorder = world.organisation("Recorder", "Asia/Kolkata").await;
    let query = "mutation($id: ID!, $at: DateTime!) { recordUsage(organisationId: $id, records: [
        { kind: SMS, resourceType: \"message\", resourceId: \"sms-1\", occurredAt: $at }]) { outcome record { id } } }";
    let made = world.ask(query, json!({ "id": recorder, "at": NOON })).await;
    let span = "activity { firstActivityAt lastActivityAt active conversationsThisMonth }";
    let told = json!({ "firstActivityAt": "2026-06-05T06:00:00.000Z", "lastActivityAt": "2026-06-05T06:00:00.000Z",
        "active": true, "conversationsThisMonth": 0 });
    assert_eq!(world.of(&recorder, span).await["activity"], told);

    // What is taken back later happened all the same.
    world.clock.advance(TimeDelta::days(1));
    let id = &made["recordUsage"][0]["record"]["id"];
    world.ask("mutation($id: ID!) { voidUsage(id: $id, reason: \"a test\") { id } }", json!({ "id": id })).await;
    assert_eq!(world.of(&recorder, span).await["activity"], told);

    // The simulated provider reports the week before, and a day says no more than that it was in it.
    let (shop, _) = world.shop("app-reported").await;
    let told = world.of(&shop, span).await["activity"].take();
    let times = (&told["firstActivityAt"], &told["lastActivityAt"]);
    assert_eq!(times, (&json!("2026-05-28T18:30:00.000Z"), &json!("2026-06-05T18:29:59.000Z")));
}

const LIST: &str = "query($limit: Int, $offset: Int) { organisations(limit: $limit, offset: $offset) {
    totalCount hasMore nodes { name plan { code } activity { active conversationsThisMonth } usageHistory { conversations } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_hundred_and_fifty_is_paged_by_number() {
    let world = World::begin().await;
    for number in 0..150 {
        world.organisation(&format!("Shop {number:03}"), "Asia/Kolkata").await;
    }
    let page = async |limit: Option<i32>, offset: i32| {
        world.ask(LIST, json!({ "limit": limit, "offset": offset })).await["organisations"].take()
    };
    for number in 0..8 {
        let shown = page(None, number * 20).await;
        let names: Vec<_> =
            shown["nodes"].as_array().unwrap().iter().map(|shop| shop["name"].as_str().unwrap()).collect();
        let expected: Vec<_> =
            (number * 20..(number * 20 + 20).min(150)).map(|shop| format!("Shop {shop:03}")).collect();
        assert_eq!(names, expected);
        assert_eq!((&shown["totalCount"], &shown["hasMore"]), (&json!(150), &json!(number < 7)));
    }
    let whole = page(Some(100), 50).await;
    assert_eq!((whole["nodes"].as_array().unwrap().len(), &whole["hasMore"]), (100, &json!(false)));
    let past = page(Some(10), 150).await;
    assert_eq!((&past["nodes"], &past["hasMore"]), (&json!([]), &json!(false)));
    let query = "{ organisations(limit: 101) { hasMore } }";
    assert_eq!(world.refused(query, json!({})).await.1, Some("limit".to_owned()));
}

/// The statements that a server has sent to its database since it began.
async fn statements(url: &str) -> u64 {
    let text = reqwest::get(format!("{url}/metrics")).await.expect("an answer").text().await.expect("a text");
    let line = text.lines().find_map(|line| line.strip_prefix("wabacus_sql_statements_total "));
    line.expect("the statements are counted").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_hundred_costs_as_many_statements_as_a_page_of_five() {
    let home = Home::new().await;
    let settings = process::settings(home.url(), "http://127.0.0.1:9", "http://127.0.0.1:9");
    let created = process::run(&settings, &["token", "create", "--admin"]).await;
    let admin = created.trim();
    let (_process, url) = Process::serve(&settings).await;
    for number in 0..100 {
        let query = "mutation($name: String!) { createOrganisation(input: { name: $name, timeZone: \"Asia/Kolkata\" }) { id } }";
        process::ask(&url, admin, query, json!({ "name": format!("Shop {number}") })).await;
    }
    // What the server does beside it now and then only adds to a reading.
    let cost = async |limit: i32| {
        let mut least = u64::MAX;
        for _ in 0..10 {
            let before = statements(&url).await;
            process::ask(&url, admin, LIST, json!({ "limit": limit })).await;
            least = least.min(statements(&url).await - before);
        }
        least
    };
    let (few, many) = (cost(5).await, cost(100).await);
    assert!(few > 0, "the list asks the database");
    assert_eq!(few, many);
}
