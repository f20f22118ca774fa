//! What the nodes share: the database, the BSPs, the clock, an admin; and how a story asks and waits.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant as Moment};

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use wabacus::domain::clock::Instant;
use wabacus::sim::Sim;

use crate::node::Node;
use crate::postgres::Postgres;
use crate::process;
use crate::redis::Redis;
use crate::time::Time;

/// When the stories begin: a Friday, 11:30 in Kolkata, far from anything that happens by itself.
pub(crate) const NOON: &str = "2026-06-05T06:00:00Z";

/// How long a story waits for a state before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often a story looks whether a state has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// While nothing moves for so long, time goes on by a second: what is to be tried again is not waited for in vain.
const STANDSTILL: Duration = Duration::from_millis(200);

/// How many nodes there were in all stories of this process, which share a server and so its users.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Everything that there is one of.
pub(crate) struct Cluster {
    pub(crate) time: Time,
    pub(crate) sim: Sim,
    /// The secret of an admin token.
    pub(crate) admin: String,
    /// A second pair of eyes on the database.
    pub(crate) eyes: PgPool,
    settings: BTreeMap<String, String>,
    client: reqwest::Client,
    redis: Option<Arc<Redis>>,
    _server: Arc<Postgres>,
}

/// Whether there is anything to start: not where PostgreSQL is left out.
fn is_left_out() -> bool {
    let left_out = std::env::var("WABACUS_TEST_BACKENDS").is_ok_and(|backends| backends == "sqlite");
    if left_out {
        // Nothing can be done about a standard error that is closed.
        drop(std::io::stderr().write_all(b"WABACUS_TEST_BACKENDS=sqlite: several nodes are not tested\n"));
    }
    left_out
}

impl Cluster {
    /// One without nodes, with settings by their names. `None`: it is left out.
    pub(crate) async fn begin(more: &[(&str, &str)]) -> Option<Self> {
        if is_left_out() { None } else { Some(Self::make(more, None).await) }
    }

    /// As [`Cluster::begin`], with a Redis.
    pub(crate) async fn with_redis(more: &[(&str, &str)]) -> Option<Self> {
        if is_left_out() {
            return None;
        }
        let redis = tokio::task::spawn_blocking(Redis::start).await.expect("Redis starts");
        Some(Self::make(more, Some(Arc::new(redis))).await)
    }

    async fn make(more: &[(&str, &str)], redis: Option<Arc<Redis>>) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let time = Time::begin(NOON).await;
        let sim = Sim::start(7, Arc::new(time.clock())).expect("a free port for the BSPs");
        let server = tokio::task::spawn_blocking(Postgres::shared).await.expect("PostgreSQL starts");
        let database = server.create_database().await;
        let mut settings = process::settings(&database, sim.gupshup_url().as_str(), sim.interakt_url().as_str());
        let usual = [(crate::node::CLOCK, time.address().to_string()), ("HERD_WINDOW_SECONDS", "0".to_owned())];
        settings.extend(usual.map(|(name, value)| (name.to_owned(), value)));
        settings.extend(redis.iter().map(|redis| ("REDIS_URL".to_owned(), redis.url())));
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let admin = process::run(&settings, &["token", "create", "--admin"]).await.trim().to_owned();
        let options: PgConnectOptions = database.parse().expect("the address of a database");
        let eyes = PgPoolOptions::new().max_connections(4).connect_with(options.application_name("eyes")).await;
        let eyes = eyes.expect("the database is there");
        let client = reqwest::Client::new();
        Self { time, sim, admin, eyes, settings, client, redis, _server: server }
    }

    /// Starts a node. To the database it is a user of its own, so that it can be told who wrote what.
    pub(crate) async fn node(&self) -> Node {
        let name = format!("node_{}", STARTED.fetch_add(1, Ordering::Relaxed) + 1);
        self.write(&format!("CREATE ROLE {name} LOGIN SUPERUSER")).await;
        let mut settings = self.settings.clone();
        let database = settings["DATABASE_URL"].replacen("wabacus@", &format!("{name}@"), 1);
        settings.insert("DATABASE_URL".to_owned(), database);
        settings.insert("NODE_NAME".to_owned(), name.clone());
        Node::start(&name, &settings).await
    }

    /// The Redis of a cluster that has one.
    pub(crate) fn redis(&self) -> &Arc<Redis> {
        self.redis.as_ref().expect("a cluster with Redis")
    }

    /// The settings that nodes have in common.
    pub(crate) const fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> &str {
        &self.settings["DATABASE_URL"]
    }

    /// Writes to the database past every node.
    pub(crate) async fn write(&self, sql: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.eyes).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The one number that a question is answered with.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let count = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.eyes).await;
        count.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The texts that a question is answered with.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let texts = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&self.eyes).await;
        texts.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Waits until a question is answered with this number; how long that took.
    pub(crate) async fn until(&self, sql: &str, wanted: i64) -> Duration {
        let began = Moment::now();
        loop {
            let count = self.count(sql).await;
            if count == wanted {
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "expected {wanted}, and it stays at {count}: {sql}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// As [`Cluster::until`], but time goes on by the second, up to `end`, where nothing else does.
    pub(crate) async fn until_in_time(&self, sql: &str, wanted: i64, end: Instant) {
        let (began, mut moved, mut before) = (Moment::now(), Moment::now(), None);
        loop {
            let count = self.count(sql).await;
            if count == wanted {
                return;
            }
            let now = self.time.now();
            assert!(began.elapsed() < PATIENCE, "expected {wanted}, and at {now} it is {count}: {sql}");
            if before != Some(count) {
                (before, moved) = (Some(count), Moment::now());
            } else if moved.elapsed() > STANDSTILL && now < end {
                moved = Moment::now();
                self.time.advance(TimeDelta::seconds(1));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks a node as whoever holds `token`; the whole answer, errors and all, or why there is none.
    pub(crate) async fn try_ask(
        &self,
        url: &str,
        token: &str,
        query: &str,
        variables: &Value,
    ) -> reqwest::Result<Value> {
        let request = self.client.post(format!("{url}/graphql")).bearer_auth(token);
        request.json(&json!({ "query": query, "variables": variables })).send().await?.json().await
    }

    /// Asks a node as an admin; the data, or a failed story.
    pub(crate) async fn ask(&self, node: &Node, query: &str, variables: &Value) -> Value {
        let mut answer = self.try_ask(&node.url, &self.admin, query, variables).await.expect("the node answers");
        assert!(answer.get("errors").is_none(), "{}: {query}\n{answer:#}", node.name);
        answer["data"].take()
    }

    /// A new organisation's id.
    pub(crate) async fn organisation(&self, node: &Node, name: &str) -> String {
        let query = "mutation($input: CreateOrganisationInput!) { createOrganisation(input: $input) { id } }";
        let input = json!({ "name": name, "timeZone": "Asia/Kolkata" });
        let data = self.ask(node, query, &json!({ "input": input })).await;
        data["createOrganisation"]["id"].as_str().expect("an id").to_owned()
    }

    /// Makes an organisation's usage be pulled every minute.
    pub(crate) async fn every_minute(&self, node: &Node, organisation: &str) {
        let query = "mutation($id: ID!) {
            scheduleJob(organisationId: $id, kind: DAILY_USAGE, cron: \"* * * * *\") { id } }";
        self.ask(node, query, &json!({ "id": organisation })).await;
    }
}
