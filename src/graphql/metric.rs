//! Metrics of a period, as snapshots and live answers show them.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Object, SimpleObject};

use super::error::{Fault, Result};
use super::scalar::{DateTime, Decimal, int};
use crate::domain::{metric, period};

/// What happened in a period.
#[derive(Debug, Clone)]
pub(super) struct Metrics(pub(super) metric::Metrics);

/// What happened in a period, on a channel or on all of them. A message counts on the local day on which it began, however late its statuses
/// came. Rates are percentages with two places, rounded at the half, and 0 where there is nothing to divide by.
#[Object]
impl Metrics {
    /// The period.
    async fn period(&self) -> Period {
        self.0.period.into()
    }

    /// Messages.
    async fn messages(&self) -> Result<MessageMetrics> {
        self.0.messages.try_into()
    }

    /// Campaigns.
    async fn campaigns(&self) -> Result<CampaignMetrics> {
        self.0.campaigns.try_into()
    }

    /// The people that are talked to.
    async fn contacts(&self) -> Result<ContactMetrics> {
        self.0.contacts.try_into()
    }

    /// Conversations.
    async fn conversations(&self) -> Result<ConversationMetrics> {
        self.0.conversations.try_into()
    }

    /// When this was counted.
    async fn generated_at(&self) -> DateTime {
        self.0.generated_at.into()
    }
}

/// A span of time.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Period {
    /// Its first instant.
    start: DateTime,
    /// The first instant after it.
    end: DateTime,
}

impl From<period::Period> for Period {
    fn from(period: period::Period) -> Self {
        Self { start: period.start.into(), end: period.end.into() }
    }
}

/// Messages that began in a period, by how far they have come.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct MessageMetrics {
    /// All of them, in both directions.
    total: i32,
    /// Those that the organisation sent, as far as that is known.
    sent: i32,
    /// Those of them that reached the customer; what was read is one of them.
    delivered: i32,
    /// Those of them that were read.
    read: i32,
    /// Those that did not reach the customer.
    failed: i32,
    /// Those that the customer answered.
    replied: i32,
    /// Those from customers.
    inbound: i32,
    /// Those to customers.
    outbound: i32,
    /// Delivered of sent, in per cent.
    delivery_rate: Decimal,
    /// Read of delivered, in per cent.
    read_rate: Decimal,
    /// Replied of sent, in per cent.
    reply_rate: Decimal,
    /// Failed of total, in per cent.
    failure_rate: Decimal,
}

impl TryFrom<metric::MessageMetrics> for MessageMetrics {
    type Error = Fault;

    fn try_from(metrics: metric::MessageMetrics) -> Result<Self> {
        let figures = metrics.figures;
        Ok(Self {
            total: int("messages.total", figures.total)?,
            sent: int("messages.sent", figures.sent)?,
            delivered: int("messages.delivered", figures.delivered)?,
            read: int("messages.read", figures.read)?,
            failed: int("messages.failed", figures.failed)?,
            replied: int("messages.replied", figures.replied)?,
            inbound: int("messages.inbound", figures.inbound)?,
            outbound: int("messages.outbound", figures.outbound)?,
            delivery_rate: metrics.delivery_rate.into(),
            read_rate: metrics.read_rate.into(),
            reply_rate: metrics.reply_rate.into(),
            failure_rate: metrics.failure_rate.into(),
        })
    }
}

/// Campaigns whose life touches a period, by the state that they are in when this is counted.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct CampaignMetrics {
    /// All of them.
    total: i32,
    /// Those under way.
    active: i32,
    /// Those that are done.
    completed: i32,
    /// Those that failed.
    failed: i32,
    /// To how many people they go, together.
    total_recipients: i32,
    /// Messages of campaigns that began in the period and were sent.
    messages_sent: i32,
    /// The mean delivery rate of the campaigns that sent any.
    avg_delivery_rate: Decimal,
    /// The mean read rate of the campaigns that sent any.
    avg_read_rate: Decimal,
}

impl TryFrom<metric::CampaignMetrics> for CampaignMetrics {
    type Error = Fault;

    fn try_from(metrics: metric::CampaignMetrics) -> Result<Self> {
        let figures = metrics.figures;
        Ok(Self {
            total: int("campaigns.total", figures.total)?,
            active: int("campaigns.active", figures.active)?,
            completed: int("campaigns.completed", figures.completed)?,
            failed: int("campaigns.failed", figures.failed)?,
            total_recipients: int("campaigns.totalRecipients", figures.recipients)?,
            messages_sent: int("campaigns.messagesSent", figures.messages_sent)?,
            avg_delivery_rate: metrics.avg_delivery_rate.into(),
            avg_read_rate: metrics.avg_read_rate.into(),
        })
    }
}

/// The people that are talked to.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct ContactMetrics {
    /// Known by the period's end.
    total: i32,
    /// Talked to in the period for the first time.
    new: i32,
    /// Who got or sent a message that began in the period.
    active: i32,
    /// Who is no longer talked to, when this is counted.
    blocked: i32,
    /// The mean score, 0 to 100, of the active ones for what they did in the period.
    avg_engagement_score: Decimal,
}

impl TryFrom<metric::ContactMetrics> for ContactMetrics {
    type Error = Fault;

    fn try_from(metrics: metric::ContactMetrics) -> Result<Self> {
        let figures = metrics.figures;
        Ok(Self {
            total: int("contacts.total", figures.total)?,
            new: int("contacts.new", figures.new)?,
            active: int("contacts.active", figures.active)?,
            blocked: int("contacts.blocked", figures.blocked)?,
            avg_engagement_score: metrics.avg_engagement_score.into(),
        })
    }
}

/// Conversations that began in a period.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct ConversationMetrics {
    /// All of them.
    total: i32,
    /// Those that were not over at the period's end, or are not over now where it still runs.
    open: i32,
    /// Those that were over.
    closed: i32,
    /// How long customers waited for the first answer, in seconds, on average of those that were answered.
    avg_response_time: Decimal,
}

impl TryFrom<metric::ConversationMetrics> for ConversationMetrics {
    type Error = Fault;

    fn try_from(metrics: metric::ConversationMetrics) -> Result<Self> {
        Ok(Self {
            total: int("conversations.total", metrics.figures.total)?,
            open: int("conversations.open", metrics.figures.open)?,
            closed: int("conversations.closed", metrics.closed)?,
            avg_response_time: metrics.avg_response_time.into(),
        })
    }
}
