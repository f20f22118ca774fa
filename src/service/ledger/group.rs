//! One transaction for many calls: checked against what is there, priced, inserted, counted, told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::pricing::{self, Change};
use crate::domain::channel::Channel;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId, UsageRecordId};
use crate::domain::input::BadInput;
use crate::domain::period::Month;
use crate::domain::plan::{Assignments, PriceBook};
use crate::domain::shard::Term;
use crate::domain::usage::{NewUsage, Outcome, Refusal, UsageRecord};
use crate::service::core::UnitOfWork;
use crate::service::lane::{self, Failure};
use crate::service::{Core, ServiceError};
use crate::store;
use crate::store::usage::{Ground as Zones, Owned, Written};

/// A checked record of a call.
#[derive(Debug)]
pub(super) struct Item {
    /// What its sender calls it.
    pub(super) field: String,
    pub(super) usage: NewUsage,
    pub(super) hash: [u8; 16],
}

/// The checked records of a call.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) organisation: OrganisationId,
    pub(super) items: Vec<Item>,
    /// Under what a job writes them.
    pub(super) term: Option<Term>,
}

/// An outcome for each record of a call.
pub(super) type Answer = lane::Answer<Outcome>;

impl lane::Batch for Batch {
    type Outcome = Outcome;

    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn size(&self) -> usize {
        self.items.len()
    }

    fn singly(self) -> Vec<Self> {
        let (organisation, term) = (self.organisation, self.term);
        self.items.into_iter().map(|item| Self { organisation, items: vec![item], term }).collect()
    }

    async fn write(core: &Core, batches: &[Self]) -> Result<Vec<Answer>, Failure> {
        write(core, batches).await
    }

    async fn too_much(_: &Core, single: Self) -> Answer {
        Ok(single.items.iter().map(too_much).collect())
    }
}

fn too_much(item: &Item) -> Outcome {
    let accepted = "expected less: with it, a sum of the organisation's usage would be too large to be kept";
    let bad = BadInput::new(format!("{}.quantity", item.field), item.usage.quantity, accepted);
    Outcome::Rejected(bad.into())
}

/// What the records stand on, as this transaction sees it.
pub(super) struct Ground {
    zones: Zones,
    plans: HashMap<OrganisationId, Assignments>,
    pub(super) closed: HashMap<OrganisationId, BTreeSet<Month>>,
    prices: Arc<PriceBook>,
    channels: HashMap<ChannelId, Channel>,
    customers: Owned<CustomerId>,
}

impl Ground {
    pub(super) async fn lay(core: &Core, work: &UnitOfWork<'_>, batches: &[Batch]) -> Result<Self, Failure> {
        let tx = work.tx();
        let organisations: BTreeSet<_> = batches.iter().map(|batch| batch.organisation).collect();
        let zones = store::usage::ground(tx, &organisations).await?;
        let all: Vec<_> = organisations.iter().copied().collect();
        let plans = store::plan::assignments(tx, &all).await?;
        let usages = || batches.iter().flat_map(|batch| &batch.items).map(|item| &item.usage);
        let earliest = usages().map(|usage| usage.occurred_at).min().unwrap_or_else(|| work.now());
        // A local day may begin up to a day before that of UTC.
        let first = Month::of(earliest.date_naive().pred_opt().unwrap_or_default());
        let closed = store::usage::closed_months(tx, &organisations, first).await?;
        let prices = core.prices().current(tx).await?;
        let channels: BTreeSet<_> = usages().filter_map(|usage| usage.channel_id).collect();
        let channels: Vec<_> = channels.into_iter().collect();
        let found = store::channel::find_many(tx, &channels).await?;
        let channels = found.into_iter().map(|channel| (channel.id, channel)).collect();
        let customers = usages().filter_map(|usage| usage.customer_id).collect();
        let customers = store::usage::customers(tx, &customers).await?;
        Ok(Self { zones, plans, closed, prices, channels, customers })
    }

    /// The record that an item becomes if its key is free, or why it cannot be one.
    pub(super) fn make(&self, organisation: OrganisationId, item: &Item, now: Instant) -> Result<UsageRecord, Refusal> {
        let Item { field, usage, hash } = item;
        self.check_channel(organisation, item)?;
        if usage.customer_id.is_some_and(|id| self.customers.get(&id) != Some(&organisation)) {
            return Err(Refusal::NotFound { field: format!("{field}.customerId"), noun: "customer" });
        }
        let not_found = || Refusal::NotFound { field: "organisationId".to_owned(), noun: "organisation" };
        let zone = self.zones.get(&organisation).ok_or_else(not_found)?;
        let (date, hour) = pricing::local(*zone, usage.occurred_at);
        let plans = self.plans.get(&organisation);
        let stamp = pricing::stamp(&self.prices, plans, &usage.resource, date, usage.quantity).map_err(|_| {
            let accepted = "expected a quantity whose cost is not too large to be kept";
            BadInput::new(format!("{field}.quantity"), usage.quantity, accepted)
        })?;
        Ok(UsageRecord {
            id: UsageRecordId::generate(now),
            organisation_id: organisation,
            idempotency_key: usage.idempotency_key.clone(),
            content_hash: *hash,
            resource: usage.resource.clone(),
            resource_id: usage.resource_id.clone(),
            channel_id: usage.channel_id,
            customer_id: usage.customer_id,
            quantity: usage.quantity,
            rate_id: stamp.rate_id,
            unit_price: stamp.unit_price,
            cost: stamp.cost,
            occurred_at: usage.occurred_at,
            date,
            hour,
            billing_month: pricing::billing_month(self.closed.get(&organisation), date),
            metadata: usage.metadata.clone(),
            correction: None,
            recorded_at: now,
        })
    }

