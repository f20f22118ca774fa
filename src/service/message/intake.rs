//! What is told, joined with what is known, before anything of it is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::fact::Touched;
use crate::domain::activity::{Span, Spans};
use crate::domain::channel::{Channel, ChannelKind};
use crate::domain::clock::Instant;
use crate::domain::customer::{Customer, NewCustomer};
use crate::domain::id::{CampaignId, ChannelId, CustomerId, OrganisationId};
use crate::domain::message::rollup::{Deltas, Sign};
use crate::domain::message::{ConversationTold, Message, Outcome, Update};
use crate::domain::period::Zone;
use crate::domain::phone::PhoneNumber;
use crate::domain::recording::Direction;
use crate::domain::usage::{Refusal, UsageRecord};
use crate::service::core::UnitOfWork;
use crate::service::lane::Answer;
use crate::service::ledger::Entry;
use crate::service::{ServiceError, welcome};
use crate::store::message::contact::ContactKey;
use crate::store::usage::{Ground as Zones, Owned};
use crate::store::{self, StoreError};

/// The checked updates of a call.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) organisation: OrganisationId,
    pub(super) updates: Vec<Update>,
}

/// What is known already, as this transaction sees it.
pub(super) struct Ground {
    zones: Zones,
    channels: HashMap<ChannelId, Channel>,
    campaigns: Owned<CampaignId>,
    customers: HashMap<OrganisationId, HashMap<PhoneNumber, Customer>>,
    messages: HashMap<OrganisationId, HashMap<String, Message>>,
}

impl Ground {
    /// Holds the organisations and reads what is told of.
    pub(super) async fn lay(work: &UnitOfWork<'_>, batches: &[Batch]) -> Result<Self, StoreError> {
        let tx = work.tx();
        let organisations: BTreeSet<_> = batches.iter().map(|batch| batch.organisation).collect();
        store::message::hold(tx, &organisations).await?;
        let zones = store::usage::ground(tx, &organisations).await?;
        let updates = || batches.iter().flat_map(|batch| &batch.updates);
        let channels: BTreeSet<_> = updates().map(|update| update.channel_id).collect();
        let found = store::channel::find_many(tx, &channels.into_iter().collect::<Vec<_>>()).await?;
        let channels = found.into_iter().map(|channel| (channel.id, channel)).collect();
        let campaigns = updates().filter_map(|update| update.campaign_id).collect();
        let campaigns = store::message::campaigns(tx, &campaigns).await?;
        let (mut customers, mut messages) = (HashMap::new(), HashMap::new());
        for organisation in organisations.into_iter().filter(|id| zones.contains_key(id)) {
            let own = || batches.iter().filter(|batch| batch.organisation == organisation);
            let updates = || own().flat_map(|batch| &batch.updates);
            let phones: BTreeSet<_> = updates().map(|update| update.phone.clone()).collect();
            let phones: Vec<_> = phones.into_iter().collect();
            let found = store::customer::find_by_phone(tx, organisation, &phones).await?;
            let by_phone: HashMap<_, _> =
                found.into_iter().map(|customer| (customer.phone.clone(), customer)).collect();
            customers.insert(organisation, by_phone);
            let names: BTreeSet<_> = updates().map(|update| update.external_id.as_str()).collect();
            let names: Vec<_> = names.into_iter().collect();
            let found = store::message::find_many(tx, organisation, &names).await?;
            let by_name: HashMap<_, _> =
                found.into_iter().map(|message| (message.external_id.clone(), message)).collect();
            messages.insert(organisation, by_name);
        }
        Ok(Self { zones, channels, campaigns, customers, messages })
    }

    pub(super) fn zone(&self, organisation: OrganisationId) -> Option<Zone> {
        self.zones.get(&organisation).copied()
    }

    fn customer(&self, organisation: OrganisationId, phone: &PhoneNumber) -> Option<&Customer> {
        self.customers.get(&organisation)?.get(phone)
    }

