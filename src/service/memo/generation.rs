//! The generation of an organisation's answers: a random number in their names, which a drop replaces.
//!
//! All nodes share the generations through the cache, which may be away, forget, or come back. A generation that the cache was not told outweighs
//! what it says, so that a drop which nobody else could hear of is at least seen here, and by all as soon as it could be told. Under a generation
//! that was not told no answer is kept: whoever adopts it later finds nothing that is older than other nodes' drops. Where the cache has none
//! though it was told one, it lost what it had, drops of other nodes included: a new one begins. And a node that is cut off from the cache has
//! nothing kept to show. What is left is one that was dropped by a node which then never reaches the cache again: others may show it until its
//! time is over, and never longer.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache as Moka;
use moka::ops::compute::Op;

use crate::cache::Cache;

/// Of how many organisations and topics the generation is known without the cache.
const KNOWN_MAX: u64 = 100_000;

/// How long a generation is kept: longer than any answer.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// A generation, and whether others can see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) number: u64,
    /// When the cache had it; `None`: it was not told.
    told_at: Option<Instant>,
}

impl Generation {
    /// Whether answers may be kept under it.
    pub(super) const fn is_told(&self) -> bool {
        self.told_at.is_some()
    }
}

/// The generations, by their keys.
#[derive(Debug)]
pub(super) struct Generations {
    cache: Arc<dyn Cache>,
    /// As this process last knew them.
    known: Moka<String, Generation>,
}

impl Generations {
    pub(super) fn new(cache: Arc<dyn Cache>) -> Self {
        Self { cache, known: Moka::new(KNOWN_MAX) }
    }

    /// The one that the cache very likely has.
    pub(super) async fn likely(&self, key: &str) -> Option<Generation> {
        self.known.get(key).await.filter(Generation::is_told)
    }

    /// The present one.
    pub(super) async fn present(&self, key: &str) -> Generation {
        let asked_at = Instant::now();
        let found = self.cache.get(key).await;
        self.settle(key, found, asked_at).await
    }

    /// The present one, where the cache was asked at that time and found this.
    pub(super) async fn settle(&self, key: &str, found: Option<Vec<u8>>, asked_at: Instant) -> Generation {
        let found = found.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let known = self.known.entry_by_ref(key).and_compute_with(|entry| {
            let known = entry.map(moka::Entry::into_value);
            ready(match (known, found) {
                (Some(known), Some(found)) if known.is_told() && known.number == found => Op::Nop,
                // The cache was asked before it could have known.
                (Some(known), _) if known.told_at.is_none_or(|told_at| told_at >= asked_at) => Op::Nop,
                (_, Some(number)) => Op::Put(Generation { number, told_at: Some(asked_at) }),
                (_, None) => Op::Put(fresh()),
            })
        });
        let known = known.await.into_entry().map_or_else(fresh, moka::Entry::into_value);
        if known.is_told() { known } else { self.tell(key, known).await }
    }

    /// Begins a new one, and forgets with it what was kept.
    pub(super) async fn replace(&self, key: &str) {
        let fresh = fresh();
        self.known.insert(key.to_owned(), fresh).await;
        self.tell(key, fresh).await;
    }

    async fn tell(&self, key: &str, generation: Generation) -> Generation {
        if !self.cache.put(key, generation.number.to_le_bytes().to_vec(), TTL).await {
            return generation;
        }
        let told = Generation { told_at: Some(Instant::now()), ..generation };
        let known = self.known.entry_by_ref(key).and_compute_with(|entry| {
            // Another drop may have come since, which is still to be told.
            let is_it = entry.is_some_and(|entry| entry.into_value() == generation);
            ready(if is_it { Op::Put(told) } else { Op::Nop })
        });
        known.await;
        told
    }
}

fn fresh() -> Generation {
    Generation { number: rand::random(), told_at: None }
}
