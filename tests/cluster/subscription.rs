//! A subscription on one node sees what another records, and goes on at that other when the first dies.

use std::sync::Arc;

use serde_json::{Value, json};
use wabacus::domain::event::{Cursor, Log};

use crate::cluster::Cluster;
use crate::watch::{Told, Watch, beginning};

/// How many changes there are.
const CHANGES: usize = 90;

/// After so many of them the first node dies.
const BEFORE_THE_DEATH: usize = 20;

/// What is recorded in turn, so that a hole or a double shows.
const KINDS: [&str; 3] = ["VOICE", "SMS", "EMAIL"];

const CHANGE: &str = "{ cursor changed }";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_node_dies_goes_on_at_another_without_a_hole_or_a_double() {
    let Some(cluster) = Cluster::begin(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    goes_on(Arc::new(cluster)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_node_dies_goes_on_at_another_by_way_of_redis_too() {
    let Some(cluster) = Cluster::with_redis(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    goes_on(Arc::new(cluster)).await;
}

async fn goes_on(cluster: Arc<Cluster>) {
    let (mut first, second) = (cluster.node().await, cluster.node().await);
    let organisation = cluster.organisation(&first, "Shop").await;
    let arguments = json!({ "organisationId": organisation, "after": beginning() });
    let mut live = Watch::begin(&first.websocket_url(), &cluster.admin, "usageChanged", &arguments, CHANGE).await;

    let (writer, url) = (Arc::clone(&cluster), second.url.clone());
    let recorded = organisation.clone();
    let writing = tokio::spawn(async move {
        for number in 0..CHANGES {
            record(&writer, &url, &recorded, number).await;
        }
    });
    let mut heard = Vec::new();
    while heard.len() < BEFORE_THE_DEATH {
        heard.push(live.next().await);
    }
    first.kill().await;
    // What was on its way to the client when the node died still arrives.
    while let Told::Event(event) = live.told().await {
        heard.push(event);
    }

    let last = heard.last().expect("something was heard")["cursor"].clone();
    let arguments = json!({ "organisationId": organisation, "after": last });
    let mut again = Watch::begin(&second.websocket_url(), &cluster.admin, "usageChanged", &arguments, CHANGE).await;
    while heard.len() < CHANGES {
        heard.push(again.next().await);
    }
    writing.await.expect("everything is recorded");

    let kinds: Vec<_> = heard.iter().map(|event| event["changed"][0].as_str().expect("a kind")).collect();
    let expected: Vec<_> = KINDS.iter().copied().cycle().take(CHANGES).collect();
    assert_eq!(kinds, expected);
    let places: Vec<_> = heard.iter().map(place).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "each once and in order: {places:?}");
    // And nothing comes after the last one.
    record(&cluster, &second.url, &organisation, CHANGES).await;
    assert_eq!(again.next().await["changed"][0], KINDS[CHANGES % KINDS.len()]);
}

async fn record(cluster: &Cluster, url: &str, organisation: &str, number: usize) {
    let query = "mutation($id: ID, $records: [UsageRecordInput!]!) {
        recordUsage(organisationId: $id, records: $records) { outcome } }";
    let record = json!({
        "idempotencyKey": format!("change-{number}"), "kind": KINDS[number % KINDS.len()], "resourceType": "unit",
        "quantity": "1",
    });
    let variables = json!({ "id": organisation, "records": [record] });
    let answer = cluster.try_ask(url, &cluster.admin, query, &variables).await.expect("the node answers");
    assert_eq!(answer["data"]["recordUsage"][0]["outcome"], "RECORDED", "{answer:#}");
}

fn place(event: &Value) -> i64 {
    let cursor = event["cursor"].as_str().expect("a cursor");
    Cursor::parse("cursor", cursor, Log::Organisation).expect("a cursor of an organisation's log").after
}
