//! The harness of the stories: a whole server in this process, on a real database and real HTTP, with the BSPs stood in for and time standing still.
//!
//! A story moves the clock by hand and then waits until everything that is due has been done; nothing sleeps and nothing depends on the
//! day that it is run.

pub mod analytics;
pub mod cache;
pub mod catalog;
pub mod database;
pub mod graphiql;
pub mod home;
pub mod hook;
pub mod ledger;
pub mod node;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod usage;
pub mod watch;
pub mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wabacus::app::{App, Wiring};
use wabacus::cache::Cache;
use wabacus::config::Config;
use wabacus::domain::channel::BspKind;
use wabacus::domain::clock::{Clock as _, Instant, ManualClock};
use wabacus::domain::id::OrganisationId;
use wabacus::domain::period::Zone;
use wabacus::scheduler::{Faults, NoFaults};
use wabacus::service::access::{Caller, NewToken};
use wabacus::sim::{Sim, SimAccount};

use home::Home;

/// When most stories begin: a Friday, 11:30 in Kolkata.
pub const NOON: &str = "2026-06-05T06:00:00Z";

/// A whole world: a server, its database, its clock, and the BSPs around it.
pub struct World {
    pub clock: ManualClock,
    pub sim: Sim,
    /// The secret of an admin token.
    pub admin: String,
    app: Option<App>,
    settings: BTreeMap<String, String>,
    faults: Arc<dyn Faults>,
    cache: Option<Arc<dyn Cache>>,
    client: reqwest::Client,
    home: Home,
}

/// How a world is set up.
pub struct Setup {
    now: Instant,
    settings: BTreeMap<String, String>,
    faults: Arc<dyn Faults>,
    cache: Option<Arc<dyn Cache>>,
}

impl Setup {
    /// As [`World::begin`], but later or earlier.
    pub fn at(now: &str) -> Self {
        Self {
            now: now.parse().expect("a story begins at a time"),
            settings: BTreeMap::new(),
            faults: Arc::new(NoFaults),
            cache: None,
        }
    }

    /// With a setting by its name, such as `HERD_WINDOW_SECONDS`.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With panics on demand.
    pub fn with_faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = faults;
        self
    }

    /// With a cache of one's own; it outlives the server.
    pub fn with_cache(mut self, cache: Arc<dyn Cache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Starts the world.
    pub async fn begin(self) -> World {
        // A second world of the same process finds the provider installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let clock = ManualClock::at(self.now);
        let sim = Sim::start(7, Arc::new(clock.clone())).expect("a free port for the BSPs");
        let home = Home::new().await;
        let mut settings = BTreeMap::from([
            ("DATABASE_URL".to_owned(), home.url().to_owned()),
            ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
            ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            ("GUPSHUP_PARTNER_API".to_owned(), sim.gupshup_url().to_string()),
            ("INTERAKT_API".to_owned(), sim.interakt_url().to_string()),
            // Time stands still in a story, so a limit on requests in a time would hold them up for ever.
            ("GUPSHUP_PER_MINUTE".to_owned(), "10000".to_owned()),
            ("GRAPH_PER_HOUR".to_owned(), "100000".to_owned()),
            ("BSP_PER_SECOND".to_owned(), "10000".to_owned()),
            ("HERD_WINDOW_SECONDS".to_owned(), "0".to_owned()),
            // By real time: what a server that was killed held is another's soon after.
            ("LEASE_TTL_SECONDS".to_owned(), "2".to_owned()),
            ("BSP_TIMEOUT_SECONDS".to_owned(), "2".to_owned()),
            ("CATALOG_API_BASE".to_owned(), sim.catalog().url().to_string()),
            ("CATALOG_API_KEY".to_owned(), sim.catalog().key().to_owned()),
            ("CATALOG_TIMEOUT_SECONDS".to_owned(), "60".to_owned()),
        ]);
        settings.extend(self.settings);
        let client = reqwest::Client::new();
        let mut world = World {
            clock,
            sim,
            admin: String::new(),
            app: None,
            settings,
            faults: self.faults,
            cache: self.cache,
            client,
            home,
        };
        world.start().await;
        world.admin = world.token(None).await;
        world
    }
}

