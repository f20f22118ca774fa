//! Redis goes and comes back under load, and no client sees an error: what is shared through it comes later, and nothing is lost.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use wabacus::domain::event::{Cursor, Log};

use crate::cluster::Cluster;
use crate::load::{self, Load};
use crate::watch::{Watch, beginning};

/// What is recorded between one thing that happens to Redis and the next.
const BETWEEN: i64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_stopped_and_started_under_load_and_no_error_reaches_a_client() {
    let Some(cluster) = Cluster::with_redis(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    let cluster = Arc::new(cluster);
    let nodes = [cluster.node().await, cluster.node().await];
    let organisation = cluster.organisation(&nodes[0], "Till").await;
    let arguments = json!({ "organisationId": organisation, "after": beginning() });
    let selection = "{ cursor currentPeriod { totalRecords } }";
    let mut live = Watch::begin(&nodes[1].websocket_url(), &cluster.admin, "usageChanged", &arguments, selection).await;
    let known = watch::Sender::new(nodes.iter().map(|node| node.url.clone()).collect());
    let load = Load::begin(&cluster, &known.subscribe(), &organisation);

    let mut wanted = 0;
    let mut places = Vec::new();
    let happenings: [fn(&crate::redis::Redis); 5] =
        [|_| (), |redis| redis.end(), |redis| redis.begin(), |redis| redis.pause(), |redis| redis.resume()];
    for happening in happenings {
        let redis = Arc::clone(cluster.redis());
        tokio::task::spawn_blocking(move || happening(&redis)).await.expect("it happens to Redis");
        wanted += BETWEEN;
        // The subscription goes on throughout, and shows what both nodes recorded.
        loop {
            let event = live.next().await;
            let cursor = event["cursor"].as_str().expect("a cursor");
            places.push(Cursor::parse("cursor", cursor, Log::Organisation).expect("a cursor of its log").after);
            if event["currentPeriod"]["totalRecords"].as_i64().expect("a number") >= wanted {
                break;
            }
        }
    }

    let heard = load.end().await;
    assert_eq!(heard.again, 0, "every request was answered, and the first time: {heard:?}");
    load::assert_recorded(&cluster, heard.answered).await;
    live.until(|event| event["currentPeriod"]["totalRecords"] == heard.answered).await;
    assert!(places.is_sorted_by(|one, next| one < next), "each once and in order");
}
