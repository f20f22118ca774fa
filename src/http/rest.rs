//! Plain HTTP beside the API: who is calling, and how large a body may be.

use std::any::TypeId;

use actix_web::HttpResponse;
use actix_web::http::header::HeaderMap;

use super::api::{self, Denied};
use super::auth::{self, Authenticate};
use super::media::Media;
use super::response;
use crate::service::access::Caller;

/// How large the body of a request may be.
pub(super) struct BodyLimit {
    pub(super) bytes_max: usize,
}

/// How large the body of a BSP's webhook may be in any case: Meta's have up to 3 MB.
const WEBHOOK_BYTES_MAX: usize = 4 * 1024 * 1024;

impl BodyLimit {
    /// How large the body of a BSP's webhook may be.
    pub(super) fn webhook_bytes_max(&self) -> usize {
        self.bytes_max.max(WEBHOOK_BYTES_MAX)
    }
}

/// Who is calling, by the bearer token; a request without one, or with one that opens nothing, is refused.
pub(super) async fn caller(headers: &HeaderMap, authenticate: &dyn Authenticate) -> Result<Caller, HttpResponse> {
    let data = match api::identify(authenticate, auth::of_headers(headers)).await {
        Ok(data) => data,
        Err(Denied::NotValid) => return Err(response::unauthenticated(Media::Json)),
        Err(Denied::Fault(fault)) => return Err(response::auth_fault(&fault, Media::Json)),
    };
    let caller = data.get(&TypeId::of::<Caller>()).and_then(|caller| caller.downcast_ref::<Caller>());
    caller.cloned().ok_or_else(|| response::unauthenticated(Media::Json))
}
