//! Calls that an exchange reports: signed, stored whatever becomes of them, and recorded as `recordCall` would.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::World;

/// HMAC-SHA-256 by RFC 2104, written down here so that the server's own is not its judge.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

/// A delivery as an exchange makes it; a story changes what shall be wrong with it.
#[derive(Clone)]
pub(crate) struct Delivery {
    organisation: String,
    id: String,
    timestamp: i64,
    signature: String,
    body: String,
}

impl Delivery {
    /// Signed now with `secret`.
    pub(crate) fn signed(world: &World, organisation: &str, secret: &str, body: &Value) -> Self {
        let (id, timestamp, body) = ("msg_1".to_owned(), world.now().timestamp(), body.to_string());
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let signature = STANDARD.encode(hmac(&key, format!("{id}.{timestamp}.{body}").as_bytes()));
        Self { organisation: organisation.to_owned(), id, timestamp, signature: format!("v1,{signature}"), body }
    }

    /// The status and the body of the answer.
    pub(crate) async fn send(&self, world: &World) -> (u16, Value) {
        let response = reqwest::Client::new()
            .post(format!("{}/webhooks/cdr", world.url()))
            .header("content-type", "application/json")
            .header("x-organisation-id", &self.organisation)
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", self.timestamp)
            .header("webhook-signature", &self.signature)
            .body(self.body.clone())
            .send()
            .await
            .expect("the server answers");
        (response.status().as_u16(), response.json().await.expect("the answer is JSON"))
    }
}

/// A new secret of the organisation.
pub(crate) async fn secret(world: &World, organisation: &str) -> String {
    let query = "mutation($id: ID!) { rotateWebhookSecret(organisationId: $id) { secret } }";
    let data = world.ask(query, json!({ "id": organisation })).await;
    data["rotateWebhookSecret"]["secret"].as_str().expect("a secret").to_owned()
}

/// A call of 90 seconds that counts.
pub(crate) fn call(sid: &str, started_at: &str) -> Value {
    json!({ "callSid": sid, "direction": "outbound", "status": "completed", "durationSeconds": 90,
        "startedAt": started_at, "from": "+911100000000", "to": "+919800000001" })
}

/// The organisation's calls in the ledger, newest first.
pub(crate) async fn recorded(world: &World, organisation: &str) -> Vec<Value> {
    let query = "query($id: ID!) { organisation(id: $id) { usageRecords(kind: VOICE, first: 100) { nodes {
        id resourceId quantity occurredAt metadata country customer { phone } channel { name } } } } }";
    let mut data = world.ask(query, json!({ "id": organisation })).await;
    let nodes = data["organisation"]["usageRecords"]["nodes"].take();
    nodes.as_array().expect("a list of records").clone()
}

fn outcomes(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("no results in {answer:#}"));
    results.iter().map(|result| result["outcome"].as_str().expect("an outcome")).collect()
}

