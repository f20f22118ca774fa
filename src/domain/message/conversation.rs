//! Conversations: what belongs together by a name that the BSP or the sender gave it.
//!
//! A conversation is made anew out of its messages and of what was told of it, never changed by what came last, so that the order of their
//! coming does not matter.

use chrono::{NaiveDate, SubsecRound as _, TimeDelta};

use super::smaller;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, CustomerId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::usage::{check_moment, checked_text};

/// How long a conversation is open after its last message, where nobody says otherwise: Meta's customer service window.
pub const OPEN: TimeDelta = TimeDelta::hours(24);

/// What was told of a conversation itself, apart from its messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConversationTold {
    /// Of two that were told, the smaller.
    pub channel_id: Option<ChannelId>,
    /// The earliest.
    pub opened_at: Option<Instant>,
    /// The earliest.
    pub first_response_at: Option<Instant>,
    /// The latest.
    pub closed_at: Option<Instant>,
    /// The latest. The BSP tells it with messages.
    pub expires_at: Option<Instant>,
}

impl ConversationTold {
    /// What both tell.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            channel_id: smaller(self.channel_id, other.channel_id),
            opened_at: smaller(self.opened_at, other.opened_at),
            first_response_at: smaller(self.first_response_at, other.first_response_at),
            // Nothing is less than something.
            closed_at: self.closed_at.max(other.closed_at),
            expires_at: self.expires_at.max(other.expires_at),
        }
    }
}

/// What the messages of a conversation say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Talk {
    /// Of the first message.
    pub channel_id: ChannelId,
    /// Of the first message.
    pub customer_id: CustomerId,
    pub first_at: Instant,
    pub last_at: Instant,
    pub first_inbound_at: Option<Instant>,
    /// When the organisation first sent something after that.
    pub first_response_at: Option<Instant>,
}

/// A conversation, as all that is known of it makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub organisation_id: OrganisationId,
    /// What the BSP or the sender calls it, unique within the organisation.
    pub external_id: String,
    pub channel_id: ChannelId,
    pub customer_id: Option<CustomerId>,
    /// The local day of `opened_at`.
    pub date: NaiveDate,
    pub opened_at: Instant,
    /// When its last message became known.
    pub last_activity_at: Instant,
    /// When it is over, by what is known so far.
    pub closes_at: Instant,
    pub first_inbound_at: Option<Instant>,
    pub first_response_at: Option<Instant>,
    pub told: ConversationTold,
}

impl Conversation {
    /// Makes it; `None` where neither a message nor anybody says since when it is. `date_of` gives the local day of a time.
    pub fn make(
        organisation_id: OrganisationId,
        external_id: &str,
        told: ConversationTold,
        talk: Option<&Talk>,
        date_of: impl FnOnce(Instant) -> NaiveDate,
    ) -> Option<Self> {
        let opened_at = smaller(told.opened_at, talk.map(|talk| talk.first_at))?;
        let last_activity_at = talk.map(|talk| talk.last_at).max(Some(opened_at))?;
        Some(Self {
            organisation_id,
            external_id: external_id.to_owned(),
            channel_id: told.channel_id.or(talk.map(|talk| talk.channel_id))?,
            customer_id: talk.map(|talk| talk.customer_id),
            date: date_of(opened_at),
            opened_at,
            last_activity_at,
            closes_at: told.closed_at.or(told.expires_at).unwrap_or(last_activity_at + OPEN),
            first_inbound_at: talk.and_then(|talk| talk.first_inbound_at),
            first_response_at: smaller(told.first_response_at, talk.and_then(|talk| talk.first_response_at)),
            told,
        })
    }

    /// How long the customer waited for the first answer; `None`: nobody asked, or nobody answered.
    pub fn response_seconds(&self) -> Option<i64> {
        let asked_at = self.first_inbound_at.or(self.told.first_response_at.and(self.told.opened_at))?;
        Some((self.first_response_at? - asked_at).num_seconds().max(0))
    }
}

/// What is told of a conversation at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationUpdate {
    /// What its sender calls it, such as `conversations[3]`: a complaint about a part of it begins with this.
    pub field: String,
    pub external_id: String,
    pub channel_id: ChannelId,
    pub opened_at: Instant,
    pub closed_at: Option<Instant>,
    pub first_response_at: Option<Instant>,
}

