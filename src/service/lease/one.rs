//! The lease of a node that is alone: whoever starts last holds everything.

use std::time::Duration;

use async_trait::async_trait;

use super::{Beat, Holdings, Lease, Standing};
use crate::domain::node::{Node, NodeId};
use crate::domain::shard::Shard;
use crate::service::ServiceError;
use crate::store::{self, Store};

/// One node for all of the work; another that starts on the same database takes it over.
#[derive(Debug)]
pub struct OneNode {
    node: NodeId,
    holdings: Holdings,
}

impl OneNode {
    /// Holds nothing before its first beat.
    pub fn new(node: NodeId) -> Self {
        Self { node, holdings: Holdings::default() }
    }
}

#[async_trait]
impl Lease for OneNode {
    fn node(&self) -> NodeId {
        self.node
    }

    fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    fn lasts(&self) -> Option<Duration> {
        None
    }

    async fn beat(&self, store: &Store, _standing: &Standing) -> Result<Beat, ServiceError> {
        let held = self.holdings.terms();
        if !held.is_empty() {
            store::lease::check(store.read(), &held).await?;
            return Ok(Beat::default());
        }
        let tx = store.begin().await?;
        let won = store::lease::take_all(&tx, self.node).await?;
        Store::commit(tx).await?;
        self.holdings.win(&won);
        Ok(Beat { won, ..Beat::default() })
    }

    async fn glance(&self, _store: &Store) -> Result<bool, ServiceError> {
        Ok(false)
    }

    /// Nobody is there to take them.
    async fn release(&self, _store: &Store, _shards: &[Shard]) -> Result<(), ServiceError> {
        Ok(())
    }

    async fn leave(&self, _store: &Store) -> Result<(), ServiceError> {
        Ok(())
    }

    async fn nodes(&self, _store: &Store) -> Result<Vec<Node>, ServiceError> {
        Ok(Vec::new())
    }

    async fn owner(&self, _store: &Store, shard: Shard) -> Result<Option<NodeId>, ServiceError> {
        Ok(self.holdings.term(shard).map(|_| self.node))
    }
}
