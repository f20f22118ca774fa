//! What is counted of a period's messages, campaigns, contacts and conversations, and the metrics that are made of it.

mod named;
mod rate;
mod score;

use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::period::Period;

pub use named::{MetricValue, Named};
pub use rate::{Rate, conversion_rate, delivery_rate, engagement_rate, failure_rate, growth, read_rate, reply_rate};
pub use score::{RECENCY_POINTS, campaign_score, engagement_score};

/// What a period holds, in whole numbers: everything that is shown of it is made of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Figures {
    pub messages: MessageFigures,
    pub campaigns: CampaignFigures,
    pub contacts: ContactFigures,
    pub conversations: ConversationFigures,
}

/// Messages that began in the period, by how far they have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageFigures {
    pub total: i64,
    pub sent: i64,
    pub delivered: i64,
    pub read: i64,
    pub failed: i64,
    pub replied: i64,
    pub inbound: i64,
    pub outbound: i64,
}

/// Campaigns whose life touches the period, and what was sent of any in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CampaignFigures {
    pub total: i64,
    pub active: i64,
    pub completed: i64,
    pub failed: i64,
    pub recipients: i64,
    pub messages_sent: i64,
    /// How many campaigns sent anything in the period.
    pub sending: i64,
    /// The delivery rates of those, in hundredths of a per cent, together.
    pub delivery_rates: i64,
    /// The same of their read rates.
    pub read_rates: i64,
}

/// People that were talked to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactFigures {
    /// Up to the period's end.
    pub total: i64,
    pub new: i64,
    /// Who got or sent a message in the period.
    pub active: i64,
    /// Now.
    pub blocked: i64,
    /// The scores of the active ones for what they did in the period, in hundredths, together.
    pub scores: i64,
}

/// Conversations that began in the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConversationFigures {
    pub total: i64,
    /// Those that were not over at the period's end, or are not over now where it still runs.
    pub open: i64,
    /// In how many the customer was answered.
    pub responses: i64,
    /// The seconds from the customer's first word to the first answer, together.
    pub response_seconds: i64,
}

impl Figures {
    /// The figures of this period and of the one after it together, as far as they add up.
    ///
    /// Messages, conversations, new contacts and what campaigns sent do. How things stood, the totals of contacts and campaigns, is the later
    /// period's word. Who was active in both counts twice here, so whoever shows active contacts of several days asks for them anew.
    #[must_use]
    pub fn plus(self, later: Self) -> Self {
        let (messages, campaigns, contacts, conversations) =
            (self.messages, self.campaigns, self.contacts, self.conversations);
        Self {
            messages: MessageFigures {
                total: messages.total + later.messages.total,
                sent: messages.sent + later.messages.sent,
                delivered: messages.delivered + later.messages.delivered,
                read: messages.read + later.messages.read,
                failed: messages.failed + later.messages.failed,
                replied: messages.replied + later.messages.replied,
                inbound: messages.inbound + later.messages.inbound,
                outbound: messages.outbound + later.messages.outbound,
            },
            campaigns: CampaignFigures {
                messages_sent: campaigns.messages_sent + later.campaigns.messages_sent,
                sending: campaigns.sending + later.campaigns.sending,
                delivery_rates: campaigns.delivery_rates + later.campaigns.delivery_rates,
                read_rates: campaigns.read_rates + later.campaigns.read_rates,
                ..later.campaigns
            },
            contacts: ContactFigures {
                new: contacts.new + later.contacts.new,
                active: contacts.active + later.contacts.active,
                scores: contacts.scores + later.contacts.scores,
                ..later.contacts
            },
            conversations: ConversationFigures {
                total: conversations.total + later.conversations.total,
                open: conversations.open + later.conversations.open,
                responses: conversations.responses + later.conversations.responses,
                response_seconds: conversations.response_seconds + later.conversations.response_seconds,
            },
        }
    }
}

/// The metrics of a period, as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    pub period: Period,
    pub messages: MessageMetrics,
    pub campaigns: CampaignMetrics,
    pub contacts: ContactMetrics,
    pub conversations: ConversationMetrics,
    /// When the figures were counted.
    pub generated_at: Instant,
}

/// Messages and their rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageMetrics {
    pub figures: MessageFigures,
    pub delivery_rate: Rate,
    pub read_rate: Rate,
    pub reply_rate: Rate,
    pub failure_rate: Rate,
}

/// Campaigns and the means of their rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignMetrics {
    pub figures: CampaignFigures,
    pub avg_delivery_rate: Rate,
    pub avg_read_rate: Rate,
}

/// Contacts and the mean of their scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactMetrics {
    pub figures: ContactFigures,
    pub avg_engagement_score: Rate,
}

/// Conversations and how soon customers were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationMetrics {
    pub figures: ConversationFigures,
    pub closed: i64,
    /// Seconds.
    pub avg_response_time: Rate,
}

impl Metrics {
    /// The metrics that `figures` of `period` make.
    pub fn of(figures: &Figures, period: Period, generated_at: Instant) -> Self {
        let Figures { messages, campaigns, contacts, conversations } = *figures;
        Self {
            period,
            messages: MessageMetrics {
                figures: messages,
                delivery_rate: delivery_rate(messages.delivered, messages.sent),
                read_rate: read_rate(messages.read, messages.delivered),
                reply_rate: reply_rate(messages.replied, messages.sent),
                failure_rate: failure_rate(messages.failed, messages.total),
            },
            campaigns: CampaignMetrics {
                figures: campaigns,
                avg_delivery_rate: Rate::mean(campaigns.delivery_rates, campaigns.sending),
                avg_read_rate: Rate::mean(campaigns.read_rates, campaigns.sending),
            },
            contacts: ContactMetrics {
                figures: contacts,
                avg_engagement_score: Rate::mean(contacts.scores, contacts.active),
            },
            conversations: ConversationMetrics {
                figures: conversations,
                closed: conversations.total - conversations.open,
                avg_response_time: Rate::average(conversations.response_seconds, conversations.responses),
            },
            generated_at,
        }
    }
}

#[cfg(test)]
mod tests;
