//! Snapshots: days, weeks and months are frozen when they are over, each once and exactly between its midnights, and late facts are shown.

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::domain::channel::BspKind;

use crate::support::watch::{Watch, beginning};
use crate::support::{Setup, World};

const METRICS: &str = "metrics { period { start end } generatedAt
    messages { total sent delivered read failed replied inbound outbound deliveryRate readRate replyRate failureRate }
    campaigns { total active completed failed totalRecipients messagesSent avgDeliveryRate avgReadRate }
    contacts { total new active blocked avgEngagementScore }
    conversations { total open closed avgResponseTime } }";

/// An outbound message of a channel to a customer, made at a time.
fn message(channel: &str, name: &str, customer: usize, created_at: &str) -> Value {
    json!({
        "externalId": name, "channelId": channel, "direction": "OUTBOUND", "customerPhone": format!("+9198000{customer:05}"),
        "createdAt": created_at, "sentAt": created_at,
    })
}

/// The message with more of what is known of it.
fn with(mut message: Value, more: Value) -> Value {
    let fields = message.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    message
}

async fn tell(world: &World, organisation: &str, messages: Vec<Value>) {
    let query = "mutation($id: ID!, $messages: [MessageInput!]!) {
        recordMessages(organisationId: $id, messages: $messages) { outcome reason } }";
    let data = world.ask(query, json!({ "id": organisation, "messages": messages })).await;
    for result in data["recordMessages"].as_array().expect("a result for each") {
        assert_eq!(result["outcome"], "RECORDED", "{result:#}");
    }
}

/// Makes a snapshot by hand.
async fn generate(world: &World, organisation: &str, kind: &str, date: &str, channel: Option<&str>) -> Value {
    let query = format!(
        "mutation($id: ID!, $type: SnapshotType!, $date: Date!, $channel: ID) {{
            generateSnapshot(organisationId: $id, type: $type, date: $date, channelId: $channel) {{
                id type date channel {{ id }} createdAt eventCursor {METRICS} }} }}"
    );
    let variables = json!({ "id": organisation, "type": kind, "date": date, "channel": channel });
    world.ask(&query, variables).await["generateSnapshot"].take()
}

/// The snapshots whose periods begin on some days.
async fn snapshots(
    world: &World,
    organisation: &str,
    kind: &str,
    [from, to]: [&str; 2],
    channel: Option<&str>,
) -> Vec<Value> {
    let query = format!(
        "query($id: ID!, $type: SnapshotType!, $from: Date!, $to: Date!, $channel: ID) {{ organisation(id: $id) {{
            snapshots(type: $type, from: $from, to: $to, channelId: $channel) {{
                id type date channel {{ id }} createdAt eventCursor {METRICS} }} }} }}"
    );
    let variables = json!({ "id": organisation, "type": kind, "from": from, "to": to, "channel": channel });
    let data = world.ask(&query, variables).await;
    data["organisation"]["snapshots"].as_array().expect("a list of snapshots").clone()
}

/// The names of the figures that changed since, each with what it was and is.
async fn drift(world: &World, id: &Value) -> Vec<String> {
    let query = "query($id: ID!) { snapshotDrift(id: $id) { changes { figure before after } } }";
    let data = world.ask(query, json!({ "id": id })).await;
    let changes = data["snapshotDrift"]["changes"].as_array().expect("a list of changes");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let told = |change: &Value| ["figure", "before", "after"].map(|field| text(&change[field])).join(" ");
    changes.iter().map(told).collect()
}

fn day_after(date: &str) -> String {
    let date: chrono::NaiveDate = date.parse().expect("a day");
    date.succ_opt().expect("a day after it").to_string()
}

