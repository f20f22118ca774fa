//! What is checked of an update before it is joined with what is known.

use chrono::{SubsecRound as _, TimeDelta};

use super::{Life, Pricing, Update};
use crate::domain::clock::Instant;
use crate::domain::input::{BadInput, Name};
use crate::domain::usage::{check_moment, checked_text};

/// How long a conversation may be said to stay open. Meta's longest window, that of a free entry point, is 72 hours.
const OPEN_MAX: TimeDelta = TimeDelta::days(31);

/// How much of the reason for a failure is kept, in characters.
const FAILURE_CHARS_MAX: usize = 1_000;

impl Update {
    /// The same as it is kept: times to the microsecond, from 2000 on and at most a few minutes ahead of `now`, names that can be printed.
    /// A name of the customer that cannot be one is left out, and so is what a reason for a failure has beyond 1,000 characters.
    pub fn check(self, now: Instant) -> Result<Self, BadInput> {
        let field = self.field.clone();
        self.checked(now).map_err(|bad| bad.within(&field))
    }

    fn checked(self, now: Instant) -> Result<Self, BadInput> {
        let times = [
            ("createdAt", Some(self.life.created_at)),
            ("sentAt", self.life.sent_at),
            ("deliveredAt", self.life.delivered_at),
            ("readAt", self.life.read_at),
            ("failedAt", self.life.failed_at),
            ("repliedAt", self.life.replied_at),
        ];
        for (field, at) in times {
            at.map(|at| check_moment(field, at, now)).transpose()?;
        }
        let expires_at = self.conversation_expires_at.map(|at| at.trunc_subsecs(6));
        expires_at.map(|at| check_moment("conversationExpiresAt", at, now + OPEN_MAX)).transpose()?;
        let name = self.customer_name.as_deref().and_then(|name| Name::parse("customerName", name).ok());
        let pricing_type = self.pricing.pricing_type.map(|kind| checked_text("pricing.type", kind.to_lowercase()));
        let failure = self.failure.map(|text| {
            let plain = text.chars().map(|char| if char.is_control() { ' ' } else { char });
            plain.take(FAILURE_CHARS_MAX).collect()
        });
        Ok(Self {
            external_id: checked_text("externalId", self.external_id)?,
            customer_name: name.map(Name::into_string),
            conversation_id: self.conversation_id.map(|id| checked_text("conversationId", id)).transpose()?,
            conversation_expires_at: expires_at,
            pricing: Pricing { pricing_type: pricing_type.transpose()?, ..self.pricing },
            life: Life::settled(self.life),
            failure,
            ..self
        })
    }
}
