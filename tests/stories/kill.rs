//! A process that is killed in the middle of a run leaves nothing half done: started again, it ends with the rows of one that was not disturbed.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Days;
use serde_json::{Value, json};
use wabacus::domain::clock::{Clock as _, SystemClock};
use wabacus::domain::period::Zone;
use wabacus::sim::{Sim, SimAccount};

use crate::support::database::Database;
use crate::support::home::Home;
use crate::support::process::{Process, ask, run, settings};
use crate::support::watch::{Watch, beginning};

/// The accounts of the only organisation, in the order in which they are pulled.
const ACCOUNTS: [&str; 2] = ["app-1", "app-2"];

/// The BSPs by the real clock, which a child process has.
pub(crate) fn bsps() -> Sim {
    let sim = Sim::start(7, Arc::new(SystemClock)).expect("a free port for the BSPs");
    let zone = Zone::parse("zone", "Asia/Kolkata").expect("a zone");
    for account in ACCOUNTS {
        sim.add(SimAccount::gupshup(account, &format!("secret-{account}"), zone));
    }
    sim
}

/// A server in a process with one organisation, its channels, and their first pull done.
pub(crate) struct Shop {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) admin: String,
    pub(crate) organisation: String,
    pub(crate) settings: BTreeMap<String, String>,
    /// Where the log of its runs was last read.
    cursor: String,
    home: Home,
}

const RUN: &str = "{ cursor jobRun { id kind state attempt progress { done total } } }";

impl Shop {
    pub(crate) async fn open(sim: &Sim, more: &[(&str, &str)]) -> Self {
        let home = Home::new().await;
        let mut settings = settings(home.url(), sim.gupshup_url().as_str(), sim.interakt_url().as_str());
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let admin = run(&settings, &["token", "create", "--admin"]).await.trim().to_owned();
        let (process, url) = Process::serve(&settings).await;
        let query = "mutation { createOrganisation(input: { name: \"Shop\", timeZone: \"Asia/Kolkata\" }) { id } }";
        let data = ask(&url, &admin, query, json!({})).await;
        let organisation = data["createOrganisation"]["id"].as_str().expect("an id").to_owned();
        let mut shop = Self { process, url, admin, organisation, settings, cursor: beginning(), home };
        for account in ACCOUNTS {
            let query =
                "mutation($id: ID!, $app: String!, $token: String!) { createChannel(organisationId: $id, input: {
                kind: WHATSAPP, name: $app, gupshup: { appId: $app, token: $token } }) { id } }";
            let variables = json!({ "id": shop.organisation, "app": account, "token": format!("secret-{account}") });
            ask(&shop.url, &shop.admin, query, variables).await;
            shop.until(|run| run["state"] == "SUCCEEDED").await;
        }
        shop
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> &str {
        self.home.url()
    }

    /// Starts a server on the same database.
    pub(crate) async fn open_again(self) -> Self {
        let (process, url) = Process::serve(&self.settings).await;
        Self { process, url, ..self }
    }

    /// Reads the log of runs on from where it was last read, until one is as wanted; the runs up to that.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let socket = format!("{}/graphql/ws", self.url.replacen("http", "ws", 1));
        let arguments = json!({ "organisationId": self.organisation, "after": self.cursor });
        let mut watch = Watch::begin(&socket, &self.admin, "jobRunChanged", &arguments, RUN).await;
        let mut runs = Vec::new();
        loop {
            let mut event = watch.next().await;
            event["cursor"].as_str().expect("a cursor").clone_into(&mut self.cursor);
            runs.push(event["jobRun"].take());
            if runs.last().is_some_and(&wanted) {
                return runs;
            }
        }
    }

    /// Asks for a range of days of every channel; the run's id.
    pub(crate) async fn backfill(&self, (from, to): &(String, String)) -> Value {
        let query = "mutation($id: ID!, $from: Date!, $to: Date!) {
            backfillAccountUsage(organisationId: $id, from: $from, to: $to) { id } }";
        let variables = json!({ "id": self.organisation, "from": from, "to": to });
        ask(&self.url, &self.admin, query, variables).await["backfillAccountUsage"]["id"].take()
    }

    /// What is stored of a range, without what differs from server to server.
    pub(crate) async fn rows(&self, (from, to): &(String, String)) -> Value {
        let query = "query($id: ID!, $from: Date!, $to: Date!, $first: Month!, $last: Month!) { organisation(id: $id) {
            dailyUsage(from: $from, to: $to) {
                date channel { name } unit complete revision fees { amount currency }
                counts { marketing utility authentication service total } messages { incoming outgoing total }
                monthToDate { total } details { category rawCategory pricingType country count fees { amount currency } } }
            monthlyUsage(from: $first, to: $last) {
                month channel { name } days counts { total } fees { amount currency } } } }";
        let variables = json!({ "id": self.organisation, "from": from, "to": to, "first": from[..7], "last": to[..7] });
        let mut rows = ask(&self.url, &self.admin, query, variables).await["organisation"].take();
        // Channels of one day come in the order of their ids, which differ from server to server.
        let by_content = |row: &Value| row.to_string();
        for name in ["dailyUsage", "monthlyUsage"] {
            rows[name].as_array_mut().expect("a list").sort_by_key(by_content);
        }
        rows
    }
}

