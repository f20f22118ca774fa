//! Metrics by their names, as the API spells them, so that two can be compared figure by figure.

use std::fmt;

use super::{Metrics, Rate};

/// A count or a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricValue {
    Count(i64),
    Rate(Rate),
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
        }
    }
}

/// A figure with its name, such as `messages.deliveryRate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    pub name: &'static str,
    pub value: MetricValue,
}

impl Metrics {
    /// Every figure that is shown, in the order of the API.
    pub fn named(&self) -> Vec<Named> {
        let count = |name, count| Named { name, value: MetricValue::Count(count) };
        let rate = |name, rate| Named { name, value: MetricValue::Rate(rate) };
        let (messages, campaigns) = (self.messages.figures, self.campaigns.figures);
        let (contacts, conversations) = (self.contacts.figures, self.conversations.figures);
        vec![
            count("messages.total", messages.total),
            count("messages.sent", messages.sent),
            count("messages.delivered", messages.delivered),
            count("messages.read", messages.read),
            count("messages.failed", messages.failed),
            count("messages.replied", messages.replied),
            count("messages.inbound", messages.inbound),
            count("messages.outbound", messages.outbound),
            rate("messages.deliveryRate", self.messages.delivery_rate),
            rate("messages.readRate", self.messages.read_rate),
            rate("messages.replyRate", self.messages.reply_rate),
            rate("messages.failureRate", self.messages.failure_rate),
            count("campaigns.total", campaigns.total),
            count("campaigns.active", campaigns.active),
            count("campaigns.completed", campaigns.completed),
            count("campaigns.failed", campaigns.failed),
            count("campaigns.totalRecipients", campaigns.recipients),
            count("campaigns.messagesSent", campaigns.messages_sent),
            rate("campaigns.avgDeliveryRate", self.campaigns.avg_delivery_rate),
            rate("campaigns.avgReadRate", self.campaigns.avg_read_rate),
            count("contacts.total", contacts.total),
            count("contacts.new", contacts.new),
            count("contacts.active", contacts.active),
            count("contacts.blocked", contacts.blocked),
            rate("contacts.avgEngagementScore", self.contacts.avg_engagement_score),
            count("conversations.total", conversations.total),
            count("conversations.open", conversations.open),
            count("conversations.closed", self.conversations.closed),
            rate("conversations.avgResponseTime", self.conversations.avg_response_time),
        ]
    }
}
