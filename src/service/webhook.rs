//! Webhooks in: the secrets that they are signed with or carry, whether one is genuine, and what becomes of what the BSPs tell.

mod intake;
pub(super) mod signature;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::access::Caller;
use super::message::MessageService;
use super::{Core, ServiceError};
use crate::domain::channel::{BspKind, Channel};
use crate::domain::id::{ChannelId, OrganisationId, RejectedUpdateId};
use crate::domain::input::BadInput;
use crate::domain::page::{Page, PageRequest};
use crate::domain::webhook::RejectedUpdate;
use crate::store;
pub use intake::Tally;
pub use signature::Delivery;

/// Gives out secrets, checks signatures, and takes what BSPs tell.
#[derive(Debug, Clone)]
pub struct WebhookService {
    core: Arc<Core>,
    message: MessageService,
    warned: Arc<Warned>,
}

/// Which settings were said to be missing: each is said once.
#[derive(Debug, Default)]
struct Warned {
    app_secret: AtomicBool,
    verify_token: AtomicBool,
}

impl WebhookService {
    pub(super) fn new(core: Arc<Core>, message: MessageService) -> Self {
        Self { core, message, warned: Arc::default() }
    }

    /// Gives the organisation a new secret, known to the caller alone from here on; the former one opens nothing any more.
    pub async fn rotate_secret(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
    ) -> Result<SecretString, ServiceError> {
        caller.require_admin()?;
        let work = self.core.begin().await?;
        store::organisation::find(work.tx(), organisation).await?.ok_or(ServiceError::NotFound("organisation"))?;
        let secret = signature::new_secret();
        let sealed = self.core.keys().seal_webhook_secret(organisation, &secret);
        store::webhook_secret::replace(work.tx(), organisation, &sealed, work.now()).await?;
        let target = Some(organisation.to_string());
        work.audit(caller, "rotateWebhookSecret", Some(organisation), target, json!({})).await?;
        work.commit().await?;
        Ok(secret)
    }

    /// Whether `delivery` was signed with the organisation's secret, a short while ago. An organisation that does not exist, or has no
    /// secret, signs nothing.
    pub async fn is_genuine(
        &self,
        organisation: OrganisationId,
        delivery: &Delivery<'_>,
    ) -> Result<bool, ServiceError> {
        if !delivery.is_timely(self.core.now()) {
            return Ok(false);
        }
        let sealed = store::webhook_secret::find(self.core.store().read(), organisation).await?;
        let Some(sealed) = sealed else { return Ok(false) };
        let secret = self.core.keys().open_webhook_secret(organisation, &sealed);
        let secret = secret.map_err(|error| ServiceError::Internal(error.into()))?;
        Ok(delivery.is_signed_with(secret.expose_secret()))
    }

    /// Gives a channel that is billed through Gupshup a new secret for its webhooks, known to the caller alone from here on; the former
    /// one opens nothing any more.
    pub async fn rotate_channel_secret(&self, caller: &Caller, id: ChannelId) -> Result<SecretString, ServiceError> {
        caller.require_admin()?;
        let work = self.core.begin().await?;
        let channel = store::channel::find_any(work.tx(), id).await?.ok_or(ServiceError::NotFound("channel"))?;
        if !is_of_gupshup(&channel) {
            let accepted = "expected a channel that is billed through Gupshup: Meta signs with the app's secret";
            return Err(BadInput::new("channelId", id, accepted).into());
        }
        let secret = signature::new_channel_secret();
        let hash = signature::hash(secret.expose_secret().as_bytes());
        let organisation = channel.organisation_id;
        store::channel_secret::replace(work.tx(), organisation, id, &hash, work.now()).await?;
        work.audit(caller, "rotateChannelSecret", Some(organisation), Some(id.to_string()), json!({})).await?;
        work.commit().await?;
        Ok(secret)
    }

    /// The channel that Gupshup tells of, if it carries its secret. One that does not exist, is not Gupshup's or has no secret is told of
    /// by nobody.
    pub async fn genuine_channel(&self, id: ChannelId, secret: &[u8]) -> Result<Option<Channel>, ServiceError> {
        let db = self.core.store().read();
        let Some(hash) = store::channel_secret::find(db, id).await? else { return Ok(None) };
        if !signature::is_same(&hash, &signature::hash(secret)) {
            return Ok(None);
        }
        Ok(store::channel::find_any(db, id).await?.filter(is_of_gupshup))
    }

    /// Whether Meta signed the body, as it came.
    pub fn is_from_meta(&self, header: &str, body: &[u8]) -> bool {
        let secrets = &self.core.webhooks().meta_app_secrets;
        if secrets.is_empty() {
            warn_once(&self.warned.app_secret, "META_APP_SECRET");
        }
        signature::is_signed_by_meta(header, body, secrets)
    }

    /// Whether `token` is the one that Meta was given to ask with.
    pub fn is_verify_token(&self, token: &str) -> bool {
        let Some(expected) = &self.core.webhooks().meta_verify_token else {
            warn_once(&self.warned.verify_token, "META_VERIFY_TOKEN");
            return false;
        };
        let expected = signature::hash(expected.expose_secret().as_bytes());
        signature::is_same(&expected, &signature::hash(token.as_bytes()))
    }

    /// What was told and could not be taken, newest first: of one organisation, or all.
    pub async fn rejected(
        &self,
        organisation: Option<OrganisationId>,
        request: &PageRequest<RejectedUpdateId>,
    ) -> Result<Page<RejectedUpdate>, ServiceError> {
        Ok(store::rejected_update::page(self.core.store().read(), organisation, request).await?)
    }
}

fn is_of_gupshup(channel: &Channel) -> bool {
    channel.account.as_ref().is_some_and(|account| account.bsp == BspKind::Gupshup)
}

/// Strangers knock as often as they like, and the log says it once.
fn warn_once(warned: &AtomicBool, setting: &str) {
    if !warned.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            setting,
            "a webhook of Meta's came and was refused: the setting that it is checked by is missing"
        );
    }
}
