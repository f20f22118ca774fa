//! The secrets of webhooks in.

use async_graphql::{Context, ID, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use super::access;
use super::error::Result;
use crate::domain::id::OrganisationId;

/// What an organisation's exchange signs its webhooks with, as Standard Webhooks has it.
#[derive(Debug, SimpleObject)]
pub(super) struct WebhookSecret {
    /// `whsec_` and 32 bytes in base64. It is shown this once.
    secret: String,
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
}