impl World {
    /// A world at [`NOON`] with nobody in it.
    pub async fn begin() -> Self {
        Setup::at(NOON).begin().await
    }

    /// Starts the server on the world's database, as it was left.
    pub async fn start(&mut self) {
        let config = Config::from_sources(self.settings.clone(), BTreeMap::new()).expect("the settings of a story");
        let wiring = Wiring {
            clock: Arc::new(self.clock.clone()),
            faults: Arc::clone(&self.faults),
            cache: self.cache.clone(),
            ..Wiring::default()
        };
        self.app = Some(App::start(config, wiring).await.expect("the server starts"));
        self.settle().await;
    }

    /// Stops the server cleanly; the database and the BSPs stay.
    pub async fn stop(&mut self) {
        self.app.take().expect("the server runs").stop().await;
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().expect("the server runs")
    }

    /// Where the database is.
    pub fn database(&self) -> &str {
        self.home.url()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.app().address())
    }

    /// Where the WebSocket of the API is.
    pub fn websocket_url(&self) -> String {
        format!("ws://{}/graphql/ws", self.app().address())
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Waits until everything that is due at the present time has been done, and the webhooks of it were sent.
    pub async fn settle(&self) {
        let patience = std::time::Duration::from_secs(60);
        let settled = tokio::time::timeout(patience, self.app().scheduler().settled()).await;
        assert!(settled.is_ok(), "the scheduler did not come to rest: {:?}", self.clock.next_waited_for());
        let settled = tokio::time::timeout(patience, self.app().courier().settled()).await;
        assert!(settled.is_ok(), "the courier did not come to rest: {:?}", self.clock.next_waited_for());
    }

    /// Moves time forward and waits until everything that came due has been done.
    pub async fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.settle().await;
    }

    /// Moves time to `at` and waits until everything that came due has been done.
    pub async fn advance_to(&self, at: &str) {
        let at: Instant = at.parse().expect("a time to move to");
        self.advance(at - self.now()).await;
    }

    /// A token of an organisation, or an admin token.
    pub async fn token(&self, organisation: Option<&str>) -> String {
        let organisation_id = organisation.map(|id| OrganisationId::parse("id", id).expect("an organisation's id"));
        let new = NewToken { name: "story".to_owned(), organisation_id, scopes: None, expires_at: None };
        let access = &self.app().services().access;
        let (_, secret) = access.create_token(&Caller::command_line(), new).await.expect("a token");
        secret.expose_secret().to_owned()
    }

    /// Asks over HTTP as whoever holds `token`; the whole answer, errors and all.
    pub async fn ask_as(&self, token: &str, query: &str, variables: Value) -> Value {
        let response = self
            .client
            .post(format!("{}/graphql", self.url()))
            .bearer_auth(token)
            .json(&json!({ "query": query, "variables": variables }))
            .send()
            .await
            .expect("the server answers");
        response.json().await.expect("the answer is JSON")
    }

    /// Asks as an admin; the data, or a failed story.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask_as(&self.admin, query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
        answer["data"].take()
    }

    /// Asks as an admin for what must be refused; the code and the field of the first error.
    pub async fn refused(&self, query: &str, variables: Value) -> (String, Option<String>) {
        let answer = self.ask_as(&self.admin, query, variables).await;
        let extensions = &answer["errors"][0]["extensions"];
        let code = extensions["code"].as_str().unwrap_or_else(|| panic!("no code for {query}\n{answer:#}"));
        (code.to_owned(), extensions["field"].as_str().map(str::to_owned))
    }

    /// A new organisation's id.
    pub async fn organisation(&self, name: &str, time_zone: &str) -> String {
        let query = "mutation($input: CreateOrganisationInput!) { createOrganisation(input: $input) { id } }";
        let data = self.ask(query, json!({ "input": { "name": name, "timeZone": time_zone } })).await;
        data["createOrganisation"]["id"].as_str().expect("an id").to_owned()
    }

    /// A new channel's id; its account at the BSP is opened under the same name as `account`, with the token `secret-<account>`. The first pull
    /// that this causes is not waited for.
    pub async fn channel(&self, organisation: &str, bsp: BspKind, account: &str, zone: &str) -> String {
        let zone = Zone::parse("zone", zone).expect("a zone");
        let secret = format!("secret-{account}");
        let (account_at_bsp, credentials) = match bsp {
            BspKind::Gupshup => (
                SimAccount::gupshup(account, &secret, zone),
                json!({ "gupshup": { "appId": account, "token": secret } }),
            ),
            BspKind::Interakt => (
                SimAccount::interakt(account, &secret, zone),
                json!({ "interakt": { "wabaId": account, "accessToken": secret } }),
            ),
        };
        self.sim.add(account_at_bsp);
        let mut input = json!({ "kind": "WHATSAPP", "name": account });
        let fields = input.as_object_mut().expect("an object");
        fields.extend(credentials.as_object().expect("an object").clone());
        let query = "mutation($organisation: ID!, $input: CreateChannelInput!) {
            createChannel(organisationId: $organisation, input: $input) { id } }";
        let data = self.ask(query, json!({ "organisation": organisation, "input": input })).await;
        data["createChannel"]["id"].as_str().expect("an id").to_owned()
    }

    /// An organisation in Kolkata with one Gupshup channel, its first pull done: the organisation's id and the channel's.
    pub async fn shop(&self, account: &str) -> (String, String) {
        let organisation = self.organisation(&format!("Shop {account}"), "Asia/Kolkata").await;
        let channel = self.channel(&organisation, BspKind::Gupshup, account, "Asia/Kolkata").await;
        self.settle().await;
        (organisation, channel)
    }

    /// The days of an organisation, oldest first, with everything that is stored of them but the time of fetching.
    pub async fn days(&self, organisation: &str, from: &str, to: &str) -> Vec<Value> {
        let query = "query($id: ID!, $from: Date!, $to: Date!) { organisation(id: $id) { dailyUsage(from: $from, to: $to) {
            date channel { id } unit complete revision fees { amount currency }
            counts { marketing utility authentication authenticationInternational marketingLite service freeUtility freeEntryPoint freeTier other total }
            messages { incoming outgoing total } monthToDate { total }
            details { category rawCategory pricingType country count fees { amount currency } } } } }";
        let data = self.ask(query, json!({ "id": organisation, "from": from, "to": to })).await;
        data["organisation"]["dailyUsage"].as_array().expect("a list of days").clone()
    }

    /// The months of an organisation from one to another.
    pub async fn months(&self, organisation: &str, from: &str, to: &str) -> Vec<Value> {
        let query =
            "query($id: ID!, $from: Month!, $to: Month!) { organisation(id: $id) { monthlyUsage(from: $from, to: $to) {
            month channel { id } days counts { total } fees { amount currency } } } }";
        let data = self.ask(query, json!({ "id": organisation, "from": from, "to": to })).await;
        data["organisation"]["monthlyUsage"].as_array().expect("a list of months").clone()
    }

    /// An organisation's runs, newest first.
    pub async fn runs(&self, organisation: &str) -> Vec<Value> {
        let query = "query($id: ID!) { organisation(id: $id) { jobRuns(first: 50) { nodes {
            id kind state trigger scheduledFor startedAt finishedAt attempt maxAttempts nextAttemptAt error
            progress { done total } channels { channel { id } succeeded days error } } } } }";
        let data = self.ask(query, json!({ "id": organisation })).await;
        data["organisation"]["jobRuns"]["nodes"].as_array().expect("a list of runs").clone()
    }

    /// Pulls one day now, waits for it, and gives the run.
    pub async fn pull_day(&self, organisation: &str, day: &str) -> Value {
        let query = "mutation($id: ID!, $date: Date) { triggerDailyUsage(organisationId: $id, date: $date) { id } }";
        let data = self.ask(query, json!({ "id": organisation, "date": day })).await;
        self.settle().await;
        let id = data["triggerDailyUsage"]["id"].as_str().expect("an id").to_owned();
        let runs = self.runs(organisation).await;
        runs.into_iter().find(|run| run["id"] == id.as_str()).expect("the run is among the newest")
    }
}
