//! The queries of the README do what it says when they are pasted into GraphiQL.

use serde_json::json;

use crate::support::graphiql::run;
use crate::support::watch::{Watch, beginning};
use crate::support::{Setup, World};

/// The documents of the README, in their order, with the ids that its reader puts in.
fn documents(organisation: &str, channel: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("a README");
    let blocks = readme.split("```graphql\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().expect("the block ends"));
    blocks.map(|block| block.replace("org_...", organisation).replace("chn_...", channel)).collect()
}

/// A shop in November 2026, the month that the README asks for.
async fn shop() -> (World, String, String) {
    let world = Setup::at("2026-11-20T06:00:00Z").begin().await;
    let (organisation, channel) = world.shop("app-readme").await;
    (world, organisation, channel)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_of_the_readme_return_the_usage_in_graphiql() {
    let (world, organisation, channel) = shop().await;
    let documents = documents(&organisation, &channel);
    let [usage, record, cost, billed, tell, live, left, all, jobs, watch, pull] = documents.as_slice() else {
        panic!("eleven documents: {documents:#?}")
    };
    let graphiql = format!("{}/graphiql", world.url());
    let folder = tempfile::tempdir().expect("a folder for the documents");

    let own = world.token(Some(&organisation)).await;
    let results = run(&graphiql, &own, folder.path(), &[usage, record, cost, billed, tell, live, left]).await;
    let shown = &results[0]["data"]["organisation"];
    assert_eq!(shown["name"], "Shop app-readme");
    let days = shown["dailyUsage"].as_array().expect("days of usage");
    assert_eq!(days.len(), 19, "the first pull reaches from the start of the month to yesterday");
    assert!(days.iter().all(|day| day["counts"]["total"].as_i64().is_some_and(|total| total > 0)));
    let months = shown["monthlyUsage"].as_array().expect("months of usage");
    let november = months.iter().find(|month| month["month"] == "2026-11").expect("this month");
    assert_eq!(november["counts"]["total"], days[18]["monthToDate"]["total"]);

    let recorded = &results[1]["data"]["recordUsage"];
    assert_eq!((&recorded[0]["outcome"], &recorded[0]["record"]["cost"]), (&json!("RECORDED"), &json!("7.5")));
    assert_eq!((&recorded[1]["outcome"], &recorded[1]["field"]), (&json!("REJECTED"), &json!("records[1].quantity")));
    let shown = &results[2]["data"]["organisation"];
    assert_eq!(shown["currentPeriod"]["totalCost"], "7.5");
    assert_eq!(shown["currentPeriod"]["remainingCredits"], "42.5");
    assert_eq!(shown["usageStats"]["busiestDay"], "2026-11-20");
    assert_eq!(shown["invoicePreview"]["total"], "0", "the included credit pays for it");
    let shown = &results[3]["data"]["organisation"];
    assert_eq!(shown["credits"]["entries"]["nodes"][0]["amount"], "50");
    assert_eq!(shown["invoices"]["nodes"], json!([]), "the first month is not over");

    let told = &results[4]["data"];
    assert_eq!(told["upsertCampaigns"][0]["state"], "ACTIVE");
    let outcomes = told["recordMessages"].as_array().expect("an outcome for each");
    assert!(outcomes.iter().all(|outcome| outcome["outcome"] == "RECORDED"), "{outcomes:#?}");
    let shown = &results[5]["data"]["organisation"];
    let messages = json!({
        "total": 2, "sent": 1, "delivered": 1, "read": 1, "replied": 0, "failed": 1, "deliveryRate": "100.00", "readRate": "100.00" });
    assert_eq!(shown["realTimeMetrics"]["metrics"]["messages"], messages);
    assert_eq!(shown["dashboard"]["current"]["messages"]["total"], 0, "today is not over");
    assert_eq!(shown["campaigns"]["nodes"][0]["name"], "Diwali");
    assert_eq!(shown["customers"]["nodes"].as_array().map(Vec::len), Some(2));

    let shown = &results[6]["data"]["organisation"];
    assert_eq!((&shown["allowance"]["dailyLimit"], &shown["allowance"]["dailyUsed"]), (&json!(1_000), &json!(1)));
    assert!(shown["catalog"]["unavailable"].as_str().is_some_and(|why| why.contains("external id")), "{shown:#}");

    let results = run(&graphiql, &world.admin, folder.path(), &[jobs, pull, all]).await;
    let all = &results[2]["data"]["organisations"];
    assert_eq!((&all["totalCount"], &all["hasMore"]), (&json!(1), &json!(false)));
    assert_eq!(all["nodes"][0]["activity"]["active"], true);
    assert_eq!(results[0]["data"]["jobRuns"]["nodes"][0]["state"], "SUCCEEDED");
    assert_eq!(results[1]["data"]["triggerDailyUsage"]["state"], "QUEUED");
    world.settle().await;

    // In GraphiQL the subscription would wait for what comes; here it is asked for what came, so that nothing has to be timed.
    let (_, rest) = watch.split_once("{ ").expect("a selection");
    let (field, rest) = rest.split_once('(').expect("arguments");
    let (_, selection) = rest.split_once(") ").expect("a selection of the field");
    let selection = selection.trim_end().strip_suffix('}').expect("the end of the document");
    let arguments = json!({ "organisationId": organisation, "after": beginning() });
    let mut events = Watch::begin(&world.websocket_url(), &world.admin, field, &arguments, selection).await;
    let today = events.until(|event| event["dates"] == json!(["2026-11-20"])).await;
    assert_eq!(today["days"][0]["date"], "2026-11-20");
}
