//! Webhooks out: everything arrives, once per event and in order, whatever the receiver does; and nothing is sent into a private network.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::domain::id::OrganisationId;
use wabacus::scheduler::{FaultPoint, Faults};
use wabacus::sim::{Received, Receiver, ReceiverFault};

use crate::support::World;
use crate::support::hook::{Hook, cursor, sequence, setup};

fn usage() -> Value {
    json!(["usage.changed"])
}

fn sequences(received: &[Received]) -> Vec<i64> {
    received.iter().map(sequence).collect()
}

/// A world with one organisation and a receiver of its `usage.changed`.
async fn begin() -> (World, String, Receiver, Hook) {
    let world = setup().begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let receiver = Receiver::start().expect("a free port for the receiver");
    let hook = world.hook(&organisation, &receiver.url("/hook"), usage()).await;
    (world, organisation, receiver, hook)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_for_a_while_gets_everything_once_and_in_order() {
    let (world, organisation, receiver, hook) = begin().await;
    receiver.fail(ReceiverFault::status(500), 2);
    receiver.fail(ReceiverFault::Drop, 1);
    receiver
        .fail(ReceiverFault::Answer { status: 429, body: "slowly".to_owned(), retry_after: Some("600".to_owned()) }, 1);
    receiver.fail(ReceiverFault::Redirect("https://example.com/elsewhere".to_owned()), 1);
    for resource in ["a", "b", "c", "d", "e"] {
        world.use_once(&organisation, resource).await;
    }
    world.settle().await;
    assert_eq!((receiver.received().len(), receiver.taken().len()), (1, 0), "the first failed, and nothing passes it");
    let state = world.hook_state(&hook).await;
    assert_eq!((&state["state"], &state["pending"]), (&json!("ACTIVE"), &json!(5)));
    assert_eq!(state["failingSince"], "2026-06-05T06:00:00.000Z");

    for seconds in [5, 10, 20] {
        world.advance(TimeDelta::seconds(seconds)).await;
    }
    assert_eq!(receiver.received().len(), 4, "within 5, 10 and 20 seconds");
    world.advance(TimeDelta::seconds(599)).await;
    assert_eq!(receiver.received().len(), 4, "who asks for ten minutes gets them");
    world.advance(TimeDelta::seconds(1)).await;
    assert_eq!((receiver.received().len(), receiver.taken().len()), (5, 0), "a redirect is a failure");
    world.advance(TimeDelta::minutes(2)).await;

    let taken = receiver.taken();
    let told = sequences(&taken);
    assert_eq!(told.len(), 5);
    assert!(told.is_sorted_by(|one, next| one < next), "{told:?}");
    assert_eq!(receiver.received().iter().map(|one| one.id.as_str()).collect::<BTreeSet<_>>().len(), 5);
    for received in receiver.received() {
        hook.assert_signed(&received);
        let body: Value = serde_json::from_str(&received.body).expect("JSON");
        assert_eq!((&body["type"], &body["data"]["kinds"]), (&json!("usage.changed"), &json!(["EMAIL"])));
        assert_eq!(body["data"]["organisationId"], organisation.as_str());
        assert_eq!(body["data"]["cursor"], cursor(sequence(&received)));
        assert_eq!(body["timestamp"], "2026-06-05T06:00:00.000Z", "of the event, however late it is sent");
    }
    let state = world.hook_state(&hook).await;
    assert_eq!(
        (&state["pending"], &state["failingSince"], &state["nextAttemptAt"]),
        (&json!(0), &json!(null), &json!(null))
    );
    let attempts = state["attempts"]["nodes"].as_array().expect("a list").iter().rev();
    let tries: Vec<_> = attempts.map(|attempt| (attempt["number"].clone(), attempt["statusCode"].clone())).collect();
    let expected = [
        (1, json!(500)),
        (2, json!(500)),
        (3, json!(null)),
        (4, json!(429)),
        (5, json!(307)),
        (6, json!(200)),
        (1, json!(200)),
        (1, json!(200)),
        (1, json!(200)),
        (1, json!(200)),
    ];
    assert_eq!(tries, expected.map(|(number, status)| (json!(number), status)));
    assert_eq!(state["attempts"]["nodes"][6]["error"], "HTTP 429: slowly");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_on_a_private_network_is_refused_however_it_is_spelt() {
    let world = World::begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let query =
        "mutation($id: ID!, $url: String!) { createWebhookEndpoint(organisationId: $id, url: $url) { secret } }";
    for url in [
        "https://localhost/",
        "https://localhost./",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://10.0.0.8:8443/hook",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "http://example.com/",
        "https://user@example.com/",
    ] {
        let refused = world.refused(query, json!({ "id": organisation, "url": url })).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("url".to_owned())), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_left_alone_until_somebody_enables_it() {
    let (world, organisation, receiver, hook) = begin().await;
    receiver.fail(ReceiverFault::status(410), 1);
    world.use_once(&organisation, "a").await;
    world.settle().await;
    let state = world.hook_state(&hook).await;
    assert_eq!((&state["state"], &state["pending"]), (&json!("DISABLED"), &json!(1)));
    world.use_once(&organisation, "b").await;
    world.advance(TimeDelta::days(1)).await;
    assert_eq!(receiver.received().len(), 1);

    let alerts = "query($id: ID!) { organisation(id: $id) { alerts { nodes { kind subject recoveredAt } } } }";
    let raised = world.ask(alerts, json!({ "id": organisation })).await["organisation"]["alerts"]["nodes"].take();
    let of_hook = |alerts: &Value| {
        let alerts = alerts.as_array().expect("a list").iter().filter(|alert| alert["kind"] == "WEBHOOK_FAILING");
        alerts.map(|alert| (alert["subject"].clone(), alert["recoveredAt"].is_null())).collect::<Vec<_>>()
    };
    assert_eq!(of_hook(&raised), [(json!(hook.id), true)]);

    let query = "mutation($id: ID!) { enableWebhookEndpoint(id: $id) { state } }";
    let enabled = world.ask(query, json!({ "id": hook.id })).await;
    assert_eq!(enabled["enableWebhookEndpoint"]["state"], "ACTIVE");
    world.settle().await;
    assert_eq!(receiver.taken().len(), 2, "it goes on where it was");
    let recovered = world.ask(alerts, json!({ "id": organisation })).await["organisation"]["alerts"]["nodes"].take();
    assert_eq!(of_hook(&recovered), [(json!(hook.id), false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_for_five_days_is_disabled() {
    let (world, organisation, receiver, hook) = begin().await;
    receiver.fail(ReceiverFault::status(500), u32::MAX);
    world.use_once(&organisation, "a").await;
    world.settle().await;
    for _ in 0..20 {
        world.advance(TimeDelta::hours(6)).await;
    }
    world.advance(TimeDelta::hours(1)).await;
    let state = world.hook_state(&hook).await;
    assert_eq!((&state["state"], &state["failingSince"]), (&json!("DISABLED"), &json!("2026-06-05T06:00:00.000Z")));
    let tries = receiver.received().len();
    world.advance(TimeDelta::days(1)).await;
    assert_eq!(receiver.received().len(), tries);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_signed_and_sent_now_and_a_replay_sends_the_same_again() {
    let (world, organisation, receiver, hook) = begin().await;
    let test =
        "mutation($id: ID!) { testWebhookEndpoint(id: $id) { eventType cursor number succeeded statusCode error } }";
    let tested = world.ask(test, json!({ "id": hook.id })).await["testWebhookEndpoint"].take();
    let expected = json!({ "eventType": "webhook.test", "cursor": null, "number": 1, "succeeded": true, "statusCode": 200, "error": null });
    assert_eq!(tested, expected);
    let sent = receiver.received().remove(0);
    hook.assert_signed(&sent);
    assert!(sent.body.contains("\"type\":\"webhook.test\"") && sent.body.contains(&hook.id), "{sent:?}");
    receiver.fail(ReceiverFault::status(503), 1);
    assert_eq!(world.ask(test, json!({ "id": hook.id })).await["testWebhookEndpoint"]["succeeded"], false);
    assert_eq!(world.hook_state(&hook).await["failingSince"], json!(null), "a test says nothing of events");

    for resource in ["a", "b", "c"] {
        world.use_once(&organisation, resource).await;
    }
    world.settle().await;
    let first = receiver.taken().split_off(1);
    assert_eq!(first.len(), 3);
    let replay = "mutation($id: ID!, $after: String!) { replayWebhookEndpoint(id: $id, after: $after) { pending } }";
    let after = cursor(sequence(&first[0]));
    let replayed = world.ask(replay, json!({ "id": hook.id, "after": after })).await;
    assert_eq!(replayed["replayWebhookEndpoint"]["pending"], 2);
    world.settle().await;
    let again = receiver.taken().split_off(4);
    let ids = |received: &[Received]| received.iter().map(|one| (one.id.clone(), one.body.clone())).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&first[1..]), "under the same ids");

    for after in [cursor(10_000), "soon".to_owned()] {
        let refused = world.refused(replay, json!({ "id": hook.id, "after": after })).await;
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("after".to_owned())));
    }
    let audit = world.ask("{ auditLog(first: 5) { nodes { action details } } }", json!({})).await;
    let actions: Vec<_> =
        audit["auditLog"]["nodes"].as_array().expect("a list").iter().map(|one| &one["action"]).collect();
    assert_eq!(actions[..3], ["replayWebhookEndpoint", "testWebhookEndpoint", "testWebhookEndpoint"]);
    assert!(!audit.to_string().contains("whsec_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_holds_up_nobody_but_itself() {
    let (world, organisation, slow, _) = begin().await;
    let quick = Receiver::start().expect("a free port for the receiver");
    world.hook(&organisation, &quick.url("/hook"), usage()).await;
    slow.hold();
    for resource in ["a", "b", "c"] {
        world.use_once(&organisation, resource).await;
    }
    quick.arrived(3).await;
    slow.arrived(1).await;
    assert_eq!(slow.received().len(), 1, "its second waits for its first");
    slow.release();
    world.settle().await;
    assert_eq!(sequences(&slow.taken()), sequences(&quick.taken()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_types_that_were_asked_for_are_sent() {
    let (world, organisation, receiver, hook) = begin().await;
    let all = Receiver::start().expect("a free port for the receiver");
    world.hook(&organisation, &all.url("/"), json!(null)).await;
    world.pull_day(&organisation, "2026-06-04").await;
    world.settle().await;
    assert!(receiver.received().is_empty());
    assert!(all.taken().iter().all(|one| one.body.contains("job_run.changed")) && all.taken().len() >= 2);
    world.use_once(&organisation, "a").await;
    world.advance(TimeDelta::minutes(2)).await;
    assert_eq!(receiver.taken().len(), 1);
    let told = sequences(&all.taken());
    assert_eq!(told, (told[0]..=told[told.len() - 1]).collect::<Vec<_>>(), "without a hole");
    let types = world.ask("{ webhookEventTypes }", json!({})).await;
    assert!(types["webhookEventTypes"].as_array().expect("a list").contains(&json!("usage.changed")));

    let query = "mutation($id: ID!) { deleteWebhookEndpoint(id: $id) }";
    assert_eq!(world.ask(query, json!({ "id": hook.id })).await["deleteWebhookEndpoint"], true);
    world.use_once(&organisation, "b").await;
    world.settle().await;
    assert_eq!(
        (receiver.taken().len(), world.refused(query, json!({ "id": hook.id })).await.0),
        (1, "NOT_FOUND".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_after_the_last_event_that_was_taken() {
    let (mut world, organisation, receiver, hook) = begin().await;
    world.use_once(&organisation, "a").await;
    world.settle().await;
    receiver.fail(ReceiverFault::status(500), 1);
    for resource in ["b", "c"] {
        world.use_once(&organisation, resource).await;
    }
    world.settle().await;
    assert_eq!((receiver.taken().len(), world.hook_state(&hook).await["pending"].clone()), (1, json!(2)));

    world.stop().await;
    world.start().await;
    assert_eq!(receiver.taken().len(), 1, "the pause after a failure outlives a restart");
    world.advance(TimeDelta::seconds(5)).await;
    let told = sequences(&receiver.taken());
    assert!(told.len() == 3 && told.is_sorted_by(|one, next| one < next), "{told:?}");
}

/// Makes the next visits die.
#[derive(Debug, Default)]
struct Saboteur(AtomicU32);

impl Faults for Saboteur {
    fn strike(&self, point: FaultPoint, _organisation: OrganisationId) {
        let planned = point == FaultPoint::HookVisit
            && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        assert!(!planned, "the story wants a panic here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_dies_ends_nothing_else_and_is_made_again() {
    let saboteur = Arc::new(Saboteur::default());
    let world = setup().with_faults(Arc::<Saboteur>::clone(&saboteur)).begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let receiver = Receiver::start().expect("a free port for the receiver");
    world.hook(&organisation, &receiver.url("/hook"), usage()).await;
    world.settle().await;
    saboteur.0.store(1, Ordering::SeqCst);
    world.use_once(&organisation, "a").await;
    world.settle().await;
    world.advance(TimeDelta::minutes(1)).await;
    assert_eq!((receiver.taken().len(), saboteur.0.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_were_deleted_before_they_could_be_sent_are_a_gap_that_is_noted() {
    let world = setup().with("RETENTION_EVENTS_DAYS", "2").begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let receiver = Receiver::start().expect("a free port for the receiver");
    let hook = world.hook(&organisation, &receiver.url("/hook"), usage()).await;
    receiver.fail(ReceiverFault::status(410), 1);
    world.use_once(&organisation, "a").await;
    world.settle().await;
    world.advance(TimeDelta::days(5)).await;
    world.use_once(&organisation, "b").await;
    world.ask("mutation($id: ID!) { enableWebhookEndpoint(id: $id) { id } }", json!({ "id": hook.id })).await;
    world.settle().await;

    let attempts = world.hook_state(&hook).await["attempts"]["nodes"].take();
    assert_eq!((&attempts[0]["eventType"], &attempts[0]["succeeded"]), (&json!("usage.changed"), &json!(true)));
    assert_eq!(attempts[1]["eventType"], "webhook.gap");
    assert!(attempts[1]["error"].as_str().is_some_and(|error| error.contains("deleted for their age")), "{attempts}");
    assert_eq!(receiver.taken().len(), 1, "and it goes on after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_looks_after_its_own_endpoints_and_no_others() {
    let (world, organisation, receiver, hook) = begin().await;
    let other = world.organisation("Other", "Asia/Kolkata").await;
    let (own, stranger) = (world.token(Some(&organisation)).await, world.token(Some(&other)).await);
    let create = "mutation($url: String!) { createWebhookEndpoint(url: $url) { endpoint { organisation { id } } } }";
    let url = json!({ "url": receiver.url("/own").as_str() });
    let made = world.ask_as(&own, create, url.clone()).await;
    assert_eq!(made["data"]["createWebhookEndpoint"]["endpoint"]["organisation"]["id"], organisation.as_str());
    for mutation in [
        "deleteWebhookEndpoint(id: $id)",
        "testWebhookEndpoint(id: $id) { id }",
        "enableWebhookEndpoint(id: $id) { id }",
    ] {
        let query = format!("mutation($id: ID!) {{ {mutation} }}");
        let answer = world.ask_as(&stranger, &query, json!({ "id": hook.id })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{mutation}");
    }
    for _ in 2..20 {
        assert_eq!(world.ask_as(&own, create, url.clone()).await["errors"], json!(null));
    }
    let full = world.ask_as(&own, create, url).await;
    assert_eq!(full["errors"][0]["extensions"]["code"], "CONFLICT", "there are 20 already");
    let list = world.ask_as(&own, "{ organisation { webhookEndpoints { id url } } }", json!({})).await;
    assert_eq!(list["data"]["organisation"]["webhookEndpoints"].as_array().map(Vec::len), Some(20));
}
