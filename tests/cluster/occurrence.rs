//! Every occurrence of every job happens exactly once, whatever befalls the nodes and their connections.

use chrono::{DurationRound as _, TimeDelta};
use futures::{StreamExt as _, stream};
use serde_json::json;
use wabacus::domain::clock::Instant;
use wabacus::domain::period::Zone;
use wabacus::sim::SimAccount;

use crate::cluster::Cluster;
use crate::node::Node;
use crate::{audit, loss};

const ORGANISATIONS: usize = 300;

/// An hour of the shared clock.
const MINUTES: i64 = 60;

/// Those whose jobs ask a BSP, and so can be caught in the middle of it.
const ACCOUNTS: [&str; 6] = ["app-1", "app-2", "app-3", "app-4", "app-5", "app-6"];

/// Further than that a minute is not drawn out, so that none runs into the next.
const SECONDS_MAX: i64 = 50;

struct Story {
    cluster: Cluster,
    nodes: Vec<Node>,
    begin: Instant,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_occurrence_of_an_hour_happens_once_while_nodes_die_stall_and_lose_their_connections() {
    let settings = [
        ("LEASE_TTL_SECONDS", "2"),
        ("RETRY_BASE_SECONDS", "1"),
        ("RETRY_CAP_SECONDS", "1"),
        ("RETRY_ATTEMPTS", "100"),
        ("LOG", "warn,wabacus::scheduler=info,wabacus::scheduler::status=warn,cluster=info"),
    ];
    let Some(cluster) = Cluster::begin(&settings).await else { return };
    let mut story = Story::begin(cluster).await;
    for minute in 1..=MINUTES {
        match minute % 12 {
            3 => story.kill_one(minute).await,
            6 => story.terminate_connections(minute).await,
            9 => story.stop_one(minute).await,
            _ => story.turn(minute).await,
        }
    }
    story.end().await;
}

impl Story {
    async fn begin(cluster: Cluster) -> Self {
        let nodes = vec![cluster.node().await, cluster.node().await, cluster.node().await];
        loss::shared_by(&cluster, 3).await;
        for account in ACCOUNTS {
            let zone = Zone::parse("zone", "Asia/Kolkata").expect("a zone");
            cluster.sim.add(SimAccount::gupshup(account, &format!("secret-{account}"), zone));
        }
        let at = |number: usize| &nodes[number % nodes.len()];
        let organisations = stream::iter(0..ORGANISATIONS).map(|number| Self::open(&cluster, at(number), number));
        let organisations: Vec<_> = organisations.buffer_unordered(8).collect().await;
        // The first pull of a channel that another node than the organisation's made may have to wait for the sweep.
        let end = cluster.time.now() + TimeDelta::minutes(10);
        cluster.until_in_time("SELECT count(*) FROM job_run WHERE finished_at IS NULL", 0, end).await;
        let schedules = stream::iter(&organisations).enumerate();
        schedules.for_each_concurrent(8, |(number, id)| cluster.every_minute(at(number), id)).await;
        audit::of_everything(&cluster).await;
        let begin = cluster.time.now().duration_trunc(TimeDelta::minutes(1)).expect("a minute begins");
        Self { cluster, nodes, begin }
    }

    async fn open(cluster: &Cluster, node: &Node, number: usize) -> String {
        let organisation = cluster.organisation(node, &format!("Shop {number}")).await;
        if let Some(account) = ACCOUNTS.get(number) {
            let query = "mutation($id: ID!, $input: CreateChannelInput!) {
                createChannel(organisationId: $id, input: $input) { id } }";
            let credentials = json!({ "appId": account, "token": format!("secret-{account}") });
            let input = json!({ "kind": "WHATSAPP", "name": account, "gupshup": credentials });
            cluster.ask(node, query, &json!({ "id": organisation, "input": input })).await;
        }
        organisation
    }

    fn at(&self, minute: i64) -> Instant {
        self.begin + TimeDelta::minutes(minute)
    }

    /// A question about the runs of a minute.
    fn runs_of(&self, minute: i64, more: &str) -> String {
        let at = self.at(minute).to_rfc3339();
        format!("SELECT count(*) FROM job_run WHERE kind = 'DAILY_USAGE' AND scheduled_for = '{at}' {more}")
    }

    /// Lets a minute come, without waiting for what is due in it.
    fn come(&self, minute: i64) {
        self.cluster.time.advance_to(self.at(minute));
    }

