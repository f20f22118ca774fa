//! What BSPs tell of messages by webhook, before it is known whose they are; and what of it could not be taken.

use serde_json::Value;

use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, OrganisationId, RejectedUpdateId};
use super::input::BadInput;
use super::message::{Life, Pricing, Update};
use super::phone::PhoneNumber;
use super::recording::Direction;

coded! {
    /// Who told it.
    WebhookSource {
        /// Meta's Cloud API.
        Meta = "META",
        Gupshup = "GUPSHUP",
    }
}

/// What happened to a message, and what became of it by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Nothing that is counted: it is only known that the message was there.
    Seen,
    Sent,
    Delivered,
    /// Read, or (of a voice message) played.
    Read,
    Failed,
    /// The customer answered this very message.
    Replied,
}

impl Happening {
    /// The life of a message of which only this is known.
    pub fn at(self, at: Instant) -> Life {
        let life = Life::seen(at);
        let at = Some(life.created_at);
        match self {
            Self::Seen => life,
            Self::Sent => Life { sent_at: at, ..life },
            Self::Delivered => Life { delivered_at: at, ..life },
            Self::Read => Life { read_at: at, ..life },
            Self::Failed => Life { failed_at: at, ..life },
            Self::Replied => Life { replied_at: at, ..life },
        }
    }
}

/// One thing that was told of one message; an update as soon as its channel is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub external_id: String,
    pub direction: Direction,
    /// The customer's.
    pub phone: PhoneNumber,
    pub customer_name: Option<String>,
    pub conversation_id: Option<String>,
    pub conversation_expires_at: Option<Instant>,
    pub pricing: Pricing,
    pub happening: Happening,
    /// `None`: the teller does not say when, so that it is when it came.
    pub at: Option<Instant>,
    pub failure: Option<String>,
}

impl Told {
    /// That a message was there.
    pub fn seen(external_id: String, direction: Direction, phone: PhoneNumber, at: Option<Instant>) -> Self {
        Self {
            external_id,
            direction,
            phone,
            customer_name: None,
            conversation_id: None,
            conversation_expires_at: None,
            pricing: Pricing::default(),
            happening: Happening::Seen,
            at,
            failure: None,
        }
    }

    /// The same of a channel's message; `field` is what the teller calls it.
    pub fn update(self, field: &str, channel_id: ChannelId, now: Instant) -> Update {
        Update {
            field: field.to_owned(),
            external_id: self.external_id,
            channel_id,
            direction: self.direction,
            phone: self.phone,
            customer_name: self.customer_name,
            campaign_id: None,
            conversation_id: self.conversation_id,
            conversation_expires_at: self.conversation_expires_at,
            pricing: self.pricing,
            life: self.happening.at(self.at.unwrap_or(now)),
            failure: self.failure,
        }
    }
}

/// One item of a webhook's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<'a> {
    /// Its place in the body, such as `entry[0].changes[0].value.statuses[3]`.
    pub field: String,
    /// The account that it is told of: a WhatsApp Business Account, or Gupshup's app. Empty where the body does not say.
    pub account: &'a str,
    /// The organisation's own number, where the body says it.
    pub number: Option<&'a str>,
    /// The item as it came.
    pub payload: &'a Value,
    /// What it tells, in order: an answer also tells of the message that it answers. None at all: nothing that is counted.
    pub told: Result<Vec<Told>, BadInput>,
}

/// How much of an item that could not be taken is kept, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 4 * 1024;

/// An item that could not be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedUpdate {
    pub id: RejectedUpdateId,
    pub source: WebhookSource,
    /// `None`: nobody knows whose it is.
    pub organisation_id: Option<OrganisationId>,
    pub channel_id: Option<ChannelId>,
    pub reason: String,
    /// The item as JSON, cut to [`PAYLOAD_BYTES_MAX`].
    pub payload: String,
    pub received_at: Instant,
}

/// The item's JSON, cut to [`PAYLOAD_BYTES_MAX`] between two characters. A NUL, which PostgreSQL does not keep, is never in it: JSON
/// writes one as six other characters.
pub fn cut_payload(payload: &Value) -> String {
    let mut text = payload.to_string();
    let end = (0..=PAYLOAD_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_payload_is_cut_between_two_characters() {
        assert_eq!(cut_payload(&json!({ "id": "\0é" })), r#"{"id":"\u0000é"}"#);
        let long = cut_payload(&json!("é".repeat(5_000)));
        assert_eq!(long.len(), PAYLOAD_BYTES_MAX - 1);
    }

    #[test]
    fn what_happened_is_the_only_thing_known_of_a_message() {
        let at: Instant = "2026-06-05T06:00:00Z".parse().unwrap();
        let read = Happening::Read.at(at);
        assert_eq!((read.created_at, read.read_at, read.delivered_at), (at, Some(at), None));
        assert_eq!(Happening::Seen.at(at), Life::seen(at));
    }
}
