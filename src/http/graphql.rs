//! `/graphql`: GraphQL over HTTP by the draft of the GraphQL Foundation, and the way into SSE.
//!
//! GET runs queries only and POST takes nothing but JSON, so no page of a foreign origin can make a browser mutate.

use super::api::Api;
use super::media::{self, Media};
use super::{auth, request, response, selection, sse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request};
use std::time::Duration;

/// A body that takes longer is a client that has gone, or one that wants to hold a connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers any method on `/graphql`.
pub(super) async fn handle<E: Executor>(
    incoming: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api<E>>,
) -> HttpResponse {
    let Some(media) = media::negotiate(incoming.headers()) else {
        let message = "Accept must allow application/graphql-response+json, application/json or text/event-stream.";
        return response::refusal(StatusCode::NOT_ACCEPTABLE, Media::Json, "BAD_USER_INPUT", message);
    };
    let mut request = match read(&incoming, payload, api.body_bytes_max, media).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    if incoming.method() == Method::GET && writes(&mut request) {
        return response::method_not_allowed("POST", media, "Only queries can be sent by GET.");
    }
    match api.identify(auth::of_headers(incoming.headers())).await {
        Ok(caller) => request.data = caller,
        Err(denied) => return response::denied(&denied, media),
    }
    if media == Media::EventStream {
        let ended = api.authenticate.ended(&request.data);
        return sse::stream(&api.schema, request, api.draining.clone(), ended);
    }
    response::of_operation(&api.schema.execute(request).await, media)
}

async fn read(
    incoming: &HttpRequest,
    payload: web::Payload,
    body_bytes_max: usize,
    media: Media,
) -> Result<Request, HttpResponse> {
    let bad = |error: request::Malformed| {
        response::refusal(StatusCode::BAD_REQUEST, media, "BAD_USER_INPUT", &error.to_string())
    };
    match *incoming.method() {
        Method::GET => request::of_query_string(incoming.query_string()).map_err(bad),
        Method::POST => {
            if !media::is_json(incoming.headers()) {
                let message = "Content-Type must be application/json in UTF-8.";
                return Err(response::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, media, "BAD_USER_INPUT", message));
            }
            let body = read_body(incoming, payload, body_bytes_max, media).await?;
            request::of_body(&body).map_err(bad)
        }
        _ => Err(response::method_not_allowed("GET, POST", media, "Use POST, or GET for queries.")),
    }
}

/// Reads a body of at most so many bytes, as long as it comes; else the answer that says why not.
pub(super) async fn read_body(
    incoming: &HttpRequest,
    payload: web::Payload,
    body_bytes_max: usize,
    media: Media,
) -> Result<web::Bytes, HttpResponse> {
    let too_large = || {
        let message = format!("The body is larger than {body_bytes_max} bytes.");
        response::refusal(StatusCode::PAYLOAD_TOO_LARGE, media, "BAD_USER_INPUT", &message)
    };
    let announced = incoming.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: usize| bytes > body_bytes_max) {
        return Err(too_large());
    }
    let Ok(body) = tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(body_bytes_max)).await else {
        let message = "The body did not arrive in time.";
        return Err(response::refusal(StatusCode::REQUEST_TIMEOUT, media, "BAD_USER_INPUT", message));
    };
    match body {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let message = "The body ended before it was complete.";
            Err(response::refusal(StatusCode::BAD_REQUEST, media, "BAD_USER_INPUT", message))
        }
        Err(_) => Err(too_large()),
    }
}

/// True when the operation that would run is not a query. A document that does not parse, or is too deep to be parsed,
/// is left to the schema's gate, which says what is wrong with it.
fn writes(request: &mut Request) -> bool {
    if selection::check_nesting(&request.query).is_err() {
        return false;
    }
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return false };
    document
        .operations
        .iter()
        .filter(|(key, _)| name.is_none() || key.map(async_graphql::Name::as_str) == name.as_deref())
        .any(|(_, operation)| operation.node.ty == OperationType::Mutation)
}
