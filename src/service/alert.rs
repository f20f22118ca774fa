//! Alerts: raised in the transaction that crosses a threshold, set up by admins, and shown.

mod allowed;
mod spending;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::reckoning::too_large;
use super::{Core, ServiceError, alarm};
use crate::domain::alert::forecast::{Forecast, ForecastKind, forecast};
use crate::domain::alert::{self, Alert, AlertKind, NewAlert, Settings, Thresholds};
use crate::domain::allowance::Standing;
use crate::domain::id::{AlertId, ChannelId, OrganisationId};
use crate::domain::money::Money;
use crate::domain::organisation::Organisation;
use crate::domain::page::{Page, PageRequest};
use crate::domain::shard::Shard;
use crate::store::alert::Filter;
use crate::store::{self, StoreError};
pub(crate) use spending::{changed, spent};

/// What is to be changed of the settings; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    pub thresholds: Option<Vec<i32>>,
    /// `Some(None)`: no budget.
    pub monthly_budget: Option<Option<String>>,
}

/// Shows alerts and sets up at what they are raised.
#[derive(Debug, Clone)]
pub struct AlertService {
    core: Arc<Core>,
}

impl AlertService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// A page of alerts, newest first: of one organisation or of all; only open ones, only others, or both.
    pub async fn page(
        &self,
        organisation: Option<OrganisationId>,
        open: Option<bool>,
        request: &PageRequest<AlertId>,
    ) -> Result<Page<Alert>, ServiceError> {
        let filter = Filter { organisation, open: open.map(|open| (open, self.core.now())) };
        Ok(store::alert::page(self.core.store().read(), &filter, request).await?)
    }

    /// The alert with this id, whosever it is.
    pub async fn find(&self, id: AlertId) -> Result<Option<Alert>, ServiceError> {
        Ok(store::alert::find(self.core.store().read(), id).await?)
    }

    /// Those of the ids that exist, whosever they are.
    pub async fn find_many(&self, ids: &[AlertId]) -> Result<HashMap<AlertId, Alert>, ServiceError> {
        let found = store::alert::find_many(self.core.store().read(), ids).await?;
        Ok(found.into_iter().map(|alert| (alert.id, alert)).collect())
    }

    /// Whether an alert still concerns anybody.
    pub fn is_open(&self, alert: &Alert) -> bool {
        alert.is_open(self.core.now())
    }

    /// What an organisation is alerted at.
    pub async fn settings(&self, organisation: OrganisationId) -> Result<Settings, ServiceError> {
        let mut settings = store::alert::settings(self.core.store().read(), &[organisation]).await?;
        Ok(settings.remove(&organisation).unwrap_or_default())
    }

    /// Where an organisation's month goes: what it uses of its allowance, its credit and its budget, if use goes on as it did. What there is nothing of
    /// and nothing was used of has no forecast.
    pub async fn forecasts(&self, organisation: &Organisation) -> Result<Vec<Forecast>, ServiceError> {
        let db = self.core.store().read();
        let now = self.core.now();
        let (spending, credit) = spending::measure(&self.core, db, organisation, now).await?;
        let budget = self.settings(organisation.id).await?.monthly_budget;
        let zone = organisation.time_zone;
        let period = zone.month(spending.month);
        let allowed = allowed::of_month(db, organisation.id, now).await?;
        let figures = [
            (ForecastKind::AllowanceMonthly, allowed),
            (ForecastKind::Credit, Some(spending.against(credit))),
            (ForecastKind::Budget, budget.map(|budget| spending.against(budget))),
        ];
        let figures = figures.into_iter().filter_map(|(kind, figures)| Some((kind, figures?)));
        let some = figures.filter(|(_, figures)| figures.limit > 0 || figures.used > 0);
        let forecasts = some.map(|(kind, figures)| forecast(kind, figures, period, now, zone));
        forecasts.collect::<Result<_, _>>().map_err(too_large)
    }

    /// Changes what an organisation is alerted at. What is beyond a threshold or a budget that is new is told at once, and what is no longer
    /// beyond them has recovered.
    pub async fn set(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        change: SettingsChange,
    ) -> Result<Settings, ServiceError> {
        caller.require_admin()?;
        let thresholds = change.thresholds.as_deref();
        let thresholds = thresholds.map(|percents| Thresholds::checked("thresholds", percents)).transpose()?;
        let budget = change.monthly_budget.map(|budget| budget.as_deref().map(checked_budget).transpose());
        let budget = budget.transpose()?;

        let mut work = self.core.begin().await?;
        // From here on nobody counts for the organisation.
        let found = store::organisation::find_for_update(work.tx(), organisation).await?;
        found.ok_or(ServiceError::NotFound("organisation"))?;
        store::alert::ensure(work.tx(), &[organisation], work.now()).await?;
        let before = store::alert::hold(work.tx(), &[organisation]).await?.remove(&organisation).unwrap_or_default();
        let settings = Settings {
            thresholds: thresholds.unwrap_or(before.thresholds),
            monthly_budget: budget.unwrap_or(before.monthly_budget),
            watch: None,
        };
        store::alert::save(work.tx(), organisation, &settings, work.now()).await?;
        changed(&mut work, organisation).await?;
        let standings = allowed::standings(work.tx(), organisation, work.now()).await?;
        allowance_stands(&mut work, &standings).await?;
        let details = json!({ "thresholds": settings.thresholds.percents(), "monthlyBudget": settings.monthly_budget });
        work.audit(caller, "setAlerts", Some(organisation), Some(organisation.to_string()), details).await?;
        work.commit().await?;
        Ok(settings)
    }
}

