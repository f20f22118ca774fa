//! The recorders: mutations that know what of a call, a message, a letter or an answer counts.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::access;
use super::account_usage::UsageCategory;
use super::error::Result;
use super::ledger::RecordResult;
use super::scalar::DateTime;
use crate::domain::recording::{self, Ruling, Said};
use crate::service::recording::LlmResponse;

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "recording::Direction")]
pub(super) enum Direction {
    /// To the organisation.
    Inbound,
    /// From the organisation.
    Outbound,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "recording::CallStatus")]
pub(super) enum CallStatus {
    /// It was taken, and ended as calls do.
    Completed,
    /// It did not come about.
    Failed,
    /// The line was busy.
    Busy,
    /// Nobody took it.
    NoAnswer,
    /// It was given up before anybody took it.
    Canceled,
}

/// A telephone call.
#[derive(Debug, InputObject)]
pub(super) struct CallInput {
    /// The call's id, as the exchange knows it, 1 to 255 characters.
    resource_id: String,
    /// Which way it went; only OUTBOUND calls count.
    direction: Direction,
    /// How it ended; only COMPLETED calls count.
    status: CallStatus,
    /// How long it lasted; only calls longer than 0 seconds count, in minutes to the millionth.
    duration_seconds: i32,
    /// When it was; now without.
    occurred_at: Option<DateTime>,
    /// The customer that it was with.
    customer_id: Option<ID>,
    /// The voice channel that it went through.
    channel_id: Option<ID>,
    /// The country as ISO 3166-1 codes it with two letters, where prices depend on one.
    country: Option<String>,
    /// What else there is to say of it: an object of at most 8 KiB.
    metadata: Option<serde_json::Value>,
}

/// A text message of the telephone network.
#[derive(Debug, InputObject)]
pub(super) struct SmsInput {
    /// The message's id, as its sender knows it, 1 to 255 characters.
    resource_id: String,
    /// Which way it went; only OUTBOUND messages count.
    direction: Direction,
    /// What was sent along; with any, the message is an `mms`, else a `message`.
    media_urls: Option<Vec<String>>,
    /// When it was; now without.
    occurred_at: Option<DateTime>,
    /// The customer that it went to.
    customer_id: Option<ID>,
    /// The SMS channel that it went through.
    channel_id: Option<ID>,
    /// The country as ISO 3166-1 codes it with two letters, where prices depend on one.
    country: Option<String>,
    /// What else there is to say of it: an object of at most 8 KiB.
    metadata: Option<serde_json::Value>,
}

/// A letter by electronic mail.
#[derive(Debug, InputObject)]
pub(super) struct EmailInput {
    /// The letter's id, as its sender knows it, 1 to 255 characters.
    resource_id: String,
    /// To how many it went, 1 or more: each counts.
    recipients: i32,
    /// When it was; now without.
    occurred_at: Option<DateTime>,
    /// The customer that it went to.
    customer_id: Option<ID>,
    /// The email channel that it went through.
    channel_id: Option<ID>,
    /// What else there is to say of it: an object of at most 8 KiB.
    metadata: Option<serde_json::Value>,
}

/// A WhatsApp message.
#[derive(Debug, InputObject)]
pub(super) struct WhatsAppInput {
    /// The message's id, as WhatsApp knows it, 1 to 255 characters.
    resource_id: String,
    /// Which way it went; only OUTBOUND messages count.
    direction: Direction,
    /// The category, where prices depend on one.
    category: Option<UsageCategory>,
    /// The country as ISO 3166-1 codes it with two letters, where prices depend on one.
    country: Option<String>,
    /// When it was; now without.
    occurred_at: Option<DateTime>,
    /// The customer that it went to.
    customer_id: Option<ID>,
    /// The WhatsApp channel that it went through.
    channel_id: Option<ID>,
    /// What else there is to say of it: an object of at most 8 KiB.
    metadata: Option<serde_json::Value>,
}

