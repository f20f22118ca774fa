//! Answers that go wrong below the vendor's words: cut, endless, late, elsewhere.

use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::stream;
use serde::Serialize;

/// The longest that an answer is held back.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn status(status: u16) -> HttpResponseBuilder {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

pub(super) fn json(mut builder: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    match serde_json::to_string(body) {
        Ok(text) => builder.content_type("application/json").body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

pub(super) fn too_many(retry_after_seconds: Option<u32>) -> HttpResponseBuilder {
    let mut builder = HttpResponse::TooManyRequests();
    if let Some(seconds) = retry_after_seconds {
        builder.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    builder
}

pub(super) async fn late() -> HttpResponse {
    tokio::time::sleep(TIMEOUT).await;
    HttpResponse::GatewayTimeout().finish()
}

/// A body that promises 4 KiB and ends after a few bytes.
pub(super) fn cut() -> HttpResponse {
    let chunks = [Ok(Bytes::from_static(b"{\"status\":\"succ")), Err(std::io::Error::other("cut on demand"))];
    HttpResponse::Ok().content_type("application/json").body(SizedStream::new(4_096, stream::iter(chunks)))
}

pub(super) fn not_json() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html").body("<!doctype html>\n<title>Maintenance</title><p>We are back soon.")
}

/// JSON so far, but it does not end before `bytes` bytes.
pub(super) fn huge(bytes: usize) -> HttpResponse {
    const CHUNK: Bytes = Bytes::from_static(&[b' '; 64 * 1024]);
    let chunks = std::iter::repeat_n(CHUNK, bytes.div_ceil(CHUNK.len()));
    HttpResponse::Ok().content_type("application/json").streaming(stream::iter(chunks.map(Ok::<_, std::io::Error>)))
}

pub(super) fn elsewhere() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "http://elsewhere.invalid/login")).finish()
}
