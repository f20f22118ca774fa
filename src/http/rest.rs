//! Plain HTTP beside the API: who is calling, and how large a body may be.

use actix_web::HttpResponse;
use actix_web::http::header::HeaderMap;

use super::api;
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

/// Who is calling, by the bearer token or an admin's key; a request without one, or with one that opens nothing, is refused.
pub(super) async fn caller(headers: &HeaderMap, authenticate: &dyn Authenticate) -> Result<Caller, HttpResponse> {
    let data = api::identify(authenticate, auth::of_headers(headers)).await;
    let data = data.map_err(|denied| response::denied(&denied, Media::Json))?;
    api::caller_of(&data).cloned().ok_or_else(|| response::unauthenticated(Media::Json))
}
