//! How a use case tells the scheduler to look again, and how it asks the scheduler how it is.

use std::fmt::Debug;

use async_trait::async_trait;

use super::ServiceError;
pub use crate::bsp::LimiterState;
use crate::domain::id::OrganisationId;
use crate::domain::node::Node;

/// Makes the scheduler look at an organisation again. It carries nothing else, so a restart, a hint and a mutation take the same path.
pub trait Wake: Send + Sync + Debug {
    /// Look at `organisation` again, soon. Repeating it does no harm.
    fn wake(&self, organisation: OrganisationId);
}

/// Tells how the scheduler is.
#[async_trait]
pub trait SchedulerView: Send + Sync + Debug {
    /// A report of all nodes: this one as it is now, the others as they were when they last told.
    async fn report(&self) -> SchedulerReport;
    /// The node that looks after an organisation; `None`: none does at the moment.
    async fn owner_of(&self, _organisation: OrganisationId) -> Result<Option<Node>, ServiceError> {
        Ok(None)
    }
}

/// How the scheduler is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchedulerReport {
    /// Those that live, this one included, the longest-lived first.
    pub nodes: Vec<Node>,
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
    /// How late the last job started, in milliseconds: on the node where that is the most.
    pub lag_ms: i64,
    pub limiters: Vec<LimiterState>,
}
