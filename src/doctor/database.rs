//! The database: whether it answers, is new enough, can be written to, has room for the pools, and opens with the master key.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Finding, chain, host, lease};
use crate::config::Config;
use crate::domain::clock::SharedClock;
use crate::service::MasterKeys;
use crate::store::examination::{self, Postgres, Server};
use crate::store::{Store, StoreError};

/// How long the database may take for everything that is asked of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The oldest PostgreSQL that the stories are told on, give or take.
const POSTGRES_MIN: i64 = 130_000;

/// Channels whose credentials are opened to see whether the key fits.
const CREDENTIALS_MAX: u64 = 1_000;

/// A clock that differs by less tells the time well enough: a second makes jobs late by a second.
const SKEW_OK: TimeDelta = TimeDelta::seconds(2);

/// From here on days end at the wrong time.
const SKEW_MAX: TimeDelta = TimeDelta::seconds(60);

pub(super) async fn examine(config: &Config, keys: Option<&MasterKeys>, clock: &SharedClock) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(file) = config.store.sqlite_file() {
        findings.extend(host::sqlite_file(&file));
        if !file.exists() || findings.iter().any(|finding| finding.advice.is_some()) {
            return findings;
        }
    }
    match tokio::time::timeout(PATIENCE, ask(config, keys, clock)).await {
        Ok(Ok(more)) => findings.extend(more),
        Ok(Err(error)) => findings.push(Finding::fail(
            "database",
            chain(&error),
            "see that DATABASE_URL is right and the server runs",
        )),
        Err(_) => {
            let detail = format!("no answer within {} s", PATIENCE.as_secs());
            findings.push(Finding::fail(
                "database",
                detail,
                "see that DATABASE_URL is right, the server runs and is not overloaded",
            ));
        }
    }
    findings
}

async fn ask(config: &Config, keys: Option<&MasterKeys>, clock: &SharedClock) -> Result<Vec<Finding>, StoreError> {
    let store = Store::open(&config.store).await?;
    let mut findings = match examination::server(&store).await? {
        Server::Sqlite { version, journal } => {
            vec![Finding::ok("database", format_args!("SQLite {version}")), wal(&journal)]
        }
        Server::Postgres(server) => postgres(config, &server, clock),
    };
    let pending = store.pending_migrations().await?;
    findings.push(match pending.len() {
        0 => Finding::ok("database: tables", "up to date"),
        // The server does it by itself.
        count => Finding::ok(
            "database: tables",
            format_args!("{count} migrations to apply at the next start, or with `wabacus migrate`"),
        ),
    });
    findings.push(match examination::try_to_write(&store).await {
        Ok(()) => Finding::ok("database: writing", "tables can be made and written to"),
        Err(error) => Finding::fail(
            "database: writing",
            chain(&error),
            "grant the user of DATABASE_URL to make and write tables, or make room on the disk",
        ),
    });
    if let Some(keys) = keys.filter(|_| pending.is_empty()) {
        findings.push(credentials(&store, keys).await?);
    }
    if pending.is_empty() {
        findings.extend(lease::examine(&store, config).await?);
    }
    store.close().await?;
    Ok(findings)
}

fn wal(journal: &str) -> Finding {
    match journal {
        "wal" => Finding::ok("database: log", "write-ahead"),
        other => Finding::fail(
            "database: log",
            format_args!("journal mode {other}"),
            "put the file on a disk whose file system knows shared memory",
        ),
    }
}

fn postgres(config: &Config, server: &Postgres, clock: &SharedClock) -> Vec<Finding> {
    let Postgres { version, version_number, connections_max, connections, now } = server;
    let version = if *version_number >= POSTGRES_MIN {
        Finding::ok("database", format_args!("PostgreSQL {version}"))
    } else {
        Finding::fail("database", format_args!("PostgreSQL {version}"), "bring PostgreSQL to version 13 or later")
    };
    let pool = i64::from(config.store.readers_max);
    let nodes = connections_max / pool.max(1);
    let detail = format!("{connections_max} at most, {connections} now, {pool} for each node");
    let room = match nodes {
        0 => Finding::fail(
            "database: connections",
            detail,
            "raise max_connections, or lower DATABASE_READERS: not one node has room",
        ),
        1 => Finding::warn(
            "database: connections",
            detail,
            "raise max_connections, or lower DATABASE_READERS: there is room for one node",
        ),
        _ => Finding::ok("database: connections", format_args!("{detail}: room for {nodes} nodes")),
    };
    vec![version, room, skew("database: clock", clock.now() - *now)]
}

/// What a difference between this host's clock and another's means.
pub(super) fn skew(what: &'static str, ahead: TimeDelta) -> Finding {
    let detail = format!(
        "this host is {} ms {}",
        ahead.num_milliseconds().abs(),
        if ahead < TimeDelta::zero() { "behind" } else { "ahead" }
    );
    let advice = "let NTP keep the clocks of both hosts";
    match ahead.abs() {
        off if off <= SKEW_OK => Finding::ok(what, detail),
        off if off <= SKEW_MAX => Finding::warn(what, detail, advice),
        _ => Finding::fail(what, detail, advice),
    }
}

async fn credentials(store: &Store, keys: &MasterKeys) -> Result<Finding, StoreError> {
    let sealed = examination::some_credentials(store, CREDENTIALS_MAX).await?;
    let closed: Vec<_> = sealed.iter().filter_map(|(channel, sealed)| keys.open(*channel, sealed).err()).collect();
    Ok(match closed.first() {
        None => Finding::ok("master key", format_args!("opens the credentials of {} channels", sealed.len())),
        Some(error) => {
            let detail =
                format!("the credentials of {} of {} channels do not open: {error}", closed.len(), sealed.len());
            let advice = "put the key that sealed them into MASTER_KEY, behind the present one and a comma";
            Finding::fail("master key", detail, advice)
        }
    })
}