    /// Waits until all that is due in a minute has been done. Time goes on by the second where nothing else does, so that what is to be tried
    /// again is, but not into the next minute.
    async fn settle(&self, minute: i64) {
        let done = self.runs_of(minute, "AND state = 'SUCCEEDED'");
        let wanted = i64::try_from(ORGANISATIONS).expect("a small number");
        self.cluster.until_in_time(&done, wanted, self.at(minute) + TimeDelta::seconds(SECONDS_MAX)).await;
    }

    /// A minute in which nothing goes wrong.
    async fn turn(&self, minute: i64) {
        self.come(minute);
        self.settle(minute).await;
    }

    /// Waits until the accounts' jobs of a minute stand before their BSP, which answers nobody: so many are under way for certain.
    async fn caught_in_the_middle(&self, minute: i64) {
        for account in ACCOUNTS {
            self.cluster.sim.hold(account);
        }
        let asked: Vec<_> = ACCOUNTS.map(|account| self.cluster.sim.requests(account).len()).into();
        self.come(minute);
        for (account, asked) in ACCOUNTS.into_iter().zip(asked) {
            self.cluster.sim.arrived(account, asked + 1).await;
        }
    }

    fn answer_again(&self) {
        for account in ACCOUNTS {
            self.cluster.sim.release(account);
        }
    }

    /// Takes away the node that runs most of what is under way; the accounts' jobs make sure that there is something.
    async fn take_busiest(&mut self) -> Node {
        let busiest = "SELECT node.name FROM job_run JOIN organisation ON organisation.id = job_run.organisation_id
            JOIN lease ON lease.shard = organisation.shard JOIN node ON node.id = lease.owner
            WHERE job_run.state = 'RUNNING' GROUP BY node.name ORDER BY count(*) DESC, node.name LIMIT 1";
        let name = self.cluster.texts(busiest).await.pop().expect("somebody runs the accounts' jobs");
        let place = self.nodes.iter().position(|node| node.name == name).expect("a node of this story");
        self.nodes.remove(place)
    }

    /// A node dies in the middle of jobs; when the others have made up for it, a new one joins them.
    async fn kill_one(&mut self, minute: i64) {
        self.caught_in_the_middle(minute).await;
        let mut node = self.take_busiest().await;
        node.kill().await;
        loss::made_up_for(&self.cluster, &[&node.name]).await;
        self.answer_again();
        self.settle(minute).await;
        self.nodes.push(self.cluster.node().await);
        loss::shared_by(&self.cluster, 3).await;
    }

    /// A node stalls in the middle of jobs for longer than its lease, and then goes on with them.
    async fn stop_one(&mut self, minute: i64) {
        self.caught_in_the_middle(minute).await;
        let node = self.take_busiest().await;
        node.stop().await;
        loss::made_up_for(&self.cluster, &[&node.name]).await;
        // Its jobs have their answers before it wakes up: it has something to write at once.
        self.answer_again();
        node.resume().await;
        self.settle(minute).await;
        self.nodes.push(node);
        loss::shared_by(&self.cluster, 3).await;
    }

    /// Every connection of every node is cut, again and again while jobs run.
    async fn terminate_connections(&self, minute: i64) {
        self.come(minute);
        let end = self.at(minute) + TimeDelta::seconds(SECONDS_MAX / 2);
        let mut cuts = 0;
        for part in [10, 100, 200] {
            let begun = self.runs_of(minute, "").replacen("count(*)", &format!("least(count(*), {part})"), 1);
            self.cluster.until_in_time(&begun, part, end).await;
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE application_name = 'wabacus' AND datname = current_database()";
            cuts += self.cluster.count(cut).await;
        }
        assert!(cuts > 0, "somebody lost a connection");
        self.settle(minute).await;
    }

    async fn end(self) {
        let wanted = i64::try_from(ORGANISATIONS).expect("a small number") * MINUTES;
        let scheduled = "FROM job_run WHERE kind = 'DAILY_USAGE' AND schedule_id IS NOT NULL";
        let count = async |sql: &str| self.cluster.count(sql).await;
        assert_eq!(count(&format!("SELECT count(*) {scheduled}")).await, wanted, "one run for each occurrence");
        assert_eq!(count(&format!("SELECT count(*) {scheduled} AND state = 'SUCCEEDED'")).await, wanted);
        assert_eq!(count("SELECT count(*) FROM audit.success").await, wanted, "none succeeded twice");
        assert_eq!(count("SELECT count(DISTINCT run) FROM audit.success").await, wanted);
        assert!(
            count("SELECT count(DISTINCT writer) FROM audit.success").await >= 8,
            "three, and five that came later"
        );
        assert_eq!(audit::violations(&self.cluster).await, Vec::<String>::new(), "written without the lease");
    }
}
