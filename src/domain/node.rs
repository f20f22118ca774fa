//! Nodes: processes that share one database's work.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Instant;
use super::id::{self, OrganisationId};

/// One process from its start to its end; the next of the same name is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Uuid);

impl NodeId {
    /// A new identity.
    pub fn generate(now: Instant) -> Self {
        Self(id::uuid_v7(now))
    }

    /// The identity that a row holds.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// For a row.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_simple())
    }
}

/// What a node says of its work, as others read it in its row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// The greatest epoch that it holds a shard under.
    pub epoch: i64,
    /// Shards that it holds.
    pub shards: i64,
    /// Organisations that it looks after.
    pub organisations: i64,
    /// Actors that are alive.
    pub actors: i64,
    /// Actors that died and were started anew since it started.
    pub restarts: i64,
    /// Organisations with something due that wait for their turn.
    pub queued: i64,
    /// Runs that are under way.
    pub running: i64,
    /// How late the last run started, in milliseconds.
    pub lag_ms_last: i64,
    /// How late the latest of all started since it started, in milliseconds.
    pub lag_ms_max: i64,
    /// Organisations whose actor died too often, some of them where there are very many.
    pub quarantined: Vec<OrganisationId>,
}

/// A node as it is seen by all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    /// Its name, as it is configured.
    pub name: String,
    pub started_at: Instant,
    /// When it last said that it lives.
    pub seen_at: Instant,
    /// It takes no more work.
    pub draining: bool,
    pub figures: Figures,
}

/// How many nodes live, as far as this one knows: whoever keeps the leases tells, whoever has to share a limit asks. Clones share the number.
#[derive(Debug, Clone)]
pub struct LiveNodes(Arc<AtomicU32>);

impl Default for LiveNodes {
    /// This one.
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1)))
    }
}

impl LiveNodes {
    /// At least this one.
    pub fn count(&self) -> NonZeroU32 {
        NonZeroU32::new(self.0.load(Ordering::Relaxed)).unwrap_or(NonZeroU32::MIN)
    }

    /// Takes note of how many live.
    pub fn tell(&self, count: u32) {
        self.0.store(count, Ordering::Relaxed);
    }
}
