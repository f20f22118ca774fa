//! How a use case tells the scheduler to look again, and how it asks the scheduler how it is.

use std::fmt::Debug;

use async_trait::async_trait;

pub use crate::bsp::LimiterState;
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;

/// Makes the scheduler look at an organisation again. It carries nothing else, so a restart, a hint and a mutation take the same path.
pub trait Wake: Send + Sync + Debug {
    /// Look at `organisation` again, soon. Repeating it does no harm.
    fn wake(&self, organisation: OrganisationId);
}

/// Tells how the scheduler is.
#[async_trait]
pub trait SchedulerView: Send + Sync + Debug {
    /// A report of this moment.
    async fn report(&self) -> SchedulerReport;
}

/// How the scheduler is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchedulerReport {
    pub nodes: Vec<NodeReport>,
    /// Organisation actors that are alive.
    pub actors: i64,
    /// Actors that were started again since the node started.
    pub restarts: i64,
    /// Organisations whose actor died too often and is left alone for a while.
    pub quarantined: Vec<OrganisationId>,
    /// Organisations that are due now and wait for a place.
    pub queued: i64,
    /// Jobs that run now.
    pub running: i64,
    /// How late the last job started, in milliseconds.
    pub lag_ms: i64,
    pub limiters: Vec<LimiterState>,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    pub name: String,
    pub started_at: Instant,
    /// The fencing token of its lease.
    pub epoch: i64,
    /// It takes no more work.
    pub draining: bool,
    /// How many organisations it owns.
    pub organisations: i64,
    pub running: i64,
    pub restarts: i64,
    /// How late the last job started, and the latest of all since the node started, in milliseconds.
    pub lag_ms_last: i64,
    pub lag_ms_max: i64,
}
