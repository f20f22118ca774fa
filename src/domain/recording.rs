//! What counts: which calls, messages, letters and answers become records of the ledger, as what, and how much of it.

use serde_json::{Map, Value};

use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::clock::Instant;
use super::code::coded;
use super::customer::Customer;
use super::id::{ChannelId, CustomerId};
use super::input::BadInput;
use super::phone::PhoneNumber;
use super::quantity::Quantity;
use super::usage::{Country, Draft};

coded! {
    /// Which way something went.
    Direction {
        /// To the organisation.
        Inbound = "INBOUND",
        /// From the organisation.
        Outbound = "OUTBOUND",
    }
}

coded! {
    /// How a call ended.
    CallStatus {
        Completed = "COMPLETED",
        Failed = "FAILED",
        Busy = "BUSY",
        NoAnswer = "NO_ANSWER",
        Canceled = "CANCELED",
    }
}

/// What is said of anything that may be recorded, as it was sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// What the sender calls the whole of it, such as `call`: a complaint about a part of it begins with this.
    pub field: String,
    pub resource_id: String,
    pub channel_id: Option<String>,
    pub customer_id: Option<String>,
    pub country: Option<String>,
    /// RFC 3339; `None`: now.
    pub occurred_at: Option<String>,
    pub metadata: Option<Value>,
}

impl Said {
    fn draft(self, kind: ChannelKind, resource_type: &str, quantity: Quantity) -> Draft {
        Draft {
            field: self.field,
            idempotency_key: None,
            kind,
            channel_id: self.channel_id,
            resource_type: resource_type.to_owned(),
            resource_id: Some(self.resource_id),
            quantity: quantity.to_string(),
            category: None,
            country: self.country,
            customer_id: self.customer_id,
            occurred_at: self.occurred_at,
            metadata: self.metadata,
        }
    }

    fn refuse(&self, field: &str, value: impl std::fmt::Display, accepted: &str) -> Ruling {
        Ruling::Rejected(BadInput::new(format!("{}.{field}", self.field), value, accepted))
    }
}

/// What becomes of something that was handed in.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    /// It counts, as this, if the ledger takes it.
    Counts(Box<Draft>),
    /// It is nothing that is counted; why not.
    Skipped(String),
    /// It cannot be.
    Rejected(BadInput),
}

impl Ruling {
    fn counts(draft: Draft) -> Self {
        Self::Counts(Box::new(draft))
    }
}

/// Why something that came in is not counted.
fn inbound(noun: &str) -> Ruling {
    Ruling::Skipped(format!("the {noun} is INBOUND, and only what the organisation sends counts"))
}

/// What the ledger calls minutes of calls.
const MINUTE: &str = "minute";

/// A call counts in minutes if the organisation made it, and it was taken and lasted.
pub fn call(said: Said, direction: Direction, status: CallStatus, duration_seconds: i64) -> Ruling {
    if duration_seconds < 0 {
        return said.refuse("durationSeconds", duration_seconds, "expected 0 or more");
    }
    if direction == Direction::Inbound {
        return inbound("call");
    }
    if status != CallStatus::Completed {
        return Ruling::Skipped(format!("the call is {status}, and only COMPLETED ones count"));
    }
    if duration_seconds == 0 {
        return Ruling::Skipped("the call lasted 0 seconds, and only longer ones count".to_owned());
    }
    match minutes(duration_seconds) {
        Some(minutes) => Ruling::counts(said.draft(ChannelKind::Voice, MINUTE, minutes)),
        None => said.refuse("durationSeconds", duration_seconds, "expected a number of seconds of 32 bits"),
    }
}

/// The minutes that so many seconds are, to the millionth, half of one rounded up; `None`: more than any call lasts.
fn minutes(seconds: i64) -> Option<Quantity> {
    const MICROS_PER_MINUTE: i64 = 1_000_000;
    let seconds = i64::from(i32::try_from(seconds).ok()?);
    Some(Quantity::from_micros((seconds * MICROS_PER_MINUTE + 30) / 60))
}

/// The idempotency key of a call's record.
pub fn call_key(resource_id: &str) -> String {
    format!("{}/{MINUTE}/{resource_id}", ChannelKind::Voice)
}

/// A text message counts as one if the organisation sent it: `mms` with media, else `message`.
pub fn text_message(said: Said, direction: Direction, has_media: bool) -> Ruling {
    let resource_type = if has_media { "mms" } else { "message" };
    match direction {
        Direction::Inbound => inbound("message"),
        Direction::Outbound => Ruling::counts(said.draft(ChannelKind::Sms, resource_type, Quantity::ONE)),
    }
}

