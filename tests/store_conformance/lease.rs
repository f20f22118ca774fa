//! Leases: who holds a shard until when, and that nobody writes under a term that is over.

use std::collections::BTreeSet;
use std::time::Duration;

use wabacus::domain::node::NodeId;
use wabacus::domain::shard::{Epoch, SHARDS, Shard, Term};
use wabacus::store::{self, Store, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{every_shard, now};

stories! {
    every_shard_is_there_and_nobodys,
    one_that_is_alone_takes_everything_over_whoever_held_it,
    a_lease_is_renewed_by_its_owner_and_taken_over_once_it_has_expired,
    what_is_let_go_of_can_be_taken_at_once,
    a_writer_of_the_past_is_fenced_by_the_epoch_alone,
    three_that_take_their_fair_shares_hold_everything_once,
    claimants_at_the_same_time_never_hold_a_shard_both,
}

const LONG: Duration = Duration::from_secs(600);

fn node() -> NodeId {
    NodeId::generate(now())
}

fn shard(number: i32) -> Shard {
    Shard::new(number).unwrap()
}

async fn take(database: &Database, node: NodeId, ttl: Duration, count: usize) -> Vec<Term> {
    write!(database, |tx| store::lease::take(&tx, node, ttl, count)).unwrap()
}

async fn renew(database: &Database, node: NodeId, ttl: Duration) -> Vec<Term> {
    let mut renewed = write!(database, |tx| store::lease::renew(&tx, node, ttl)).unwrap();
    renewed.sort_unstable();
    renewed
}

async fn check(database: &Database, terms: &[Term]) -> Result<(), StoreError> {
    write!(database, |tx| store::lease::check(&tx, terms))
}

async fn every_shard_is_there_and_nobodys(database: &Database) {
    let db = database.store.read();
    assert_eq!(store::lease::count_free(db).await.unwrap(), u64::from(SHARDS));
    for shard in [shard(0), shard(1_023)] {
        assert_eq!(store::lease::owner(db, shard).await.unwrap(), None);
        check(database, &[Term { shard, epoch: Epoch(0) }]).await.unwrap();
    }
}

async fn one_that_is_alone_takes_everything_over_whoever_held_it(database: &Database) {
    let (first, second) = (node(), node());
    let held = write!(database, |tx| store::lease::take_all(&tx, first)).unwrap();
    assert_eq!(held.iter().map(|term| term.shard).collect::<BTreeSet<_>>(), Shard::all().collect());
    assert!(held.iter().all(|term| term.epoch == Epoch(1)));
    check(database, &held).await.unwrap();
    let db = database.store.read();
    assert_eq!(store::lease::count_free(db).await.unwrap(), 0, "it never expires");
    let after = write!(database, |tx| store::lease::take_all(&tx, second)).unwrap();
    assert!(after.len() == held.len() && after.iter().all(|term| term.epoch == Epoch(2)));
    assert!(matches!(check(database, &held).await, Err(StoreError::Fenced)));
    check(database, &after).await.unwrap();
    assert_eq!(store::lease::owner(db, shard(7)).await.unwrap(), Some(second));
}

async fn a_lease_is_renewed_by_its_owner_and_taken_over_once_it_has_expired(database: &Database) {
    let (first, second) = (node(), node());
    let held = take(database, first, Duration::ZERO, 3).await;
    assert_eq!(renew(database, first, LONG).await, held, "expired, but nobody took it");
    let db = database.store.read();
    assert_eq!(store::lease::owner(db, held[0].shard).await.unwrap(), Some(first));
    let others = take(database, second, LONG, usize::from(SHARDS)).await;
    assert_eq!(others.len(), usize::from(SHARDS) - 3);
    assert_eq!(renew(database, first, Duration::ZERO).await, held);
    assert_eq!(store::lease::owner(db, held[0].shard).await.unwrap(), None, "nobody's at the moment");
    assert_eq!(store::lease::count_free(db).await.unwrap(), 3);
    let taken = take(database, second, LONG, 2).await;
    assert_eq!(taken, held[..2].iter().map(|term| Term { epoch: Epoch(2), ..*term }).collect::<Vec<_>>());
    assert_eq!(renew(database, first, LONG).await, held[2..], "what is missing is lost");
}

async fn what_is_let_go_of_can_be_taken_at_once(database: &Database) {
    let (first, second) = (node(), node());
    let held = take(database, first, LONG, 10).await;
    let strangers = take(database, second, LONG, 1).await;
    let shards: Vec<_> = held[..4].iter().chain(&strangers).map(|term| term.shard).collect();
    write!(database, |tx| store::lease::release(&tx, first, &shards)).unwrap();
    assert_eq!(renew(database, first, LONG).await, held[4..]);
    assert_eq!(renew(database, second, LONG).await, strangers, "nobody lets go of what is another's");
    let taken = take(database, second, LONG, 4).await;
    assert_eq!(taken.iter().map(|term| term.shard).collect::<Vec<_>>(), shards[..4]);
    assert!(taken.iter().all(|term| term.epoch == Epoch(2)));
}

async fn a_writer_of_the_past_is_fenced_by_the_epoch_alone(database: &Database) {
    let (first, second) = (node(), node());
    let held = take(database, first, Duration::ZERO, 5).await;
    check(database, &held).await.unwrap();
    check(database, &[held[3], held[1], held[3]]).await.unwrap();
    check(database, &[]).await.unwrap();
    take(database, second, LONG, 1).await;
    assert!(matches!(check(database, &held).await, Err(StoreError::Fenced)), "one of several is enough");
    check(database, &held[1..]).await.unwrap();
    let future = Term { epoch: Epoch(9), ..held[1] };
    for terms in [&[future][..], &[held[1], future]] {
        assert!(matches!(check(database, terms).await, Err(StoreError::Fenced)), "{terms:?}");
    }
}

async fn three_that_take_their_fair_shares_hold_everything_once(database: &Database) {
    let mut all = BTreeSet::new();
    for count in [342, 342, 340] {
        let taken = take(database, node(), LONG, 342).await;
        assert_eq!(taken.len(), count);
        all.extend(taken.into_iter().map(|term| term.shard));
    }
    assert_eq!(all.len(), usize::from(SHARDS));
    assert_eq!(take(database, node(), LONG, 342).await, []);
}

async fn claimants_at_the_same_time_never_hold_a_shard_both(database: &Database) {
    let nodes = [node(), node(), node(), node()];
    let claims = nodes.map(|node| {
        let store = database.store.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..16 {
                let tx = store.begin().await.unwrap();
                taken.extend(store::lease::take(&tx, node, LONG, 20).await.unwrap());
                Store::commit(tx).await.unwrap();
            }
            taken
        })
    });
    let mut held = Vec::new();
    for claim in claims {
        held.extend(claim.await.unwrap());
    }
    let shards: BTreeSet<_> = held.iter().map(|term| term.shard).collect();
    assert_eq!(shards.len(), held.len(), "no shard was won twice");
    // What was passed over while another was just taking it is free at the next try.
    while !take(database, nodes[0], LONG, usize::from(SHARDS)).await.is_empty() {}
    assert_eq!(store::lease::count_free(database.store.read()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_job_writes_its_lease_is_renewed_and_passed_over_by_who_would_take_it_on_postgres() {
    let Some(database) = crate::harness::postgres().await else { return };
    database.store.migrate().await.unwrap();
    let (first, second) = (node(), node());
    let held = take(&database, first, Duration::ZERO, 2).await;
    let job = database.store.begin().await.unwrap();
    store::lease::check(&job, &held[..1]).await.unwrap();
    assert_eq!(renew(&database, first, Duration::ZERO).await, held, "a renewal waits for no job");
    let others = every_shard().len() - 1;
    let taken = take(&database, second, LONG, usize::from(SHARDS)).await;
    assert_eq!(taken.len(), others, "all but the one under which a job writes");
    assert!(taken.iter().all(|term| term.shard != held[0].shard));
    Store::commit(job).await.unwrap();
    let taken = take(&database, second, LONG, usize::from(SHARDS)).await;
    assert_eq!(taken, [Term { epoch: Epoch(2), ..held[0] }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_checks_while_another_takes_over_waits_and_is_fenced_on_postgres() {
    let Some(database) = crate::harness::postgres().await else { return };
    database.store.migrate().await.unwrap();
    let (first, second) = (node(), node());
    let held = take(&database, first, Duration::ZERO, 1).await;
    let taking = database.store.begin().await.unwrap();
    assert_eq!(store::lease::take(&taking, second, LONG, 1).await.unwrap().len(), 1);
    let store = database.store.clone();
    let job = tokio::spawn(async move {
        let tx = store.begin().await.unwrap();
        store::lease::check(&tx, &held).await
    });
    Store::commit(taking).await.unwrap();
    assert!(matches!(job.await.unwrap(), Err(StoreError::Fenced)));
}
