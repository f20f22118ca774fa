//! What a node does before it begins: it takes the lease, rescues what its predecessor left, and sees that everybody has what they need.

use super::{DispatchService, Epoch};
use crate::domain::attempt::{Verdict, settle};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::OrganisationId;
use crate::domain::organisation::Organisation;
use crate::domain::page::PageRequest;
use crate::domain::period::Month;
use crate::service::{ServiceError, account_usage, alert};
use crate::store;
use crate::store::organisation::{Filter, Order, Place};

/// How many organisations are looked after in one transaction.
const BATCH: u32 = 500;

impl DispatchService {
    /// Takes the lease for `node`, puts back the runs that an earlier owner left running, their attempt not counted, and ends the alerts of
    /// those whom it had quarantined. Then gives every
    /// organisation the schedules and the month's documents that it lacks.
    pub async fn start(&self, node: &str) -> Result<Epoch, ServiceError> {
        let mut work = self.core.begin().await?;
        let now = work.now();
        let epoch = self.core.lease().acquire(work.tx(), node, now).await?;
        let policy = self.core.scheduling().retry;
        let left = store::job_run::running_before_epoch(work.tx(), epoch.0).await?;
        let rescued: Vec<_> = left.into_iter().map(|run| settle(run, Verdict::Released, now, &policy, 0)).collect();
        for run in &rescued {
            work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run.clone()) });
        }
        store::job_run::save_many(work.tx(), &rescued, epoch.0, now).await?;
        alert::let_all_go(&mut work).await?;
        work.commit().await?;
        if !rescued.is_empty() {
            tracing::warn!(runs = rescued.len(), "put back runs that were cut off");
        }
        self.ensure_schedules(epoch).await?;
        self.ensure_months(epoch).await?;
        Ok(epoch)
    }

    async fn ensure_schedules(&self, epoch: Epoch) -> Result<(), ServiceError> {
        for kind in self.jobs.scheduled_kinds() {
            loop {
                let work = self.begin(epoch).await?;
                let without = store::organisation::without_schedule(work.tx(), kind, BATCH.into()).await?;
                let schedules: Vec<_> = without
                    .iter()
                    .filter_map(|organisation| self.jobs.schedule_of(organisation, kind, work.now()))
                    .collect();
                store::schedule::insert_many(work.tx(), &schedules, work.now()).await?;
                work.commit().await?;
                if without.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn ensure_months(&self, epoch: Epoch) -> Result<(), ServiceError> {
        let mut after = None;
        while let Some(page) = self.active_after(after).await? {
            let ids: Vec<_> = page.iter().map(|organisation| organisation.id).collect();
            let channels = store::channel::list_of(self.core.store().read(), &ids).await?;
            let metered = channels.iter().filter(|channel| channel.account.is_some());
            let now = self.core.now();
            let empty: Vec<_> = metered
                .filter_map(|channel| {
                    let organisation = page.iter().find(|organisation| organisation.id == channel.organisation_id)?;
                    let month = Month::of(organisation.time_zone.date(now));
                    Some(account_usage::empty_month(organisation.id, channel.id, month))
                })
                .collect();
            if !empty.is_empty() {
                let work = self.begin(epoch).await?;
                store::account_usage::ensure_months(work.tx(), &empty, now).await?;
                work.commit().await?;
            }
            after = ids.last().copied();
        }
        Ok(())
    }

    /// The next active organisations in the order of their ids; `None` after the last.
    async fn active_after(&self, after: Option<OrganisationId>) -> Result<Option<Vec<Organisation>>, ServiceError> {
        let filter = Filter { active: Some(true), ..Filter::default() };
        let place = after.map(|id| Place { key: String::new(), id });
        let request = PageRequest { after: place, ..PageRequest::first(BATCH) };
        let page = store::organisation::page(self.core.store().read(), &filter, Order::OldestFirst, &request).await?;
        Ok(Some(page.items).filter(|items| !items.is_empty()))
    }

    /// Tells of every active organisation.
    pub async fn organisations(&self, mut tell: impl FnMut(OrganisationId) + Send) -> Result<(), ServiceError> {
        let mut after = None;
        while let Some(page) = self.active_after(after).await? {
            after = page.last().map(|organisation| organisation.id);
            for organisation in page {
                tell(organisation.id);
            }
        }
        Ok(())
    }

    /// Tells when each schedule and each waiting run of an active organisation is due, in no particular order; with `until`, schedules
    /// that are due later may be left out.
    pub async fn for_each_due(
        &self,
        until: Option<Instant>,
        mut tell: impl FnMut(OrganisationId, Instant) + Send,
    ) -> Result<(), ServiceError> {
        let read = self.core.store().read();
        store::schedule::for_each_next(read, until, |organisation, kind, next| {
            tell(organisation, next + self.offset(organisation, kind.code()));
        })
        .await?;
        store::job_run::for_each_waiting(read, tell).await?;
        Ok(())
    }
}
