//! The counters of analytics: what messages, conversations and people change in them, by local day.
//!
//! A message counts on the day on which it became known, whenever its statuses came; where that day moves, all that it counts moves with
//! it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Conversation, Counts, Message};
use crate::domain::id::{CampaignId, ChannelId, CustomerId, OrganisationId};

/// Whether something is counted in or out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    In,
    Out,
}

impl Sign {
    const fn of(self, count: i64) -> i64 {
        match self {
            Self::In => count,
            Self::Out => -count,
        }
    }
}

/// A local day of a channel; without a channel, of the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    pub organisation_id: OrganisationId,
    pub date: NaiveDate,
    pub channel_id: Option<ChannelId>,
}

/// What is counted of a [`DayKey`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayCounts {
    pub messages: Counts,
    /// How many conversations began.
    pub conversations: i64,
    /// How many of these the organisation answered.
    pub responses: i64,
    /// How long these answers took, together.
    pub response_seconds: i64,
    /// How many people were talked to for the first time; of the organisation this alone is counted.
    pub contacts_new: i64,
}

/// A local day of a campaign on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CampaignDayKey {
    pub organisation_id: OrganisationId,
    pub date: NaiveDate,
    pub campaign_id: CampaignId,
    pub channel_id: ChannelId,
}

/// A local day of a person on a channel, in a campaign or in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactDayKey {
    pub organisation_id: OrganisationId,
    pub date: NaiveDate,
    pub customer_id: CustomerId,
    pub channel_id: ChannelId,
    pub campaign_id: Option<CampaignId>,
}

/// What changes in the counters, each key once and in order: concurrent writers then never wait for each other in a circle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deltas {
    pub days: BTreeMap<DayKey, DayCounts>,
    pub campaign_days: BTreeMap<CampaignDayKey, Counts>,
    pub contact_days: BTreeMap<ContactDayKey, Counts>,
}

impl Deltas {
    /// Counts a message in or out.
    pub fn message(&mut self, message: &Message, sign: Sign) {
        let Message { organisation_id, channel_id, customer_id, campaign_id, date, .. } = *message;
        let counts = message.counts();
        let day = DayKey { organisation_id, date, channel_id: Some(channel_id) };
        self.days.entry(day).or_default().messages.add(counts, sign);
        if let Some(campaign_id) = campaign_id {
            let day = CampaignDayKey { organisation_id, date, campaign_id, channel_id };
            self.campaign_days.entry(day).or_default().add(counts, sign);
        }
        let day = ContactDayKey { organisation_id, date, customer_id, channel_id, campaign_id };
        self.contact_days.entry(day).or_default().add(counts, sign);
    }

    /// Counts a conversation in or out.
    pub fn conversation(&mut self, conversation: &Conversation, sign: Sign) {
        let Conversation { organisation_id, channel_id, date, .. } = *conversation;
        let day = self.days.entry(DayKey { organisation_id, date, channel_id: Some(channel_id) }).or_default();
        day.conversations += sign.of(1);
        if let Some(seconds) = conversation.response_seconds() {
            day.responses += sign.of(1);
            day.response_seconds += sign.of(seconds);
        }
    }

    /// Counts somebody in or out who is talked to for the first time on `date`.
    pub fn contact(
        &mut self,
        organisation_id: OrganisationId,
        channel_id: Option<ChannelId>,
        date: NaiveDate,
        sign: Sign,
    ) {
        self.days.entry(DayKey { organisation_id, date, channel_id }).or_default().contacts_new += sign.of(1);
    }

    /// Leaves out what comes to nothing.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.days.retain(|_, counts| *counts != DayCounts::default());
        self.campaign_days.retain(|_, counts| *counts != Counts::default());
        self.contact_days.retain(|_, counts| *counts != Counts::default());
        self
    }
}

impl Counts {
    /// Adds or takes away others. No sum comes near 64 bits: a call has a thousand messages.
    pub fn add(&mut self, other: Self, sign: Sign) {
        let Self { total, inbound, outbound, sent, delivered, read, failed, replied, engaged } = self;
        let sums = [total, inbound, outbound, sent, delivered, read, failed, replied, engaged];
        let Self { total, inbound, outbound, sent, delivered, read, failed, replied, engaged } = other;
        let more = [total, inbound, outbound, sent, delivered, read, failed, replied, engaged];
        sums.into_iter().zip(more).for_each(|(sum, more)| *sum += sign.of(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Life;
    use crate::domain::message::tests::{any_update, both, told};
    use proptest::prelude::*;

    #[test]
    fn a_message_that_becomes_older_takes_its_counts_with_it() {
        let at = |text: &str| text.parse().unwrap();
        let read = Life { read_at: Some(at("2026-06-02T09:00:00Z")), ..Life::seen(at("2026-06-02T08:00:00Z")) };
        let late = told(read);
        let whole = both(late.clone(), told(Life::seen(at("2026-06-01T23:59:59Z"))));
        let mut deltas = Deltas::default();
        deltas.message(&late, Sign::Out);
        deltas.message(&whole, Sign::In);
        let days = deltas.days.iter().map(|(key, counts)| (key.date.to_string(), counts.messages.read));
        let days = days.collect::<Vec<_>>();
        assert_eq!(days, [("2026-06-01".to_owned(), 1), ("2026-06-02".to_owned(), -1)]);
    }

    proptest! {
        #[test]
        fn what_is_counted_in_and_out_again_leaves_nothing(one in any_update(), two in any_update()) {
            let whole = both(one.clone(), two);
            let mut deltas = Deltas::default();
            deltas.message(&one, Sign::In);
            deltas.message(&one, Sign::Out);
            deltas.message(&whole, Sign::In);
            let mut straight = Deltas::default();
            straight.message(&whole, Sign::In);
            prop_assert_eq!(deltas.settled(), straight);
        }
    }
}
