//! Messages and conversations, told of with as much of their lives as is known.

use async_graphql::{Context, ID, InputObject, Object};

use super::access;
use super::account_usage::UsageCategory;
use super::error::Result;
use super::ledger::RecordResult;
use super::recording::Direction;
use super::scalar::DateTime;
use crate::domain::clock::Instant;
use crate::domain::id::{CampaignId, ChannelId};
use crate::domain::input::{BadInput, Name};
use crate::domain::message::{ConversationUpdate, Life, Pricing, Update};
use crate::domain::phone::PhoneNumber;
use crate::service::message::{CONVERSATIONS_MAX, MESSAGES_MAX};

/// A message and its whole life so far. Sent again with more times, it is joined with what is known: of each time the earliest holds.
#[derive(Debug, InputObject)]
pub(super) struct MessageInput {
    /// What the BSP calls the message (the wamid), unique within the organisation, 1 to 255 characters.
    external_id: String,
    /// The channel that it went through.
    channel_id: ID,
    /// Which way it went.
    direction: Direction,
    /// The customer's telephone number with its country code, such as +919800000001. A customer that is new is made.
    customer_phone: String,
    /// What the customer is called, 1 to 200 characters; taken where no name is known.
    customer_name: Option<String>,
    /// The campaign that it belongs to.
    campaign_id: Option<ID>,
    /// What its conversation is called, 1 to 255 characters.
    conversation_id: Option<String>,
    /// The category, where prices depend on one.
    category: Option<UsageCategory>,
    /// When it was made, or came in; of all its times the earliest holds. At most 5 minutes ahead, as all of them.
    created_at: DateTime,
    /// When it was sent.
    sent_at: Option<DateTime>,
    /// When it reached the customer. A WhatsApp message that the organisation sent is usage then.
    delivered_at: Option<DateTime>,
    /// When the customer read it; what was read was delivered.
    read_at: Option<DateTime>,
    /// When it failed; what reached the customer did not.
    failed_at: Option<DateTime>,
    /// When the customer first answered it.
    replied_at: Option<DateTime>,
}

impl MessageInput {
    fn update(self, index: usize) -> Result<Update, BadInput> {
        let field = format!("messages[{index}]");
        let of = |name: &str| format!("{field}.{name}");
        let name = self.customer_name.map(|name| Name::parse(&of("customerName"), &name)).transpose()?;
        let time = |name: &str, at: Option<DateTime>| at.map(|at| at.instant(&of(name))).transpose();
        Ok(Update {
            external_id: self.external_id,
            channel_id: ChannelId::parse(&of("channelId"), &self.channel_id)?,
            direction: self.direction.into(),
            phone: PhoneNumber::parse(&of("customerPhone"), &self.customer_phone)?,
            customer_name: name.map(Name::into_string),
            campaign_id: self.campaign_id.map(|id| CampaignId::parse(&of("campaignId"), &id)).transpose()?,
            conversation_id: self.conversation_id,
            conversation_expires_at: None,
            pricing: Pricing { category: self.category.map(Into::into), pricing_type: None },
            life: Life {
                created_at: self.created_at.instant(&of("createdAt"))?,
                sent_at: time("sentAt", self.sent_at)?,
                delivered_at: time("deliveredAt", self.delivered_at)?,
                read_at: time("readAt", self.read_at)?,
                failed_at: time("failedAt", self.failed_at)?,
                replied_at: time("repliedAt", self.replied_at)?,
            },
            failure: None,
            field,
        })
    }
}

/// What is known of a conversation beside its messages.
#[derive(Debug, InputObject)]
pub(super) struct ConversationInput {
    /// What the conversation is called, as its messages name it, unique within the organisation, 1 to 255 characters.
    external_id: String,
    /// The channel that it is held on.
    channel_id: ID,
    /// When it began; the earliest holds, its messages included. At most 5 minutes ahead, as all of its times.
    opened_at: DateTime,
    /// When it ended; of several the latest holds. Without it, a conversation is open for 24 hours after its last message.
    closed_at: Option<DateTime>,
    /// When the organisation first answered; the earliest holds, its messages included.
    first_response_at: Option<DateTime>,
}

impl ConversationInput {
    fn update(self, index: usize) -> Result<ConversationUpdate, BadInput> {
        let field = format!("conversations[{index}]");
        let of = |name: &str| format!("{field}.{name}");
        let time = |name: &str, at: Option<DateTime>| -> Result<Option<Instant>, BadInput> {
            at.map(|at| at.instant(&of(name))).transpose()
        };
        Ok(ConversationUpdate {
            external_id: self.external_id,
            channel_id: ChannelId::parse(&of("channelId"), &self.channel_id)?,
            opened_at: self.opened_at.instant(&of("openedAt"))?,
            closed_at: time("closedAt", self.closed_at)?,
            first_response_at: time("firstResponseAt", self.first_response_at)?,
            field,
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Tells of messages: 1 to 1,000, each answered by itself and in order. RECORDED means that something of it was new, with the record of
    /// usage that it made or changed, if it did; DUPLICATE that all of it was known; CONFLICT that another channel, direction or customer is
    /// known under its name. Any order and any repetition come to the same. Needs the scope RECORD.
    #[graphql(complexity = "MESSAGES_MAX * child_complexity + 1")]
    async fn record_messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The messages.")] messages: Vec<MessageInput>,
    ) -> Result<Vec<RecordResult>> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let messages = messages.into_iter().enumerate().map(|(index, message)| message.update(index)).collect();
        let outcomes = access.services.message.record(access.caller, organisation, messages).await?;
        Ok(outcomes.into_iter().map(RecordResult::Message).collect())
    }

    /// Tells of conversations what their messages do not: 1 to 1,000, each answered by itself and in order. Any order and any repetition come
    /// to the same. Needs the scope RECORD.
    #[graphql(complexity = "CONVERSATIONS_MAX * child_complexity + 1")]
    async fn upsert_conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The conversations.")] conversations: Vec<ConversationInput>,
    ) -> Result<Vec<RecordResult>> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let conversations = conversations.into_iter().enumerate().map(|(index, told)| told.update(index)).collect();
        let outcomes = access.services.message.upsert_conversations(access.caller, organisation, conversations).await?;
        Ok(outcomes.into_iter().map(RecordResult::Message).collect())
    }
}
