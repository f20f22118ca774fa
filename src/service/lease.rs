//! The lease under which a node works, and the token that fences those that held it before.

use std::fmt::Debug;

use async_trait::async_trait;

use super::ServiceError;
use crate::domain::clock::Instant;
use crate::store::{self, Transaction};

/// The fencing token of a lease: each owner's is greater than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub i64);

/// Who may do the work. Every transaction that claims, does or finishes work checks the lease first, so that a node that was taken for
/// dead and comes back writes nothing.
#[async_trait]
pub trait Lease: Send + Sync + Debug {
    /// Takes the work over for `node`; the epoch under which it may be done from now on.
    async fn acquire(&self, tx: &Transaction, node: &str, now: Instant) -> Result<Epoch, ServiceError>;
    /// [`ServiceError::Fenced`] where somebody took over since `epoch`; else nobody does before the transaction ends.
    async fn check(&self, tx: &Transaction, epoch: Epoch) -> Result<(), ServiceError>;
}

/// The lease of a node that is alone: all of the work is one shard, and whoever starts last holds it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneNode;

/// The one shard.
const SHARD: i32 = 0;

#[async_trait]
impl Lease for OneNode {
    async fn acquire(&self, tx: &Transaction, node: &str, now: Instant) -> Result<Epoch, ServiceError> {
        Ok(Epoch(store::lease::acquire(tx, SHARD, node, now).await?))
    }

    async fn check(&self, tx: &Transaction, epoch: Epoch) -> Result<(), ServiceError> {
        Ok(store::lease::check(tx, SHARD, epoch.0).await?)
    }
}