    fn check_channel(&self, organisation: OrganisationId, item: &Item) -> Result<(), Refusal> {
        let Some(id) = item.usage.channel_id else { return Ok(()) };
        let own = self.channels.get(&id).filter(|channel| channel.organisation_id == organisation);
        let Some(channel) = own else {
            return Err(Refusal::NotFound { field: format!("{}.channelId", item.field), noun: "channel" });
        };
        let kind = item.usage.resource.kind;
        if channel.kind == kind {
            return Ok(());
        }
        let accepted = format!("expected {}, as the channel is of that kind", channel.kind);
        Err(BadInput::new(format!("{}.kind", item.field), kind, accepted).into())
    }
}

/// What is to become of an item.
enum Slot {
    Refused(Refusal),
    /// Its record among those of the group, and whether it is the one that is written if the key is free, not one more with its key.
    Keyed {
        record: usize,
        is_first: bool,
    },
}

/// What a transaction is going to write.
struct Group {
    /// For each batch, unless its organisation does not exist.
    slots: Vec<Option<Vec<Slot>>>,
    /// No two with the same key.
    records: Vec<UsageRecord>,
}

impl Group {
    fn gather(ground: &Ground, batches: &[Batch], now: Instant) -> Self {
        let mut group = Self { slots: Vec::with_capacity(batches.len()), records: Vec::new() };
        let mut keys: HashMap<(OrganisationId, &str), usize> = HashMap::new();
        for batch in batches {
            let organisation = batch.organisation;
            if !ground.zones.contains_key(&organisation) {
                group.slots.push(None);
                continue;
            }
            let mut slots = Vec::with_capacity(batch.items.len());
            for item in &batch.items {
                let made = ground.make(organisation, item, now);
                slots.push(made.map_or_else(Slot::Refused, |made| {
                    let next = group.records.len();
                    let record = *keys.entry((organisation, &item.usage.idempotency_key)).or_insert(next);
                    let is_first = record == next;
                    if is_first {
                        group.records.push(made);
                    }
                    Slot::Keyed { record, is_first }
                }));
            }
            group.slots.push(Some(slots));
        }
        group
    }

    /// What became of the items, now that it is known whose keys were taken.
    fn answers(self, batches: &[Batch], written: &Written) -> Vec<Answer> {
        let known: Vec<_> = self.records.iter().map(|record| (record.id, record.content_hash)).collect();
        let mut records: Vec<_> = self.records.into_iter().map(Some).collect();
        let mut outcome = |organisation: OrganisationId, item: &Item, slot: Slot| match slot {
            Slot::Refused(refusal) => Outcome::Rejected(refusal),
            Slot::Keyed { record, is_first } => {
                let taken = written.taken(organisation, &item.usage.idempotency_key);
                let fresh = if is_first && taken.is_none() { records[record].take() } else { None };
                let (id, hash) = taken.unwrap_or(known[record]);
                match fresh {
                    Some(record) => Outcome::Recorded(Box::new(record)),
                    None if hash == item.hash => Outcome::Duplicate(id),
                    None => Outcome::Conflict(id),
                }
            }
        };
        let answers = batches.iter().zip(self.slots).map(|(batch, slots)| {
            let slots = slots.ok_or(ServiceError::NotFound("organisation"))?;
            Ok(batch.items.iter().zip(slots).map(|(item, slot)| outcome(batch.organisation, item, slot)).collect())
        });
        answers.collect()
    }
}

async fn write(core: &Core, batches: &[Batch]) -> Result<Vec<Answer>, Failure> {
    let mut work = core.begin().await.map_err(Failure::NotBegun)?;
    let terms: Vec<_> = batches.iter().filter_map(|batch| batch.term).collect();
    if !terms.is_empty() {
        store::lease::check(work.tx(), &terms).await?;
    }
    let ground = Ground::lay(core, &work, batches).await?;
    let mut change = Change::default();
    let answers = insert(&work, &ground, batches, &mut change).await?;
    change.apply(&mut work).await?;
    work.commit().await?;
    Ok(answers)
}

/// Writes the batches' records within a transaction, and notes what they change; an answer for each batch, in their order.
pub(super) async fn insert(
    work: &UnitOfWork<'_>,
    ground: &Ground,
    batches: &[Batch],
    change: &mut Change,
) -> Result<Vec<Answer>, Failure> {
    let group = Group::gather(ground, batches, work.now());
    let mut sorted: Vec<_> = group.records.iter().collect();
    sorted
        .sort_unstable_by(|a, b| (a.organisation_id, &a.idempotency_key).cmp(&(b.organisation_id, &b.idempotency_key)));
    let written = store::usage::insert(work.tx(), &sorted).await?;
    for record in &group.records {
        if written.taken(record.organisation_id, &record.idempotency_key).is_none() {
            change.add(record)?;
        }
    }
    Ok(group.answers(batches, &written))
}
