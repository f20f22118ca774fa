//! Two servers share one PostgreSQL: each looks after its own half of the organisations, whichever is asked, and the one that is left after all.
//!
//! Nothing carries word from one to the other here, so that what is found, is found in the database alone.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use wabacus::app::App;
use wabacus::domain::channel::BspKind;

use crate::support::home::Home;
use crate::support::process::ask;
use crate::support::{NOON, Setup, World};

/// How long, in real time, the nodes may take to agree about something: much longer than a lease lasts.
const PATIENCE: Duration = Duration::from_secs(60);

const NODES: &str = "{ scheduler { nodes { name shards organisations running } } }";

/// Two servers on one database, and organisations that they have between them.
struct Pair {
    world: World,
    second: Option<App>,
    organisations: Vec<String>,
}

impl Pair {
    async fn begin() -> Option<Self> {
        let home = Home::shared_by_nodes().await?;
        let setup = Setup::at(NOON).with("NODE_NAME", "first").with("BSP_TIMEOUT_SECONDS", "600");
        let world = setup.in_home(home).begin().await;
        let mut organisations = Vec::new();
        for number in 0..24 {
            organisations.push(world.organisation(&format!("Shop {number}"), "Asia/Kolkata").await);
        }
        let second = Some(world.another("second").await);
        let pair = Self { world, second, organisations };
        pair.until(|nodes| shards(nodes) == [("first", 512), ("second", 512)]).await;
        Some(pair)
    }

    fn second(&self) -> &App {
        self.second.as_ref().expect("the second server runs")
    }

    /// Asks the second server.
    async fn ask_second(&self, query: &str, variables: Value) -> Value {
        let url = format!("http://{}", self.second().address());
        ask(&url, &self.world.admin, query, variables).await
    }

