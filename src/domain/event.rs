//! Facts that happened, in the order in which an organisation's log keeps them, and the cursor that a reader resumes from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::channel::ChannelKind;
use super::clock::Instant;
use super::code::coded;
use super::id::{AlertId, ChannelId, InvoiceId, OrganisationId, SnapshotId};
use super::input::BadInput;
use super::job::JobRun;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Fact {
    /// Days of a channel were written with another content than before, or are gone.
    AccountUsageChanged { channel_id: ChannelId, dates: Vec<NaiveDate> },
    /// A run changed its state or came further; the run as it was then.
    JobRunChanged { run: Box<JobRun> },
    /// A channel was stopped until somebody looks after it.
    ChannelNeedsAttention { channel_id: ChannelId, reason: String },
    /// An organisation's actor died too often and is left alone for a while.
    ActorQuarantined { restarts: u32 },
    /// Usage of these kinds was recorded, corrected or priced anew.
    UsageChanged { kinds: Vec<ChannelKind> },
    /// Usage was recorded for which the plan has no rate; the resource types, each as `KIND/type`.
    UsageUnpriced { resources: Vec<String> },
    /// An invoice was made, or changed its state or what is on it.
    InvoiceChanged { invoice_id: InvoiceId },
    /// Messages of these channels became known or came further, whose counters of these local days changed.
    MessagesChanged { channels: Vec<ChannelId>, dates: Vec<NaiveDate> },
    /// A snapshot was made, or made anew with other figures.
    SnapshotGenerated { snapshot_id: SnapshotId },
    /// What is used, held or allowed of an allowance is another than before.
    AllowanceChanged,
    /// An alert was raised.
    AlertRaised { alert_id: AlertId },
    /// What an alert was about is over.
    AlertRecovered { alert_id: AlertId },
}

impl Fact {
    /// The stable name of this kind of fact, as the log keeps it and webhooks name it.
    pub const fn kind(&self) -> FactKind {
        match self {
            Self::AccountUsageChanged { .. } => FactKind::AccountUsageChanged,
            Self::JobRunChanged { .. } => FactKind::JobRunChanged,
            Self::ChannelNeedsAttention { .. } => FactKind::ChannelNeedsAttention,
            Self::ActorQuarantined { .. } => FactKind::ActorQuarantined,
            Self::UsageChanged { .. } => FactKind::UsageChanged,
            Self::UsageUnpriced { .. } => FactKind::UsageUnpriced,
            Self::InvoiceChanged { .. } => FactKind::InvoiceChanged,
            Self::MessagesChanged { .. } => FactKind::MessagesChanged,
            Self::SnapshotGenerated { .. } => FactKind::SnapshotGenerated,
            Self::AllowanceChanged => FactKind::AllowanceChanged,
            Self::AlertRaised { .. } => FactKind::AlertRaised,
            Self::AlertRecovered { .. } => FactKind::AlertRecovered,
        }
    }
}

coded! {
    /// The kinds of facts.
    FactKind {
        AccountUsageChanged = "account_usage.changed",
        JobRunChanged = "job_run.changed",
        ChannelNeedsAttention = "channel.needs_attention",
        ActorQuarantined = "actor.quarantined",
        UsageChanged = "usage.changed",
        UsageUnpriced = "usage.unpriced",
        InvoiceChanged = "invoice.changed",
        MessagesChanged = "messages.changed",
        SnapshotGenerated = "snapshot.generated",
        AllowanceChanged = "allowance.changed",
        AlertRaised = "alert.raised",
        AlertRecovered = "alert.recovered",
    }
}

/// A fact that is about to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub organisation_id: OrganisationId,
    pub fact: Fact,
}

/// An entry of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub organisation_id: OrganisationId,
    /// Counts from 1 within the organisation, without gaps, in the order of commits.
    pub sequence: i64,
    /// Its place among the events of all organisations, in the order of commits, with gaps.
    pub position: i64,
    pub fact: Fact,
    pub at: Instant,
}

/// The hint that the bus carries: `organisation_id` has events up to `sequence`. It says where to look, never what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    pub organisation_id: OrganisationId,
    pub sequence: i64,
}

/// Which log a cursor counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// One organisation's.
    Organisation,
    /// That of all organisations, which only an admin reads.
    All,
}

/// Where a reader of the event log stands: everything up to and including `after` was seen. Opaque outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub log: Log,
    pub after: i64,
}

impl Cursor {
    /// Reads the written form out of the argument `field`; a cursor of the other log is refused.
    pub fn parse(field: &str, text: &str, log: Log) -> Result<Self, BadInput> {
        let accepted = "expected the cursor of an event that this subscription sent before";
        let refuse = || BadInput::new(field, text, accepted);
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let plain = String::from_utf8(bytes).map_err(|_| refuse())?;
        let digits = plain.strip_prefix(Self::prefix(log)).ok_or_else(refuse)?;
        let after = digits.parse().ok().filter(|after| *after >= 0).ok_or_else(refuse)?;
        Ok(Self { log, after })
    }

    const fn prefix(log: Log) -> &'static str {
        match log {
            Log::Organisation => "e:",
            Log::All => "a:",
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}{}", Self::prefix(self.log), self.after)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_log_only() {
        let cursor = Cursor { log: Log::Organisation, after: 42 };
        assert_eq!(Cursor::parse("after", &cursor.to_string(), Log::Organisation), Ok(cursor));
        assert_eq!(Cursor::parse("after", &cursor.to_string(), Log::All).unwrap_err().field, "after");
        for bad in ["", "%", "ZTotMQ", "ZToxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw"] {
            assert!(Cursor::parse("after", bad, Log::Organisation).is_err(), "{bad}");
        }
    }
}