/// A letter counts as often as it has recipients.
pub fn email(said: Said, recipients: i32) -> Ruling {
    match Quantity::whole(recipients.into()).filter(|quantity| *quantity > Quantity::ZERO) {
        Some(quantity) => Ruling::counts(said.draft(ChannelKind::Email, "message", quantity)),
        None => said.refuse("recipients", recipients, "expected 1 or more"),
    }
}

/// A WhatsApp message counts as one if the organisation sent it.
pub fn whatsapp(said: Said, direction: Direction, category: Option<UsageCategory>) -> Ruling {
    match direction {
        Direction::Inbound => inbound("message"),
        Direction::Outbound => {
            Ruling::counts(Draft { category, ..said.draft(ChannelKind::Whatsapp, "message", Quantity::ONE) })
        }
    }
}

/// An answer of a language model counts as one if it says anything, to somebody who signed up with the organisation and is not blocked.
/// `customer` is the organisation's own.
pub fn llm_response(said: Said, text: &str, customer: Option<&Customer>) -> Ruling {
    let skipped = |reason: &str| Ruling::Skipped(reason.to_owned());
    if text.trim().is_empty() {
        return skipped("the text is blank, and only answers that say something count");
    }
    match customer {
        None => skipped("no customer of the organisation is named, and only answers to registered ones count"),
        Some(customer) if !customer.registered => {
            skipped("the customer is not registered, and only answers to registered ones count")
        }
        Some(customer) if customer.blocked => skipped("the customer is blocked, and only answers to active ones count"),
        Some(customer) => {
            let said = Said { customer_id: Some(customer.id.to_string()), ..said };
            Ruling::counts(said.draft(ChannelKind::Llm, "response", Quantity::ONE))
        }
    }
}

/// A call as the exchange reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallDetail {
    /// What the exchange calls it, unique within the organisation.
    pub resource_id: String,
    pub direction: Direction,
    pub status: CallStatus,
    /// Not negative.
    pub duration_seconds: i64,
    pub occurred_at: Instant,
    /// To whom it was, or from whom, where that is a customer.
    pub customer_id: Option<CustomerId>,
    /// The organisation's own end of it, where that is a channel.
    pub channel_id: Option<ChannelId>,
    pub country: Option<Country>,
    pub metadata: Map<String, Value>,
}

impl CallDetail {
    /// What becomes of it, the same whenever it is asked. `field` is what its sender calls it.
    pub fn rule(self, field: impl Into<String>) -> Ruling {
        let said = Said {
            field: field.into(),
            resource_id: self.resource_id,
            channel_id: self.channel_id.map(|id| id.to_string()),
            customer_id: self.customer_id.map(|id| id.to_string()),
            country: self.country.map(|country| country.to_string()),
            occurred_at: Some(self.occurred_at.to_rfc3339()),
            metadata: Some(Value::Object(self.metadata)),
        };
        call(said, self.direction, self.status, self.duration_seconds)
    }
}

/// A call as the exchange reports it: it knows numbers, not customers or channels.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReport {
    /// What its sender calls it, such as `calls[3]`.
    pub field: String,
    /// Without customer and channel.
    pub call: CallDetail,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl CallReport {
    /// The number at the other end, if there is one: a caller may hide it, or have none.
    pub fn their_number(&self) -> Option<PhoneNumber> {
        match self.call.direction {
            Direction::Inbound => number(self.from.as_deref()),
            Direction::Outbound => number(self.to.as_deref()),
        }
    }

    /// The organisation's own number.
    pub fn our_number(&self) -> Option<PhoneNumber> {
        match self.call.direction {
            Direction::Inbound => number(self.to.as_deref()),
            Direction::Outbound => number(self.from.as_deref()),
        }
    }
}