impl ConversationUpdate {
    /// The same as it is kept: times to the microsecond, in their order, from 2000 on and at most a few minutes ahead of `now`.
    pub fn check(self, now: Instant) -> Result<Self, BadInput> {
        let field = self.field.clone();
        self.checked(now).map_err(|bad| bad.within(&field))
    }

    fn checked(self, now: Instant) -> Result<Self, BadInput> {
        let opened_at = self.opened_at.trunc_subsecs(6);
        check_moment("openedAt", opened_at, now)?;
        let later = |field: &str, at: Option<Instant>| {
            let Some(at) = at.map(|at| at.trunc_subsecs(6)) else { return Ok(None) };
            check_moment(field, at, now)?;
            if at < opened_at {
                let accepted = format!("expected a time from openedAt on, which is {}", opened_at.to_rfc3339());
                return Err(BadInput::new(field, at.to_rfc3339(), accepted));
            }
            Ok(Some(at))
        };
        Ok(Self {
            external_id: checked_text("externalId", self.external_id)?,
            closed_at: later("closedAt", self.closed_at)?,
            first_response_at: later("firstResponseAt", self.first_response_at)?,
            opened_at,
            ..self
        })
    }

    /// What it tells.
    pub fn told(&self) -> ConversationTold {
        ConversationTold {
            channel_id: Some(self.channel_id),
            opened_at: Some(self.opened_at),
            first_response_at: self.first_response_at,
            closed_at: self.closed_at,
            expires_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(text: &str) -> Instant {
        format!("2026-06-{text}Z").parse().unwrap()
    }

    fn talk() -> Talk {
        Talk {
            channel_id: ChannelId::from_uuid(Uuid::from_u128(2)),
            customer_id: CustomerId::from_uuid(Uuid::from_u128(3)),
            first_at: at("01T10:00:00"),
            last_at: at("01T12:00:00"),
            first_inbound_at: Some(at("01T10:00:00")),
            first_response_at: Some(at("01T10:01:30.900")),
        }
    }

    fn made(told: ConversationTold, talk: Option<&Talk>) -> Option<Conversation> {
        let organisation = OrganisationId::from_uuid(Uuid::from_u128(1));
        Conversation::make(organisation, "c", told, talk, |at| at.date_naive())
    }

    #[test]
    fn a_conversation_is_open_for_a_day_after_its_last_message_unless_it_is_told_otherwise() {
        let closes = |told| made(told, Some(&talk())).unwrap().closes_at;
        let none = ConversationTold::default();
        assert_eq!(closes(none), at("02T12:00:00"));
        let expires = ConversationTold { expires_at: Some(at("03T00:00:00")), ..none };
        assert_eq!(closes(expires), at("03T00:00:00"));
        assert_eq!(closes(ConversationTold { closed_at: Some(at("01T11:00:00")), ..expires }), at("01T11:00:00"));
    }

    #[test]
    fn whoever_asked_waited_until_the_first_answer() {
        let answered = made(ConversationTold::default(), Some(&talk())).unwrap();
        assert_eq!(answered.response_seconds(), Some(90));
        let silent = Talk { first_response_at: None, ..talk() };
        assert_eq!(made(ConversationTold::default(), Some(&silent)).unwrap().response_seconds(), None);
        let unasked = Talk { first_inbound_at: None, ..silent };
        assert_eq!(made(ConversationTold::default(), Some(&unasked)).unwrap().response_seconds(), None);
        let told = ConversationTold {
            channel_id: Some(ChannelId::from_uuid(Uuid::from_u128(9))),
            opened_at: Some(at("01T09:00:00")),
            first_response_at: Some(at("01T09:00:07")),
            ..ConversationTold::default()
        };
        let alone = made(told, None).unwrap();
        assert_eq!((alone.response_seconds(), alone.last_activity_at), (Some(7), at("01T09:00:00")));
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        let only_expiry = ConversationTold { expires_at: Some(at("03T00:00:00")), ..ConversationTold::default() };
        assert_eq!(made(only_expiry, None), None);
    }

    #[test]
    fn a_conversation_does_not_end_before_it_begins() {
        let update = ConversationUpdate {
            field: "conversations[0]".to_owned(),
            external_id: "c".to_owned(),
            channel_id: talk().channel_id,
            opened_at: at("01T10:00:00"),
            closed_at: Some(at("01T09:59:59")),
            first_response_at: None,
        };
        assert_eq!(update.check(at("05T00:00:00")).unwrap_err().field, "conversations[0].closedAt");
    }
}
