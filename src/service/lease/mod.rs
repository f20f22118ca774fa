//! The leases under which nodes share the work, and the epochs that fence those that held them before.
//!
//! Organisations are divided into shards, and each shard is leased to one node at a time. Every transaction that claims, does or finishes
//! work checks the epoch of its organisation's shard first, so that a node that was taken for dead and comes back writes nothing.

mod holdings;
mod many;
mod one;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::ServiceError;
use crate::domain::clock::Instant;
use crate::domain::node::{Figures, Node, NodeId};
use crate::domain::shard::{Shard, Term};
use crate::store::Store;

pub use holdings::Holdings;
pub use many::ManyNodes;
pub use one::OneNode;

/// What a node says of itself with each beat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    pub started_at: Instant,
    /// It takes no more work.
    pub draining: bool,
    pub figures: Figures,
}

/// What a beat came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// What this node holds from now on.
    pub won: Vec<Term>,
    /// What it held and does not any more.
    pub lost: Vec<Shard>,
    /// How many shards it holds beyond its fair share.
    pub surplus: usize,
}

/// Who may do the work.
#[async_trait]
pub trait Lease: Send + Sync + Debug {
    /// Which node this is.
    fn node(&self) -> NodeId;
    /// What this node holds, as far as it knows.
    fn holdings(&self) -> &Holdings;
    /// How long a lease lasts that is not renewed; `None`: until another node takes over all of the work, which is for this one to find out.
    fn lasts(&self) -> Option<Duration>;
    /// Says that this node lives, renews what it holds, and takes over what it lacks of its fair share and is free.
    /// [`ServiceError::Fenced`]: another node has taken over everything, for good.
    async fn beat(&self, store: &Store, standing: &Standing) -> Result<Beat, ServiceError>;
    /// Whether a beat would find something to take over, or another number of nodes.
    async fn glance(&self, store: &Store) -> Result<bool, ServiceError>;
    /// Lets go of shards; others may take them at once.
    async fn release(&self, store: &Store, shards: &[Shard]) -> Result<(), ServiceError>;
    /// Lets go of everything and is no node any more.
    async fn leave(&self, store: &Store) -> Result<(), ServiceError>;
    /// The nodes that live, this one included if it has told of itself, as of their last beats; none where only one can be.
    async fn nodes(&self, store: &Store) -> Result<Vec<Node>, ServiceError>;
    /// Who holds a shard; `None`: nobody at the moment.
    async fn owner(&self, store: &Store, shard: Shard) -> Result<Option<NodeId>, ServiceError>;
}