fn number(text: Option<&str>) -> Option<PhoneNumber> {
    PhoneNumber::parse("number", text?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::OrganisationId;

    fn said(field: &str) -> Said {
        Said { field: field.to_owned(), resource_id: "r-1".to_owned(), ..Said::default() }
    }

    /// What counted, as `KIND/type quantity`, or why nothing did, or the field that was wrong.
    fn told(ruling: Ruling) -> String {
        match ruling {
            Ruling::Counts(draft) => format!("{}/{} {}", draft.kind, draft.resource_type, draft.quantity),
            Ruling::Skipped(reason) => reason,
            Ruling::Rejected(bad) => bad.field,
        }
    }

    #[test]
    fn a_call_counts_in_minutes_if_it_went_out_was_taken_and_lasted() {
        use CallStatus::{Busy, Canceled, Completed, Failed, NoAnswer};
        use Direction::{Inbound, Outbound};
        for (direction, status, seconds, expected) in [
            (Outbound, Completed, 60, "VOICE/minute 1"),
            (Outbound, Completed, 90, "VOICE/minute 1.5"),
            (Outbound, Completed, 1, "VOICE/minute 0.016667"),
            (Outbound, Completed, 20, "VOICE/minute 0.333333"),
            (Outbound, Completed, 40, "VOICE/minute 0.666667"),
            (Outbound, Completed, i32::MAX.into(), "VOICE/minute 35791394.116667"),
            (Outbound, Completed, 0, "the call lasted 0 seconds, and only longer ones count"),
            (Outbound, Busy, 60, "the call is BUSY, and only COMPLETED ones count"),
            (Outbound, Failed, 60, "the call is FAILED, and only COMPLETED ones count"),
            (Outbound, NoAnswer, 0, "the call is NO_ANSWER, and only COMPLETED ones count"),
            (Outbound, Canceled, 60, "the call is CANCELED, and only COMPLETED ones count"),
            (Inbound, Completed, 60, "the call is INBOUND, and only what the organisation sends counts"),
            (Outbound, Completed, -1, "call.durationSeconds"),
            (Outbound, Completed, i64::MAX, "call.durationSeconds"),
        ] {
            assert_eq!(
                told(call(said("call"), direction, status, seconds)),
                expected,
                "{direction} {status} {seconds}"
            );
        }
    }

    #[test]
    fn a_message_counts_once_if_it_went_out() {
        let inbound = "the message is INBOUND, and only what the organisation sends counts";
        assert_eq!(told(text_message(said("message"), Direction::Outbound, false)), "SMS/message 1");
        assert_eq!(told(text_message(said("message"), Direction::Outbound, true)), "SMS/mms 1");
        assert_eq!(told(text_message(said("message"), Direction::Inbound, true)), inbound);
        assert_eq!(told(whatsapp(said("message"), Direction::Outbound, None)), "WHATSAPP/message 1");
        assert_eq!(told(whatsapp(said("message"), Direction::Inbound, None)), inbound);
        let marketing = whatsapp(said("message"), Direction::Outbound, Some(UsageCategory::Marketing));
        assert!(matches!(marketing, Ruling::Counts(draft) if draft.category == Some(UsageCategory::Marketing)));
    }

    #[test]
    fn a_letter_counts_for_each_recipient() {
        assert_eq!(told(email(said("email"), 3)), "EMAIL/message 3");
        assert_eq!(told(email(said("email"), i32::MAX)), "EMAIL/message 2147483647");
        for none in [0, -1] {
            assert_eq!(told(email(said("email"), none)), "email.recipients");
        }
    }

    fn customer(registered: bool, blocked: bool) -> Customer {
        let now: Instant = "2026-06-05T12:00:00Z".parse().unwrap();
        Customer {
            id: CustomerId::generate(now),
            organisation_id: OrganisationId::generate(now),
            phone: PhoneNumber::parse("phone", "+919800000001").unwrap(),
            name: None,
            registered,
            blocked,
            external_id: None,
            created_at: now,
        }
    }

    #[test]
    fn an_answer_counts_if_it_says_something_to_an_active_customer() {
        let active = customer(true, false);
        let ruling = llm_response(said("response"), "Namaste", Some(&active));
        assert!(matches!(&ruling, Ruling::Counts(draft) if draft.customer_id == Some(active.id.to_string())));
        assert_eq!(told(ruling), "LLM/response 1");
        for (text, customer, because) in [
            (" \n\t", Some(&active), "blank"),
            ("Namaste", None, "no customer"),
            ("Namaste", Some(&customer(false, false)), "not registered"),
            ("Namaste", Some(&customer(true, true)), "blocked"),
        ] {
            let ruling = llm_response(said("response"), text, customer);
            assert!(matches!(&ruling, Ruling::Skipped(reason) if reason.contains(because)), "{ruling:?}");
        }
    }

    #[test]
    fn a_reported_call_is_recorded_under_the_key_that_it_is_looked_for_by() {
        let call = CallDetail {
            resource_id: "CA-7".to_owned(),
            direction: Direction::Outbound,
            status: CallStatus::Completed,
            duration_seconds: 90,
            occurred_at: "2026-06-05T12:00:00.000001Z".parse().unwrap(),
            customer_id: None,
            channel_id: None,
            country: Country::from_code("IN"),
            metadata: Map::new(),
        };
        let Ruling::Counts(draft) = call.rule("calls[0]") else { panic!("it counts") };
        let now = "2026-06-05T12:00:00Z".parse().unwrap();
        let usage = draft.check(now, None).unwrap();
        assert_eq!(usage.idempotency_key, call_key("CA-7"));
        assert_eq!(usage.occurred_at.to_rfc3339(), "2026-06-05T12:00:00.000001+00:00");
        assert_eq!(usage.resource.country, Country::from_code("IN"));
    }
}
