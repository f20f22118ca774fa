//! What a node holds: the epoch of each shard, cheap to ask for from anywhere.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::Stream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::domain::id::OrganisationId;
use crate::domain::shard::{Epoch, Shard, Term};

/// The shards that this node holds, as far as it knows: that it has lost one, it may learn late. Clones share it.
#[derive(Clone)]
pub struct Holdings(Arc<Held>);

struct Held {
    epochs: Vec<AtomicI64>,
    /// Touched whenever something was won.
    won: watch::Sender<()>,
}

/// No epoch is as low: a shard that was ever held has a greater one.
const NOT_HELD: i64 = -1;

impl Default for Holdings {
    /// Nothing.
    fn default() -> Self {
        let epochs = Shard::all().map(|_| AtomicI64::new(NOT_HELD)).collect();
        Self(Arc::new(Held { epochs, won: watch::Sender::default() }))
    }
}

impl fmt::Debug for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holdings").field("shards", &self.count()).finish_non_exhaustive()
    }
}

impl Holdings {
    /// Under what is written for the organisation's sake; `None`: its shard is not held here.
    pub fn term_of(&self, organisation: OrganisationId) -> Option<Term> {
        self.term(Shard::of(organisation))
    }

    /// Since when a shard is held.
    pub fn term(&self, shard: Shard) -> Option<Term> {
        let epoch = self.place(shard).map_or(NOT_HELD, |place| place.load(Ordering::Acquire));
        (epoch != NOT_HELD).then_some(Term { shard, epoch: Epoch(epoch) })
    }

    /// Everything that is held, in the order of shards.
    pub fn terms(&self) -> Vec<Term> {
        Shard::all().filter_map(|shard| self.term(shard)).collect()
    }

    /// The shards that are held, in their order.
    pub fn shards(&self) -> Vec<Shard> {
        self.terms().into_iter().map(|term| term.shard).collect()
    }

    /// How many are held.
    pub fn count(&self) -> usize {
        Shard::all().filter(|shard| self.term(*shard).is_some()).count()
    }

    pub(super) fn win(&self, terms: &[Term]) {
        for term in terms {
            self.set(term.shard, term.epoch.0);
        }
        if !terms.is_empty() {
            self.0.won.send_replace(());
        }
    }

    /// Says so whenever something was won from now on; several times may be one.
    pub fn wins(&self) -> impl Stream<Item = ()> + Send + use<> {
        WatchStream::from_changes(self.0.won.subscribe())
    }

    pub(super) fn lose(&self, shards: &[Shard]) {
        for shard in shards {
            self.set(*shard, NOT_HELD);
        }
    }

    /// Forgets everything, as when it is not known any more what of it is still held.
    pub fn lose_all(&self) {
        for shard in Shard::all() {
            self.set(shard, NOT_HELD);
        }
    }

    fn set(&self, shard: Shard, epoch: i64) {
        if let Some(place) = self.place(shard) {
            place.store(epoch, Ordering::Release);
        }
    }

    fn place(&self, shard: Shard) -> Option<&AtomicI64> {
        self.0.epochs.get(usize::try_from(shard.number()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_won_is_held_until_it_is_lost() {
        let holdings = Holdings::default();
        let organisation = OrganisationId::parse("id", "org_0192b7c0f0007000800000000000000a").unwrap();
        assert_eq!((holdings.term_of(organisation), holdings.count()), (None, 0));
        let shard = Shard::of(organisation);
        let term = Term { shard, epoch: Epoch(0) };
        holdings.clone().win(&[term]);
        assert_eq!((holdings.term_of(organisation), holdings.terms()), (Some(term), vec![term]));
        holdings.lose(&[shard]);
        assert_eq!(holdings.terms(), []);
    }
}