    fn message(&self, organisation: OrganisationId, external_id: &str) -> Option<&Message> {
        self.messages.get(&organisation)?.get(external_id)
    }

    /// What is named must be the organisation's own.
    fn check(&self, organisation: OrganisationId, update: &Update) -> Result<(), Refusal> {
        let not_found = |field: &str, noun| Refusal::NotFound { field: format!("{}.{field}", update.field), noun };
        let channel = self.channels.get(&update.channel_id);
        if channel.is_none_or(|channel| channel.organisation_id != organisation) {
            return Err(not_found("channelId", "channel"));
        }
        if update.campaign_id.is_some_and(|id| self.campaigns.get(&id) != Some(&organisation)) {
            return Err(not_found("campaignId", "campaign"));
        }
        Ok(())
    }
}

/// Which update of which batch.
pub(super) type Place = (usize, usize);

/// A message of which something was told.
struct Joined {
    before: Option<Message>,
    now: Message,
    phone: PhoneNumber,
    /// The last update that changed what usage it is, and what its sender calls that.
    usage: Option<(Place, String)>,
}

impl Joined {
    /// Whether it is to be written.
    fn is_changed(&self) -> bool {
        self.before.as_ref() != Some(&self.now)
    }

    /// Whether its conversation has to be made anew, and since when its customer is talked to found out.
    fn is_moved(&self) -> bool {
        let place = |message: &Message| (message.life.created_at, message.date, message.conversation_id.clone());
        self.before.as_ref().map(place) != Some(place(&self.now))
    }
}

/// What a transaction is going to write.
pub(super) struct Intake {
    messages: BTreeMap<(OrganisationId, String), Joined>,
    /// The names that were told of people, by their numbers; of several the first.
    names: BTreeMap<(OrganisationId, PhoneNumber), String>,
    /// The ids that new people get.
    met: HashMap<(OrganisationId, PhoneNumber), CustomerId>,
    told: BTreeMap<(OrganisationId, String), ConversationTold>,
    /// For each batch, unless its organisation does not exist.
    slots: Vec<Option<Vec<Outcome>>>,
}

impl Intake {
    pub(super) fn gather(ground: &Ground, batches: &[Batch], now: Instant) -> Self {
        let mut intake = Self {
            messages: BTreeMap::new(),
            names: BTreeMap::new(),
            met: HashMap::new(),
            told: BTreeMap::new(),
            slots: Vec::with_capacity(batches.len()),
        };
        for (number, batch) in batches.iter().enumerate() {
            let slots = ground.zone(batch.organisation).map(|zone| {
                let take =
                    |(index, update)| intake.take(ground, (batch.organisation, zone), update, (number, index), now);
                batch.updates.iter().enumerate().map(take).collect()
            });
            intake.slots.push(slots);
        }
        intake
    }

