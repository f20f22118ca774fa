//! The kinds of jobs: one file each, put together in a registry.

mod backfill;
mod bootstrap;
mod daily_usage;
mod invoice_close;
mod ledger_backfill;
mod pull;
mod retention;
mod snapshot;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::core::UnitOfWork;
use super::ledger::LedgerService;
use super::{Core, ServiceError};
use crate::domain::attempt::Verdict;
use crate::domain::bootstrap::Bootstrap;
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::ScheduleId;
use crate::domain::job::{JobKind, JobRun, Progress, RetryPolicy, Schedule};
use crate::domain::organisation::Organisation;
use crate::domain::schedule::Cron;
use crate::domain::shard::Term;
use crate::store;

pub use backfill::Backfill;
pub use bootstrap::{BootstrapOptions, WelcomeBootstrap};
pub use daily_usage::DailyUsage;
pub use invoice_close::InvoiceClose;
pub use retention::{Retention, RetentionOptions};
pub use snapshot::TakeSnapshots;

/// A kind of job.
///
/// A run may be dropped at any await and started again from the beginning: what it writes, it writes in transactions that it gets from
/// [`JobContext::begin`], and doing it twice is doing it once.
#[async_trait]
pub trait Job: Send + Sync + Debug {
    /// Which kind this is.
    fn kind(&self) -> JobKind;
    /// When every organisation runs it unless told otherwise, in its own zone; `None`: only on request.
    fn default_cron(&self) -> Option<Cron>;
    /// How often and how soon a failed attempt is repeated, where `usual` is what holds for most kinds.
    fn retry(&self, usual: &RetryPolicy) -> RetryPolicy {
        *usual
    }
    /// Does the work of one attempt.
    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError>;
}

/// What a job is given.
#[derive(Debug)]
pub struct JobContext {
    core: Arc<Core>,
    run: JobRun,
    term: Term,
}

impl JobContext {
    pub(super) const fn new(core: Arc<Core>, run: JobRun, term: Term) -> Self {
        Self { core, run, term }
    }

    /// The run that this is an attempt of.
    pub const fn run(&self) -> &JobRun {
        &self.run
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Under what the job writes.
    pub(crate) const fn term(&self) -> Term {
        self.term
    }

    /// A ledger for this job alone, so that a long one is not in the way of those who record now, and that records nothing where another
    /// node took over.
    pub(crate) fn ledger(&self) -> LedgerService {
        LedgerService::under(Arc::clone(&self.core), self.term)
    }

    /// Begins a unit of work that fails where another node took over.
    pub(crate) async fn begin(&self) -> Result<UnitOfWork<'_>, ServiceError> {
        self.core.begin_as(self.term).await
    }

    /// Notes how far the run has come and tells who watches.
    pub(crate) async fn progress(&self, progress: Progress) -> Result<(), ServiceError> {
        let mut work = self.begin().await?;
        self.note_progress(&mut work, progress).await?;
        work.commit().await
    }

    /// The same within a unit of work, so that what is done and how far that is are seen together.
    pub(crate) async fn note_progress(
        &self,
        work: &mut UnitOfWork<'_>,
        progress: Progress,
    ) -> Result<(), ServiceError> {
        let (organisation, id) = (self.run.organisation_id, self.run.id);
        if store::job_run::set_progress(work.tx(), organisation, id, self.term.epoch.0, progress, work.now()).await? {
            let run = JobRun { progress: Some(progress), ..self.run.clone() };
            work.say(organisation, Fact::JobRunChanged { run: Box::new(run) });
        }
        Ok(())
    }

    /// Writes down what the run has warmed; the end of the attempt tells of it.
    pub(crate) async fn note_bootstrap(&self, bootstrap: &Bootstrap) -> Result<(), ServiceError> {
        let work = self.begin().await?;
        let (organisation, id) = (self.run.organisation_id, self.run.id);
        store::job_run::set_bootstrap(work.tx(), organisation, id, self.term.epoch.0, bootstrap, work.now()).await?;
        work.commit().await
    }
}

/// The kinds of jobs that this program can run.
#[derive(Debug, Default)]
pub struct Registry {
    jobs: BTreeMap<JobKind, Arc<dyn Job>>,
}

impl Registry {
    /// Adds a kind; a second one of the same kind takes the place of the first.
    #[must_use]
    pub fn with(mut self, job: impl Job + 'static) -> Self {
        self.jobs.insert(job.kind(), Arc::new(job));
        self
    }

    /// The job of this kind.
    pub fn get(&self, kind: JobKind) -> Option<&Arc<dyn Job>> {
        self.jobs.get(&kind)
    }

    /// How often and how soon a failed attempt of a kind is repeated; `usual` for one that this program does not know.
    pub fn retry(&self, kind: JobKind, usual: &RetryPolicy) -> RetryPolicy {
        self.get(kind).map_or(*usual, |job| job.retry(usual))
    }

    /// When a kind runs unless told otherwise; `None`: it has no schedule, or this program does not know it.
    pub fn default_cron(&self, kind: JobKind) -> Option<Cron> {
        self.get(kind)?.default_cron()
    }

    /// The kinds that every organisation has a schedule for.
    pub fn scheduled_kinds(&self) -> impl Iterator<Item = JobKind> {
        self.jobs.values().filter(|job| job.default_cron().is_some()).map(|job| job.kind())
    }

    /// The schedules that an organisation has from the start.
    pub(super) fn schedules_of(&self, organisation: &Organisation, now: Instant) -> Vec<Schedule> {
        self.scheduled_kinds().filter_map(|kind| self.schedule_of(organisation, kind, now)).collect()
    }

    pub(super) fn schedule_of(&self, organisation: &Organisation, kind: JobKind, now: Instant) -> Option<Schedule> {
        let cron = self.default_cron(kind)?;
        let next_run_at = cron.next_after(organisation.time_zone, now);
        Some(Schedule {
            id: ScheduleId::generate(now),
            organisation_id: organisation.id,
            kind,
            cron,
            time_zone: organisation.time_zone,
            paused: false,
            next_run_at,
        })
    }
}