/// An answer of a large language model.
#[derive(Debug, InputObject)]
pub(super) struct LlmResponseInput {
    /// The answer's id, as its sender knows it, 1 to 255 characters.
    resource_id: String,
    /// The customer that it was for. Only answers to customers of the organisation count who are registered and not blocked.
    customer_id: Option<ID>,
    /// The same by telephone number; not both.
    customer_phone: Option<String>,
    /// What it says, which is not kept; only answers that are not blank count.
    #[graphql(secret)]
    text: String,
    /// When it was; now without.
    occurred_at: Option<DateTime>,
    /// The LLM channel that it came from.
    channel_id: Option<ID>,
    /// What else there is to say of it: an object of at most 8 KiB.
    metadata: Option<serde_json::Value>,
}

/// What all these inputs say.
macro_rules! said {
    ($field:literal, $input:ident, $country:expr) => {
        Said {
            field: $field.to_owned(),
            resource_id: $input.resource_id,
            channel_id: $input.channel_id.map(|id| id.0),
            customer_id: $input.customer_id.map(|id| id.0),
            country: $country,
            occurred_at: $input.occurred_at.map(DateTime::into_text),
            metadata: $input.metadata,
        }
    };
}

/// Records what `ruling` says on behalf of the caller.
async fn record(ctx: &Context<'_>, organisation_id: Option<&ID>, ruling: Ruling) -> Result<RecordResult> {
    let access = access::recorder(ctx)?;
    let organisation = access.organisation_to_record("organisationId", organisation_id)?;
    Ok(RecordResult::Usage(access.services.recording.record(access.caller, organisation, ruling).await?))
}

#[derive(Debug, Default)]
pub(super) struct RecordingMutation;

#[Object]
impl RecordingMutation {
    /// Records the minutes of a call: OUTBOUND, COMPLETED and longer than 0 seconds, or it is SKIPPED. Needs the scope RECORD.
    async fn record_call(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The call.")] call: CallInput,
    ) -> Result<RecordResult> {
        let said = said!("call", call, call.country);
        let ruling = recording::call(said, call.direction.into(), call.status.into(), call.duration_seconds.into());
        record(ctx, organisation_id.as_ref(), ruling).await
    }

    /// Records a text message: OUTBOUND, or it is SKIPPED. Needs the scope RECORD.
    async fn record_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The message.")] message: SmsInput,
    ) -> Result<RecordResult> {
        let has_media = message.media_urls.is_some_and(|urls| !urls.is_empty());
        let said = said!("message", message, message.country);
        record(ctx, organisation_id.as_ref(), recording::text_message(said, message.direction.into(), has_media)).await
    }

    /// Records a letter, as often as it has recipients. Needs the scope RECORD.
    async fn record_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The letter.")] email: EmailInput,
    ) -> Result<RecordResult> {
        let said = said!("email", email, None);
        record(ctx, organisation_id.as_ref(), recording::email(said, email.recipients)).await
    }

    /// Records a WhatsApp message: OUTBOUND, or it is SKIPPED. Needs the scope RECORD.
    async fn record_whats_app(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The message.")] message: WhatsAppInput,
    ) -> Result<RecordResult> {
        let category = message.category.map(Into::into);
        let said = said!("message", message, message.country);
        record(ctx, organisation_id.as_ref(), recording::whatsapp(said, message.direction.into(), category)).await
    }

    /// Records an answer of a language model: one that says something, to a customer who is registered and not blocked, or it is SKIPPED.
    /// Needs the scope RECORD.
    async fn record_llm_response(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The answer.")] response: LlmResponseInput,
    ) -> Result<RecordResult> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let said = said!("response", response, None);
        let response = LlmResponse { said, customer_phone: response.customer_phone, text: response.text };
        let outcome = access.services.recording.record_llm_response(access.caller, organisation, response).await?;
        Ok(RecordResult::Usage(outcome))
    }
}
