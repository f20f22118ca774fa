//! Messages: what is told of one, in any order and however often, comes to the same message.
//!
//! Invariant: [`Message::absorb`] is commutative, associative and idempotent. Of every time the earliest that was told holds; of
//! everything else that two told differently, the smaller. So no counter, record or snapshot depends on the order of updates.

mod check;
mod conversation;
pub mod rollup;

use chrono::{NaiveDate, SubsecRound as _};
use serde_json::json;

use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::clock::Instant;
use super::id::{CampaignId, ChannelId, CustomerId, OrganisationId};
use super::phone::PhoneNumber;
use super::recording::Direction;
use super::usage::{Country, Draft, Refusal, UsageRecord};
pub use conversation::{Conversation, ConversationTold, ConversationUpdate, OPEN, Talk};

/// The times of a message; each the earliest that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The earliest of all of them.
    pub created_at: Instant,
    pub sent_at: Option<Instant>,
    pub delivered_at: Option<Instant>,
    pub read_at: Option<Instant>,
    pub failed_at: Option<Instant>,
    /// When the customer first answered this very message.
    pub replied_at: Option<Instant>,
}

impl Life {
    /// A message of which nothing is known but that it was there at `at`.
    pub fn seen(at: Instant) -> Self {
        let created_at = at.trunc_subsecs(6);
        Self { created_at, sent_at: None, delivered_at: None, read_at: None, failed_at: None, replied_at: None }
    }

    /// The same, cut to microseconds, which both databases keep, and with the beginning where it must be.
    #[must_use]
    pub fn settled(self) -> Self {
        let cut = |at: Option<Instant>| at.map(|at| at.trunc_subsecs(6));
        let mut life = Self {
            created_at: self.created_at.trunc_subsecs(6),
            sent_at: cut(self.sent_at),
            delivered_at: cut(self.delivered_at),
            read_at: cut(self.read_at),
            failed_at: cut(self.failed_at),
            replied_at: cut(self.replied_at),
        };
        let told = [life.sent_at, life.delivered_at, life.read_at, life.failed_at, life.replied_at];
        life.created_at = told.into_iter().flatten().fold(life.created_at, Instant::min);
        life
    }

    /// What both know.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            created_at: self.created_at.min(other.created_at),
            sent_at: smaller(self.sent_at, other.sent_at),
            delivered_at: smaller(self.delivered_at, other.delivered_at),
            read_at: smaller(self.read_at, other.read_at),
            failed_at: smaller(self.failed_at, other.failed_at),
            replied_at: smaller(self.replied_at, other.replied_at),
        }
    }

    /// When it had reached the customer at the latest: who read or answered it has got it.
    pub fn reached_at(&self) -> Option<Instant> {
        smaller(smaller(self.delivered_at, self.read_at), self.replied_at)
    }

    /// The latest time that is known of it.
    pub fn last_at(&self) -> Instant {
        let told = [self.sent_at, self.delivered_at, self.read_at, self.failed_at, self.replied_at];
        told.into_iter().flatten().fold(self.created_at, Instant::max)
    }
}

/// The smaller of what is there.
fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What the BSP says of a message's price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pricing {
    pub category: Option<UsageCategory>,
    /// As the BSP writes it, in lower case: `regular`, `free_customer_service`, `free_entry_point`.
    pub pricing_type: Option<String>,
}

impl Pricing {
    fn join(self, other: Self) -> Self {
        Self {
            category: smaller(self.category, other.category),
            pricing_type: smaller(self.pricing_type, other.pricing_type),
        }
    }

    /// Whether the BSP charges nothing for it. All such types begin so.
    fn is_free(&self) -> bool {
        self.pricing_type.as_deref().is_some_and(|kind| kind.starts_with("free"))
    }
}

/// What is told of a message at once: all that the teller knows, or that one thing happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What its sender calls it, such as `messages[3]`: a complaint about a part of it begins with this.
    pub field: String,
    /// What the BSP calls the message (the wamid), unique within the organisation; 1 to 255 printable characters.
    pub external_id: String,
    pub channel_id: ChannelId,
    pub direction: Direction,
    /// The customer's.
    pub phone: PhoneNumber,
    /// What the customer is called; taken where no name is known.
    pub customer_name: Option<String>,
    pub campaign_id: Option<CampaignId>,
    /// What the teller calls the conversation; 1 to 255 printable characters.
    pub conversation_id: Option<String>,
    /// Until when the conversation is open, if the BSP says so.
    pub conversation_expires_at: Option<Instant>,
    pub pricing: Pricing,
    pub life: Life,
    /// Why it failed.
    pub failure: Option<String>,
}

