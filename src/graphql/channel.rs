//! Channels: connected accounts of an organisation, and the mutations that connect and change them.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use secrecy::SecretString;

use super::access;
use super::allowance::{self, Allowance};
use super::error::Result;
use super::scalar::DateTime;
use crate::domain::channel;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::service::channel as service;

/// What kind of traffic a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "channel::ChannelKind")]
pub(super) enum ChannelKind {
    /// WhatsApp messages through a Business Service Provider.
    Whatsapp,
    /// Telephone calls.
    Voice,
    /// Text messages of the telephone network.
    Sms,
    /// Electronic mail.
    Email,
    /// Messages of social networks.
    Social,
    /// Answers of a large language model.
    Llm,
}

/// The Business Service Provider that a WhatsApp channel is billed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "channel::BspKind")]
pub(super) enum Bsp {
    /// Gupshup's partner API.
    Gupshup,
    /// Interakt, which is asked through Meta's Graph API.
    Interakt,
}

/// Whether a channel is asked for its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "channel::ChannelStatus")]
pub(super) enum ChannelStatus {
    /// It is asked.
    Active,
    /// An admin stopped it.
    Paused,
    /// It was stopped because asking again would be refused again, as when a token expired; new credentials clear it.
    NeedsAttention,
}

/// One connected account of an organisation: a WhatsApp number at a BSP, a voice trunk, an SMS sender, an LLM bot.
#[derive(Debug, Clone)]
pub(super) struct Channel(pub(super) channel::Channel);

/// One connected account of an organisation: a WhatsApp number at a BSP, a voice trunk, an SMS sender, an LLM bot.
#[Object]
impl Channel {
    /// The channel's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it carries.
    async fn kind(&self) -> ChannelKind {
        self.0.kind.into()
    }

    /// The provider that a WhatsApp channel is billed through.
    async fn bsp(&self) -> Option<Bsp> {
        self.0.account.as_ref().map(|account| account.bsp.into())
    }

    /// The account at the provider: Gupshup's app id, or the WhatsApp Business Account id at Meta.
    async fn account(&self) -> Option<&str> {
        self.0.account.as_ref().map(|account| account.account.as_str())
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its number, in E.164 with the leading plus sign.
    async fn phone_number(&self) -> Option<&str> {
        self.0.phone_number.as_deref()
    }

    /// Whether it is asked for its usage.
    async fn status(&self) -> ChannelStatus {
        self.0.status.into()
    }

    /// Why it needs attention, when it does.
    async fn status_reason(&self) -> Option<&str> {
        self.0.status_reason.as_deref()
    }

    /// How much may be used on it, where it has an allowance of its own beside the organisation's.
    async fn allowance(&self, ctx: &Context<'_>) -> Result<Option<Allowance>> {
        allowance::of_channel(ctx, self.0.organisation_id, self.0.id).await
    }

    /// When it was connected.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// How Gupshup lets a channel's usage be read.
#[derive(Debug, InputObject)]
pub(super) struct GupshupCredentials {
    /// The app's id in Gupshup's partner console.
    app_id: String,
    /// The app's partner token. It is encrypted at rest and never shown again.
    #[graphql(secret)]
    token: String,
}

impl From<GupshupCredentials> for service::GupshupCredentials {
    fn from(credentials: GupshupCredentials) -> Self {
        Self { app_id: credentials.app_id, token: SecretString::from(credentials.token) }
    }
}

/// How Meta's Graph API lets an Interakt channel's usage be read.
#[derive(Debug, InputObject)]
pub(super) struct InteraktCredentials {
    /// The id of the WhatsApp Business Account.
    waba_id: String,
    /// A system user's access token; without one the server's own is used. It is encrypted at rest and never shown again.
    #[graphql(secret)]
    access_token: Option<String>,
}

impl From<InteraktCredentials> for service::InteraktCredentials {
    fn from(credentials: InteraktCredentials) -> Self {
        Self { waba_id: credentials.waba_id, access_token: credentials.access_token.map(SecretString::from) }
    }
}

/// A channel to connect.
#[derive(Debug, InputObject)]
pub(super) struct CreateChannelInput {
    /// What it carries.
    kind: ChannelKind,
    /// What people call it, 1 to 200 characters.
    name: String,
    /// Its number, in E.164 with the leading plus sign.
    phone_number: Option<String>,
    /// The credentials of a WhatsApp channel at Gupshup.
    gupshup: Option<GupshupCredentials>,
    /// The credentials of a WhatsApp channel at Interakt.
    interakt: Option<InteraktCredentials>,
}

/// What to change of a channel; what is left out stays.
#[derive(Debug, InputObject)]
pub(super) struct UpdateChannelInput {
    /// What people call it, 1 to 200 characters.
    name: Option<String>,
    /// Its number, in E.164 with the leading plus sign.
    phone_number: Option<String>,
    /// True stops asking it for its usage, false starts again.
    paused: Option<bool>,
    /// New credentials at Gupshup; they clear `NEEDS_ATTENTION`.
    gupshup: Option<GupshupCredentials>,
    /// New credentials at Interakt; they clear `NEEDS_ATTENTION`.
    interakt: Option<InteraktCredentials>,
}

#[derive(Debug, Default)]
pub(super) struct ChannelMutation;

#[Object]
impl ChannelMutation {
    /// Connects a channel; its usage of the last days is pulled at once. For admins.
    async fn create_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation that the channel belongs to.")] organisation_id: ID,
        #[graphql(desc = "The channel.")] input: CreateChannelInput,
    ) -> Result<Channel> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let new = service::NewChannel {
            kind: input.kind.into(),
            name: input.name,
            phone_number: input.phone_number,
            gupshup: input.gupshup.map(Into::into),
            interakt: input.interakt.map(Into::into),
        };
        Ok(Channel(access.services.channel.create(access.caller, organisation_id, new).await?))
    }

    /// Changes a channel. For admins.
    async fn update_channel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: UpdateChannelInput,
    ) -> Result<Channel> {
        let access = access::admin(ctx)?;
        let id = ChannelId::parse("id", &id)?;
        let change = service::ChannelChange {
            name: input.name,
            phone_number: input.phone_number,
            paused: input.paused,
            gupshup: input.gupshup.map(Into::into),
            interakt: input.interakt.map(Into::into),
        };
        Ok(Channel(access.services.channel.update(access.caller, id, change).await?))
    }
}
