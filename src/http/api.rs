//! What the handlers of one server share.

use super::auth::{AuthFault, Authenticate, Credential};
use super::guard::Guarded;
use super::limit::Limits;
use async_graphql::Data;
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

/// Why a credential buys nothing.
pub(super) enum Denied {
    /// Unknown, expired, revoked or malformed.
    NotValid,
    /// Not to be decided now.
    Fault(AuthFault),
}

impl<E> Api<E> {
    /// The data of the caller, empty for a request that names none.
    pub(super) async fn identify(&self, credential: Credential<'_>) -> Result<Data, Denied> {
        identify(self.authenticate.as_ref(), credential).await
    }
}

/// The data of the caller, empty for a request that names none.
pub(super) async fn identify(authenticate: &dyn Authenticate, credential: Credential<'_>) -> Result<Data, Denied> {
    match credential {
        Credential::Absent => Ok(Data::default()),
        Credential::Malformed => Err(Denied::NotValid),
        Credential::Bearer(secret) => {
            authenticate.authenticate(secret).await.map_err(Denied::Fault)?.ok_or(Denied::NotValid)
        }
    }
}
