//! How the others make up for a node that is gone.

use std::time::Duration;

use crate::cluster::Cluster;

/// Within how long after a loss every organisation must be somebody's again.
const OWNED_WITHIN: Duration = Duration::from_secs(30);

/// Waits until every shard is held by a node that is not among `gone`, and checks that this did not take too long.
pub(crate) async fn made_up_for(cluster: &Cluster, gone: &[&str]) {
    let gone = gone.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let orphans = format!(
        "SELECT count(*) FROM lease LEFT JOIN node ON node.id = lease.owner
         WHERE node.name IS NULL OR node.name IN ({gone}) OR lease.expires_at < clock_timestamp()"
    );
    let took = cluster.until(&orphans, 0).await;
    assert!(took < OWNED_WITHIN, "some organisations were nobody's for {took:?}");
}

/// Waits until every one of so many nodes holds something.
pub(crate) async fn shared_by(cluster: &Cluster, nodes: i64) {
    let owners = "SELECT count(DISTINCT owner) FROM lease WHERE expires_at > clock_timestamp()";
    cluster.until(owners, nodes).await;
}
