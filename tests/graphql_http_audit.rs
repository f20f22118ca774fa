//! The audit suite of npm `graphql-http`, all of it, against the real server.

mod toy_server;

#[tokio::test(flavor = "multi_thread")]
async fn all_61_checks_of_the_audit_suite_pass() {
    let toy = toy_server::start(toy_server::options());
    let report = toy_server::node("audit.mjs", &[&toy.url("/graphql")]).await;
    let report: serde_json::Value = serde_json::from_str(&report).expect("the script prints JSON");
    assert_eq!(report["failed"], serde_json::json!([]));
    assert_eq!((report["total"].as_u64(), report["passed"].as_u64()), (Some(61), Some(61)));
    toy.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graphql_sse_client_streams_a_subscription_to_its_end() {
    let toy = toy_server::start(toy_server::options());
    let report = toy_server::node("sse.mjs", &[&toy.url("/graphql"), toy_server::TOKEN]).await;
    let report: serde_json::Value = serde_json::from_str(&report).expect("the script prints JSON");
    let results = serde_json::json!([{"data": {"count": 1}}, {"data": {"count": 2}}, {"data": {"count": 3}}]);
    assert_eq!(report["results"], results);
    assert_eq!(report["owner"], serde_json::json!([{"data": {"owner": "good"}}]));
    toy.handle.stop().await;
}
