//! The doctor on PostgreSQL and Redis: what is well with two nodes, and what is told of a Redis and of nodes that are away.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::loss;
use crate::process::Process;

/// What is found, by what was looked at: the verdict and the detail.
async fn found(cluster: &Cluster) -> BTreeMap<String, (String, String)> {
    let (status, said) = Process::start(cluster.settings(), &["doctor", "--json"]).end().await;
    assert!(status.success(), "{said}");
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.map(|one| (text(&one["what"]), (text(&one["verdict"]), text(&one["detail"])))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_postgresql_and_redis_are_found_well_and_what_goes_away_is_told() {
    let Some(cluster) = Cluster::with_redis(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    let (mut first, mut second) = (cluster.node().await, cluster.node().await);
    loss::shared_by(&cluster, 2).await;

    let well = found(&cluster).await;
    let verdict = |findings: &BTreeMap<String, (String, String)>, what: &str| findings[what].0.clone();
    for what in ["database", "database: connections", "database: clock", "database: writing", "nodes", "leases"] {
        assert_eq!(verdict(&well, what), "ok", "{what}: {well:#?}");
    }
    assert!(well["database"].1.starts_with("PostgreSQL 1"), "{well:#?}");
    assert_eq!(well["nodes"].1, format!("2 alive: {}, {}", first.name, second.name));
    assert_eq!((verdict(&well, "Redis"), verdict(&well, "Redis: clock")), ("ok".to_owned(), "ok".to_owned()));
    assert_eq!(well["Redis: eviction"].1, "no limit on its memory", "as it is with a Redis of the tests");

    first.terminate().await;
    second.terminate().await;
    cluster.redis().end();
    let away = found(&cluster).await;
    assert_eq!((verdict(&away, "Redis"), away["nodes"].1.as_str()), ("warn".to_owned(), "none runs now"));
}
