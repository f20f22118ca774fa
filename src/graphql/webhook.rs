//! Webhooks in: their secrets, and what they told that could not be taken.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use super::connection::{self, Connection, PageArguments};
use super::error::Result;
use super::organisation::Organisation;
use super::scalar::DateTime;
use super::{access, complexity, loader};
use crate::domain::id::{ChannelId, OrganisationId, RejectedUpdateId};
use crate::domain::webhook;

/// What an organisation's exchange signs its webhooks with, as Standard Webhooks has it.
#[derive(Debug, SimpleObject)]
pub(super) struct WebhookSecret {
    /// `whsec_` and 32 bytes in base64. It is shown this once.
    secret: String,
}

/// What Gupshup has to send along with the webhooks of a channel, as the header `X-Webhook-Secret`.
#[derive(Debug, SimpleObject)]
pub(super) struct ChannelSecret {
    /// `wcs_` and 32 bytes in hexadecimal digits. It is shown this once.
    secret: String,
    /// Where the webhooks go, on this server.
    path: String,
}

/// Who told something by webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "webhook::WebhookSource")]
pub(super) enum WebhookSource {
    /// Meta's Cloud API.
    Meta,
    /// Gupshup.
    Gupshup,
}

/// Something that was told by webhook and could not be taken.
#[derive(Debug, Clone)]
pub(super) struct RejectedUpdate(webhook::RejectedUpdate);

/// Something that was told by webhook and could not be taken.
#[Object]
impl RejectedUpdate {
    /// Its id.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Who told it.
    async fn source(&self) -> WebhookSource {
        self.0.source.into()
    }

    /// The organisation that it was for, where that is known.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<Organisation>> {
        let id = self.0.organisation_id?;
        Some(loader::organisation(ctx, id).await.map(Organisation))
    }

    /// The id of the channel that it was for, where that is known.
    async fn channel_id(&self) -> Option<ID> {
        self.0.channel_id.map(|id| id.to_string().into())
    }

    /// Why it could not be taken.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// It as JSON, of which only the beginning is kept where it is long.
    async fn payload(&self) -> &str {
        &self.0.payload
    }

    /// When it came.
    async fn received_at(&self) -> DateTime {
        self.0.received_at.into()
    }
}

#[derive(Debug, Default)]
pub(super) struct WebhookQuery;

#[Object]
impl WebhookQuery {
    /// What BSPs told by webhook and could not be taken, newest first. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn rejected_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what was for this organisation.")] organisation_id: Option<ID>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<RejectedUpdate>> {
        let access = access::admin_reader(ctx)?;
        let organisation_id = access::filter("organisationId", organisation_id.as_ref())?;
        let place = |place: &str| RejectedUpdateId::parse("after", place).ok();
        let request = PageArguments::forward(first, after).request(place)?;
        let page = access.services.webhook.rejected(organisation_id, &request).await?;
        Ok(connection::connect(page, |update| update.id.to_string(), RejectedUpdate))
    }
}

#[derive(Debug, Default)]
pub(super) struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Gives an organisation a new secret for its webhooks in, such as `POST /webhooks/cdr`; the former one is no longer good. For admins.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
    ) -> Result<WebhookSecret> {
        let access = access::admin(ctx)?;
        let organisation = OrganisationId::parse("organisationId", &organisation_id)?;
        let secret = access.services.webhook.rotate_secret(access.caller, organisation).await?;
        Ok(WebhookSecret { secret: secret.expose_secret().to_owned() })
    }
    /// Gives a channel that is billed through Gupshup a new secret for its webhooks, `POST /webhooks/gupshup/{channelId}`; the former one is
    /// no longer good. For admins.
    async fn rotate_channel_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The channel.")] channel_id: ID,
    ) -> Result<ChannelSecret> {
        let access = access::admin(ctx)?;
        let id = ChannelId::parse("channelId", &channel_id)?;
        let secret = access.services.webhook.rotate_channel_secret(access.caller, id).await?;
        Ok(ChannelSecret { secret: secret.expose_secret().to_owned(), path: format!("/webhooks/gupshup/{id}") })
    }
}
