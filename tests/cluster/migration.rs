//! A database with data of an earlier version is brought up to date by two processes at once, and by two nodes at once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use migration::Migrator;
use sea_orm_migration::MigratorTrait as _;
use wabacus::store::{Options, Store};

use crate::cluster::Cluster;
use crate::loss;
use crate::process::Process;

/// The last version that knew nothing of several nodes.
const BEFORE: u32 = 22;

/// An organisation in each of many shards, with a job, its runs, events, and usage of a year.
const DATA: &str = "
INSERT INTO organisation (id, name, time_zone, currency, plan_code, active, created_at, updated_at)
    SELECT gen_random_uuid(), 'Shop ' || n, 'Asia/Kolkata', 'INR', 'standard', true, now(), now()
    FROM generate_series(1, 200) AS n;
INSERT INTO schedule (id, organisation_id, kind, cron, time_zone, paused, next_run_at, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'DAILY_USAGE', '* * * * *', time_zone, false, '2026-06-05T06:01:00Z', now(), now()
    FROM organisation;
INSERT INTO job_run (id, organisation_id, schedule_id, kind, trigger, state, scheduled_for, started_at, finished_at,
        attempt, max_attempts, cancel_requested, epoch, created_at, updated_at)
    SELECT gen_random_uuid(), organisation_id, id, kind, 'SCHEDULE', 'SUCCEEDED', at, at, at, 1, 8, false, 3, at, at
    FROM schedule, generate_series(timestamptz '2026-06-01', '2026-06-05', '1 day') AS at;
INSERT INTO usage_record (id, organisation_id, idempotency_key, content_hash, kind, resource_type, quantity_micros,
        category, country, occurred_at, date, hour, billing_month, counts, recorded_at)
    SELECT gen_random_uuid(), id, 'key-' || at, '\\x00', 'VOICE', 'minute', 1000000, '', '', at, at::date, 0,
        date_trunc('month', at)::date, 1, at
    FROM organisation, generate_series(timestamptz '2025-07-01', '2026-06-01', '7 days') AS at;
INSERT INTO lease (shard, owner, epoch, renewed_at) VALUES (0, 'wabacus', 3, now());
";

/// What must be afterwards what it was before.
const SUMS: [&str; 4] = [
    "SELECT md5(string_agg(id || name || created_at, '' ORDER BY id)) FROM organisation",
    "SELECT md5(string_agg(id || cron || organisation_id, '' ORDER BY id)) FROM schedule",
    "SELECT md5(string_agg(id || state || scheduled_for || epoch, '' ORDER BY id)) FROM job_run",
    "SELECT md5(string_agg(id || idempotency_key || quantity_micros || occurred_at, '' ORDER BY id)) FROM usage_record",
];

async fn sums(cluster: &Cluster) -> Vec<String> {
    let mut sums = Vec::new();
    for sql in SUMS {
        sums.append(&mut cluster.texts(sql).await);
    }
    sums
}

/// Takes the cluster's database back to the earlier version, and fills it.
async fn age(cluster: &Cluster) {
    cluster.write("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let options = Options { url: cluster.database().to_owned(), ..Options::default() };
    let store = Store::open(&options).await.expect("the database is there");
    let tx = store.begin().await.expect("a transaction");
    Migrator::up(&tx, Some(BEFORE)).await.expect("the earlier version");
    Store::commit(tx).await.expect("the earlier version stays");
    store.close().await.expect("nobody is in the way");
    cluster.write(DATA).await;
}

async fn migrate(settings: &BTreeMap<String, String>) -> String {
    let (status, said) = Process::start(settings, &["migrate"]).end().await;
    assert!(status.success(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_migrate_at_once_do_it_once_and_lose_nothing() {
    let Some(cluster) = Cluster::begin(&[]).await else { return };
    age(&cluster).await;
    let before = sums(&cluster).await;

    let (one, other) = tokio::join!(migrate(cluster.settings()), migrate(cluster.settings()));

    let mut said = [one, other];
    said.sort();
    assert!(said[0].starts_with("applied m"), "{said:?}");
    assert_eq!(said[1], "the database is up to date\n");
    assert_eq!(sums(&cluster).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_start_at_once_on_an_earlier_version_share_what_is_there() {
    let Some(cluster) = Cluster::begin(&[("LEASE_TTL_SECONDS", "2")]).await else { return };
    age(&cluster).await;
    let (first, second) = tokio::join!(cluster.node(), cluster.node());
    loss::shared_by(&cluster, 2).await;
    for _ in 0..3 {
        cluster.time.advance(TimeDelta::minutes(1));
    }
    let behind = "SELECT count(*) FROM schedule WHERE kind = 'DAILY_USAGE' AND next_run_at <= '2026-06-05T06:03:00Z'";
    cluster.until(behind, 0).await;
    cluster.until("SELECT count(*) FROM job_run WHERE state <> 'SUCCEEDED'", 0).await;
    drop((first, second));
}