    /// Asks the first for the nodes until they are as wanted.
    async fn until(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut last = Value::Null;
        let asking = async {
            loop {
                last = self.world.ask(NODES, json!({})).await["scheduler"]["nodes"].take();
                let nodes = last.as_array().expect("a list of nodes");
                if wanted(nodes) {
                    return nodes.clone();
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, asking).await;
        found.unwrap_or_else(|_| panic!("the nodes did not agree: {last:#}"))
    }

    /// Who looks after an organisation, as both say.
    async fn owner(&self, organisation: &str) -> String {
        let query = "query($id: ID!) { scheduler { ownerOf(organisationId: $id) { name } } }";
        let first = self.world.ask(query, json!({ "id": organisation })).await;
        let second = self.ask_second(query, json!({ "id": organisation })).await;
        assert_eq!(first, second, "they agree");
        first["scheduler"]["ownerOf"]["name"].as_str().expect("somebody owns it").to_owned()
    }

    /// One that the second looks after.
    async fn of_second(&self) -> &str {
        for organisation in &self.organisations {
            if self.owner(organisation).await == "second" {
                return organisation;
            }
        }
        panic!("the second looks after none of {} organisations", self.organisations.len());
    }

    /// Lets a minute pass, in which each looks for what it was not told of, and waits until both are done.
    async fn a_minute_later(&self) {
        self.world.clock.advance(TimeDelta::minutes(1));
        self.settle().await;
    }

    async fn settle(&self) {
        self.world.settle().await;
        let settled = tokio::time::timeout(PATIENCE, self.second().scheduler().settled()).await;
        settled.expect("the second comes to rest");
    }
}

fn shards(nodes: &[Value]) -> Vec<(&str, i64)> {
    let shards = |node: &Value| node["shards"].as_i64().expect("a number of shards");
    nodes.iter().map(|node| (node["name"].as_str().expect("a name"), shards(node))).collect()
}

fn running(nodes: &[Value]) -> Vec<(&str, i64)> {
    let running = |node: &Value| node["running"].as_i64().expect("a number of runs");
    nodes.iter().map(|node| (node["name"].as_str().expect("a name"), running(node))).collect()
}

async fn trigger(world: &World, organisation: &str) -> Value {
    let query = "mutation($id: ID!) { triggerJob(organisationId: $id, kind: RETENTION) { id } }";
    world.ask(query, json!({ "id": organisation })).await["triggerJob"]["id"].take()
}

async fn state(world: &World, organisation: &str, id: &Value) -> Value {
    let runs = world.runs(organisation).await;
    runs.into_iter().find(|run| run["id"] == *id).expect("the run is there")["state"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_share_the_organisations_and_the_one_that_is_left_has_them_all() {
    let Some(mut pair) = Pair::begin().await else { return };
    let all = pair.organisations.len();
    let nodes = pair.until(|nodes| organisations(nodes).iter().sum::<usize>() == all).await;
    assert!(organisations(&nodes).iter().all(|count| *count >= 3), "about half each: {nodes:#?}");
    let of_second = pair.of_second().await.to_owned();

    // Asked for at the one, done by the other.
    let run = trigger(&pair.world, &of_second).await;
    pair.world.settle().await;
    assert_eq!(state(&pair.world, &of_second, &run).await, "QUEUED", "it is not the first's to run");
    pair.a_minute_later().await;
    assert_eq!(state(&pair.world, &of_second, &run).await, "SUCCEEDED");

    // A day in which everything is due.
    for _ in 0..24 {
        pair.world.clock.advance(TimeDelta::hours(1));
        pair.settle().await;
    }
    for organisation in &pair.organisations {
        let runs = pair.world.runs(organisation).await;
        let scheduled: Vec<_> = runs.iter().filter(|run| run["trigger"] == "SCHEDULE").collect();
        let occurrences: BTreeSet<_> =
            scheduled.iter().map(|run| format!("{} {}", run["kind"], run["scheduledFor"])).collect();
        assert!(!scheduled.is_empty() && occurrences.len() == scheduled.len(), "{scheduled:#?}");
        assert!(scheduled.iter().all(|run| run["state"] == "SUCCEEDED" && run["attempt"] == 1), "{scheduled:#?}");
    }

    // The second goes, and says so.
    pair.second.take().expect("the second server runs").stop().await;
    pair.until(|nodes| shards(nodes) == [("first", 1_024)] && organisations(nodes) == [all]).await;
    pair.world.settle().await;
    let run = trigger(&pair.world, &of_second).await;
    pair.world.settle().await;
    assert_eq!(state(&pair.world, &of_second, &run).await, "SUCCEEDED");
}

fn organisations(nodes: &[Value]) -> Vec<usize> {
    let count = |node: &Value| node["organisations"].as_u64().and_then(|count| usize::try_from(count).ok());
    nodes.iter().map(|node| count(node).expect("a number of organisations")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_at_one_that_the_other_runs() {
    let Some(pair) = Pair::begin().await else { return };
    let organisation = pair.of_second().await.to_owned();
    // The one that was asked does not run it, and so nobody does before the other looks.
    pair.world.channel(&organisation, BspKind::Gupshup, "app-1", "Asia/Kolkata").await;
    pair.world.sim.hold("app-1");
    pair.world.clock.advance(TimeDelta::minutes(1));
    pair.world.sim.arrived("app-1", 1).await;
    let run = pair.world.runs(&organisation).await[0]["id"].clone();
    assert_eq!(state(&pair.world, &organisation, &run).await, "RUNNING");
    // Each tells of itself as it is, and of the other as it was when that last said so.
    pair.until(|nodes| running(nodes) == [("first", 0), ("second", 1)]).await;

    let query = "mutation($id: ID!) { cancelJobRun(id: $id) { state cancelRequested } }";
    let cancelled = pair.world.ask(query, json!({ "id": run })).await;
    assert_eq!(cancelled["cancelJobRun"], json!({ "state": "RUNNING", "cancelRequested": true }));
    pair.a_minute_later().await;
    assert_eq!(state(&pair.world, &organisation, &run).await, "CANCELLED");
    pair.world.sim.release("app-1");
}
