//! The API keeps to the GraphQL over HTTP specification, says the audit suite of npm `graphql-http`.

use serde_json::json;

use crate::support::World;
use crate::support::node::script;

#[tokio::test(flavor = "multi_thread")]
async fn all_61_checks_of_the_audit_suite_pass_on_the_whole_server() {
    let world = World::begin().await;
    let report = script("audit.mjs", [format!("{}/graphql", world.url()), world.admin.clone()]).await;
    assert_eq!(report, json!({ "total": 61, "passed": 61, "failed": [] }));
}
