//! A dashboard: what days hold together, and how they stand against those before.

use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::metric::{ContactFigures, ConversationFigures, Figures, Metrics, Rate, growth};
use super::period::Period;

/// The most days that a dashboard shows.
pub const DAYS_MAX: u32 = 365;

/// The days of a dashboard that nobody chose.
pub const DAYS_USUAL: u32 = 30;

/// The figures of a period, and when they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub figures: Figures,
    pub period: Period,
    pub at: Instant,
}

impl Counted {
    /// What is shown of it.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.figures, self.period, self.at)
    }
}

/// What some days hold together: what adds up is the sum of the `days`, and what does not, such as people who were active on any of them, was
/// counted of them as a `whole`.
pub fn together(days: impl IntoIterator<Item = Figures>, whole: Figures) -> Figures {
    let sum = days.into_iter().fold(Figures::default(), Figures::plus);
    let ConversationFigures { total, responses, response_seconds, .. } = sum.conversations;
    Figures {
        messages: sum.messages,
        campaigns: whole.campaigns,
        contacts: ContactFigures { new: sum.contacts.new, ..whole.contacts },
        // Days that were frozen may not know of conversations that were told of late.
        conversations: ConversationFigures {
            total,
            open: whole.conversations.open.min(total),
            responses,
            response_seconds,
        },
    }
}

/// By how many per cent each figure is more than in the days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    pub messages: Rate,
    pub delivered: Rate,
    pub read: Rate,
    pub replied: Rate,
    pub contacts: Rate,
    pub conversations: Rate,
    pub campaigns: Rate,
}

impl Growth {
    /// How `current` stands against `previous`.
    pub fn of(current: &Figures, previous: &Figures) -> Self {
        let of = |figure: fn(&Figures) -> i64| growth(figure(current), figure(previous));
        Self {
            messages: of(|figures| figures.messages.total),
            delivered: of(|figures| figures.messages.delivered),
            read: of(|figures| figures.messages.read),
            replied: of(|figures| figures.messages.replied),
            contacts: of(|figures| figures.contacts.total),
            conversations: of(|figures| figures.conversations.total),
            campaigns: of(|figures| figures.campaigns.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::metric::{CampaignFigures, MessageFigures};

    fn day(total: i64) -> Figures {
        Figures {
            messages: MessageFigures { total, delivered: total - 1, ..MessageFigures::default() },
            campaigns: CampaignFigures { total: 1, ..CampaignFigures::default() },
            contacts: ContactFigures { total: 10 * total, new: 2, active: 3, blocked: 1, scores: 700 },
            conversations: ConversationFigures { total: 2, open: 2, responses: 1, response_seconds: 30 },
        }
    }

    #[test]
    fn what_adds_up_is_the_sum_of_the_days_and_the_rest_is_of_the_whole() {
        let whole = Figures {
            contacts: ContactFigures { total: 70, new: 0, active: 4, blocked: 2, scores: 900 },
            conversations: ConversationFigures { open: 9, ..ConversationFigures::default() },
            ..day(0)
        };
        let both = together([day(5), day(3)], whole);
        assert_eq!((both.messages.total, both.messages.delivered), (8, 6));
        assert_eq!(both.campaigns, whole.campaigns);
        assert_eq!(both.contacts, ContactFigures { new: 4, ..whole.contacts });
        let conversations = ConversationFigures { total: 4, open: 4, responses: 2, response_seconds: 60 };
        assert_eq!(both.conversations, conversations, "no more are open than there are");
    }

    #[test]
    fn growth_from_nothing_is_a_hundred_and_to_nothing_minus_a_hundred() {
        let growth = Growth::of(&day(7), &day(3));
        let shown = |rate: Rate| rate.to_string();
        assert_eq!(shown(growth.messages), "133.33");
        assert_eq!(shown(growth.delivered), "200.00");
        assert_eq!(shown(growth.contacts), "133.33");
        assert_eq!(growth.campaigns, Rate::ZERO);
        let nothing = Figures::default();
        let (from, to) = (Growth::of(&day(7), &nothing), Growth::of(&nothing, &day(7)));
        assert_eq!([from.messages, from.read].map(shown), ["100.00", "0.00"]);
        assert_eq!([to.messages, to.read].map(shown), ["-100.00", "0.00"]);
    }
}
