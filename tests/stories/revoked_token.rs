//! A token that is revoked or runs out opens nothing from that moment on, and what was open by it is closed.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::watch::{Told, Watch};

/// A token of an organisation: its id and its secret.
async fn token(world: &World, organisation: &str, expires_at: Value) -> (String, String) {
    let query = "mutation($input: CreateTokenInput!) { createToken(input: $input) { secret token { id } } }";
    let input = json!({ "name": "till", "organisationId": organisation, "expiresAt": expires_at });
    let made = world.ask(query, json!({ "input": input })).await["createToken"].take();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&made["token"]["id"]), text(&made["secret"]))
}

async fn revoke(world: &World, id: &str) {
    let revoked = world.ask("mutation($id: ID!) { revokeToken(id: $id) }", json!({ "id": id })).await;
    assert_eq!(revoked["revokeToken"], true);
}

/// Follows invoices, of which there are none.
async fn watch(world: &World, secret: &str) -> Watch {
    Watch::begin(&world.websocket_url(), secret, "invoiceChanged", &json!({}), "{ cursor }").await
}

async fn asks(world: &World, secret: &str) -> Option<String> {
    let answer = world.ask_as(secret, "{ organisation { id } }", json!({})).await;
    answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
}

/// The events of a stream, all of them, once it has ended.
async fn stream_of(world: &World, secret: &str) -> tokio::task::JoinHandle<String> {
    let query = "subscription { invoiceChanged { cursor } }";
    let request = reqwest::Client::new().post(format!("{}/graphql", world.url())).bearer_auth(secret);
    let request = request.header("accept", "text/event-stream").json(&json!({ "query": query }));
    let response = request.send().await.expect("the stream begins");
    tokio::spawn(async move { response.text().await.expect("the stream ends well") })
}

async fn assert_ended(stream: tokio::task::JoinHandle<String>) {
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), stream).await;
    let told = told.expect("the stream ends").expect("it was read");
    assert!(told.contains("\"code\":\"UNAUTHENTICATED\"") && told.ends_with("event: complete\ndata:\n\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_closes_everything_at_once_though_nothing_happens() {
    let world = World::begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let (id, secret) = token(&world, &organisation, json!(null)).await;
    let (_, other) = token(&world, &organisation, json!(null)).await;
    assert_eq!(asks(&world, &secret).await, None);
    let (mut mine, mut others) = (watch(&world, &secret).await, watch(&world, &other).await);
    let stream = stream_of(&world, &secret).await;

    revoke(&world, &id).await;

    assert!(matches!(mine.told().await, Told::End(Some(4403))));
    assert_ended(stream).await;
    assert_eq!(asks(&world, &secret).await.as_deref(), Some("UNAUTHENTICATED"), "though it was known a moment ago");
    assert_eq!(asks(&world, &other).await, None);
    let still = tokio::time::timeout(std::time::Duration::from_millis(50), others.told()).await;
    assert!(still.is_err(), "another token's connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_runs_out_closes_everything_at_that_moment() {
    let world = World::begin().await;
    let organisation = world.organisation("Shop", "Asia/Kolkata").await;
    let expiry = world.now() + TimeDelta::minutes(5);
    let (_, secret) = token(&world, &organisation, json!(expiry.to_rfc3339())).await;
    let mut mine = watch(&world, &secret).await;
    let stream = stream_of(&world, &secret).await;
    world.clock.advance(TimeDelta::seconds(299));
    assert_eq!(asks(&world, &secret).await, None);

    world.clock.advance(TimeDelta::seconds(1));

    assert!(matches!(mine.told().await, Told::End(Some(4403))));
    assert_ended(stream).await;
    assert_eq!(asks(&world, &secret).await.as_deref(), Some("UNAUTHENTICATED"));
}
