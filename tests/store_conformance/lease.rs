//! Leases: each owner gets a new epoch, and the old one is fenced.

use wabacus::store::{self, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{hour, now};

stories! {
    a_lease_that_was_taken_over_fences_the_one_before,
}

async fn a_lease_that_was_taken_over_fences_the_one_before(database: &Database) {
    let first = write!(database, |tx| store::lease::acquire(&tx, 0, "first", now())).unwrap();
    assert_eq!(write!(database, |tx| store::lease::acquire(&tx, 1, "first", now())).unwrap(), 1);
    write!(database, |tx| store::lease::check(&tx, 0, first)).unwrap();
    let second = write!(database, |tx| store::lease::acquire(&tx, 0, "second", hour(1))).unwrap();
    assert_eq!((first, second), (1, 2));
    write!(database, |tx| store::lease::check(&tx, 0, second)).unwrap();
    for (shard, epoch) in [(0, first), (0, 3), (7, 1)] {
        let checked = write!(database, |tx| store::lease::check(&tx, shard, epoch));
        assert!(matches!(checked, Err(StoreError::Fenced)), "{shard} {epoch}: {checked:?}");
    }
}
