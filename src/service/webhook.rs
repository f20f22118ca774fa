//! Webhooks in: the secret that an organisation's exchange signs with, and whether a delivery was signed with it.

mod signature;

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::access::Caller;
use super::{Core, ServiceError};
use crate::domain::id::OrganisationId;
use crate::store;
pub use signature::Delivery;

/// Gives out secrets and checks signatures.
#[derive(Debug, Clone)]
pub struct WebhookService {
    core: Arc<Core>,
}

impl WebhookService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
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
}
