//! The ledger's records: what is counted, what a record says, and what becomes of one that is handed in.

mod draft;

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::clock::Instant;
use super::id::{ChannelId, CustomerId, OrganisationId, RateId, UsageRecordId};
use super::input::BadInput;
use super::money::Money;
use super::period::Month;
use super::quantity::Quantity;
pub use draft::{Draft, METADATA_BYTES_MAX, QUANTITY_MAX, parse_quantity};
pub(super) use draft::{check_moment, text as checked_text};

/// What of a channel kind is counted, such as `minute` or `message`: 1 to 50 lower-case letters, digits, dots, hyphens, underscores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceType(Box<str>);

impl ResourceType {
    /// Reads the value of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        Self::from_code(text).ok_or_else(|| {
            BadInput::new(field, text, "expected 1 to 50 lower-case letters, digits, dots, hyphens or underscores")
        })
    }

    /// What a row holds.
    pub fn from_code(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
        ((1..=50).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.into()))
    }

    /// The text.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A country as ISO 3166-1 codes it with two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads the value of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        Self::from_code(text)
            .ok_or_else(|| BadInput::new(field, text, "expected an ISO 3166-1 code of two capital letters, such as IN"))
    }

    /// What a row holds.
    pub fn from_code(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The two letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// What is counted apart from other things, and what a rate is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    pub kind: ChannelKind,
    pub resource_type: ResourceType,
    pub category: Option<UsageCategory>,
    pub country: Option<Country>,
}

/// What became of something that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the ledger.
    Recorded(Box<UsageRecord>),
    /// It was in the ledger already, with the same content; the record that is there.
    Duplicate(UsageRecordId),
    /// Its idempotency key is taken by another content; the record that is there.
    Conflict(UsageRecordId),
    /// It is nothing that is counted, such as an incoming call.
    Skipped(String),
    /// It cannot be recorded.
    Rejected(Refusal),
}

/// Why something cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    BadInput(#[from] BadInput),
    /// What `field` names is not there, or belongs to somebody else.
    #[error("{field}: there is no such {noun}")]
    NotFound { field: String, noun: &'static str },
}

impl Refusal {
    /// The stable code that the API shows.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadInput(_) => "BAD_USER_INPUT",
            Self::NotFound { .. } => "NOT_FOUND",
        }
    }

    /// The field that is wrong, as the caller spelt it.
    pub fn field(&self) -> &str {
        match self {
            Self::BadInput(bad) => &bad.field,
            Self::NotFound { field, .. } => field,
        }
    }
}

/// A record that was checked and is about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUsage {
    /// Unique within the organisation.
    pub idempotency_key: String,
    pub resource: Resource,
    pub resource_id: Option<String>,
    pub channel_id: Option<ChannelId>,
    pub customer_id: Option<CustomerId>,
    /// Above zero.
    pub quantity: Quantity,
    pub occurred_at: Instant,
    /// Whether the sender said when it happened; a default is not part of the content.
    pub occurred_at_given: bool,
    /// A JSON object in its shortest form; `None`: an empty one.
    pub metadata: Option<String>,
}

impl NewUsage {
    /// What tells one content from another under the same key: the first sixteen bytes of a SHA-256 over everything that the sender said.
    pub fn content_hash(&self) -> [u8; 16] {
        let resource = &self.resource;
        let occurred_at = self.occurred_at_given.then(|| self.occurred_at.timestamp_micros().to_be_bytes());
        let (channel, customer) = (self.channel_id.map(ChannelId::uuid), self.customer_id.map(CustomerId::uuid));
        let quantity = self.quantity.micros().to_be_bytes();
        let parts: [&[u8]; 10] = [
            resource.kind.code().as_bytes(),
            resource.resource_type.code().as_bytes(),
            resource.category.map_or("", UsageCategory::code).as_bytes(),
            resource.country.as_ref().map_or("", Country::code).as_bytes(),
            self.resource_id.as_deref().unwrap_or_default().as_bytes(),
            channel.as_ref().map_or(&[], |id| id.as_bytes()),
            customer.as_ref().map_or(&[], |id| id.as_bytes()),
            &quantity,
            occurred_at.as_ref().map_or(&[], |bytes| bytes),
            self.metadata.as_deref().unwrap_or_default().as_bytes(),
        ];
        let mut hasher = Sha256::new();
        // Each part is preceded by its length, so that no two contents read alike.
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part);
        }
        let mut hash = [0; 16];
        hash.iter_mut().zip(hasher.finalize()).for_each(|(to, from)| *to = from);
        hash
    }
}

/// What a record does to the one that it corrects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The first record, never another correction.
    pub amends: UsageRecordId,
    pub reason: String,
    /// Whether it takes the first record away altogether.
    pub voids: bool,
}

/// A record of the ledger. It is never changed, but that one without a price gets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    pub id: UsageRecordId,
    pub organisation_id: OrganisationId,
    pub idempotency_key: String,
    /// Over what the sender said; see [`NewUsage::content_hash`].
    pub content_hash: [u8; 16],
    pub resource: Resource,
    pub resource_id: Option<String>,
    pub channel_id: Option<ChannelId>,
    pub customer_id: Option<CustomerId>,
    /// Below zero only in a correction.
    pub quantity: Quantity,
    /// `None`: there is no price for it yet.
    pub rate_id: Option<RateId>,
    /// Of a rate per unit only.
    pub unit_price: Option<Money>,
    /// Of a rate per unit only: the cost of tiers and packages is the period's.
    pub cost: Option<Money>,
    pub occurred_at: Instant,
    /// The organisation's local day of it when it was recorded.
    pub date: NaiveDate,
    /// The local hour, 0 to 23.
    pub hour: u8,
    /// The month whose invoice it is on: the month of `date`, or a later one where that was invoiced already.
    pub billing_month: Month,
    pub metadata: Option<String>,
    pub correction: Option<Correction>,
    pub recorded_at: Instant,
}

impl UsageRecord {
    /// What it adds to a count of records: 1, of a correction 0, of one that voids −1.
    pub fn counts(&self) -> i64 {
        match &self.correction {
            None => 1,
            Some(correction) if correction.voids => -1,
            Some(_) => 0,
        }
    }
}