/// Makes the snapshots of a period and of each of its days by hand, and holds the sum of the days against the period. Their boundaries meet
/// without a gap; they are returned from the first day's start to the last day's end.
async fn assert_is_sum_of_its_days(
    world: &World,
    organisation: &str,
    kind: &str,
    first: &str,
    days: usize,
) -> Vec<String> {
    let whole = generate(world, organisation, kind, first, None).await;
    let at = |snapshot: &Value, end: &str| snapshot["metrics"]["period"][end].as_str().expect("a time").to_owned();
    let (mut date, mut boundaries) = (first.to_owned(), vec![at(&whole, "start")]);
    let mut parts = Vec::new();
    for _ in 0..days {
        let day = generate(world, organisation, "DAILY", &date, None).await;
        assert_eq!(boundaries.last(), Some(&at(&day, "start")), "{date} begins where the day before ended");
        boundaries.push(at(&day, "end"));
        parts.push(day);
        date = day_after(&date);
    }
    assert_eq!(boundaries.last(), Some(&at(&whole, "end")), "the last day ends with the {kind}");
    let adds_up = [
        "/messages/total",
        "/messages/sent",
        "/messages/delivered",
        "/messages/read",
        "/messages/failed",
        "/messages/replied",
        "/messages/inbound",
        "/messages/outbound",
        "/contacts/new",
        "/conversations/total",
        "/campaigns/messagesSent",
    ];
    for figure in adds_up {
        let of = |snapshot: &Value| snapshot["metrics"].pointer(figure).and_then(Value::as_i64).expect("a count");
        assert_eq!(parts.iter().map(of).sum::<i64>(), of(&whole), "{figure} of the days and of the {kind}");
    }
    let known = |snapshot: &Value| snapshot["metrics"]["contacts"]["total"].clone();
    assert_eq!(parts.last().map(known), Some(known(&whole)), "who is known at the end");
    boundaries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_in_which_clocks_change_lies_between_its_midnights_and_is_the_sum_of_its_days() {
    let world = Setup::at("2026-03-20T06:00:00Z").begin().await;
    let shop = world.organisation("Kiosk", "Europe/Berlin").await;
    let channel = world.channel(&shop, BspKind::Gupshup, "app-1", "Europe/Berlin").await;
    // Monday begins in winter time, and the Sunday in which an hour is left out ends in summer time.
    world.advance_to("2026-03-29T22:30:00Z").await;
    let times = [
        ("the week before", "2026-03-22T22:59:59.999Z"),
        ("the first instant", "2026-03-22T23:00:00Z"),
        ("tuesday", "2026-03-24T12:00:00Z"),
        ("the end of saturday", "2026-03-28T22:59:59.999Z"),
        ("before the gap", "2026-03-29T00:59:59.999Z"),
        ("after the gap", "2026-03-29T01:00:00Z"),
        ("the last instant", "2026-03-29T21:59:59.999Z"),
        ("the week after", "2026-03-29T22:00:00Z"),
    ];
    let messages = times.iter().enumerate().map(|(number, (name, at))| message(&channel, name, number, at));
    tell(&world, &shop, messages.collect()).await;

    world.advance_to("2026-03-30T01:00:00Z").await;
    let weeks = snapshots(&world, &shop, "WEEKLY", ["2026-03-23", "2026-03-29"], None).await;
    assert_eq!(weeks.len(), 1, "made on Monday at three in the morning there");
    let period = json!({ "start": "2026-03-22T23:00:00.000Z", "end": "2026-03-29T22:00:00.000Z" });
    assert_eq!((&weeks[0]["date"], &weeks[0]["metrics"]["period"]), (&json!("2026-03-23"), &period));
    assert_eq!(weeks[0]["metrics"]["messages"]["total"], 6);
    let sundays = snapshots(&world, &shop, "DAILY", ["2026-03-29", "2026-03-30"], None).await;
    let period = json!({ "start": "2026-03-28T23:00:00.000Z", "end": "2026-03-29T22:00:00.000Z" });
    assert_eq!((sundays.len(), &sundays[0]["metrics"]["period"]), (1, &period), "a day of 23 hours");
    assert_eq!(sundays[0]["metrics"]["messages"]["total"], 3);

    let boundaries = assert_is_sum_of_its_days(&world, &shop, "WEEKLY", "2026-03-23", 7).await;
    assert_eq!(boundaries.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_thirteen_hours_ahead_lies_between_its_midnights_and_is_the_sum_of_its_days() {
    let world = Setup::at("2026-06-29T00:00:00Z").begin().await;
    let shop = world.organisation("Fale", "Pacific/Apia").await;
    let channel = world.channel(&shop, BspKind::Gupshup, "app-1", "Pacific/Apia").await;
    // One in the morning of the first of July.
    world.advance_to("2026-06-30T12:00:00Z").await;
    let mut messages = vec![
        message(&channel, "may", 1, "2026-05-31T10:59:59.999Z"),
        message(&channel, "the first instant", 2, "2026-05-31T11:00:00Z"),
        message(&channel, "the last instant", 3, "2026-06-30T10:59:59.999Z"),
        message(&channel, "july", 4, "2026-06-30T11:00:00Z"),
    ];
    for day in 1..=28_usize {
        let at = format!("2026-06-{day:02}T{:02}:30:00Z", day % 24);
        let read = json!({ "deliveredAt": at, "readAt": at, "conversationId": format!("talk {}", day / 3) });
        messages.push(with(message(&channel, &format!("day {day}"), day % 5, &at), read));
    }
    tell(&world, &shop, messages).await;
    world.advance_to("2026-06-30T15:00:00Z").await;
    let months = snapshots(&world, &shop, "MONTHLY", ["2026-06-01", "2026-06-30"], Some(&channel)).await;
    let period = json!({ "start": "2026-05-31T11:00:00.000Z", "end": "2026-06-30T11:00:00.000Z" });
    assert_eq!((months.len(), &months[0]["metrics"]["period"]), (1, &period), "made at four in the morning there");
    let counted = &months[0]["metrics"]["messages"];
    assert_eq!((&counted["total"], &counted["read"], &counted["readRate"]), (&json!(30), &json!(28), &json!("100.00")));
    assert_eq!(months[0]["channel"]["id"], channel.as_str());

    let boundaries = assert_is_sum_of_its_days(&world, &shop, "MONTHLY", "2026-06-01", 30).await;
    assert_eq!(boundaries[1], "2026-06-01T11:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_days_of_downtime_bring_ten_days_and_what_fell_in_between_oldest_first_and_once() {
    let mut world = Setup::at("2026-06-24T06:00:00Z").begin().await;
    let (shop, channel) = world.shop("app-1").await;
    tell(&world, &shop, vec![message(&channel, "before", 1, "2026-06-24T05:00:00Z")]).await;
    world.stop().await;
    world.clock.advance(TimeDelta::days(10));
    world.start().await;

    let runs = world.runs(&shop).await;
    let of = |kind: &str| runs.iter().filter(|run| run["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(["DAILY_SNAPSHOT", "WEEKLY_SNAPSHOT", "MONTHLY_SNAPSHOT"].map(|kind| of(kind).len()), [10, 1, 1]);
    assert!(runs.iter().all(|run| run["state"] == "SUCCEEDED"), "{runs:#?}");
    let oldest = of("DAILY_SNAPSHOT").last().copied().cloned().expect("a run");
    assert_eq!((&oldest["trigger"], &oldest["scheduledFor"]), (&json!("CATCH_UP"), &json!("2026-06-24T20:30:00.000Z")));
    assert_eq!(oldest["progress"], json!({ "done": 2, "total": 2 }), "the organisation and its channel");

    let arguments = json!({ "organisationId": shop, "after": beginning() });
    let selection = "{ cursor snapshot { type date channel { id } } }";
    let mut watch =
        Watch::begin(&world.websocket_url(), &world.admin, "snapshotGenerated", &arguments, selection).await;
    let mut told = Vec::new();
    for _ in 0..24 {
        let snapshot = watch.next().await["snapshot"].take();
        if snapshot["channel"].is_null() {
            told.push(format!(
                "{} {}",
                snapshot["type"].as_str().expect("a type"),
                snapshot["date"].as_str().expect("a day")
            ));
        }
    }
    let days = ["24", "25", "26", "27", "28", "29", "30"].map(|day| format!("DAILY 2026-06-{day}"));
    let days = days.into_iter().chain(["01", "02", "03"].map(|day| format!("DAILY 2026-07-{day}")));
    let is_daily = |told: &&String| told.starts_with("DAILY");
    assert_eq!(told.iter().filter(is_daily).cloned().collect::<Vec<_>>(), days.collect::<Vec<_>>(), "oldest first");
    let rest: Vec<_> = told.iter().filter(|told| !is_daily(told)).cloned().collect();
    assert_eq!(rest, ["WEEKLY 2026-06-22", "MONTHLY 2026-06-01"]);
    assert_eq!(told.len(), 12, "each once");
    let week = snapshots(&world, &shop, "WEEKLY", ["2026-06-22", "2026-06-22"], None).await;
    assert_eq!(week[0]["metrics"]["messages"]["sent"], 1, "what is known of the week is in it");

    world.stop().await;
    world.start().await;
    assert_eq!(world.runs(&shop).await.len(), runs.len(), "and nothing is made twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn late_facts_are_shown_until_the_snapshot_is_made_anew_as_the_same_one() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-1").await;
    let talk = json!({ "conversationId": "talk" });
    let asked = with(
        message(&channel, "question", 1, "2026-06-04T05:00:00Z"),
        json!({ "direction": "INBOUND", "sentAt": null, "conversationId": "talk" }),
    );
    let answer = with(message(&channel, "answer", 1, "2026-06-04T05:00:41Z"), talk);
    let other =
        with(message(&channel, "other", 2, "2026-06-04T09:00:00Z"), json!({ "deliveredAt": "2026-06-04T09:00:05Z" }));
    tell(&world, &shop, vec![asked, answer, other]).await;

    let first = generate(&world, &shop, "DAILY", "2026-06-04", None).await;
    let metrics = &first["metrics"];
    let expected = json!({
        "total": 3, "sent": 2, "delivered": 1, "read": 0, "failed": 0, "replied": 0, "inbound": 1, "outbound": 2,
        "deliveryRate": "50.00", "readRate": "0.00", "replyRate": "0.00", "failureRate": "0.00",
    });
    assert_eq!(metrics["messages"], expected);
    // The one scores 4 for two messages and 20 for the same day, the other 2 and 20.
    let expected = json!({ "total": 2, "new": 2, "active": 2, "blocked": 0, "avgEngagementScore": "23.00" });
    assert_eq!(metrics["contacts"], expected);
    assert_eq!(metrics["conversations"], json!({ "total": 1, "open": 1, "closed": 0, "avgResponseTime": "41.00" }));
    assert_eq!(metrics["generatedAt"], "2026-06-05T06:00:00.000Z");

    let arguments = json!({ "organisationId": shop, "after": beginning() });
    let selection = "{ cursor at snapshot { id metrics { messages { read } } } }";
    let mut watch =
        Watch::begin(&world.websocket_url(), &world.admin, "snapshotGenerated", &arguments, selection).await;
    assert_eq!(watch.next().await["snapshot"]["id"], first["id"]);
    world.advance(TimeDelta::hours(1)).await;
    let again = generate(&world, &shop, "DAILY", "2026-06-04", None).await;
    assert_eq!((&again["id"], &again["createdAt"]), (&first["id"], &first["createdAt"]), "the same, made anew");
    assert_eq!(again["metrics"]["generatedAt"], "2026-06-05T07:00:00.000Z");
    assert_eq!(drift(&world, &first["id"]).await, [""; 0], "nothing is late yet");

    let read = json!({ "deliveredAt": "2026-06-04T05:01:00Z", "readAt": "2026-06-05T06:30:00Z" });
    tell(&world, &shop, vec![with(message(&channel, "answer", 1, "2026-06-04T05:00:41Z"), read)]).await;
    let expected = [
        "messages.delivered 1 2",
        "messages.read 0 1",
        "messages.deliveryRate 50.00 100.00",
        "messages.readRate 0.00 50.00",
    ];
    assert_eq!(drift(&world, &first["id"]).await, expected);
    let kept = snapshots(&world, &shop, "DAILY", ["2026-06-04", "2026-06-04"], None).await;
    assert_eq!(kept, [again], "the snapshot is as it was");

    let anew = generate(&world, &shop, "DAILY", "2026-06-04", None).await;
    assert_eq!((&anew["id"], &anew["metrics"]["messages"]["read"]), (&first["id"], &json!(1)));
    assert_eq!(drift(&world, &first["id"]).await, [""; 0]);
    let event = watch.next().await;
    assert_eq!((&event["snapshot"]["id"], &event["at"]), (&first["id"], &json!("2026-06-05T07:00:00.000Z")));
    assert_eq!(event["snapshot"]["metrics"]["messages"]["read"], 1, "what changed nothing was not told");

    // The cursor of a snapshot is where what it does not know begins.
    let arguments = json!({ "organisationId": shop, "after": anew["eventCursor"] });
    let mut since =
        Watch::begin(&world.websocket_url(), &world.admin, "snapshotGenerated", &arguments, "{ cursor }").await;
    assert_eq!(since.next().await["cursor"], event["cursor"]);
    let node = "query($id: ID!) { node(id: $id) { ... on Snapshot { id type date channel { id } } } }";
    let node = world.ask(node, json!({ "id": first["id"] })).await["node"].take();
    assert_eq!(node, json!({ "id": first["id"], "type": "DAILY", "date": "2026-06-04", "channel": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_week_is_frozen_by_hand_for_the_organisation_and_each_channel() {
    let world = World::begin().await;
    let (shop, first) = world.shop("app-1").await;
    let second = world.channel(&shop, BspKind::Gupshup, "app-2", "Asia/Kolkata").await;
    let messages = [(&first, "a", 1), (&first, "b", 2), (&second, "c", 1)];
    let messages = messages.map(|(channel, name, customer)| message(channel, name, customer, "2026-05-28T05:00:00Z"));
    tell(&world, &shop, messages.to_vec()).await;
    let trigger = "mutation($id: ID!) { triggerJob(organisationId: $id, kind: WEEKLY_SNAPSHOT) { id } }";
    world.ask(trigger, json!({ "id": shop })).await;
    world.settle().await;
    let mut found = Vec::new();
    for channel in [None, Some(first.as_str()), Some(second.as_str())] {
        let weeks = snapshots(&world, &shop, "WEEKLY", ["2026-05-01", "2026-06-30"], channel).await;
        let metrics = &weeks[0]["metrics"];
        assert_eq!((weeks.len(), &weeks[0]["date"]), (1, &json!("2026-05-25")), "the last week that was over");
        found.push((metrics["messages"]["total"].clone(), metrics["contacts"]["active"].clone()));
    }
    assert_eq!(found, [(json!(3), json!(2)), (json!(2), json!(2)), (json!(1), json!(1))], "a person on two is one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_without_anything_is_all_zeros() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-1").await;
    for kind in ["DAILY", "WEEKLY", "MONTHLY"] {
        let mut empty = generate(&world, &shop, kind, "2026-06-05", Some(&channel)).await;
        let metrics = empty["metrics"].as_object_mut().expect("metrics");
        metrics.retain(|name, _| !["period", "generatedAt"].contains(&name.as_str()));
        for part in metrics.values().filter_map(Value::as_object) {
            assert!(part.values().all(|value| *value == json!(0) || *value == json!("0.00")), "{part:#?}");
        }
        assert_eq!(metrics.len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_or_sees_the_snapshots_of_another() {
    let world = World::begin().await;
    let (shop, channel) = world.shop("app-1").await;
    let (_, foreign) = world.shop("app-2").await;
    let (other, _) = world.shop("app-3").await;
    let made = generate(&world, &shop, "DAILY", "2026-06-04", Some(&channel)).await;
    let make = "mutation($id: ID!, $channel: ID) {
        generateSnapshot(organisationId: $id, type: DAILY, date: \"2026-06-04\", channelId: $channel) { id } }";
    let refused = world.refused(make, json!({ "id": shop, "channel": foreign })).await;
    assert_eq!(refused.0, "NOT_FOUND", "another organisation's channel");
    let list = "query($id: ID!, $channel: ID) { organisation(id: $id) {
        snapshots(type: DAILY, from: \"2026-06-01\", to: \"2026-06-30\", channelId: $channel) { id } } }";
    assert_eq!(world.refused(list, json!({ "id": shop, "channel": foreign })).await.0, "NOT_FOUND");
    let long = "query($id: ID!) { organisation(id: $id) { snapshots(type: DAILY, from: \"2025-01-01\", to: \"2026-06-30\") { id } } }";
    assert_eq!(
        world.refused(long, json!({ "id": shop })).await,
        ("BAD_USER_INPUT".to_owned(), Some("from".to_owned()))
    );

    let code = async |token: &str, query: &str, variables: Value| {
        let answer = world.ask_as(token, query, variables).await;
        answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
    };
    let (own, stranger) = (world.token(Some(&shop)).await, world.token(Some(&other)).await);
    let drift = "query($id: ID!) { snapshotDrift(id: $id) { changes { figure } } }";
    assert_eq!(code(&own, drift, json!({ "id": made["id"] })).await, None);
    assert_eq!(code(&stranger, drift, json!({ "id": made["id"] })).await.as_deref(), Some("NOT_FOUND"));
    assert_eq!(code(&own, make, json!({ "id": shop })).await.as_deref(), Some("FORBIDDEN"), "only an admin makes one");
}
