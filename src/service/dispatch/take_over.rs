//! What a node does with shards that it has just won: it rescues what was left there, and sees that everybody has what they need.

use std::collections::HashMap;

use super::DispatchService;
use crate::domain::attempt::{Verdict, settle};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::OrganisationId;
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
use crate::domain::shard::{Shard, Term};
use crate::service::core::UnitOfWork;
use crate::service::{ServiceError, account_usage, alert};
use crate::store;

/// How many organisations are looked after in one transaction.
const BATCH: u64 = 500;

impl DispatchService {
    /// Puts back the runs that an earlier owner left running, their attempt not counted, and ends the alerts of those whom it had
    /// quarantined. How many runs there were.
    pub async fn rescue(&self, terms: &[Term]) -> Result<usize, ServiceError> {
        let mut work = self.core.begin_under(terms).await?;
        let now = work.now();
        let policy = self.core.scheduling().retry;
        let left = store::job_run::left_running(work.tx(), terms).await?;
        let rescued: Vec<_> = left.into_iter().map(|run| settle(run, Verdict::Released, now, &policy, 0)).collect();
        for run in &rescued {
            work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run.clone()) });
        }
        store::job_run::save_under(work.tx(), &rescued, epoch_in(terms), now).await?;
        alert::let_all_go(&mut work, &shards_of(terms)).await?;
        work.commit().await?;
        if !rescued.is_empty() {
            tracing::warn!(runs = rescued.len(), "put back runs that were cut off");
        }
        Ok(rescued.len())
    }

    /// Gives every organisation of the shards the schedules and the month's documents that it lacks, and tells of the active ones: when
    /// each is due, `None` for never.
    pub async fn learn(
        &self,
        terms: &[Term],
        mut tell: impl FnMut(OrganisationId, Option<Instant>) + Send,
    ) -> Result<(), ServiceError> {
        let shards = shards_of(terms);
        self.ensure_schedules(terms, &shards).await?;
        let mut after = None;
        loop {
            let read = self.core.store().read();
            let page = store::organisation::active_of_shards(read, &shards, after, BATCH).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            self.ensure_months(terms, &page).await?;
            for (organisation, due) in self.due_of(&page).await? {
                tell(organisation, due);
            }
        }
    }

    async fn ensure_schedules(&self, terms: &[Term], shards: &[Shard]) -> Result<(), ServiceError> {
        for kind in self.jobs.scheduled_kinds() {
            loop {
                let read = self.core.store().read();
                let without = store::organisation::without_schedule(read, shards, kind, BATCH).await?;
                let work = self.begin_for(terms, without.iter().map(|organisation| organisation.id)).await?;
                let schedules: Vec<_> = without
                    .iter()
                    .filter_map(|organisation| self.jobs.schedule_of(organisation, kind, work.now()))
                    .collect();
                store::schedule::insert_many(work.tx(), &schedules, work.now()).await?;
                work.commit().await?;
                if u64::try_from(without.len()).is_ok_and(|found| found < BATCH) {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn ensure_months(&self, terms: &[Term], organisations: &[Organisation]) -> Result<(), ServiceError> {
        let ids: Vec<_> = organisations.iter().map(|organisation| organisation.id).collect();
        let zones: HashMap<_, _> =
            organisations.iter().map(|organisation| (organisation.id, organisation.time_zone)).collect();
        let channels = store::channel::list_of(self.core.store().read(), &ids).await?;
        let now = self.core.now();
        let metered = channels.iter().filter(|channel| channel.account.is_some());
        let empty: Vec<_> = metered
            .filter_map(|channel| {
                let month = Month::of(zones.get(&channel.organisation_id)?.date(now));
                Some(account_usage::empty_month(channel.organisation_id, channel.id, month))
            })
            .collect();
        if empty.is_empty() {
            return Ok(());
        }
        let work = self.begin_for(terms, empty.iter().map(|month| month.organisation_id)).await?;
        store::account_usage::ensure_months(work.tx(), &empty, now).await?;
        work.commit().await
    }

    /// When each of these organisations is next due, by its schedules and its waiting runs.
    async fn due_of(
        &self,
        organisations: &[Organisation],
    ) -> Result<HashMap<OrganisationId, Option<Instant>>, ServiceError> {
        let read = self.core.store().read();
        let ids: Vec<_> = organisations.iter().map(|organisation| organisation.id).collect();
        let mut due: HashMap<_, _> = ids.iter().map(|id| (*id, None)).collect();
        let mut note = |id: OrganisationId, at: Instant| {
            let next: &mut Option<Instant> = due.entry(id).or_default();
            *next = Some(next.map_or(at, |next| next.min(at)));
        };
        for schedule in store::schedule::list_of(read, &ids).await? {
            if let Some(at) = self.fires_at(&schedule) {
                note(schedule.organisation_id, at);
            }
        }
        for run in store::job_run::unfinished(read, &ids).await? {
            note(run.organisation_id, run.next_attempt_at.unwrap_or(run.scheduled_for));
        }
        Ok(due)
    }

    /// Begins a unit of work for organisations of shards that were just won.
    async fn begin_for(
        &self,
        terms: &[Term],
        organisations: impl Iterator<Item = OrganisationId>,
    ) -> Result<UnitOfWork<'_>, ServiceError> {
        let concerned: std::collections::BTreeSet<_> = organisations.map(Shard::of).collect();
        let concerned: Vec<_> = terms.iter().copied().filter(|term| concerned.contains(&term.shard)).collect();
        self.core.begin_under(&concerned).await
    }

    /// Tells when each schedule and each waiting run of an active organisation that this node holds is due, in no particular order; with
    /// `until`, schedules that are due later may be left out.
    pub async fn for_each_due(
        &self,
        until: Option<Instant>,
        mut tell: impl FnMut(OrganisationId, Instant) + Send,
    ) -> Result<(), ServiceError> {
        let read = self.core.store().read();
        let shards = self.core.holdings().shards();
        store::schedule::for_each_next(read, &shards, until, |organisation, kind, next| {
            tell(organisation, next + self.offset(organisation, kind.code()));
        })
        .await?;
        store::job_run::for_each_waiting(read, &shards, tell).await?;
        Ok(())
    }
}

fn shards_of(terms: &[Term]) -> Vec<Shard> {
    terms.iter().map(|term| term.shard).collect()
}

/// Under which epoch a run of an organisation of these terms is written.
pub(super) fn epoch_in(terms: &[Term]) -> impl Fn(OrganisationId) -> i64 {
    let epochs: HashMap<_, _> = terms.iter().map(|term| (term.shard, term.epoch.0)).collect();
    move |organisation| epochs.get(&Shard::of(organisation)).copied().unwrap_or(0)
}
