//! Stand-ins for what `service` and `bsp` will offer; removed when they land.

use std::collections::HashMap;
use std::fmt::Debug;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::job::JobRun;

/// Fencing token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub i64);

/// A run to execute.
#[derive(Debug)]
pub struct Claim {
    pub run: JobRun,
    pub lateness: TimeDelta,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    pub claims: Vec<Claim>,
    pub next: HashMap<OrganisationId, Option<Instant>>,
    pub left: Vec<OrganisationId>,
}

/// A run and what it came to.
#[derive(Debug, Clone)]
pub struct Finished {
    pub run: JobRun,
    pub verdict: Verdict,
}

/// See service.
pub trait Wake: Send + Sync + Debug {
    /// Look again.
    fn wake(&self, organisation: OrganisationId);
}

/// See service.
#[async_trait]
pub trait SchedulerView: Send + Sync + Debug {
    /// Report.
    async fn report(&self) -> SchedulerReport;
}

/// See service.
#[derive(Debug, Clone)]
pub struct NodeReport {
    pub name: String,
    pub started_at: Instant,
    pub epoch: i64,
    pub draining: bool,
    pub organisations: i64,
    pub running: i64,
    pub restarts: i64,
    pub lag_ms_last: i64,
    pub lag_ms_max: i64,
}

/// See service.
#[derive(Debug, Clone)]
pub struct SchedulerReport {
    pub nodes: Vec<NodeReport>,
    pub actors: i64,
    pub restarts: i64,
    pub quarantined: Vec<OrganisationId>,
    pub queued: i64,
    pub running: i64,
    pub lag_ms: i64,
    pub limiters: Vec<LimiterState>,
}

/// See bsp.
#[derive(Debug, Clone)]
pub struct LimiterState;
