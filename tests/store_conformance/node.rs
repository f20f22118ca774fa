//! Nodes: who lives, by the database's clock, and what each says of itself.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use wabacus::domain::id::OrganisationId;
use wabacus::domain::node::{Figures, NodeId};
use wabacus::store;
use wabacus::store::node::Heartbeat;

use crate::harness::{Database, stories, write};
use crate::sample::now;

stories! {
    a_node_is_seen_with_what_it_said_last,
    one_that_takes_no_more_is_seen_and_not_counted,
    a_node_that_is_silent_is_not_seen_and_after_a_day_forgotten,
}

const LONG: Duration = Duration::from_secs(600);

async fn beat(database: &Database, id: NodeId, draining: bool, figures: &Figures) {
    let beat = Heartbeat { id, name: "a node", started_at: now(), draining, figures };
    write!(database, |tx| store::node::beat(&tx, &beat)).unwrap();
}

async fn a_node_is_seen_with_what_it_said_last(database: &Database) {
    let (first, second) = (NodeId::generate(now()), NodeId::generate(now()));
    beat(database, first, false, &Figures::default()).await;
    beat(database, second, false, &Figures::default()).await;
    let figures = Figures {
        epoch: 7,
        shards: 512,
        lag_ms_max: 20,
        quarantined: vec![OrganisationId::generate(now())],
        ..Figures::default()
    };
    beat(database, first, false, &figures).await;
    let db = database.store.read();
    let live = store::node::live(db, LONG).await.unwrap();
    let seen: Vec<_> = live.iter().map(|node| (node.id, &node.figures)).collect();
    assert_eq!(seen, [(first, &figures), (second, &Figures::default())]);
    assert_eq!((live[0].name.as_str(), live[0].started_at, live[0].draining), ("a node", now(), false));
    assert!(live[0].seen_at >= live[1].seen_at, "the time is the database's");
    assert_eq!(store::node::count_live(db, LONG).await.unwrap(), 2);
    write!(database, |tx| store::node::remove(&tx, first)).unwrap();
    assert_eq!(store::node::count_live(db, LONG).await.unwrap(), 1);
}

async fn one_that_takes_no_more_is_seen_and_not_counted(database: &Database) {
    let (first, second) = (NodeId::generate(now()), NodeId::generate(now()));
    beat(database, first, false, &Figures::default()).await;
    beat(database, second, true, &Figures::default()).await;
    let db = database.store.read();
    assert_eq!(store::node::live(db, LONG).await.unwrap().len(), 2);
    assert_eq!(store::node::count_live(db, LONG).await.unwrap(), 1);
}

async fn a_node_that_is_silent_is_not_seen_and_after_a_day_forgotten(database: &Database) {
    let (silent, gone) = (NodeId::generate(now()), NodeId::generate(now()));
    beat(database, silent, false, &Figures::default()).await;
    beat(database, gone, false, &Figures::default()).await;
    let db = database.store.read();
    assert_eq!(store::node::count_live(db, Duration::ZERO).await.unwrap(), 0);
    let last =
        "UPDATE node SET seen_at = '2026-06-01T00:00:00+00:00' WHERE id IN (SELECT MAX(id::text)::uuid FROM node)";
    let sqlite = "UPDATE node SET seen_at = '2026-06-01T00:00:00+00:00' WHERE id IN (SELECT MAX(id) FROM node)";
    let sql = if database.store.backend() == "sqlite" { sqlite } else { last };
    write!(database, |tx| tx.execute_unprepared(sql)).unwrap();
    write!(database, |tx| store::node::forget(&tx)).unwrap();
    let live = store::node::live(db, LONG * 1_000_000).await.unwrap();
    assert_eq!(live.iter().map(|node| node.id).collect::<Vec<_>>(), [silent]);
}
