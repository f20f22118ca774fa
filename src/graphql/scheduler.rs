//! The scheduler as an operator sees it: nodes, actors, what waits, what runs, and which limits are closed.

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};

use super::access;
use super::channel::Bsp;
use super::error::{Fault, Result};
use super::scalar::{DateTime, int};
use crate::domain::id::OrganisationId;
use crate::domain::node::Node;

/// One process that runs jobs.
#[derive(Debug, SimpleObject)]
pub(super) struct SchedulerNode {
    /// Its name, as it is configured.
    name: String,
    /// When it started.
    started_at: DateTime,
    /// When it last said that it lives, and what else is told of it here was so.
    seen_at: DateTime,
    /// The greatest number among the terms under which it holds its shards; whatever an earlier term of a shard still writes is refused.
    epoch: i32,
    /// Parts of all organisations that it holds, of 1024.
    shards: i32,
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

impl TryFrom<Node> for SchedulerNode {
    type Error = Fault;

    fn try_from(node: Node) -> Result<Self> {
        let figures = node.figures;
        Ok(Self {
            name: node.name,
            started_at: node.started_at.into(),
            seen_at: node.seen_at.into(),
            epoch: int("nodes.epoch", figures.epoch)?,
            shards: int("nodes.shards", figures.shards)?,
            draining: node.draining,
            organisations: int("nodes.organisations", figures.organisations)?,
            running: int("nodes.running", figures.running)?,
            restarts: int("nodes.restarts", figures.restarts)?,
            lag_ms: int("nodes.lagMs", figures.lag_ms_last)?,
            lag_ms_max: int("nodes.lagMsMax", figures.lag_ms_max)?,
        })
    }
}

/// What the scheduler is doing at the moment, on all nodes together: on the one that is asked now, on the others when they last told.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(super) struct SchedulerStatus {
    /// The processes that run jobs, the longest-lived first.
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
    /// How late the last run started, in milliseconds, on the node where that is the most.
    lag_ms: i32,
    /// The limits that the providers are asked under by the node that is asked.
    limiters: Vec<SchedulerLimiter>,
}

#[ComplexObject]
impl SchedulerStatus {
    /// The process that looks after an organisation; null: none does at the moment, and one will within seconds.
    async fn owner_of(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
    ) -> Result<Option<SchedulerNode>> {
        let access = access::admin_reader(ctx)?;
        let organisation = OrganisationId::parse("organisationId", &organisation_id)?;
        access.services.scheduler.owner_of(organisation).await?.map(SchedulerNode::try_from).transpose()
    }
}

#[derive(Debug, Default)]
pub(super) struct SchedulerQuery;

#[Object]
impl SchedulerQuery {
    /// What the scheduler is doing at the moment. For admins.
    async fn scheduler(&self, ctx: &Context<'_>) -> Result<SchedulerStatus> {
        let access = access::admin_reader(ctx)?;
        let report = access.services.scheduler.report().await;
        let nodes = report.nodes.into_iter().map(SchedulerNode::try_from).collect::<Result<_>>()?;
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
