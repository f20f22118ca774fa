//! Webhooks out: the addresses that an organisation's events are sent to, and how the tries at it went.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use super::connection::{self, Connection, PageArguments};
use super::error::Result;
use super::organisation::Organisation;
use super::scalar::{DateTime, int};
use super::{access, complexity, loader};
use crate::domain::event::{Cursor, FactKind, Log};
use crate::domain::hook;
use crate::domain::id::{AttemptId, EndpointId, OrganisationId};

/// Whether an address is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "hook::EndpointState")]
pub(super) enum WebhookEndpointState {
    /// Events are sent as they happen.
    Active,
    /// It took nothing for five days, or said that it is gone; nothing is sent until somebody enables it again.
    Disabled,
}

/// An address that an organisation's events are sent to, signed as Standard Webhooks has it, in order.
#[derive(Debug, Clone)]
pub(super) struct WebhookEndpoint(pub(super) hook::Endpoint);

/// An address that an organisation's events are sent to, signed as Standard Webhooks has it, in order.
#[Object]
impl WebhookEndpoint {
    /// The endpoint's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Whose events it is sent.
    async fn organisation(&self, ctx: &Context<'_>) -> Result<Organisation> {
        loader::organisation(ctx, self.0.organisation_id).await.map(Organisation)
    }

    /// Where they are sent.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// The types of events that are sent; null: all, those that are to come included.
    async fn event_types(&self) -> Option<Vec<&'static str>> {
        self.0.event_types.as_ref().map(|kinds| kinds.iter().map(|kind| kind.code()).collect())
    }

    /// Whether it is sent to.
    async fn state(&self) -> WebhookEndpointState {
        self.0.state.into()
    }

    /// How many events wait to be sent, counted up to 10,000.
    #[graphql(complexity = "10")]
    async fn pending(&self, ctx: &Context<'_>) -> Result<i32> {
        let pending = access::services(ctx)?.hook.pending(&self.0).await?;
        int("pending", i64::try_from(pending).unwrap_or(i64::MAX))
    }

    /// Since when it takes nothing; null: it takes what it is sent.
    async fn failing_since(&self) -> Option<DateTime> {
        self.0.failing_since.map(Into::into)
    }

    /// When the next try is made, where the last one failed.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(Into::into)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// The tries at sending to it, newest first; they are kept for 30 days.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn attempts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
    ) -> Result<Connection<WebhookAttempt>> {
        let place = |place: &str| AttemptId::parse("after", place).ok();
        let request = PageArguments::forward(first, after).request(place)?;
        let page = access::services(ctx)?.hook.attempts(&self.0, &request).await?;
        Ok(connection::connect(page, |attempt| attempt.id.to_string(), WebhookAttempt))
    }
}

/// One try at sending something to an endpoint.
#[derive(Debug, Clone)]
pub(super) struct WebhookAttempt(hook::Attempt);

/// One try at sending something to an endpoint.
#[Object]
impl WebhookAttempt {
    /// Its id.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The type of the event; `webhook.test` for a test, and `webhook.gap` where events were deleted for their age before they were sent.
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// The cursor of the event, after which `replayWebhookEndpoint` can go on; null: a test.
    async fn cursor(&self) -> Option<String> {
        self.0.sequence.map(|after| Cursor { log: Log::Organisation, after }.to_string())
    }

    /// Which try at this event it was, from 1.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// Whether it was taken.
    async fn succeeded(&self) -> bool {
        self.0.error.is_none()
    }

    /// The status of the answer; null: there was none.
    async fn status_code(&self) -> Option<i32> {
        self.0.status_code.map(i32::from)
    }

    /// Why it is no success, with the beginning of what the receiver said; null: it was taken.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// How long it took, in milliseconds.
    async fn duration_ms(&self) -> Result<i32> {
        int("durationMs", self.0.duration_ms)
    }

    /// When it was made.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }
}

/// An endpoint that was just made.
#[derive(Debug, SimpleObject)]
pub(super) struct CreatedWebhookEndpoint {
    /// The endpoint.
    endpoint: WebhookEndpoint,
    /// What its webhooks are signed with: `whsec_` and 32 bytes in base64. It is shown this once.
    secret: String,
}

/// The endpoints of an organisation that the caller has reached.
pub(super) async fn of_organisation(ctx: &Context<'_>, id: OrganisationId) -> Result<Vec<WebhookEndpoint>> {
    let endpoints = access::services(ctx)?.hook.list(id).await?;
    Ok(endpoints.into_iter().map(WebhookEndpoint).collect())
}

#[derive(Debug, Default)]
pub(super) struct HookQuery;

#[Object]
impl HookQuery {
    /// The types of events that webhooks can be sent of.
    async fn webhook_event_types(&self, ctx: &Context<'_>) -> Result<Vec<&'static str>> {
        access::reader(ctx)?;
        Ok(FactKind::ALL.iter().map(|kind| kind.code()).collect())
    }
}

#[derive(Debug, Default)]
pub(super) struct HookMutation;

#[Object]
impl HookMutation {
    /// Makes an address to which events from now on are sent; its secret is in this answer and never again. An organisation has at most 20.
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(
            desc = "Where events are sent: https:// and a host on the public internet, at most 2,048 characters."
        )]
        url: String,
        #[graphql(desc = "The types of events to send, as `webhookEventTypes` lists them; without: all.")]
        event_types: Option<Vec<String>>,
    ) -> Result<CreatedWebhookEndpoint> {
        let access = access::hooks(ctx)?;
        let organisation = access.organisation_for_hooks("organisationId", organisation_id.as_ref())?;
        let made = access.services.hook.create(access.caller, organisation, &url, event_types).await;
        let (endpoint, secret) = made?;
        Ok(CreatedWebhookEndpoint { endpoint: WebhookEndpoint(endpoint), secret: secret.expose_secret().to_owned() })
    }

    /// Deletes an endpoint: nothing more is sent to it.
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
    ) -> Result<bool> {
        let access = access::hooks(ctx)?;
        let id = EndpointId::parse("id", &id)?;
        Ok(access.services.hook.delete(access.caller, id).await?)
    }

    /// Sends a signed `webhook.test` to an endpoint now, whatever its state, and says how it went.
    async fn test_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
    ) -> Result<WebhookAttempt> {
        let access = access::hooks(ctx)?;
        let id = EndpointId::parse("id", &id)?;
        Ok(WebhookAttempt(access.services.hook.test(access.caller, id).await?))
    }

    /// Sends the events after one again, under the ids that they were sent under before. A disabled endpoint stays so.
    async fn replay_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
        #[graphql(desc = "The cursor of the last event that is not to be sent again.")] after: String,
    ) -> Result<WebhookEndpoint> {
        let access = access::hooks(ctx)?;
        let id = EndpointId::parse("id", &id)?;
        Ok(WebhookEndpoint(access.services.hook.replay(access.caller, id, &after).await?))
    }

    /// Sends to a disabled endpoint again, from where it was; one that is to be tried again later is tried at once.
    async fn enable_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
    ) -> Result<WebhookEndpoint> {
        let access = access::hooks(ctx)?;
        let id = EndpointId::parse("id", &id)?;
        Ok(WebhookEndpoint(access.services.hook.enable(access.caller, id).await?))
    }
}
