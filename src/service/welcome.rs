//! Welcomes: the runs that new customers cause, made in the transaction that gets to know them.
//!
//! Whoever records a message neither waits for such a run nor fails with it: where there are too many already, it is left out.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

use super::core::UnitOfWork;
use super::{Core, ServiceError};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{CustomerId, OrganisationId};
use crate::domain::job::{JobKind, JobRun, JobTrigger, RetryPolicy};
use crate::store;

/// How often a bootstrap is tried, whatever holds for other jobs: what it warms is needed in the next minutes or not at all.
pub(super) const RETRY: RetryPolicy =
    RetryPolicy { attempts_max: 3, delay_base: TimeDelta::seconds(5), delay_max: TimeDelta::seconds(60) };

/// How long ago the first message of a customer may have been sent to be welcomed.
const NEWS: TimeDelta = TimeDelta::hours(24);

/// The most unfinished runs of an organisation beside which customers are welcomed. Below what people may ask for by hand, so that a rush
/// of customers does not stand in their way.
const UNFINISHED_MAX: usize = 50;

/// Whether a message of `at` is new enough to be answered with a welcome.
pub(super) fn is_news(at: Instant, now: Instant) -> bool {
    now - at < NEWS
}

/// A run for a customer that is about to be queued.
pub(super) fn run_for(organisation: OrganisationId, customer: CustomerId, trigger: JobTrigger, now: Instant) -> JobRun {
    let run = JobRun::queued(organisation, JobKind::WelcomeBootstrap, trigger, None, &RETRY, now);
    JobRun { customer_id: Some(customer), ..run }
}

/// Queues a run for each of these new customers; whom to wake after the commit. Organisations that the catalogue cannot know, or that are
/// not active, have nothing to warm.
pub(super) async fn welcome(
    core: &Core,
    work: &mut UnitOfWork<'_>,
    newcomers: &BTreeMap<OrganisationId, Vec<CustomerId>>,
) -> Result<Vec<OrganisationId>, ServiceError> {
    if newcomers.is_empty() || core.catalog().is_none() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = newcomers.keys().copied().collect();
    let found = store::organisation::find_many(work.tx(), &ids).await?;
    let known = found.iter().filter(|organisation| organisation.active && organisation.external_id.is_some());
    let known: Vec<_> = known.map(|organisation| organisation.id).collect();
    let mut unfinished: HashMap<OrganisationId, usize> = HashMap::new();
    for run in store::job_run::unfinished(work.tx(), &known).await? {
        *unfinished.entry(run.organisation_id).or_default() += 1;
    }
    let mut runs = Vec::new();
    for organisation in &known {
        let customers = newcomers.get(organisation).map_or(&[][..], Vec::as_slice);
        let room = UNFINISHED_MAX.saturating_sub(unfinished.get(organisation).copied().unwrap_or_default());
        let left_out = customers.len().saturating_sub(room);
        if left_out > 0 {
            tracing::warn!(
                organisation.id = %organisation,
                "{left_out} new customers are not welcomed, because the organisation has {UNFINISHED_MAX} unfinished runs"
            );
        }
        let welcomed = customers.iter().take(room);
        runs.extend(welcomed.map(|customer| run_for(*organisation, *customer, JobTrigger::Event, work.now())));
    }
    store::job_run::insert_many(work.tx(), &runs, 0, work.now()).await?;
    for run in &runs {
        work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run.clone()) });
    }
    Ok(known)
}
