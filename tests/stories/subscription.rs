//! What changes is pushed over a WebSocket; whoever lost the connection goes on where it was, without a hole and without hearing a thing twice.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::home::Home;
use crate::support::process::{self, Process};
use crate::support::watch::{Told, Watch, beginning, beginning_of_all};

const USAGE: &str = "{ cursor channel { id } dates days { date revision } }";
const RUNS: &str = "{ cursor jobRun { id state organisation { id } } }";

async fn watch_usage(world: &World, token: &str, arguments: Value) -> Watch {
    Watch::begin(&world.websocket_url(), token, "accountUsageChanged", &arguments, USAGE).await
}

async fn watch_runs(world: &World, token: &str, arguments: Value) -> Watch {
    Watch::begin(&world.websocket_url(), token, "jobRunChanged", &arguments, RUNS).await
}

/// The BSP changes its mind about a day, and the day is pulled again.
async fn revise(world: &World, organisation: &str, account: &str, date: &str) {
    world.sim.revise(account, date.parse().expect("a day"));
    assert_eq!(world.pull_day(organisation, date).await["state"], "SUCCEEDED");
}

/// The only day that an event tells of, with how often it was revised.
fn day(event: &Value) -> (&str, i64) {
    assert_eq!(event["dates"].as_array().map(Vec::len), Some(1), "{event}");
    let date = event["dates"][0].as_str().expect("a date");
    assert_eq!(event["days"][0]["date"], date);
    (date, event["days"][0]["revision"].as_i64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_was_cut_goes_on_where_it_was() {
    let mut world = World::begin().await;
    let (organisation, channel) = world.shop("app-1").await;
    let token = world.token(Some(&organisation)).await;

    let mut watch = watch_usage(&world, &token, json!({ "after": beginning() })).await;
    let first = watch.next().await;
    assert_eq!(first["channel"]["id"], channel);
    assert_eq!(first["dates"].as_array().map(Vec::len), Some(8), "the first pull, from before");
    revise(&world, &organisation, "app-1", "2026-06-01").await;
    let live = watch.next().await;
    assert_eq!(day(&live), ("2026-06-01", 1), "and live");

    drop(watch);
    for date in ["2026-06-02", "2026-06-03", "2026-06-02"] {
        revise(&world, &organisation, "app-1", date).await;
    }
    // A pull that finds nothing new is no event.
    assert_eq!(world.pull_day(&organisation, "2026-06-04").await["state"], "SUCCEEDED");

    let mut watch = watch_usage(&world, &token, json!({ "after": live["cursor"] })).await;
    let missed = [watch.next().await, watch.next().await, watch.next().await];
    // Days are told as they are now.
    assert_eq!(missed.each_ref().map(day), [("2026-06-02", 2), ("2026-06-03", 1), ("2026-06-02", 2)]);
    revise(&world, &organisation, "app-1", "2026-06-04").await;
    let last = watch.next().await;
    assert_eq!(day(&last), ("2026-06-04", 1), "nothing was told twice");

    world.stop().await;
    assert!(matches!(watch.told().await, Told::End(Some(1001))), "a server that stops says so");
    world.start().await;
    revise(&world, &organisation, "app-1", "2026-06-01").await;
    let mut watch = watch_usage(&world, &token, json!({ "after": last["cursor"] })).await;
    assert_eq!(day(&watch.next().await), ("2026-06-01", 2), "a restart makes no hole either");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_states_of_a_run_are_pushed_in_order_and_resumed_anywhere() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let mut watch =
        watch_runs(&world, &world.admin, json!({ "organisationId": organisation, "after": beginning() })).await;
    let run = world.pull_day(&organisation, "2026-06-04").await;
    let mut told = vec![watch.until(|event| event["jobRun"]["id"] == run["id"]).await];
    while told.last().is_none_or(|event| event["jobRun"]["state"] != "SUCCEEDED") {
        told.push(watch.next().await);
    }
    let mut states: Vec<_> = told.iter().map(|event| event["jobRun"]["state"].as_str().expect("a state")).collect();
    states.dedup();
    assert_eq!(states, ["QUEUED", "RUNNING", "SUCCEEDED"]);

    for (place, event) in told.iter().enumerate() {
        let arguments = json!({ "organisationId": organisation, "after": event["cursor"] });
        let mut again = watch_runs(&world, &world.admin, arguments).await;
        for expected in &told[place + 1..] {
            assert_eq!(again.next().await, *expected, "resumed after {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_told_of_everybody_and_an_organisation_of_itself_alone() {
    let world = World::begin().await;
    let (ours, _) = world.shop("app-1").await;
    let (theirs, _) = world.shop("app-2").await;
    let token = world.token(Some(&ours)).await;
    let mut own = watch_runs(&world, &token, json!({ "after": beginning() })).await;
    let mut all = watch_runs(&world, &world.admin, json!({ "after": beginning_of_all() })).await;

    let of_them = world.pull_day(&theirs, "2026-06-04").await;
    let of_us = world.pull_day(&ours, "2026-06-04").await;
    let is_end_of =
        |event: &Value, run: &Value| event["jobRun"]["id"] == run["id"] && event["jobRun"]["state"] == "SUCCEEDED";
    all.until(|event| is_end_of(event, &of_them)).await;
    all.until(|event| is_end_of(event, &of_us)).await;
    own.until(|event| {
        assert_eq!(event["jobRun"]["organisation"]["id"], ours.as_str());
        is_end_of(event, &of_us)
    })
    .await;

    let mut foreign = watch_runs(&world, &token, json!({ "organisationId": theirs })).await;
    let Told::Errors(errors) = foreign.told().await else { panic!("expected a refusal") };
    assert_eq!(errors[0]["extensions"]["code"], "NOT_FOUND");
    let mut future = watch_runs(&world, &token, json!({ "after": beginning_of_all() })).await;
    let Told::Errors(errors) = future.told().await else { panic!("expected a refusal") };
    assert_eq!(
        (&errors[0]["extensions"]["code"], &errors[0]["extensions"]["field"]),
        (&json!("BAD_USER_INPUT"), &json!("after")),
        "the cursor of another log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_connection_before_anything_more_is_told() {
    let world = World::begin().await;
    let (organisation, _) = world.shop("app-1").await;
    let query =
        "mutation($id: ID!) { createToken(input: { name: \"till\", organisationId: $id }) { secret token { id } } }";
    let made = world.ask(query, json!({ "id": organisation })).await;
    let token = made["createToken"]["secret"].as_str().expect("a secret");
    let mut watch = watch_usage(&world, token, json!({ "after": beginning() })).await;
    watch.next().await;

    let query = "mutation($id: ID!) { revokeToken(id: $id) }";
    let revoked = world.ask(query, json!({ "id": made["createToken"]["token"]["id"] })).await;
    assert_eq!(revoked["revokeToken"], true);
    revise(&world, &organisation, "app-1", "2026-06-01").await;
    assert!(matches!(watch.told().await, Told::End(Some(4403))));
}

/// The statements that a server has sent to its database since it began.
async fn statements(url: &str) -> u64 {
    let text = reqwest::get(format!("{url}/metrics")).await.expect("an answer").text().await.expect("a text");
    let line = text.lines().find_map(|line| line.strip_prefix("wabacus_sql_statements_total "));
    line.expect("the statements are counted").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_who_follow_the_same_shop_cost_the_database_hardly_more_than_one() {
    let home = Home::new().await;
    let settings = process::settings(home.url(), "http://127.0.0.1:9", "http://127.0.0.1:9");
    let admin = process::run(&settings, &["token", "create", "--admin"]).await;
    let (_process, url) = Process::serve(&settings).await;
    let query = "mutation { createOrganisation(input: { name: \"Shop\", timeZone: \"UTC\" }) { id } }";
    let shop = process::ask(&url, admin.trim(), query, json!({})).await["createOrganisation"]["id"].take();
    let socket = format!("{}/graphql/ws", url.replace("http://", "ws://"));
    let arguments = json!({ "organisationId": shop });
    let resumed = json!({ "organisationId": shop, "after": beginning() });
    let mut watches = Vec::new();
    for number in 0..200 {
        let arguments = if number % 2 == 0 { &arguments } else { &resumed };
        watches.push(Watch::begin(&socket, admin.trim(), "usageChanged", arguments, "{ cursor }").await);
    }
    // Whoever begins at the beginning hears this, and so all are there when it is heard.
    let record = async |number: usize| {
        let query = "mutation($id: ID!, $key: String!) { recordUsage(organisationId: $id, records: [
            { kind: SMS, resourceType: \"message\", resourceId: $key }]) { outcome } }";
        let variables = json!({ "id": shop, "key": format!("sms-{number}") });
        process::ask(&url, admin.trim(), query, variables).await;
    };
    record(0).await;
    let mut seen = Vec::new();
    for watch in &mut watches {
        seen.push(watch.next().await);
    }
    let before = statements(&url).await;
    for number in 1..=10 {
        record(number).await;
        let cursors: Vec<_> = futures::future::join_all(watches.iter_mut().map(Watch::next)).await;
        assert!(cursors.iter().all(|event| *event == cursors[0]), "all hear the same");
        assert!(seen.iter().all(|event| *event != cursors[0]), "and each once");
        seen = cursors;
    }
    let cost = statements(&url).await - before;
    assert!(cost < 500, "{cost} statements for ten records and two thousand tellings");
}
