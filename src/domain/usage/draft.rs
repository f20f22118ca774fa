//! Usage as its sender writes it down, and what is checked before it can be a record.

use chrono::{DateTime, SubsecRound as _, TimeDelta};

use super::{Country, NewUsage, Resource, ResourceType};
use crate::domain::account_usage::UsageCategory;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId};
use crate::domain::input::BadInput;
use crate::domain::quantity::Quantity;

/// The largest quantity of a record.
pub const QUANTITY_MAX: Quantity = Quantity::from_micros(1_000_000_000_000_000);

/// How long a record's metadata may be, in its shortest form.
pub const METADATA_BYTES_MAX: usize = 8 * 1_024;

/// How far the clock of a sender may be ahead of ours.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);

/// How many characters a key, or the id of a resource, may have.
const TEXT_CHARS_MAX: usize = 255;

/// Usage as it was sent: texts that nobody has read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What the sender calls the whole of it, such as `records[3]`: a complaint about a part of it begins with this.
    pub field: String,
    /// `None`: kind, resource type and resource id together.
    pub idempotency_key: Option<String>,
    pub kind: ChannelKind,
    pub channel_id: Option<String>,
    pub resource_type: String,
    pub resource_id: Option<String>,
    pub quantity: String,
    pub category: Option<UsageCategory>,
    pub country: Option<String>,
    pub customer_id: Option<String>,
    /// RFC 3339; `None`: now.
    pub occurred_at: Option<String>,
    pub metadata: Option<serde_json::Value>,
}

impl Draft {
    /// Reads it. `oldest` is the earliest time that it may have happened, if that is limited. Whether the channel and the customer are
    /// the organisation's own is not known here.
    pub fn check(self, now: Instant, oldest: Option<Instant>) -> Result<NewUsage, BadInput> {
        let field = self.field.clone();
        self.read(now, oldest).map_err(|bad| bad.within(&field))
    }

    fn read(self, now: Instant, oldest: Option<Instant>) -> Result<NewUsage, BadInput> {
        let resource = Resource {
            kind: self.kind,
            resource_type: ResourceType::parse("resourceType", &self.resource_type)?,
            category: self.category,
            country: self.country.map(|code| Country::parse("country", &code)).transpose()?,
        };
        let resource_id = self.resource_id.map(|id| text("resourceId", id)).transpose()?;
        let idempotency_key = match (self.idempotency_key, &resource_id) {
            (Some(key), _) => text("idempotencyKey", key)?,
            (None, Some(id)) => format!("{}/{}/{id}", resource.kind, resource.resource_type),
            (None, None) => {
                let accepted = "expected a key, because without a resourceId nothing tells this record from another";
                return Err(BadInput::new("idempotencyKey", "null", accepted));
            }
        };
        let occurred_at = self.occurred_at.as_deref().map(|text| instant(text, now, oldest)).transpose()?;
        Ok(NewUsage {
            idempotency_key,
            resource,
            resource_id,
            channel_id: self.channel_id.map(|id| ChannelId::parse("channelId", &id)).transpose()?,
            customer_id: self.customer_id.map(|id| CustomerId::parse("customerId", &id)).transpose()?,
            quantity: parse_quantity("quantity", &self.quantity)?,
            occurred_at: occurred_at.unwrap_or(now),
            occurred_at_given: occurred_at.is_some(),
            metadata: self.metadata.map(|value| metadata(&value)).transpose()?.flatten(),
        })
    }
}

/// Reads a quantity that a record may have: above zero, at most [`QUANTITY_MAX`].
pub fn parse_quantity(field: &str, text: &str) -> Result<Quantity, BadInput> {
    let accepted =
        format_args!("expected a decimal above 0, at most {QUANTITY_MAX}, with at most 6 digits after the point");
    let read = Quantity::parse(text).ok().filter(|quantity| (Quantity::ZERO..=QUANTITY_MAX).contains(quantity));
    let positive = read.filter(|quantity| *quantity > Quantity::ZERO);
    positive.ok_or_else(|| BadInput::new(field, text, accepted.to_string()))
}

/// Control characters are refused, not least because PostgreSQL keeps no text with a zero in it.
pub(in crate::domain) fn text(field: &str, text: String) -> Result<String, BadInput> {
    let fits = !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX;
    if fits && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(BadInput::new(field, text, format!("expected 1 to {TEXT_CHARS_MAX} printable characters")))
}

fn instant(text: &str, now: Instant, oldest: Option<Instant>) -> Result<Instant, BadInput> {
    let refuse = |accepted: String| BadInput::new("occurredAt", text, accepted);
    let read = DateTime::parse_from_rfc3339(text);
    let at = read.map_err(|_| refuse("expected an instant such as 2026-06-05T02:00:00.000Z".to_owned()))?;
    // No finer than what the databases keep.
    let at = at.to_utc().trunc_subsecs(6);
    if at > now + AHEAD_MAX {
        return Err(refuse(format!("expected a time that is at most {} minutes ahead", AHEAD_MAX.num_minutes())));
    }
    let oldest = oldest.unwrap_or_else(beginning).max(beginning());
    if at < oldest {
        return Err(refuse(format!(
            "expected a time from {} on; what is older is for a backfill",
            oldest.to_rfc3339()
        )));
    }
    Ok(at)
}