/// Past days that the first pulls do not reach, whenever the story is told.
pub(crate) fn range() -> (String, String) {
    let today = SystemClock.now().date_naive();
    let back = |days| today.checked_sub_days(Days::new(days)).expect("the calendar reaches back").to_string();
    (back(160), back(61))
}

/// The rows of a server that nothing happens to.
pub(crate) async fn undisturbed(range: &(String, String)) -> Value {
    let sim = bsps();
    let mut shop = Shop::open(&sim, &[]).await;
    let run = shop.backfill(range).await;
    shop.until(|event| event["id"] == run && event["state"] == "SUCCEEDED").await;
    shop.rows(range).await
}

/// Starts a backfill and returns when its first channel is done and its second has asked.
pub(crate) async fn in_the_middle(sim: &Sim, shop: &mut Shop, range: &(String, String)) -> Value {
    let asked = sim.requests(ACCOUNTS[1]).len();
    sim.hold(ACCOUNTS[1]);
    let run = shop.backfill(range).await;
    sim.arrived(ACCOUNTS[1], asked + 1).await;
    shop.until(|event| event["id"] == run && event["progress"] == json!({ "done": 100, "total": 200 })).await;
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_run_and_started_again_it_ends_with_the_rows_of_an_undisturbed_one() {
    let range = range();
    let expected = undisturbed(&range).await;
    let sim = bsps();
    let mut shop = Shop::open(&sim, &[]).await;
    let run = in_the_middle(&sim, &mut shop, &range).await;
    let half = shop.rows(&range).await;
    assert_eq!(half["dailyUsage"].as_array().map(Vec::len), Some(100), "one channel's days are there");

    shop.process.signal("KILL").await;
    let (killed, _) = shop.process.end().await;
    assert_eq!(killed.code(), None, "it had no time to say anything");
    let left = Database::look_into(shop.database()).await.runs("BACKFILL").await;
    assert_eq!(left, [("RUNNING".to_owned(), 1)]);
    sim.release(ACCOUNTS[1]);
    let mut shop = shop.open_again().await;

    let events = shop.until(|event| event["id"] == run && event["state"] == "SUCCEEDED").await;
    let states: Vec<_> = events.iter().map(|event| (&event["state"], &event["attempt"])).collect();
    assert_eq!(states[0], (&json!("QUEUED"), &json!(0)), "it was put back, and the attempt does not count");
    assert_eq!(states[states.len() - 1], (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(shop.rows(&range).await, expected);
}
