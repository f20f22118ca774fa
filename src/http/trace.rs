//! Gives every request an id, a span that carries it into every log line, and counts it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use std::time::Instant;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps the whole application. The id is sent back, so that a client can quote it.
pub(super) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
    let id = id.map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned);
    let method = request.method().to_string();
    // The pattern, not the path: paths are the client's choice and would make series without end.
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    let began = Instant::now();
    let outcome = next.call(request).instrument(span.clone()).await;
    let seconds = began.elapsed();
    let status = outcome.as_ref().map_or_else(|error| error.as_response_error().status_code(), ServiceResponse::status);
    let status = status.as_u16().to_string();
    span.in_scope(|| tracing::debug!(http.status = %status, elapsed = ?seconds, "answered"));
    metrics::counter!("wabacus_http_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("wabacus_http_request_duration_seconds", "route" => route).record(seconds);
    let mut response = outcome?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

/// An id that may go into logs as it is: short, and of letters, digits and a few signs.
fn is_sane(id: &str) -> bool {
    (8..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::is_sane;

    #[test]
    fn an_id_of_the_client_is_taken_only_if_it_can_stand_in_a_log() {
        assert!(is_sane("0198c2ae-5f0e-7cc4-b35e-6f2f1d3c4b5a"));
        for id in ["short", "with a space", "line\nbreak", &"x".repeat(129)] {
            assert!(!is_sane(id), "{id:?}");
        }
    }
}
