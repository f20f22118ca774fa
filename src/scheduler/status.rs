//! What the scheduler says of itself: metrics, the log line of a finished run, and the report that the API shows.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::attempt;
use crate::domain::clock::Instant;
use crate::domain::job::RetryPolicy;
use crate::domain::node::{Figures, Node, NodeId};
use crate::service::dispatch::Claim;
use crate::service::wake::{LimiterState, SchedulerReport};

use super::agenda::{Agenda, Ended};

/// How many, in the type that gauges take.
fn gauge(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn figure(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The gauges, published at most once a second, as counting what is queued takes a step for each.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    published_at: Option<Instant>,
}

impl Gauges {
    pub(super) fn publish(&mut self, agenda: &Agenda, now: Instant) {
        if self.published_at.is_some_and(|at| at <= now && (now - at).num_seconds() < 1) {
            return;
        }
        self.published_at = Some(now);
        metrics::gauge!("wabacus_scheduler_actors").set(gauge(agenda.actors()));
        metrics::gauge!("wabacus_scheduler_running").set(gauge(agenda.running()));
        metrics::gauge!("wabacus_scheduler_queued").set(gauge(agenda.queued(now)));
    }
}

/// Counts how late a run was claimed.
pub(super) fn claimed(claim: &Claim) {
    metrics::histogram!("wabacus_scheduler_lag_seconds").record(claim.lateness.to_std().unwrap_or_default());
}

/// Counts and logs a run whose end is recorded.
pub(super) fn finished(ended: &Ended, now: Instant) {
    let run = &ended.finished.run;
    // How soon a retry comes is decided where it is recorded; whether there is one follows from the attempt alone.
    let settled = attempt::settle(run.clone(), ended.finished.verdict.clone(), now, &RetryPolicy::default(), 0);
    let took_ms = (now - ended.since).num_milliseconds();
    metrics::counter!("wabacus_job_runs_total", "kind" => run.kind.code(), "state" => settled.state.code())
        .increment(1);
    tracing::info!(
        organisation.id = %run.organisation_id,
        job.id = %run.id,
        kind = run.kind.code(),
        state = settled.state.code(),
        attempt = run.attempt,
        error = settled.error,
        "{} took {took_ms} ms and is {}", run.kind, settled.state
    );
}

/// Publishes how many shards are held.
pub(super) fn publish_shards(agenda: &Agenda) {
    metrics::gauge!("wabacus_scheduler_shards").set(gauge(agenda.shards().0));
}

/// Counts shards that were taken over.
pub(super) fn took_over(shards: usize) {
    metrics::counter!("wabacus_scheduler_takeovers_total").increment(u64::from(gauge(shards)));
}

/// What of the report the node itself knows, and whether its leases are in order.
#[derive(Debug)]
pub(super) struct Myself {
    pub(super) id: NodeId,
    pub(super) name: String,
    pub(super) started_at: Instant,
    renewed: AtomicBool,
}

impl Myself {
    pub(super) fn new(id: NodeId, name: String, started_at: Instant) -> Self {
        Self { id, name, started_at, renewed: AtomicBool::new(true) }
    }

    /// Notes whether the leases were renewed in time. Whether they were before.
    pub(super) fn renewed(&self, renewed: bool) -> bool {
        self.renewed.swap(renewed, Ordering::Relaxed)
    }

    pub(super) fn is_renewed(&self) -> bool {
        self.renewed.load(Ordering::Relaxed)
    }

    /// This node as it is now.
    pub(super) fn seen(&self, agenda: &Agenda, now: Instant) -> Node {
        Node {
            id: self.id,
            name: self.name.clone(),
            started_at: self.started_at,
            seen_at: now,
            draining: agenda.is_draining(),
            figures: figures(agenda, now),
        }
    }
}

/// Of so many organisations in quarantine a node tells the others at most.
const QUARANTINED_MAX: usize = 100;

/// What this node says of its work.
pub(super) fn figures(agenda: &Agenda, now: Instant) -> Figures {
    let (shards, epoch) = agenda.shards();
    let mut quarantined = agenda.quarantined();
    quarantined.truncate(QUARANTINED_MAX);
    Figures {
        epoch,
        shards: figure(shards),
        organisations: figure(agenda.organisations()),
        actors: figure(agenda.actors()),
        restarts: agenda.tally.restarts,
        queued: figure(agenda.queued(now)),
        running: figure(agenda.running()),
        lag_ms_last: agenda.tally.lag_ms_last,
        lag_ms_max: agenda.tally.lag_ms_max,
        quarantined,
    }
}

/// What the nodes come to together.
pub(super) fn report(nodes: Vec<Node>, limiters: Vec<LimiterState>) -> SchedulerReport {
    let sum = |of: fn(&Figures) -> i64| nodes.iter().map(|node| of(&node.figures)).fold(0, i64::saturating_add);
    let quarantined: BTreeSet<_> = nodes.iter().flat_map(|node| node.figures.quarantined.iter().copied()).collect();
    SchedulerReport {
        actors: sum(|figures| figures.actors),
        restarts: sum(|figures| figures.restarts),
        quarantined: quarantined.into_iter().collect(),
        queued: sum(|figures| figures.queued),
        running: sum(|figures| figures.running),
        lag_ms: nodes.iter().map(|node| node.figures.lag_ms_last).max().unwrap_or(0),
        limiters,
        nodes,
    }
}
