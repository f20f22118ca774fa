//! What the handlers of one server share.

use super::auth::{AuthFault, Authenticate, Credential, Presented};
use super::guard::Guarded;
use super::limit::Limits;
use crate::domain::id::OrganisationId;
use crate::service::ServiceError;
use crate::service::access::Caller;
use async_graphql::Data;
use std::any::TypeId;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The schema behind its gate, the keeper of tokens, and the limits. One per server, shared by its workers.
pub(super) struct Api<E> {
    pub(super) schema: Guarded<E>,
    pub(super) authenticate: Arc<dyn Authenticate>,
    pub(super) body_bytes_max: usize,
    pub(super) websocket: Limits,
    /// Cancelled when the server drains: long-lived connections end politely.
    pub(super) draining: CancellationToken,
}

/// Why a request gets nowhere because of who sent it.
pub(super) enum Denied {
    /// Unknown, expired, revoked or malformed.
    NotValid,
    /// An organisation's token where only an admin's belongs.
    Misplaced,
    /// The organisation that is meant is not the caller's, or is no id.
    Organisation(ServiceError),
    /// Not to be decided now.
    Fault(AuthFault),
}

/// What the holder of an organisation's token is told who sent it as an admin's key.
pub(super) const MISPLACED: &str =
    "X-API-Key is for admin tokens; send an organisation's token as `Authorization: Bearer <token>`.";

impl<E> Api<E> {
    /// The data of the caller, empty for a request that names none.
    pub(super) async fn identify(&self, presented: Presented<'_>) -> Result<Data, Denied> {
        identify(self.authenticate.as_ref(), presented).await
    }
}

/// The data of the caller, empty for a request that names none.
pub(super) async fn identify(authenticate: &dyn Authenticate, presented: Presented<'_>) -> Result<Data, Denied> {
    let (secret, is_key) = match presented.credential {
        Credential::Absent => return Ok(Data::default()),
        Credential::Malformed => return Err(Denied::NotValid),
        Credential::Bearer(secret) => (secret, false),
        Credential::ApiKey(secret) => (secret, true),
    };
    let mut data = authenticate.authenticate(secret).await.map_err(Denied::Fault)?.ok_or(Denied::NotValid)?;
    let Some(caller) = caller_of(&data) else { return Ok(data) };
    if is_key && caller.organisation_id().is_some() {
        return Err(Denied::Misplaced);
    }
    if let Some(text) = presented.organisation {
        let meant = OrganisationId::parse("X-Organisation-Id", text).map_err(ServiceError::from);
        let caller = meant.and_then(|meant| caller.clone().meaning(meant)).map_err(Denied::Organisation)?;
        data.insert(caller);
    }
    Ok(data)
}

/// The caller, where the data is of one that the services know.
pub(super) fn caller_of(data: &Data) -> Option<&Caller> {
    data.get(&TypeId::of::<Caller>()).and_then(|caller| caller.downcast_ref::<Caller>())
}
