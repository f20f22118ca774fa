//! What the scheduler says of itself: metrics, the log line of a finished run, and the report that the API shows.

use crate::domain::attempt;
use crate::domain::clock::Instant;
use crate::domain::job::RetryPolicy;
use crate::service::dispatch::Claim;
use crate::service::wake::{NodeReport, SchedulerReport};

use super::agenda::{Agenda, Ended, Phase};

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

/// What of the report is known to the node itself.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) started_at: Instant,
    pub(super) epoch: i64,
}

pub(super) fn report(agenda: &Agenda, node: &Node, now: Instant) -> SchedulerReport {
    let draining = match agenda.phase {
        Phase::Working => false,
        Phase::Draining { .. } | Phase::Stopped | Phase::Fenced => true,
    };
    let running = figure(agenda.running());
    SchedulerReport {
        nodes: vec![NodeReport {
            name: node.name.clone(),
            started_at: node.started_at,
            epoch: node.epoch,
            draining,
            organisations: figure(agenda.organisations()),
            running,
            restarts: agenda.tally.restarts,
            lag_ms_last: agenda.tally.lag_ms_last,
            lag_ms_max: agenda.tally.lag_ms_max,
        }],
        actors: figure(agenda.actors()),
        restarts: agenda.tally.restarts,
        quarantined: agenda.quarantined(),
        queued: figure(agenda.queued(now)),
        running,
        lag_ms: agenda.tally.lag_ms_last,
        limiters: Vec::new(),
    }
}
