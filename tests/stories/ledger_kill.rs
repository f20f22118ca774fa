//! A process that is killed in the middle of a stream of records: started again, and sent everything again, it has each record once.

use std::sync::Arc;

use serde_json::{Value, json};
use wabacus::domain::clock::SystemClock;
use wabacus::sim::Sim;

use crate::support::database::Database;
use crate::support::home::Home;
use crate::support::process::{Process, ask, run, settings};

const SENDERS: usize = 4;
const BATCHES: usize = 20;
const BATCH: usize = 50;

const RECORD: &str = "mutation($id: ID!, $records: [UsageRecordInput!]!) {
    recordUsage(organisationId: $id, records: $records) { outcome } }";

/// What a sender has to send: batches, of which no two hold the same record.
fn batches(sender: usize) -> impl Iterator<Item = Value> {
    (0..BATCHES).map(move |batch| {
        let one = |number: usize| {
            let (kind, resource_type) = [("VOICE", "minute"), ("SMS", "message"), ("SOCIAL", "post")][number % 3];
            json!({ "kind": kind, "resourceType": resource_type, "resourceId": format!("{sender}-{batch}-{number}"),
                "quantity": (number + 1).to_string() })
        };
        json!((0..BATCH).map(one).collect::<Vec<_>>())
    })
}

/// Sends until the server is gone; how many batches were answered.
async fn send(
    url: String,
    admin: String,
    organisation: String,
    sender: usize,
    answered: tokio::sync::mpsc::Sender<()>,
) {
    let client = reqwest::Client::new();
    for records in batches(sender) {
        let body = json!({ "query": RECORD, "variables": { "id": organisation, "records": records } });
        let sent = client.post(format!("{url}/graphql")).bearer_auth(&admin).json(&body).send().await;
        let Ok(answer) = sent else { return };
        if answer.bytes().await.is_err() {
            return;
        }
        // The story stops listening when it has heard enough, and what is sent then is as good as any.
        let _ = answered.send(()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_stream_and_sent_everything_again_it_has_each_record_once() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let home = Home::new().await;
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the BSPs");
    let settings = settings(home.url(), sim.gupshup_url().as_str(), sim.interakt_url().as_str());
    let admin = run(&settings, &["token", "create", "--admin"]).await.trim().to_owned();
    let (mut process, url) = Process::serve(&settings).await;
    let query = "mutation { createOrganisation(input: { name: \"Shop\", timeZone: \"Asia/Kolkata\" }) { id } }";
    let organisation = ask(&url, &admin, query, json!({})).await["createOrganisation"]["id"].take();
    let organisation = organisation.as_str().expect("an id").to_owned();
    let (answered, mut heard) = tokio::sync::mpsc::channel(1);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let send = send(url.clone(), admin.clone(), organisation.clone(), sender, answered.clone());
            tokio::spawn(send)
        })
        .collect();
    for _ in 0..SENDERS * BATCHES / 3 {
        heard.recv().await.expect("batches are answered");
    }
    process.signal("KILL").await;
    process.end().await;
    drop(heard);
    for sender in senders {
        sender.await.expect("a sender ends with the server");
    }

    let (_process, url) = Process::serve(&settings).await;
    let mut recorded_again = 0;
    for records in (0..SENDERS).flat_map(batches) {
        let variables = json!({ "id": organisation, "records": records });
        let data = ask(&url, &admin, RECORD, variables).await;
        for result in data["recordUsage"].as_array().expect("outcomes") {
            match result["outcome"].as_str() {
                Some("RECORDED") => recorded_again += 1,
                Some("DUPLICATE") => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let all = SENDERS * BATCHES * BATCH;
    assert!((1..all).contains(&recorded_again), "it was killed in the middle: {recorded_again} of {all} were missing");

    let mut database = Database::look_into(home.url()).await;
    assert_eq!(usize::try_from(database.rows("usage_record").await), Ok(all));
    // The counters, against the records counted anew.
    let different = "SELECT count(*) FROM (
        SELECT date, hour, kind, resource_type, quantity_micros, cost_nanos, records, unpriced FROM usage_hour
        EXCEPT SELECT date, hour, kind, resource_type, sum(quantity_micros), coalesce(sum(cost_nanos), 0), sum(counts),
            sum(CASE WHEN rate_id IS NULL THEN counts ELSE 0 END) FROM usage_record GROUP BY 1, 2, 3, 4) AS different";
    let period = "SELECT sum(quantity_micros), sum(cost_nanos), sum(records) FROM usage_period
        UNION SELECT sum(quantity_micros), sum(cost_nanos), sum(counts) FROM usage_record";
    assert_eq!(database.count(different).await, 0, "hours that are not the sum of their records");
    let sums = format!("SELECT count(*) FROM ({period}) AS sums");
    assert_eq!(database.count(&sums).await, 1, "the periods are the sum of the records");
}
