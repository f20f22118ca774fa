//! A token that is revoked at one node opens nothing at another, and what it held open there is closed.

use std::time::{Duration, Instant as Moment};

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::watch::{Told, Watch};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_at_one_node_ends_at_the_other_within_seconds_without_redis() {
    let Some(cluster) = Cluster::begin(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    ends(&cluster, Duration::from_secs(15)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_at_one_node_ends_at_the_other_at_once_by_way_of_redis() {
    let Some(cluster) = Cluster::with_redis(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    ends(&cluster, Duration::from_secs(2)).await;
}

async fn ends(cluster: &Cluster, within: Duration) {
    let (here, there) = (cluster.node().await, cluster.node().await);
    let organisation = cluster.organisation(&here, "Shop").await;
    let query = "mutation($input: CreateTokenInput!) { createToken(input: $input) { secret token { id } } }";
    let input = json!({ "name": "till", "organisationId": organisation });
    let made = cluster.ask(&here, query, &json!({ "input": input })).await["createToken"].take();
    let (id, secret) = (&made["token"]["id"], made["secret"].as_str().expect("a secret"));
    let asks = async || {
        let answer = cluster.try_ask(&there.url, secret, "{ organisation { id } }", &json!({})).await;
        let answer = answer.expect("the node answers");
        answer["errors"][0]["extensions"]["code"].clone()
    };
    assert_eq!(asks().await, Value::Null, "it is good, and known there");
    let mut open = Watch::begin(&there.websocket_url(), secret, "invoiceChanged", &json!({}), "{ cursor }").await;

    let began = Moment::now();
    let revoked = cluster.ask(&here, "mutation($id: ID!) { revokeToken(id: $id) }", &json!({ "id": id })).await;
    assert_eq!(revoked["revokeToken"], true);

    assert!(matches!(open.told().await, Told::End(Some(4403))), "the connection is closed");
    assert_eq!(asks().await, "UNAUTHENTICATED");
    assert!(began.elapsed() < within, "it took {:?}", began.elapsed());
}