/// Refuses a time before that calendar begins, and one that is too far ahead of `now`.
pub(in crate::domain) fn check_moment(field: &str, at: Instant, now: Instant) -> Result<(), BadInput> {
    let refuse = |accepted: String| Err(BadInput::new(field, at.to_rfc3339(), accepted));
    if at > now + AHEAD_MAX {
        return refuse(format!("expected a time before {}", (now + AHEAD_MAX).to_rfc3339()));
    }
    if at < beginning() {
        return refuse(format!("expected a time from {} on", beginning().to_rfc3339()));
    }
    Ok(())
}

/// The calendar that callers may name begins in 2000, in every zone.
fn beginning() -> Instant {
    DateTime::from_timestamp(946_771_200, 0).unwrap_or_default()
}

fn metadata(value: &serde_json::Value) -> Result<Option<String>, BadInput> {
    let text = value.to_string();
    match value.as_object() {
        None => Err(BadInput::new("metadata", text, "expected a JSON object")),
        Some(_) if text.len() > METADATA_BYTES_MAX => {
            let accepted = format!("expected at most {METADATA_BYTES_MAX} bytes, and this has {}", text.len());
            Err(BadInput::new("metadata", text, accepted))
        }
        Some(object) => Ok((!object.is_empty()).then_some(text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Instant {
        "2026-06-05T12:00:00.000001Z".parse().unwrap()
    }

    fn draft() -> Draft {
        Draft {
            field: "records[3]".to_owned(),
            idempotency_key: None,
            kind: ChannelKind::Sms,
            channel_id: None,
            resource_type: "message".to_owned(),
            resource_id: Some("SM 1/ü".to_owned()),
            quantity: "1".to_owned(),
            category: None,
            country: None,
            customer_id: None,
            occurred_at: None,
            metadata: None,
        }
    }

    fn hash(draft: Draft, now: Instant) -> [u8; 16] {
        draft.check(now, None).unwrap().content_hash()
    }

    #[test]
    fn what_is_not_said_is_filled_in() {
        let usage = draft().check(now(), None).unwrap();
        assert_eq!(usage.idempotency_key, "SMS/message/SM 1/ü");
        assert_eq!((usage.occurred_at, usage.occurred_at_given, usage.metadata), (now(), false, None));
    }

    #[test]
    fn only_what_was_said_tells_one_content_from_another() {
        let later = now() + TimeDelta::hours(1);
        assert_eq!(hash(draft(), now()), hash(draft(), later), "the time of sending is not said");
        let at = |text: &str| Draft { occurred_at: Some(text.to_owned()), ..draft() };
        assert_eq!(hash(at("2026-06-05T12:00:00Z"), now()), hash(at("2026-06-05T17:30:00.0000+05:30"), now()));
        let metadata = |value| Draft { metadata: Some(value), ..draft() };
        assert_eq!(hash(metadata(json!({"a": 1, "b": 2})), now()), hash(metadata(json!({"b": 2, "a": 1})), now()));
        assert_eq!(hash(metadata(json!({})), now()), hash(draft(), now()));
        let others = [
            Draft { kind: ChannelKind::Voice, ..draft() },
            Draft { quantity: "1.000001".to_owned(), ..draft() },
            Draft { country: Some("IN".to_owned()), ..draft() },
            Draft { category: Some(UsageCategory::Other), ..draft() },
            at("2026-06-05T12:00:00.000001Z"),
            metadata(json!({"a": 1})),
        ];
        for other in others {
            assert_ne!(hash(other.clone(), now()), hash(draft(), now()), "{other:?}");
        }
    }

    #[test]
    fn a_record_is_as_old_as_the_window_and_no_older() {
        let at = |at: Instant| Draft { occurred_at: Some(at.to_rfc3339()), ..draft() };
        let oldest = now() - TimeDelta::days(34);
        assert!(at(oldest).check(now(), Some(oldest)).is_ok());
        let early = at(oldest - TimeDelta::microseconds(1));
        assert_eq!(early.clone().check(now(), Some(oldest)).unwrap_err().field, "records[3].occurredAt");
        assert!(early.check(now(), None).is_ok(), "a backfill goes back as far as it likes");
        assert!(at(now() + AHEAD_MAX).check(now(), None).is_ok());
        assert!(at(now() + AHEAD_MAX + TimeDelta::microseconds(1)).check(now(), None).is_err());
        assert!(at("1999-12-31T12:00:00Z".parse().unwrap()).check(now(), None).is_err());
    }
}
