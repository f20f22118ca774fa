//! GraphiQL in a headless Chromium: it loads from this origin alone, under its policy, and runs what is typed.

mod toy_server;

use async_graphql::Schema;
use serde_json::{Value, json};
use wabacus::graphql;

async fn open(url: &str, token: &str, names: &[&str]) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/documents");
    let files: Vec<String> = names.iter().map(|name| format!("{folder}/{name}.graphql")).collect();
    let mut arguments = vec![url, token];
    arguments.extend(files.iter().map(String::as_str));
    let report = toy_server::node("graphiql.mjs", &arguments).await;
    serde_json::from_str(&report).expect("the script prints JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_pastes_a_token_and_runs_queries_and_subscriptions_without_internet() {
    let toy = toy_server::start(toy_server::options());
    let report = open(&toy.url("/graphiql"), toy_server::TOKEN, &["query", "subscription", "endless", "query"]).await;
    let query = json!({"data": {"hello": "world", "whoami": "good"}});
    let results = json!([query, {"data": {"owner": "good"}}, {"data": {"endless": 1}}, query]);
    assert_eq!(report["results"], results);
    assert_eq!(report["foreign"], json!([]), "no request leaves the origin");
    assert_eq!(report["violations"], json!([]), "the policy is kept");
    let policy = report["policy"].as_str().expect("there is a policy");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(report["documentation"].as_str().is_some_and(|text| text.contains("Counts")), "the schema is explained");
    toy.handle.stop().await;
}

/// The real schema under its real limits, with nothing behind it.
fn real_schema() -> graphql::Schema {
    let limits = graphql::Options::default();
    Schema::build(graphql::Query::default(), graphql::Mutation::default(), graphql::Subscription::default())
        .limit_depth(limits.depth_max)
        .limit_complexity(limits.complexity_max)
        .limit_aliases(limits.aliases_max)
        .limit_directives(limits.directives_max)
        .finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_token_is_pasted_the_schema_is_explained_and_the_starter_is_valid() {
    let toy = toy_server::serve(real_schema(), toy_server::options());
    let report = open(&toy.url("/graphiql"), "", &[]).await;
    // GraphiQL asks for the whole schema, which is deep; it must stay within the limits.
    assert!(report["documentation"].as_str().is_some_and(|text| text.contains("AccountUsageChanged")), "{report}");
    assert_eq!((&report["foreign"], &report["violations"]), (&json!([]), &json!([])));
    let starter = report["starter"].as_str().expect("there is a starter");
    assert!(starter.contains("Paste a token"), "{starter}");
    let answer = toy_server::http().post(toy.url("/graphql")).json(&json!({"query": starter})).send().await;
    let answer: Value = answer.expect("an answer").json().await.expect("JSON");
    // With nothing behind the schema it fails when it runs, and not before.
    let code = &answer["errors"][0]["extensions"]["code"];
    assert!(code.is_string() && code != "BAD_USER_INPUT", "{answer}");
    toy.handle.stop().await;
}