async fn exchange(world: &World) -> (String, String) {
    let shop = world.organisation("Kirana", "Asia/Kolkata").await;
    let secret = secret(world, &shop).await;
    (shop, secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_call_is_recorded_with_its_customer_and_line_and_a_replay_changes_nothing() {
    let world = World::begin().await;
    let (shop, secret) = exchange(&world).await;
    let query = "mutation($id: ID!) {
        upsertCustomers(organisationId: $id, customers: [{ phone: \"+919800000001\" }]) { id }
        createChannel(organisationId: $id, input: { kind: VOICE, name: \"Front desk\", phoneNumber: \"+911100000000\" }) { id } }";
    world.ask(query, json!({ "id": shop })).await;
    let mut body = call("CA-1", "2026-06-05T05:00:00.123456Z");
    body["metadata"] = json!({ "queue": "sales", "attempt": 2 });
    body["country"] = json!("IN");
    body["organisationId"] = json!(shop);
    body["something"] = json!("new");
    let delivery = Delivery::signed(&world, &shop, &secret, &body);

    let (status, answer) = delivery.send(&world).await;

    assert_eq!((status, outcomes(&answer)), (200, vec!["RECORDED"]), "{answer:#}");
    let records = recorded(&world, &shop).await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((&record["id"], &record["quantity"]), (&answer["results"][0]["recordId"], &json!("1.5")));
    assert_eq!(
        (&record["customer"]["phone"], &record["channel"]["name"]),
        (&json!("+919800000001"), &json!("Front desk"))
    );
    assert_eq!((&record["metadata"], &record["country"]), (&body["metadata"], &json!("IN")));

    let (status, again) = delivery.send(&world).await;
    assert_eq!((status, outcomes(&again)), (200, vec!["DUPLICATE"]));
    assert_eq!(again["results"][0]["recordId"], answer["results"][0]["recordId"]);
    assert_eq!(recorded(&world, &shop).await, records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_says_the_same_again_though_its_customer_was_told_of_meanwhile() {
    let world = World::begin().await;
    let (shop, secret) = exchange(&world).await;
    let delivery = Delivery::signed(&world, &shop, &secret, &call("CA-1", "2026-06-05T05:00:00Z"));
    assert_eq!(outcomes(&delivery.send(&world).await.1), ["RECORDED"]);
    let query = "mutation($id: ID!) {
        upsertCustomers(organisationId: $id, customers: [{ phone: \"+919800000001\" }]) { id } }";
    world.ask(query, json!({ "id": shop })).await;
    assert_eq!(outcomes(&delivery.send(&world).await.1), ["DUPLICATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_as_it_should_be_is_refused_and_nothing_is_written() {
    let world = World::begin().await;
    let (shop, secret) = exchange(&world).await;
    let (other, foreign) = exchange(&world).await;
    let silent = world.organisation("Toko", "Asia/Jakarta").await;
    let body = call("CA-1", "2026-06-05T05:00:00Z");
    let good = Delivery::signed(&world, &shop, &secret, &body);
    let longer = json!({ "callSid": "CA-1", "durationSeconds": 9000 }).to_string();
    for (what, bad) in [
        ("another organisation's secret", Delivery::signed(&world, &shop, &foreign, &body)),
        ("a signature for another organisation", Delivery { organisation: other, ..good.clone() }),
        ("an organisation without a secret", Delivery { organisation: silent, ..good.clone() }),
        ("no organisation", Delivery { organisation: "nobody".to_owned(), ..good.clone() }),
        ("an altered body", Delivery { body: longer, ..good.clone() }),
        ("an altered id", Delivery { id: "msg_2".to_owned(), ..good.clone() }),
        ("an altered time", Delivery { timestamp: good.timestamp + 1, ..good.clone() }),
        ("no signature", Delivery { signature: String::new(), ..good.clone() }),
        ("another version", Delivery { signature: good.signature.replace("v1,", "v2,"), ..good.clone() }),
    ] {
        let (status, answer) = bad.send(&world).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!((status, code), (401, &json!("UNAUTHENTICATED")), "{what}: {answer:#}");
    }
    world.clock.advance(chrono::TimeDelta::seconds(301));
    assert_eq!(good.send(&world).await.0, 401, "it is too old");
    assert!(recorded(&world, &shop).await.is_empty());
    let run = world.backfill_usage(&shop, "2026-06-01", "2026-06-05").await;
    assert_eq!(run["progress"], json!({ "done": 0, "total": 0 }), "no call was stored");

    let renewed = self::secret(&world, &shop).await;
    let former = Delivery::signed(&world, &shop, &secret, &body);
    assert_eq!(former.send(&world).await.0, 401, "the secret was changed");
    assert_eq!(Delivery::signed(&world, &shop, &renewed, &body).send(&world).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_a_list_is_answered_for_itself() {
    let world = World::begin().await;
    let (shop, secret) = exchange(&world).await;
    let started = "2026-06-05T05:00:00Z";
    let with = |sid: &str, name: &str, value: Value| {
        let mut call = call(sid, started);
        call[name] = value;
        call
    };
    let calls = json!([
        call("CA-1", started),
        with("CA-2", "status", json!("no-answer")),
        with("CA-3", "direction", json!("INBOUND")),
        with("CA-4", "durationSeconds", json!(0)),
        with("CA-5", "status", json!("ringing")),
        with("CA-6", "startedAt", json!("2026-04-20T00:00:00Z")),
        with("CA-7", "organisationId", json!("org_0192b7c0f0007000800000000000000a")),
        with("CA-8", "metadata", json!({ "note": "x".repeat(9_000) })),
        call("CA-1", started),
        "a text",
    ]);
    let (status, answer) = Delivery::signed(&world, &shop, &secret, &calls).send(&world).await;
    let results: Vec<_> = answer["results"].as_array().expect("results").iter().collect();
    let told: Vec<_> = results
        .iter()
        .map(|result| format!("{} {}", result["outcome"], result.get("field").unwrap_or(&Value::Null)).replace('"', ""))
        .collect();
    assert_eq!(status, 200);
    assert_eq!(
        told,
        [
            "RECORDED null",
            "SKIPPED null",
            "SKIPPED null",
            "SKIPPED null",
            "REJECTED calls[4].status",
            "REJECTED calls[5].startedAt",
            "REJECTED calls[6].organisationId",
            "REJECTED calls[7].metadata",
            "DUPLICATE null",
            "REJECTED calls[9]",
        ]
    );
    let records = recorded(&world, &shop).await;
    assert_eq!(records.len(), 1, "{records:#?}");

    let many: Vec<_> = (0..1_001).map(|place| call(&format!("CB-{place}"), started)).collect();
    for body in [json!([]), json!(many), json!("call")] {
        let (status, answer) = Delivery::signed(&world, &shop, &secret, &body).send(&world).await;
        assert_eq!((status, &answer["errors"][0]["extensions"]["field"]), (400, &json!("body")), "{answer:#}");
    }
    assert_eq!(recorded(&world, &shop).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_not_taken_at_first_counts_once_it_was() {
    let world = World::begin().await;
    let (shop, secret) = exchange(&world).await;
    let mut body = call("CA-1", "2026-06-05T05:00:00Z");
    body["status"] = json!("busy");
    assert_eq!(outcomes(&Delivery::signed(&world, &shop, &secret, &body).send(&world).await.1), ["SKIPPED"]);
    body["status"] = json!("completed");
    assert_eq!(outcomes(&Delivery::signed(&world, &shop, &secret, &body).send(&world).await.1), ["RECORDED"]);
    body["durationSeconds"] = json!(120);
    assert_eq!(outcomes(&Delivery::signed(&world, &shop, &secret, &body).send(&world).await.1), ["CONFLICT"]);
    assert_eq!(recorded(&world, &shop).await[0]["quantity"], "1.5", "what was recorded is amended by hand");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_or_no_json_is_refused() {
    let world = World::begin().await;
    let mut connection = TcpStream::connect(world.app().address()).await.expect("a connection");
    let announced = b"POST /webhooks/cdr HTTP/1.1\r\nhost: wabacus\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n";
    connection.write_all(announced).await.expect("the head is sent");
    let mut status = [0; 12];
    connection.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 413");
    let client = reqwest::Client::new();
    let url = format!("{}/webhooks/cdr", world.url());
    let text = client.post(&url).body("call").send().await.expect("an answer");
    assert_eq!(text.status().as_u16(), 415);
    let unsigned = client.post(&url).json(&call("CA-1", "2026-06-05T05:00:00Z")).send().await.expect("an answer");
    assert_eq!(unsigned.status().as_u16(), 401);
}
