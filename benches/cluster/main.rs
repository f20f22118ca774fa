//! Several nodes on one machine: what they record, what they answer, and how soon a commit on one is told by all.
//!
//! The nodes are processes of the released binary, over a private PostgreSQL and a private Redis; with the client and both servers they share
//! this machine's cores, so that what a second node adds here is what the first left unused. PostgreSQL waits for the disk at each commit
//! with `WABACUS_POSTGRES_FSYNC=on`, and not without it.
//!
//! 1. One, two and three nodes: `recordUsage` in batches of 500 from 12 connections, of 12 organisations, and `dailyUsage` of 30 days from 32
//!    connections, the connections spread evenly.
//! 2. Two nodes with 5,000 subscriptions, each on a WebSocket of its own: usage is recorded on one node, once all have heard of the last; how
//!    long after the answer to the recorder each subscription heard of it, and the last of all. First all subscribe to one organisation, then
//!    a hundred each to fifty.
//!
//! `cargo bench --bench cluster -- 20` for 20 batches on each connection. The limit on open files has to allow 5,000 connections.

mod fan_out;
#[path = "../figure/mod.rs"]
mod figure;
#[path = "../http/load.rs"]
#[expect(dead_code, reason = "nobody asks for a single answer here")]
mod load;
#[path = "../http/month.rs"]
mod month;
mod node;
#[path = "../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "the tests share a server, and this has one of its own")]
mod postgres;
#[path = "../../tests/support/process.rs"]
#[expect(dead_code, unreachable_pub, reason = "the stories watch their processes more closely, from other files")]
mod process;
#[path = "../record/mod.rs"]
mod record;
#[path = "../../tests/support/redis.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests stop and pause theirs, from other files")]
mod redis;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use figure::{per_second, percentile, ratio, say, size};
use load::{Question, Seen};
use node::{Cluster, Servers};
use record::{Client, drive};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 500;
const ORGANISATIONS: usize = 12;
const ASKERS: usize = 32;
const TURN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let batches = size(40);
    let servers = tokio::task::spawn_blocking(Servers::start).await.expect("PostgreSQL and Redis start");
    let mut one = None;
    for count in 1..=3 {
        let cluster = Cluster::start(&servers, count).await;
        let (recorded, answered) = (records(&cluster, batches).await, answers(&cluster).await);
        let (recorded_by_one, answered_by_one) = *one.get_or_insert((recorded, answered));
        say(&format!(
            "  {} of the records and {} of the answers of one node",
            ratio(recorded, recorded_by_one),
            ratio(answered, answered_by_one)
        ));
        cluster.stop().await;
    }
    let cluster = Cluster::start(&servers, 2).await;
    fan_out::measure(&cluster, 1).await;
    fan_out::measure(&cluster, 50).await;
    cluster.stop().await;
}

/// Records in batches, each connection to the next node; records a second.
async fn records(cluster: &Cluster, batches: usize) -> u128 {
    let mut clients = Vec::with_capacity(ORGANISATIONS);
    for number in 0..ORGANISATIONS {
        let (_, token) = cluster.organisation().await;
        clients.push(Client { address: cluster.address(number), token });
    }
    // Prices and statements are known to the servers before they are measured.
    drive(clients.iter().map(|client| client.line("warm", 2, BATCH)).collect(), BATCH).await;
    let lines = clients.iter().map(|client| client.line("batch", batches, BATCH)).collect();
    let (latencies, took) = drive(lines, BATCH).await;
    let rate = per_second(ORGANISATIONS * batches * BATCH, took);
    let p99 = percentile(&latencies, 99).as_millis();
    say(&format!("{} nodes: recordUsage {rate} records a second, p99 of a batch {p99} ms", cluster.count()));
    rate
}

/// Asks for a month's days over connections to every node; answers a second.
async fn answers(cluster: &Cluster) -> u128 {
    let organisation = month::fill(cluster.database()).await;
    let token = cluster.token(&organisation.to_string()).await;
    let questions: Vec<_> = (0..cluster.count())
        .map(|node| Question::graphql(cluster.address(node), &token, month::QUERY, &month::variables()))
        .collect();
    let connections = ASKERS / questions.len();
    let turn = async || {
        let loads = questions.iter().map(|question| load::drive(question, connections, TURN));
        join_all(loads).await
    };
    turn().await;
    let mut seen = Seen::default();
    let mut rate = 0;
    for load in turn().await {
        rate += per_second(load.latencies.len(), load.took);
        seen.add(load);
    }
    let p99 = seen.p99().as_millis();
    say(&format!("  dailyUsage of 30 days {rate} answers a second, p99 {p99} ms"));
    rate
}

/// The arguments of a mutation that records one thing.
fn one_record(number: usize) -> serde_json::Value {
    json!([{ "kind": "SMS", "resourceType": "message", "resourceId": format!("fan-{number}"), "country": "ID" }])
}
