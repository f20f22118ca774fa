//! A rolling restart loses nothing: neither a request that was answered nor a job.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::load::{self, Load};
use crate::node::Node;
use crate::{audit, loss};

const SHOPS: i64 = 40;

/// Every node is followed by another so many times.
const ROUNDS: i64 = 2;

fn urls(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.url.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_neither_an_answer_nor_a_job() {
    let settings = [("LEASE_TTL_SECONDS", "2"), ("RETRY_BASE_SECONDS", "1"), ("RETRY_CAP_SECONDS", "1")];
    let Some(cluster) = Cluster::begin(&settings).await else { return };
    let cluster = Arc::new(cluster);
    let mut nodes = vec![cluster.node().await, cluster.node().await];
    loss::shared_by(&cluster, 2).await;
    for number in 0..SHOPS {
        let organisation = cluster.organisation(&nodes[0], &format!("Shop {number}")).await;
        cluster.every_minute(&nodes[1], &organisation).await;
    }
    let till = cluster.organisation(&nodes[0], "Till").await;
    cluster.until("SELECT count(*) FROM job_run WHERE finished_at IS NULL", 0).await;
    audit::of_runs(&cluster).await;
    let known = watch::Sender::new(urls(&nodes));
    let load = Load::begin(&cluster, &known.subscribe(), &till);

    let mut minutes = 0;
    for _ in 0..ROUNDS {
        for place in 0..nodes.len() {
            // Jobs come due while a node goes, and while it is gone, and when there is another in its place.
            minutes += 1;
            cluster.time.advance(TimeDelta::minutes(1));
            nodes[place].terminate().await;
            done(&cluster, minutes).await;
            minutes += 1;
            cluster.time.advance(TimeDelta::minutes(1));
            nodes[place] = cluster.node().await;
            known.send_replace(urls(&nodes));
            done(&cluster, minutes).await;
            loss::shared_by(&cluster, 2).await;
        }
    }

    let heard = load.end().await;
    assert!(heard.answered > 100 && heard.again > 0, "the nodes were asked throughout: {heard:?}");
    load::assert_recorded(&cluster, heard.answered).await;
    let of_shops = "FROM job_run WHERE kind = 'DAILY_USAGE' AND schedule_id IS NOT NULL";
    assert_eq!(cluster.count(&format!("SELECT count(*) {of_shops}")).await, SHOPS * minutes);
    assert_eq!(cluster.count("SELECT count(*) FROM audit.success").await, SHOPS * minutes, "each once");
    assert_eq!(audit::violations(&cluster).await, Vec::<String>::new(), "written without the lease");
}

/// Waits until every shop's jobs of so many minutes are done.
async fn done(cluster: &Cluster, minutes: i64) {
    let done = "SELECT count(*) FROM job_run
        WHERE kind = 'DAILY_USAGE' AND schedule_id IS NOT NULL AND state = 'SUCCEEDED'";
    cluster.until(done, SHOPS * minutes).await;
}
