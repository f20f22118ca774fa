//! Counting what the ledger writes, in the transaction that writes it: the counters are always the sum of the ledger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::hand_over;
use crate::domain::allowance::{Book, Counter, CounterKey, ReservationState, Rule, Scope};
use crate::domain::id::{ChannelId, OrganisationId, UsageRecordId};
use crate::domain::quantity::Quantity;
use crate::domain::rollup::Rollups;
use crate::domain::usage::{Resource, UsageRecord};
use crate::service::core::UnitOfWork;
use crate::store::allowance::Held;
use crate::store::{self, StoreError};

/// What one record adds, in the order of writing: of use beyond what is allowed it has to be known which record it was.
#[derive(Debug)]
pub(in crate::service) struct Added {
    id: UsageRecordId,
    organisation_id: OrganisationId,
    channel_id: Option<ChannelId>,
    date: NaiveDate,
    resource: Resource,
    quantity: Quantity,
}

impl Added {
    /// A new record.
    pub(in crate::service) fn new(record: &UsageRecord) -> Self {
        Self {
            id: record.id,
            organisation_id: record.organisation_id,
            channel_id: record.channel_id,
            date: record.date,
            resource: record.resource.clone(),
            quantity: record.quantity,
        }
    }

    /// A record that says something else than before; nothing where it is still as much of the same on the same day.
    pub(in crate::service) fn restated(before: &UsageRecord, now: &UsageRecord) -> Option<[Self; 2]> {
        let same = |record: &UsageRecord| (record.resource.kind, record.channel_id, record.date, record.quantity);
        if same(before) == same(now) {
            return None;
        }
        let taken_back = Quantity::ZERO.checked_sub(before.quantity)?;
        Some([Self { quantity: taken_back, ..Self::new(before) }, Self::new(now)])
    }

    fn counts_for(&self, rule: &Rule) -> bool {
        counts(rule, self.organisation_id, self.channel_id, &self.resource)
    }
}

/// Whether usage of a channel counts against the allowance under `rule`.
fn counts(rule: &Rule, organisation: OrganisationId, channel: Option<ChannelId>, resource: &Resource) -> bool {
    let Scope { organisation_id, channel_id } = rule.scope;
    organisation_id == organisation
        && (channel_id.is_none() || channel_id == channel)
        && rule.terms.counted.counts(resource)
}

/// Counts what the ledger's hours gain or lose, flags those of the records that go beyond what is allowed, and hands over what changed.
///
/// Two statements, and one more where something is promised and not recorded yet. The organisations must be held already.
pub(in crate::service) async fn count(
    work: &mut UnitOfWork<'_>,
    rollups: &Rollups,
    added: &[Added],
) -> Result<(), StoreError> {
    let organisations: BTreeSet<_> = rollups.hours.keys().map(|hour| hour.organisation_id).collect();
    if organisations.is_empty() {
        return Ok(());
    }
    let channels: BTreeSet<_> = rollups.hours.keys().filter_map(|hour| hour.channel_id).collect();
    let rules = store::allowance::rules(work.tx(), &organisations, &channels, Held::No).await?;
    let recorded = recorded(rollups, &rules)?;
    if recorded.is_empty() {
        return Ok(());
    }
    let counters = store::allowance::counter::count(work.tx(), &recorded).await?;
    let counters: BTreeMap<_, _> = counters.into_iter().collect();
    flag(work, &rules, (&recorded, &counters), added).await?;
    let book = without_lapsed(work, &rules, counters).await?;
    let mut standings = Vec::with_capacity(recorded.len());
    for (key, quantity) in &recorded {
        let Some(rule) = rules.get(&key.scope) else { continue };
        let used = book.counter(*key).spent()?;
        let before = used.checked_sub(*quantity).ok_or(StoreError::Overflow)?;
        standings.push(rule.standing(*key, before, used, false));
    }
    let changed = standings.iter().map(|standing| standing.organisation_id).collect();
    hand_over(work, &changed, &standings).await
}

/// What counters gain or lose, those that stay as they are left out.
fn recorded(rollups: &Rollups, rules: &BTreeMap<Scope, Rule>) -> Result<BTreeMap<CounterKey, Quantity>, StoreError> {
    let mut recorded: BTreeMap<CounterKey, Quantity> = BTreeMap::new();
    for (hour, totals) in &rollups.hours {
        let organisation_id = hour.organisation_id;
        let own = hour.channel_id.map(|channel| Scope { organisation_id, channel_id: Some(channel) });
        for scope in std::iter::once(Scope::whole(organisation_id)).chain(own) {
            let rule = rules.get(&scope);
            if !rule.is_some_and(|rule| counts(rule, organisation_id, hour.channel_id, &hour.resource)) {
                continue;
            }
            for key in CounterKey::both(scope, hour.date) {
                let sum = recorded.entry(key).or_default();
                *sum = sum.checked_add(totals.quantity).ok_or(StoreError::Overflow)?;
            }
        }
    }
    recorded.retain(|_, quantity| *quantity != Quantity::ZERO);
    Ok(recorded)
}

/// Flags the records with which the ledger's sum went beyond what is granted. What is promised to others is not looked at: a record that
/// takes its place is one of those that were granted.
async fn flag(
    work: &UnitOfWork<'_>,
    rules: &BTreeMap<Scope, Rule>,
    (recorded, counters): (&BTreeMap<CounterKey, Quantity>, &BTreeMap<CounterKey, Counter>),
    added: &[Added],
) -> Result<(), StoreError> {
    let mut over: BTreeMap<OrganisationId, BTreeSet<UsageRecordId>> = BTreeMap::new();
    for (key, counter) in counters {
        let rule = rules.get(&key.scope);
        let Some((rule, bound)) = rule.and_then(|rule| Some((rule, rule.bound(key.period)?))) else { continue };
        if counter.used <= bound {
            continue;
        }
        let gained = recorded.get(key).copied().unwrap_or_default();
        let mut used = counter.used.checked_sub(gained).ok_or(StoreError::Overflow)?;
        for record in added.iter().filter(|record| record.counts_for(rule)) {
            if key.period.start(record.date) != key.start {
                continue;
            }
            used = used.checked_add(record.quantity).ok_or(StoreError::Overflow)?;
            if used > bound && record.quantity > Quantity::ZERO {
                over.entry(record.organisation_id).or_default().insert(record.id);
            }
        }
    }
    for (organisation, ids) in over {
        let ids: Vec<_> = ids.into_iter().collect();
        store::allowance::flag(work.tx(), organisation, &ids).await?;
    }
    Ok(())
}

/// The counters without what was promised too long ago, which nobody may have looked at since.
async fn without_lapsed(
    work: &UnitOfWork<'_>,
    rules: &BTreeMap<Scope, Rule>,
    counters: BTreeMap<CounterKey, Counter>,
) -> Result<Book, StoreError> {
    let now = work.now();
    let waiting = counters.iter().filter(|(_, counter)| counter.committed > counter.settled);
    let waiting = waiting.filter_map(|(key, _)| rules.get(&key.scope));
    let todays = waiting.map(|rule| (rule.scope.organisation_id, rule.zone.date(now))).collect();
    let mut book = Book::new(counters);
    for lot in store::allowance::reservation::lots(work.tx(), &todays, now).await? {
        if lot.state == ReservationState::Committed {
            book.pass(&lot, lot.day)?;
        }
    }
    Ok(book)
}
