//! What a running month costs, against its credit and its budget.
//!
//! Where a month stands is kept beside the settings: what there is in credits, and the cost at which the next threshold is reached. So
//! whoever records reads that and the month's counters, whatever else they hold, and reckons the account anew only when a threshold is
//! reached, a month begins, or an earlier month changes. Whatever changes credits or the budget has it reckoned at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{end, raise};
use crate::domain::alert::{AlertKind, Settings, Spending, Watch};
use crate::domain::billing;
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::money::{Money, Overflow};
use crate::domain::organisation::Organisation;
use crate::domain::period::Month;
use crate::service::core::UnitOfWork;
use crate::service::reckoning::Account;
use crate::service::{Core, ServiceError};
use crate::store::{self, Db};

/// The kinds of alerts that are about what a month costs.
const KINDS: [AlertKind; 2] = [AlertKind::Credit, AlertKind::Budget];

/// Raises what the usage of a transaction brings about: `months` are those in whose bill something of an organisation changed. Call it after
/// the counters are written and before anything else of alerts.
pub(crate) async fn spent(
    work: &mut UnitOfWork<'_>,
    months: &BTreeMap<OrganisationId, BTreeSet<Month>>,
) -> Result<(), ServiceError> {
    if months.is_empty() {
        return Ok(());
    }
    let organisations: Vec<_> = months.keys().copied().collect();
    let mut held = store::alert::hold(work.tx(), &organisations).await?;
    let missing: Vec<_> = organisations.iter().copied().filter(|id| !held.contains_key(id)).collect();
    if !missing.is_empty() {
        store::alert::ensure(work.tx(), &missing, work.now()).await?;
        held.extend(store::alert::hold(work.tx(), &missing).await?);
    }
    let mut unknown = Vec::new();
    let mut watched = Vec::new();
    for (organisation, months) in months {
        let watch = held.get(organisation).and_then(|settings| settings.watch);
        match watch.filter(|watch| work.now() < watch.until && months.iter().all(|month| *month == watch.month)) {
            None => unknown.push(*organisation),
            Some(watch) => watched.extend(watch.look_at.map(|look_at| (*organisation, watch.month, look_at))),
        }
    }
    unknown.extend(reached(work, &watched).await?);
    for organisation in unknown {
        let settings = held.remove(&organisation).unwrap_or_default();
        tolerant(organisation, reckon(work, organisation, &settings, false).await)?;
    }
    Ok(())
}

/// Reckons an organisation's month anew, because what it is measured against is another: what it is beyond is raised, and what it is no
/// longer beyond has recovered.
pub(crate) async fn changed(work: &mut UnitOfWork<'_>, organisation: OrganisationId) -> Result<(), ServiceError> {
    let only = [organisation];
    store::alert::ensure(work.tx(), &only, work.now()).await?;
    let settings = store::alert::hold(work.tx(), &only).await?.remove(&organisation).unwrap_or_default();
    tolerant(organisation, reckon(work, organisation, &settings, true).await)
}

/// A sum that does not fit is no reason not to record what happened.
fn tolerant(organisation: OrganisationId, reckoned: Result<(), ServiceError>) -> Result<(), ServiceError> {
    match reckoned {
        Err(ServiceError::Internal(cause)) if cause.is::<Overflow>() => {
            tracing::error!(organisation.id = %organisation, "the month's cost is too large to be measured against its credit");
            Ok(())
        }
        reckoned => reckoned,
    }
}

/// Those that have come to the cost at which they are to be looked at.
async fn reached(
    work: &UnitOfWork<'_>,
    watched: &[(OrganisationId, Month, Money)],
) -> Result<Vec<OrganisationId>, ServiceError> {
    if watched.is_empty() {
        return Ok(Vec::new());
    }
    let organisations: Vec<_> = watched.iter().map(|(organisation, _, _)| *organisation).collect();
    let months: BTreeSet<_> = watched.iter().map(|(_, month, _)| *month).collect();
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in store::rollup::billed_in(work.tx(), &organisations, &months).await? {
        rows.entry((row.0.organisation_id, row.0.billing_month)).or_default().push(row);
    }
    let prices = work.core().prices().current(work.tx()).await?;
    let mut reached = Vec::new();
    for (organisation, month, look_at) in watched {
        let of_month = rows.remove(&(*organisation, *month)).unwrap_or_default();
        // What adjusts an earlier month is charged after what that was billed before.
        let of_month = if of_month.iter().all(|(key, _)| key.usage_month == *month) {
            of_month
        } else {
            store::rollup::of_billing_month(work.tx(), *organisation, *month).await?
        };
        let charges = billing::charges(&of_month, *month, &prices);
        // What does not fit is beyond every threshold, and told of where it is reckoned.
        if charges.and_then(|charges| billing::cost_of(&charges)).map_or(true, |cost| cost >= *look_at) {
            reached.push(*organisation);
        }
    }
    Ok(reached)
}

/// What an organisation's running month comes to, what there is in credits for it, and when it is over.
pub(super) async fn measure(
    core: &Core,
    db: &impl Db,
    organisation: &Organisation,
    now: Instant,
) -> Result<(Spending, Money), ServiceError> {
    let month = Month::of(organisation.time_zone.date(now));
    let mut account = Account::open(core, db, organisation, month, now).await?;
    let credit = account.available(db, month).await?;
    let currency = account.plan(month)?.currency;
    let cost = account.next(db).await?.map_or(Money::ZERO, |reckoning| reckoning.cost);
    let until = organisation.time_zone.month(month).end;
    Ok((Spending { organisation_id: organisation.id, month, until, cost, currency }, credit))
}

async fn reckon(
    work: &mut UnitOfWork<'_>,
    organisation: OrganisationId,
    settings: &Settings,
    limit_changed: bool,
) -> Result<(), ServiceError> {
    let Some(found) = store::organisation::find(work.tx(), organisation).await? else { return Ok(()) };
    let (spending, credit) = measure(work.core(), work.tx(), &found, work.now()).await?;
    let limits = [(AlertKind::Credit, Some(credit)), (AlertKind::Budget, settings.monthly_budget)];
    if limit_changed {
        let mut over = store::alert::standing(work.tx(), &[organisation], &KINDS).await?;
        over.retain(|alert| {
            let limit = limits.iter().find(|(kind, _)| *kind == alert.about.kind).and_then(|(_, limit)| *limit);
            let is_beyond = |limit| alert.about.threshold.is_some_and(|at| spending.against(limit).reach(at));
            let is_of_month = alert.about.period.is_some_and(|period| period.start == spending.month.first_day());
            is_of_month && !limit.is_some_and(is_beyond)
        });
        end(work, &over).await?;
    }
    let set = limits.into_iter().filter_map(|(kind, limit)| limit.map(|limit| (kind, limit)));
    let set: Vec<_> = set.collect();
    let new = set.iter().flat_map(|(kind, limit)| spending.reached(*kind, *limit, &settings.thresholds));
    raise(work, new.collect()).await?;
    let next = set.iter().filter_map(|(_, limit)| settings.thresholds.next_after(spending.against(*limit)));
    let look_at = next.min().map(Money::from_nanos);
    let watch = Watch { month: spending.month, until: spending.until, credit, look_at };
    Ok(store::alert::save_watch(work.tx(), organisation, watch).await?)
}