    fn take(
        &mut self,
        ground: &Ground,
        (organisation, zone): (OrganisationId, Zone),
        update: &Update,
        place: Place,
        now: Instant,
    ) -> Outcome {
        if let Err(refusal) = ground.check(organisation, update) {
            return Outcome::Rejected(refusal);
        }
        let known = ground.customer(organisation, &update.phone).map(|customer| customer.id);
        let customer_id = known.unwrap_or_else(|| {
            let met = self.met.entry((organisation, update.phone.clone()));
            *met.or_insert_with(|| CustomerId::generate(now))
        });
        let told = message(organisation, customer_id, update, zone);
        let key = (organisation, update.external_id.clone());
        let known = self.messages.get(&key).map(|joined| &joined.now);
        let known = known.or_else(|| ground.message(organisation, &update.external_id)).cloned();
        let joined = match known.clone() {
            None => told,
            Some(known) => match known.absorb(told, |at| zone.date(at)) {
                Ok(joined) => joined,
                Err(mismatch) => return Outcome::Conflict(mismatch),
            },
        };
        if let Some(name) = &update.customer_name {
            self.names.entry((organisation, update.phone.clone())).or_insert_with(|| name.clone());
        }
        if let (Some(expires_at), Some(name)) = (update.conversation_expires_at, &update.conversation_id) {
            let told = ConversationTold { expires_at: Some(expires_at), ..ConversationTold::default() };
            let sum = self.told.entry((organisation, name.clone())).or_default();
            *sum = sum.join(told);
        }
        if known.as_ref() == Some(&joined) {
            return Outcome::Duplicate;
        }
        let usage = |message: &Message| (message.life.reached_at(), message.pricing.clone());
        let is_used = known.as_ref().map(usage) != Some(usage(&joined)) && joined.life.reached_at().is_some();
        let usage = is_used.then(|| (place, update.field.clone()));
        let entry = self.messages.entry(key).or_insert_with(|| Joined {
            before: known,
            now: joined.clone(),
            phone: update.phone.clone(),
            usage: None,
        });
        entry.now = joined;
        entry.usage = usage.or(entry.usage.take());
        Outcome::Recorded { usage: None }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_nothing(&self) -> bool {
        self.messages.is_empty() && self.told.is_empty()
    }

    pub(super) fn changed(&self) -> Vec<&Message> {
        self.messages.values().filter(|joined| joined.is_changed()).map(|joined| &joined.now).collect()
    }

    /// From when until when something is told to have happened.
    pub(super) fn spans(&self) -> Spans {
        let mut spans = Spans::default();
        for message in self.changed() {
            let span = Span { first_at: message.life.created_at, last_at: message.life.last_at() };
            spans.note(message.organisation_id, span);
        }
        spans
    }

    /// Who is new, or gets a name, by organisation.
    pub(super) fn people(&self, ground: &Ground) -> BTreeMap<OrganisationId, Vec<(CustomerId, NewCustomer)>> {
        let mut people: BTreeMap<(OrganisationId, &PhoneNumber), (CustomerId, Option<&String>)> = BTreeMap::new();
        for ((organisation, _), joined) in &self.messages {
            let phone = &joined.phone;
            let name = self.names.get(&(*organisation, phone.clone()));
            let known = ground.customer(*organisation, phone);
            if known.is_none_or(|known| known.name.is_none() && name.is_some()) {
                people.insert((*organisation, phone), (joined.now.customer_id, name));
            }
        }
        let mut by_organisation: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((organisation, phone), (id, name)) in people {
            let new = NewCustomer {
                phone: phone.clone(),
                name: name.cloned(),
                registered: false,
                blocked: false,
                external_id: None,
            };
            by_organisation.entry(organisation).or_default().push((id, new));
        }
        by_organisation
    }

    /// Who was not known before, and wrote lately.
    pub(super) fn newcomers(&self, now: Instant) -> BTreeMap<OrganisationId, Vec<CustomerId>> {
        let met: BTreeSet<_> =
            self.met.iter().map(|((organisation, _), customer)| (*organisation, *customer)).collect();
        let mut wrote = BTreeSet::new();
        for ((organisation, _), joined) in &self.messages {
            let Message { customer_id, direction, life, .. } = &joined.now;
            let is_news = *direction == Direction::Inbound && welcome::is_news(life.created_at, now);
            if is_news && met.contains(&(*organisation, *customer_id)) {
                wrote.insert((*organisation, *customer_id));
            }
        }
        let mut newcomers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (organisation, customer) in wrote {
            newcomers.entry(organisation).or_default().push(customer);
        }
        newcomers
    }

    /// Counts what changed.
    pub(super) fn count(&self, deltas: &mut Deltas) {
        for joined in self.messages.values().filter(|joined| joined.is_changed()) {
            if let Some(before) = &joined.before {
                deltas.message(before, Sign::Out);
            }
            deltas.message(&joined.now, Sign::In);
        }
    }

    /// Since when people may be talked to, by organisation.
    pub(super) fn contacts(&self) -> BTreeMap<OrganisationId, BTreeMap<ContactKey, NaiveDate>> {
        let mut contacts: BTreeMap<_, BTreeMap<ContactKey, NaiveDate>> = BTreeMap::new();
        for ((organisation, _), joined) in self.messages.iter().filter(|(_, joined)| joined.is_moved()) {
            let Message { channel_id, customer_id, date, .. } = joined.now;
            let own = contacts.entry(*organisation).or_default();
            for key in [(Some(channel_id), customer_id), (None, customer_id)] {
                own.entry(key).and_modify(|known| *known = date.min(*known)).or_insert(date);
            }
        }
        contacts
    }

    /// Conversations whose messages changed or of which something was told, by organisation.
    pub(super) fn conversations(&self) -> BTreeMap<OrganisationId, BTreeMap<String, ConversationTold>> {
        let mut touched: BTreeMap<_, BTreeMap<String, ConversationTold>> = BTreeMap::new();
        for ((organisation, name), told) in &self.told {
            touched.entry(*organisation).or_default().insert(name.clone(), *told);
        }
        for ((organisation, _), joined) in self.messages.iter().filter(|(_, joined)| joined.is_moved()) {
            let before = joined.before.as_ref().and_then(|message| message.conversation_id.clone());
            for name in before.into_iter().chain(joined.now.conversation_id.clone()) {
                touched.entry(*organisation).or_default().entry(name).or_default();
            }
        }
        touched
    }

    /// The usage that messages are now and were not, or were otherwise, each with the update that is told of it.
    pub(super) fn entries(&self, ground: &Ground) -> Vec<(Entry, Place)> {
        let mut countries = HashMap::new();
        let mut entries = Vec::new();
        for ((organisation, _), joined) in &self.messages {
            let Some((place, field)) = &joined.usage else { continue };
            let kind =
                ground.channels.get(&joined.now.channel_id).map_or(ChannelKind::Whatsapp, |channel| channel.kind);
            let country = *countries.entry(&joined.phone).or_insert_with(|| joined.phone.country());
            let usage = |message: &Message| message.usage(field, kind, country);
            let before = joined.before.as_ref().and_then(usage);
            let Some(now) = usage(&joined.now).filter(|now| before.as_ref() != Some(now)) else { continue };
            entries.push((Entry { organisation: *organisation, before, now }, *place));
        }
        entries
    }

    /// Notes the record that an update made or changed.
    pub(super) fn attach(&mut self, (batch, index): Place, record: Box<UsageRecord>) {
        let slot = self.slots.get_mut(batch).and_then(Option::as_mut).and_then(|slots| slots.get_mut(index));
        if let Some(Outcome::Recorded { usage }) = slot {
            *usage = Some(record);
        }
    }

    /// The channels of what changed.
    pub(super) fn channels(&self) -> Touched<ChannelId> {
        let mut channels = Touched::new();
        for ((organisation, _), joined) in self.messages.iter().filter(|(_, joined)| joined.is_changed()) {
            channels.entry(*organisation).or_default().insert(joined.now.channel_id);
        }
        channels
    }

    /// The days of what changed.
    pub(super) fn dates(&self) -> Touched<NaiveDate> {
        let mut dates = Touched::new();
        for ((organisation, _), joined) in self.messages.iter().filter(|(_, joined)| joined.is_changed()) {
            dates.entry(*organisation).or_default().insert(joined.now.date);
        }
        dates
    }

    /// What became of the updates of each batch.
    pub(super) fn answers(self) -> Vec<Answer<Outcome>> {
        self.slots.into_iter().map(|slots| slots.ok_or(ServiceError::NotFound("organisation"))).collect()
    }
}

fn message(organisation_id: OrganisationId, customer_id: CustomerId, update: &Update, zone: Zone) -> Message {
    Message {
        organisation_id,
        external_id: update.external_id.clone(),
        channel_id: update.channel_id,
        direction: update.direction,
        customer_id,
        campaign_id: update.campaign_id,
        conversation_id: update.conversation_id.clone(),
        pricing: update.pricing.clone(),
        life: update.life,
        failure: update.failure.clone(),
        date: zone.date(update.life.created_at),
    }
}