/// A message with its whole life so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub organisation_id: OrganisationId,
    pub external_id: String,
    pub channel_id: ChannelId,
    pub direction: Direction,
    pub customer_id: CustomerId,
    pub campaign_id: Option<CampaignId>,
    pub conversation_id: Option<String>,
    pub pricing: Pricing,
    pub life: Life,
    pub failure: Option<String>,
    /// The local day of `life.created_at`, by the organisation's zone when that time became known.
    pub date: NaiveDate,
}

/// What cannot be of one message: the name of the field that two tell differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch(pub &'static str);

impl Message {
    /// What both tell. `date_of` gives the local day of a time. Another channel, direction or customer is another message.
    pub fn absorb(self, other: Self, date_of: impl FnOnce(Instant) -> NaiveDate) -> Result<Self, Mismatch> {
        let same = [
            ("channelId", self.channel_id == other.channel_id),
            ("direction", self.direction == other.direction),
            ("customerPhone", self.customer_id == other.customer_id),
        ];
        if let Some((field, _)) = same.into_iter().find(|(_, is_same)| !is_same) {
            return Err(Mismatch(field));
        }
        let life = self.life.join(other.life);
        let date = if life.created_at == self.life.created_at { self.date } else { date_of(life.created_at) };
        Ok(Self {
            campaign_id: smaller(self.campaign_id, other.campaign_id),
            conversation_id: smaller(self.conversation_id, other.conversation_id),
            pricing: self.pricing.join(other.pricing),
            failure: smaller(self.failure, other.failure),
            life,
            date,
            ..self
        })
    }

    /// What it counts as. Only what the organisation sends can be sent, delivered and so on; what reached the customer did not fail.
    pub fn counts(&self) -> Counts {
        let Life { sent_at, read_at, failed_at, replied_at, .. } = self.life;
        if self.direction == Direction::Inbound {
            return Counts { total: 1, inbound: 1, ..Counts::default() };
        }
        let reached = self.life.reached_at().is_some();
        let one = |happened: bool| i64::from(happened);
        Counts {
            total: 1,
            inbound: 0,
            outbound: 1,
            sent: one(sent_at.is_some() || reached),
            delivered: one(reached),
            read: one(read_at.is_some()),
            failed: one(failed_at.is_some() && !reached),
            replied: one(replied_at.is_some()),
            engaged: one(read_at.is_some() || replied_at.is_some()),
        }
    }

    /// The usage that it is: one, when a WhatsApp message of the organisation has reached the customer. `country` is the customer's.
    pub fn usage(&self, field: &str, kind: ChannelKind, country: Option<Country>) -> Option<Draft> {
        let reached_at = self.life.reached_at()?;
        if kind != ChannelKind::Whatsapp || self.direction == Direction::Inbound {
            return None;
        }
        let resource_type = if self.pricing.is_free() { "free_message" } else { "message" };
        Some(Draft {
            field: field.to_owned(),
            idempotency_key: Some(usage_key(&self.external_id)),
            kind,
            channel_id: Some(self.channel_id.to_string()),
            resource_type: resource_type.to_owned(),
            resource_id: Some(self.external_id.clone()),
            quantity: "1".to_owned(),
            category: self.pricing.category,
            country: country.map(|country| country.to_string()),
            customer_id: Some(self.customer_id.to_string()),
            occurred_at: Some(reached_at.to_rfc3339()),
            metadata: self.pricing.pricing_type.as_ref().map(|kind| json!({ "pricingType": kind })),
        })
    }
}

/// What became of something that was told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was new, or something of it was. `usage` is the ledger's record, where it made or changed one.
    Recorded { usage: Option<Box<UsageRecord>> },
    /// All of it was known.
    Duplicate,
    /// Another message is known by the same name.
    Conflict(Mismatch),
    /// It cannot be kept.
    Rejected(Refusal),
}

/// The idempotency key of a message's record, the same whoever records it.
pub fn usage_key(external_id: &str) -> String {
    format!("{}/message/{external_id}", ChannelKind::Whatsapp)
}

/// How many messages came how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub total: i64,
    pub inbound: i64,
    pub outbound: i64,
    pub sent: i64,
    pub delivered: i64,
    pub read: i64,
    pub failed: i64,
    pub replied: i64,
    /// Read or answered.
    pub engaged: i64,
}

#[cfg(test)]
mod tests;
