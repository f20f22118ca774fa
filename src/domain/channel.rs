//! A connected account of an organisation: a WhatsApp number at a BSP, a voice trunk, an SMS sender, an LLM bot.

use chrono::NaiveDate;

use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, OrganisationId};
use super::period::Zone;

coded! {
    /// What kind of traffic a channel carries.
    ChannelKind {
        Whatsapp = "WHATSAPP",
        Voice = "VOICE",
        Sms = "SMS",
        Email = "EMAIL",
        Social = "SOCIAL",
        Llm = "LLM",
    }
}

coded! {
    /// The Business Service Provider that a WhatsApp channel is billed through.
    BspKind {
        Gupshup = "GUPSHUP",
        /// Speaks the Meta Graph API.
        Interakt = "INTERAKT",
    }
}

coded! {
    /// Whether a channel is asked for its usage.
    ChannelStatus {
        Active = "ACTIVE",
        /// Stopped by an admin.
        Paused = "PAUSED",
        /// Stopped by itself, because asking again would be refused again; the reason says why. New credentials clear it.
        NeedsAttention = "NEEDS_ATTENTION",
    }
}

/// The account of a channel at its BSP, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BspAccountRef {
    pub bsp: BspKind,
    /// Gupshup's app id, or the WhatsApp Business Account id at Meta.
    pub account: String,
}

/// A channel as it is stored, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub organisation_id: OrganisationId,
    pub kind: ChannelKind,
    /// Present on WhatsApp channels.
    pub account: Option<BspAccountRef>,
    pub name: String,
    /// E.164, with the leading plus sign.
    pub phone_number: Option<String>,
    pub status: ChannelStatus,
    pub status_reason: Option<String>,
    /// The last day up to which account usage was pulled without a gap and which was complete when pulled.
    pub usage_high_water: Option<NaiveDate>,
    /// The zone in which the BSP cuts this account's days, once it said so.
    pub account_zone: Option<Zone>,
    pub created_at: Instant,
}

impl Channel {
    /// Whether the BSP is asked about it at all.
    pub fn is_metered(&self) -> bool {
        self.account.is_some() && self.status == ChannelStatus::Active
    }
}
