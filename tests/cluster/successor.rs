//! The least that a cluster is for: what one node leaves, another goes on with.

use chrono::TimeDelta;

use crate::cluster::Cluster;

const DONE: &str = "SELECT count(*) FROM job_run WHERE kind = 'DAILY_USAGE' AND state = 'SUCCEEDED'";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_is_followed_by_another_that_goes_on_by_the_same_clock() {
    let Some(cluster) = Cluster::begin(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    let mut first = cluster.node().await;
    let organisation = cluster.organisation(&first, "Shop").await;
    cluster.every_minute(&first, &organisation).await;
    cluster.time.advance(TimeDelta::minutes(1));
    cluster.until(DONE, 1).await;

    first.kill().await;
    let second = cluster.node().await;
    cluster.time.advance(TimeDelta::minutes(1));
    cluster.until(DONE, 2).await;

    // A node that is stopped hears of the time when it goes on.
    second.stop().await;
    cluster.time.advance(TimeDelta::minutes(1));
    second.resume().await;
    cluster.until(DONE, 3).await;
}
