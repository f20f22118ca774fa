//! The scheduler as an operator sees it: nodes, actors, what waits, what runs, and which limits are closed.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::access;
use super::channel::Bsp;
use super::error::Result;
use super::scalar::{DateTime, int};

/// One process that runs jobs.
#[derive(Debug, SimpleObject)]
pub(super) struct SchedulerNode {
    /// Its name, as it is configured.
    name: String,
    /// When it started.
    started_at: DateTime,
    /// The number of its term; whatever an earlier term still writes is refused.
    epoch: i32,
    /// Whether it is stopping: it finishes what runs and claims nothing more.
    draining: bool,
    /// Organisations that it looks after.
    organisations: i32,
    /// Runs that are under way on it.
    running: i32,
    /// Actors that died and were started anew since it started.
    restarts: i32,
    /// How late the last run started, in milliseconds.
    lag_ms: i32,
    /// How late the latest run started since it started, in milliseconds.
    lag_ms_max: i32,
}

/// The limit of a provider, or of one account at it.
#[derive(Debug, SimpleObject)]
pub(super) struct SchedulerLimiter {
    /// The provider.
    bsp: Bsp,
    /// The account that the limit is for; null: all of the provider.
    account: Option<String>,
    /// Until when nothing is asked; null: it is open.
    closed_until: Option<DateTime>,
    /// Why nothing is asked.
    reason: Option<String>,
    /// Requests that wait for it.
    waiting: i32,
}

/// What the scheduler is doing at the moment.
#[derive(Debug, SimpleObject)]
pub(super) struct SchedulerStatus {
    /// The processes that run jobs.
    nodes: Vec<SchedulerNode>,
    /// Actors that are alive, one for each organisation.
    actors: i32,
    /// Actors that died and were started anew.
    restarts: i32,
    /// The organisations whose actors died too often and are left alone for a while.
    quarantined: Vec<ID>,
    /// Organisations with something due that wait for their turn.
    queued: i32,
    /// Runs that are under way.
    running: i32,
    /// How late the last run started, in milliseconds.
    lag_ms: i32,
    /// The limits that the providers are asked under.
    limiters: Vec<SchedulerLimiter>,
}

#[derive(Debug, Default)]
pub(super) struct SchedulerQuery;

#[Object]
impl SchedulerQuery {
    /// What the scheduler is doing at the moment. For admins.
    async fn scheduler(&self, ctx: &Context<'_>) -> Result<SchedulerStatus> {
        let access = access::admin_reader(ctx)?;
        let report = access.services.scheduler.report().await;
        let mut nodes = Vec::with_capacity(report.nodes.len());
        for node in report.nodes {
            nodes.push(SchedulerNode {
                name: node.name,
                started_at: node.started_at.into(),
                epoch: int("nodes.epoch", node.epoch)?,
                draining: node.draining,
                organisations: int("nodes.organisations", node.organisations)?,
                running: int("nodes.running", node.running)?,
                restarts: int("nodes.restarts", node.restarts)?,
                lag_ms: int("nodes.lagMs", node.lag_ms_last)?,
                lag_ms_max: int("nodes.lagMsMax", node.lag_ms_max)?,
            });
        }
        let mut limiters = Vec::with_capacity(report.limiters.len());
        for limiter in report.limiters {
            limiters.push(SchedulerLimiter {
                bsp: limiter.bsp.into(),
                account: limiter.account,
                closed_until: limiter.closed_until.map(Into::into),
                reason: limiter.reason,
                waiting: int("limiters.waiting", i64::from(limiter.waiting))?,
            });
        }
        Ok(SchedulerStatus {
            nodes,
            actors: int("actors", report.actors)?,
            restarts: int("restarts", report.restarts)?,
            quarantined: report.quarantined.into_iter().map(|id| id.to_string().into()).collect(),
            queued: int("queued", report.queued)?,
            running: int("running", report.running)?,
            lag_ms: int("lagMs", report.lag_ms)?,
            limiters,
        })
    }
}
