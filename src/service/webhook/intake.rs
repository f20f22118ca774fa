//! What BSPs tell finds its channel and is taken in with the messages; what cannot be taken is kept aside with its reason.
//!
//! The messages are committed first, an organisation at a time and in the order in which they were told, and then what is kept aside.
//! Whoever gets no answer tells everything again: what is known already changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::WebhookService;
use crate::domain::channel::{BspKind, Channel};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, RejectedUpdateId};
use crate::domain::message::{Mismatch, Outcome, Update};
use crate::domain::phone::PhoneNumber;
use crate::domain::webhook::{Item, RejectedUpdate, WebhookSource, cut_payload};
use crate::service::ServiceError;
use crate::service::message::MESSAGES_MAX;
use crate::store;

/// What became of the items of one body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Updates that said something new.
    pub recorded: u64,
    /// Updates that said what was known.
    pub duplicates: u64,
    /// Items, or updates, that were kept aside.
    pub rejected: u64,
    /// Items that tell of no message.
    pub passed_over: u64,
}

/// An item whose channel was looked for.
struct Addressed<'a> {
    item: Item<'a>,
    channel: Result<Channel, String>,
}

/// Updates of one organisation, and by their places the items that they came from.
type Parcel = Vec<(Update, usize)>;

impl WebhookService {
    /// Takes in what Meta told. Whose it is follows from the account, and where several channels share that, from the number.
    pub async fn receive_from_meta(&self, items: Vec<Item<'_>>) -> Result<Tally, ServiceError> {
        let accounts: BTreeSet<_> =
            items.iter().map(|item| item.account).filter(|account| !account.is_empty()).collect();
        let accounts: Vec<_> = accounts.into_iter().collect();
        let mut channels: BTreeMap<String, Vec<Channel>> = BTreeMap::new();
        for channel in store::channel::list_of_accounts(self.core.store().read(), BspKind::Interakt, &accounts).await? {
            let account = channel.account.as_ref().map(|account| account.account.clone()).unwrap_or_default();
            channels.entry(account).or_default().push(channel);
        }
        let addressed = items.into_iter().map(|item| {
            let sharing = channels.get(item.account).map(Vec::as_slice).unwrap_or_default();
            Addressed { channel: one_of(sharing, &item), item }
        });
        self.take_in(WebhookSource::Meta, addressed.collect()).await
    }

    /// Takes in what Gupshup told of a channel whose secret it carried.
    pub async fn receive_from_gupshup(&self, channel: &Channel, items: Vec<Item<'_>>) -> Result<Tally, ServiceError> {
        let own = channel.account.as_ref().map(|account| account.account.as_str()).unwrap_or_default();
        let addressed = items.into_iter().map(|item| {
            let is_own = item.account.is_empty() || item.account == own;
            let stray = || format!("gs_app_id: {:?} is not the app of the channel, which is {own:?}", item.account);
            Addressed { channel: is_own.then(|| channel.clone()).ok_or_else(stray), item }
        });
        self.take_in(WebhookSource::Gupshup, addressed.collect()).await
    }

    async fn take_in(&self, source: WebhookSource, addressed: Vec<Addressed<'_>>) -> Result<Tally, ServiceError> {
        let mut aside = Aside { source, now: self.core.now(), kept: Vec::new() };
        let mut tally = Tally::default();
        let mut parcels: BTreeMap<OrganisationId, Parcel> = BTreeMap::new();
        for (place, Addressed { item, channel }) in addressed.iter().enumerate() {
            match (&item.told, channel) {
                (Ok(told), _) if told.is_empty() => tally.passed_over += 1,
                (Ok(told), Ok(channel)) => {
                    let updates = told.iter().map(|told| told.clone().update(&item.field, channel.id, aside.now));
                    let parcel = parcels.entry(channel.organisation_id).or_default();
                    parcel.extend(updates.map(|update| (update, place)));
                }
                (Err(bad), channel) => aside.keep(item, channel.as_ref().ok(), bad.to_string()),
                (Ok(_), Err(reason)) => aside.keep(item, None, reason.clone()),
            }
        }
        for (organisation, mut parcel) in parcels {
            while !parcel.is_empty() {
                let rest = parcel.split_off(parcel.len().min(MESSAGES_MAX));
                let (updates, places): (Vec<_>, Vec<_>) = std::mem::replace(&mut parcel, rest).into_iter().unzip();
                let outcomes = self.message.receive(organisation, updates).await?;
                for (outcome, place) in outcomes.into_iter().zip(places) {
                    let reason = match outcome {
                        Outcome::Recorded { .. } => {
                            tally.recorded += 1;
                            continue;
                        }
                        Outcome::Duplicate => {
                            tally.duplicates += 1;
                            continue;
                        }
                        Outcome::Conflict(Mismatch(field)) => {
                            format!("the message is known with another {field}")
                        }
                        Outcome::Rejected(refusal) => refusal.to_string(),
                    };
                    if let Some(Addressed { item, channel }) = addressed.get(place) {
                        aside.keep(item, channel.as_ref().ok(), reason);
                    }
                }
            }
        }
        tally.rejected = u64::try_from(aside.kept.len()).unwrap_or(u64::MAX);
        self.put_aside(aside).await?;
        count(source, tally);
        Ok(tally)
    }

    async fn put_aside(&self, aside: Aside) -> Result<(), ServiceError> {
        let Some(first) = aside.kept.first() else { return Ok(()) };
        let (updates, reason) = (aside.kept.len(), first.reason.as_str());
        let work = self.core.begin().await?;
        store::rejected_update::insert(work.tx(), &aside.kept).await?;
        work.commit().await?;
        tracing::warn!(source = aside.source.code(), updates, reason, "kept aside what a webhook told in vain");
        Ok(())
    }
}

/// The channel that an item is told of, among those of its account.
fn one_of(sharing: &[Channel], item: &Item<'_>) -> Result<Channel, String> {
    let account = item.account;
    match sharing {
        [] => Err(format!("no channel has the account {account:?}")),
        [only] => Ok(only.clone()),
        several => {
            let number = item.number.and_then(|number| PhoneNumber::parse("number", number).ok());
            let is_its = |channel: &&Channel| {
                number.as_ref().is_some_and(|number| channel.phone_number.as_deref() == Some(number.as_str()))
            };
            let mut fitting = several.iter().filter(is_its);
            match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(only.clone()),
                (None, _) => {
                    let number = item.number.unwrap_or_default();
                    Err(format!("of the channels with the account {account:?}, none has the number {number:?}"))
                }
                (Some(_), Some(_)) => Err(format!("several channels have the account {account:?} and the same number")),
            }
        }
    }
}

/// What could not be taken.
struct Aside {
    source: WebhookSource,
    now: Instant,
    kept: Vec<RejectedUpdate>,
}

impl Aside {
    fn keep(&mut self, item: &Item<'_>, channel: Option<&Channel>, reason: String) {
        self.kept.push(RejectedUpdate {
            id: RejectedUpdateId::generate(self.now),
            source: self.source,
            organisation_id: channel.map(|channel| channel.organisation_id),
            channel_id: channel.map(|channel| channel.id),
            reason,
            payload: cut_payload(item.payload),
            received_at: self.now,
        });
    }
}

fn count(source: WebhookSource, tally: Tally) {
    let outcomes = [
        ("recorded", tally.recorded),
        ("duplicate", tally.duplicates),
        ("rejected", tally.rejected),
        ("passed_over", tally.passed_over),
    ];
    for (outcome, count) in outcomes {
        metrics::counter!("wabacus_webhook_updates_total", "source" => source.code(), "outcome" => outcome)
            .increment(count);
    }
}