fn checked_budget(text: &str) -> Result<Money, ServiceError> {
    Ok(crate::domain::credit::checked_amount("monthlyBudget", text)?)
}

/// Raises alerts, but those that stand already under their key, and says so.
pub(crate) async fn raise(work: &mut UnitOfWork<'_>, new: Vec<NewAlert>) -> Result<(), StoreError> {
    let told = alarm::raise(work.tx(), new, work.now()).await?;
    work.say_all(told);
    Ok(())
}

/// Ends what stands under a key, if anything does, and says so.
pub(crate) async fn recover(
    work: &mut UnitOfWork<'_>,
    organisation: OrganisationId,
    key: String,
) -> Result<(), StoreError> {
    let standing = store::alert::standing_under(work.tx(), &[(organisation, key)]).await?;
    end(work, &standing).await
}

async fn end(work: &mut UnitOfWork<'_>, over: &[Alert]) -> Result<(), StoreError> {
    let told = alarm::recover(work.tx(), over, work.now()).await?;
    work.say_all(told);
    Ok(())
}

/// Raises the alerts of the thresholds that allowances passed in this transaction; where a limit changed, what is no longer beyond it has
/// recovered. Costs nothing where no whole percentage was passed.
pub(crate) async fn allowance_stands(work: &mut UnitOfWork<'_>, standings: &[Standing]) -> Result<(), StoreError> {
    // What is over concerns nobody, though it may still be counted.
    let runs = |standing: &&Standing| standing.ends_at > work.now();
    let moved: Vec<_> = standings.iter().filter(runs).filter(|standing| alert::may_cross(standing)).collect();
    if moved.is_empty() {
        return Ok(());
    }
    let organisations: BTreeSet<_> = moved.iter().map(|standing| standing.organisation_id).collect();
    let organisations: Vec<_> = organisations.into_iter().collect();
    let settings = store::alert::settings(work.tx(), &organisations).await?;
    let usual = Settings::default();
    let of = |standing: &Standing| settings.get(&standing.organisation_id).unwrap_or(&usual);
    let over = no_longer_beyond(work, &moved).await?;
    end(work, &over).await?;
    let new = moved.iter().flat_map(|standing| alert::crossed(standing, &of(standing).thresholds)).collect();
    raise(work, new).await
}

/// The alerts that stand of allowances whose limit changed, and which they are no longer beyond.
async fn no_longer_beyond(work: &UnitOfWork<'_>, standings: &[&Standing]) -> Result<Vec<Alert>, StoreError> {
    let changed: Vec<_> = standings.iter().filter(|standing| standing.limit_changed).collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let organisations: BTreeSet<_> = changed.iter().map(|standing| standing.organisation_id).collect();
    let organisations: Vec<_> = organisations.into_iter().collect();
    let kinds = [AlertKind::AllowanceDaily, AlertKind::AllowanceMonthly];
    let mut standing = store::alert::standing(work.tx(), &organisations, &kinds).await?;
    standing.retain(|alert| changed.iter().any(|changed| alert::is_behind(alert, changed)));
    Ok(standing)
}

/// Says that a channel needs no attention any more.
pub(crate) async fn attended(
    work: &mut UnitOfWork<'_>,
    organisation: OrganisationId,
    channel: ChannelId,
) -> Result<(), StoreError> {
    let key = alarm::of_channel(organisation, channel, "").key();
    recover(work, organisation, key).await
}

/// Says of the resources that had no rate and of which nothing is left without a price.
pub(crate) async fn priced(work: &mut UnitOfWork<'_>, organisation: OrganisationId) -> Result<(), StoreError> {
    let mut standing = store::alert::standing(work.tx(), &[organisation], &[AlertKind::UsageUnpriced]).await?;
    if standing.is_empty() {
        return Ok(());
    }
    let unpriced = store::rollup::unpriced_resources(work.tx(), organisation).await?;
    let unpriced: BTreeSet<_> = unpriced.iter().map(|(kind, resource)| format!("{kind}/{resource}")).collect();
    standing.retain(|alert| alert.about.subject.as_ref().is_some_and(|subject| !unpriced.contains(subject)));
    end(work, &standing).await
}

/// Says that an organisation's jobs run again.
pub(crate) async fn let_go(work: &mut UnitOfWork<'_>, organisation: OrganisationId) -> Result<(), StoreError> {
    let key = alarm::of_quarantine(organisation, 0).key();
    recover(work, organisation, key).await
}

/// Says so of everybody in these shards, because what runs their jobs begins anew.
pub(crate) async fn let_all_go(work: &mut UnitOfWork<'_>, shards: &[Shard]) -> Result<(), StoreError> {
    let standing = store::alert::standing_in(work.tx(), shards, AlertKind::SchedulerQuarantined).await?;
    end(work, &standing).await
}
