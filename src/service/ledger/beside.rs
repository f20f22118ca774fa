//! Usage that follows from something else, written in the transaction that writes that: a message that has reached somebody is one record.
//!
//! Where later facts change what the record should be, it is restated in place with its counters, as long as nothing was built on it: it
//! was not corrected, and the invoice that it is on still changes. A record that somebody else made under the same key stays as it is.

use std::collections::{BTreeMap, HashMap};

use super::Window;
use super::group::{self, Batch, Ground, Item};
use super::pricing::Change;
use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::domain::usage::{Draft, NewUsage, Outcome, Refusal, UsageRecord};
use crate::service::core::UnitOfWork;
use crate::service::lane::Failure;
use crate::service::{Core, ServiceError};
use crate::store;

/// Usage that there should be. No two of an organisation have the same key.
#[derive(Debug)]
pub(in crate::service) struct Entry {
    pub(in crate::service) organisation: OrganisationId,
    /// As which it was entered before, if it was.
    pub(in crate::service) before: Option<Draft>,
    pub(in crate::service) now: Draft,
}

/// What became of an [`Entry`].
#[derive(Debug)]
pub(in crate::service) enum Entered {
    /// The record was made.
    Made(Box<UsageRecord>),
    /// The record says something else than it did.
    Restated(Box<UsageRecord>),
    /// There was a record, which stays as it is.
    Kept,
    /// There is no record, and none was made.
    Refused(Refusal),
}

/// An entry that was checked.
struct Checked {
    place: usize,
    before: Option<NewUsage>,
    item: Item,
    /// Why a record must not be made, though one that is there may be restated.
    late: Option<BadInput>,
}

/// Makes or restates the records of `entries` within a transaction; what became of each, in their order. What the ledger refuses of one is no
/// trouble of the others, but that a counter which overflows fails them all.
pub(in crate::service) async fn enter(
    core: &Core,
    work: &mut UnitOfWork<'_>,
    entries: Vec<Entry>,
    window: Window,
) -> Result<Vec<Entered>, Failure> {
    let mut entered: Vec<Option<Entered>> = entries.iter().map(|_| None).collect();
    let mut checked: BTreeMap<OrganisationId, Vec<Checked>> = BTreeMap::new();
    for (place, entry) in entries.into_iter().enumerate() {
        let organisation = entry.organisation;
        match check(core, work, place, entry, window) {
            Ok(entry) => checked.entry(organisation).or_default().push(entry),
            Err(bad) => entered[place] = Some(Entered::Refused(bad.into())),
        }
    }
    let mut places = Vec::new();
    let mut batches = Vec::with_capacity(checked.len());
    let mut restated = Vec::new();
    for (organisation, checked) in checked {
        let mut items = Vec::with_capacity(checked.len());
        for Checked { place, before, item, late } in checked {
            places.push((place, late));
            restated.extend(before.map(|before| (batches.len(), items.len(), before)));
            items.push(item);
        }
        batches.push(Batch { organisation, items, term: None });
    }
    let ground = Ground::lay(core, work, &batches).await?;
    let mut change = Change::default();
    let mut done = restate(work, &ground, &batches, restated, &mut change).await?;

    // What was not there to be restated is made, unless it is too late for that.
    let mut next = places.into_iter();
    let mut made_at = Vec::new();
    let mut making = Vec::with_capacity(batches.len());
    for (batch, Batch { organisation, items, .. }) in batches.into_iter().enumerate() {
        let mut fresh = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let (place, late) = next.next().ok_or_else(lost)?;
            match (done.remove(&(batch, index)), late) {
                (Some(outcome), _) => entered[place] = Some(outcome),
                (None, Some(bad)) => entered[place] = Some(Entered::Refused(bad.into())),
                (None, None) => {
                    made_at.push(place);
                    fresh.push(item);
                }
            }
        }
        making.push(Batch { organisation, items: fresh, term: None });
    }
    let mut made_at = made_at.into_iter();
    for answer in group::insert(work, &ground, &making, &mut change).await? {
        for outcome in answer? {
            entered[made_at.next().ok_or_else(lost)?] = Some(match outcome {
                Outcome::Recorded(record) => Entered::Made(record),
                Outcome::Duplicate(_) | Outcome::Conflict(_) | Outcome::Skipped(_) => Entered::Kept,
                Outcome::Rejected(refusal) => Entered::Refused(refusal),
            });
        }
    }
    change.apply(work).await?;
    let entered: Option<Vec<_>> = entered.into_iter().collect();
    entered.ok_or_else(lost)
}

fn lost() -> Failure {
    Failure::Other(ServiceError::Internal("usage has no outcome".into()))
}

fn check(core: &Core, work: &UnitOfWork<'_>, place: usize, entry: Entry, window: Window) -> Result<Checked, BadInput> {
    let now = work.now();
    let field = entry.now.field.clone();
    let late = match window {
        Window::Live => entry.now.clone().check(now, Some(now - core.ledger().late_window)).err(),
        Window::Backfill => None,
    };
    let usage = entry.now.check(now, None)?;
    let before = entry.before.map(|draft| draft.check(now, None)).transpose()?;
    let item = Item { field, hash: usage.content_hash(), usage };
    Ok(Checked { place, before, item, late })
}

/// Restates the records of those items that had one before, each given by its batch, its place there and what it was; what became of those
/// for which there is a record.
async fn restate(
    work: &UnitOfWork<'_>,
    ground: &Ground,
    batches: &[Batch],
    restated: Vec<(usize, usize, NewUsage)>,
    change: &mut Change,
) -> Result<HashMap<(usize, usize), Entered>, Failure> {
    let mut done = HashMap::with_capacity(restated.len());
    for (number, Batch { organisation, items, .. }) in batches.iter().enumerate() {
        let of = |(batch, index, before): &(usize, usize, NewUsage)| {
            (*batch == number).then(|| (items[*index].usage.idempotency_key.as_str(), (*index, before.clone())))
        };
        let wanted: HashMap<&str, (usize, NewUsage)> = restated.iter().filter_map(of).collect();
        if wanted.is_empty() {
            continue;
        }
        let keys: Vec<_> = wanted.keys().copied().collect();
        let records = store::usage::hold_by_key(work.tx(), *organisation, &keys).await?;
        let ids: Vec<_> = records.iter().map(|record| record.id).collect();
        let corrected = store::usage::corrected(work.tx(), &ids).await?;
        for record in records {
            let Some((index, before)) = wanted.get(record.idempotency_key.as_str()) else { continue };
            let closed = ground.closed.get(organisation);
            let is_billed = closed.is_some_and(|closed| closed.contains(&record.billing_month));
            let stays = is_billed || corrected.contains(&record.id) || !is_of(&record, before);
            let outcome = if stays {
                Entered::Kept
            } else {
                match ground.make(*organisation, &items[*index], record.recorded_at) {
                    Ok(made) => {
                        let now = UsageRecord { id: record.id, ..made };
                        change.replace(&record, &now)?;
                        store::usage::restate(work.tx(), &now).await?;
                        Entered::Restated(Box::new(now))
                    }
                    Err(refusal) => Entered::Refused(refusal),
                }
            };
            done.insert((number, *index), outcome);
        }
    }
    Ok(done)
}

/// Whether a record was made out of `before`, and not by somebody else under the same key. What country a number is of may be seen otherwise
/// by another version of this program.
fn is_of(record: &UsageRecord, before: &NewUsage) -> bool {
    let mut before = before.clone();
    before.resource.country = record.resource.country;
    before.content_hash() == record.content_hash
}
