//! The leases of nodes that share the work: each renews what it holds, takes its fair share of what is free, and gives up what is too much.
//!
//! There is no leader. Who lives is known from what nodes say in the database, by its clock; how many live decides how much is fair.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::{Beat, Holdings, Lease, Standing};
use crate::domain::node::{LiveNodes, Node, NodeId};
use crate::domain::shard::{SHARDS, Shard, Term};
use crate::service::ServiceError;
use crate::store::node::Heartbeat;
use crate::store::{self, Store};

/// One of any number of equal nodes.
#[derive(Debug)]
pub struct ManyNodes {
    node: NodeId,
    ttl: Duration,
    live: LiveNodes,
    holdings: Holdings,
    /// How many live, as of the last beat.
    counted: AtomicU64,
}

impl ManyNodes {
    /// Holds nothing before its first beat. Its leases last for `ttl`; `live` is told how many nodes there are.
    pub fn new(node: NodeId, ttl: Duration, live: LiveNodes) -> Self {
        Self { node, ttl, live, holdings: Holdings::default(), counted: AtomicU64::new(0) }
    }

    fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }
}

/// How many shards are fair for each of so many nodes.
fn share(live: u64) -> usize {
    usize::try_from(u64::from(SHARDS).div_ceil(live.max(1))).unwrap_or(usize::MAX)
}

#[async_trait]
impl Lease for ManyNodes {
    fn node(&self) -> NodeId {
        self.node
    }

    fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    fn lasts(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    async fn beat(&self, store: &Store, standing: &Standing) -> Result<Beat, ServiceError> {
        let tx = store.begin().await?;
        let Standing { name, started_at, draining, figures } = standing;
        let heartbeat = Heartbeat { id: self.node, name, started_at: *started_at, draining: *draining, figures };
        store::node::beat(&tx, &heartbeat).await?;
        let renewed = store::lease::renew(&tx, self.node, self.ttl).await?;
        let (kept, strays): (Vec<Term>, Vec<Term>) =
            renewed.into_iter().partition(|term| self.holdings.term(term.shard) == Some(*term));
        if !strays.is_empty() {
            // Won by a beat of which the answer was lost, or held by one who has stepped down: only under a new epoch is it known that
            // nothing of before still writes.
            let strays: Vec<_> = strays.iter().map(|term| term.shard).collect();
            store::lease::release(&tx, self.node, &strays).await?;
        }
        let live = store::node::count_live(&tx, self.ttl).await?;
        let share = share(live);
        let room = if *draining { 0 } else { share.saturating_sub(kept.len()) };
        let won = if room > 0 { store::lease::take(&tx, self.node, self.ttl, room).await? } else { Vec::new() };
        Store::commit(tx).await?;
        let kept_terms: HashSet<_> = kept.iter().copied().collect();
        let held = self.holdings.terms().into_iter();
        let lost: Vec<_> = held.filter(|term| !kept_terms.contains(term)).map(|term| term.shard).collect();
        self.holdings.lose(&lost);
        self.holdings.win(&won);
        self.counted.store(live, Ordering::Relaxed);
        self.live.tell(u32::try_from(live).unwrap_or(u32::MAX));
        if !won.is_empty() {
            // Whoever comes or goes has shards taken over, so this is often enough.
            let tx = store.begin().await?;
            store::node::forget(&tx).await?;
            Store::commit(tx).await?;
        }
        let surplus = if *draining { 0 } else { kept.len().saturating_sub(share) };
        Ok(Beat { won, lost, surplus })
    }

    async fn glance(&self, store: &Store) -> Result<bool, ServiceError> {
        let live = store::node::count_live(store.read(), self.ttl).await?;
        if live != self.counted() {
            return Ok(true);
        }
        if self.holdings.count() >= share(live) {
            return Ok(false);
        }
        Ok(store::lease::count_free(store.read()).await? > 0)
    }

    async fn release(&self, store: &Store, shards: &[Shard]) -> Result<(), ServiceError> {
        // Were it not to succeed, the next beat finds what nobody here knows to be held.
        self.holdings.lose(shards);
        let tx = store.begin().await?;
        store::lease::release(&tx, self.node, shards).await?;
        Ok(Store::commit(tx).await?)
    }

    async fn leave(&self, store: &Store) -> Result<(), ServiceError> {
        self.holdings.lose_all();
        let tx = store.begin().await?;
        store::lease::release(&tx, self.node, &Shard::all().collect::<Vec<_>>()).await?;
        store::node::remove(&tx, self.node).await?;
        Ok(Store::commit(tx).await?)
    }

    async fn nodes(&self, store: &Store) -> Result<Vec<Node>, ServiceError> {
        Ok(store::node::live(store.read(), self.ttl).await?)
    }

    async fn owner(&self, store: &Store, shard: Shard) -> Result<Option<NodeId>, ServiceError> {
        Ok(store::lease::owner(store.read(), shard).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_shares_cover_all_shards() {
        for (live, fair) in [(0, 1_024), (1, 1_024), (2, 512), (3, 342), (1_024, 1), (5_000, 1)] {
            assert_eq!(share(live), fair, "{live} nodes");
        }
    }
}
