//! GraphQL responses as HTTP, and refusals that never reached the schema in the same shape.

use super::api::{self, Denied};
use super::auth::AuthFault;
use super::guard::never_began;
use super::media::Media;
use crate::domain::input::BadInput;
use crate::service::ServiceError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use async_graphql::{Response, ServerError, Value};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::error::Error as _;

/// The answer to an operation. One that never began has no `data` member and, if the client knows the draft, status 400.
pub(super) fn of_operation(response: &Response, media: Media) -> HttpResponse {
    #[derive(Serialize)]
    struct RequestError<'a> {
        errors: &'a [ServerError],
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        extensions: &'a BTreeMap<String, Value>,
    }
    let refused = never_began(response);
    let body = if refused {
        serde_json::to_vec(&RequestError { errors: &response.errors, extensions: &response.extensions })
    } else {
        serde_json::to_vec(response)
    };
    let Ok(body) = body else {
        tracing::error!("a GraphQL response could not be written as JSON");
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, media, "INTERNAL", "The response could not be written.");
    };
    let status = if refused && media == Media::GraphqlResponse { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut builder = HttpResponse::build(status);
    // The schema speaks http 1, actix-web http 0.2: headers that resolvers set cross as text.
    for (name, value) in &response.http_headers {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
    let cacheable = if response.is_ok() { response.cache_control.value() } else { None };
    builder.insert_header((header::CACHE_CONTROL, cacheable.unwrap_or_else(|| "no-store".to_owned())));
    builder.content_type(media.content_type()).body(body)
}

/// `{"errors": [{"message", "extensions": {"code"}}]}` with a status of its own.
pub(super) fn refusal(status: StatusCode, media: Media, code: &str, message: &str) -> HttpResponse {
    refusal_with(HttpResponse::build(status), media, code, message)
}

/// The token is unknown, expired, revoked or malformed.
pub(super) fn unauthenticated(media: Media) -> HttpResponse {
    unauthenticated_because("The token is not valid.", media)
}

fn unauthenticated_because(message: &str, media: Media) -> HttpResponse {
    let mut builder = HttpResponse::Unauthorized();
    builder.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    refusal_with(builder, media, "UNAUTHENTICATED", message)
}

/// A request that gets nowhere because of who sent it.
pub(super) fn denied(denied: &Denied, media: Media) -> HttpResponse {
    match denied {
        Denied::NotValid => unauthenticated(media),
        Denied::Misplaced => unauthenticated_because(api::MISPLACED, media),
        Denied::Organisation(ServiceError::BadInput(bad)) => bad_input_as(bad, media),
        Denied::Organisation(error) => refusal(StatusCode::FORBIDDEN, media, error.code(), &error.to_string()),
        Denied::Fault(fault) => auth_fault(fault, media),
    }
}

/// Nobody could say whose token it is, or its owner has to wait.
fn auth_fault(fault: &AuthFault, media: Media) -> HttpResponse {
    match fault {
        AuthFault::RateLimited { retry_after_seconds } => {
            let mut builder = HttpResponse::TooManyRequests();
            builder.insert_header((header::RETRY_AFTER, retry_after_seconds.to_string()));
            refusal_with(builder, media, "RATE_LIMITED", &fault.to_string())
        }
        AuthFault::Unavailable(source) => {
            tracing::error!(error = source.as_ref(), "a token could not be checked");
            refusal(StatusCode::SERVICE_UNAVAILABLE, media, "UNAVAILABLE", &fault.to_string())
        }
    }
}

/// The method is not for this path, or not for this operation.
pub(super) fn method_not_allowed(allow: &'static str, media: Media, message: &str) -> HttpResponse {
    let mut builder = HttpResponse::MethodNotAllowed();
    builder.insert_header((header::ALLOW, allow));
    refusal_with(builder, media, "BAD_USER_INPUT", message)
}

/// What a use case answers on a plain route, in the shape that the API's errors have.
pub(super) fn service_error(error: &ServiceError) -> HttpResponse {
    let status = match error {
        ServiceError::BadInput(bad) => return bad_input(bad),
        ServiceError::Unauthenticated => return unauthenticated(Media::Json),
        ServiceError::Forbidden(_) => StatusCode::FORBIDDEN,
        ServiceError::NotFound(_) => StatusCode::NOT_FOUND,
        ServiceError::Conflict(_) => StatusCode::CONFLICT,
        ServiceError::Upstream(_) => StatusCode::BAD_GATEWAY,
        ServiceError::Fenced | ServiceError::Busy(_) | ServiceError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        ServiceError::Internal(_) => {
            let id = format!("{:032x}", rand::random::<u128>());
            tracing::error!(error.id = %id, "a request could not be answered: {}", chain(error));
            let message = format!("Internal error {id}");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, Media::Json, error.code(), &message);
        }
    };
    refusal(status, Media::Json, error.code(), &error.to_string())
}

/// A parameter that is not as it should be, by its name.
pub(super) fn bad_input(bad: &BadInput) -> HttpResponse {
    bad_input_as(bad, Media::Json)
}

fn bad_input_as(bad: &BadInput, media: Media) -> HttpResponse {
    let extensions = json!({"code": "BAD_USER_INPUT", "field": bad.field});
    errors_with(HttpResponse::BadRequest(), media, &bad.to_string(), &extensions)
}

/// The error and everything behind it, outermost first.
pub(super) fn chain(error: &ServiceError) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source()).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}

fn refusal_with(builder: HttpResponseBuilder, media: Media, code: &str, message: &str) -> HttpResponse {
    errors_with(builder, media, message, &json!({"code": code}))
}

fn errors_with(mut builder: HttpResponseBuilder, media: Media, message: &str, extensions: &Json) -> HttpResponse {
    // A client that wanted a stream of events and gets none is told so in plain JSON.
    let media = if media == Media::EventStream { Media::Json } else { media };
    let body = json!({"errors": [{"message": message, "extensions": extensions}]});
    builder.insert_header((header::CACHE_CONTROL, "no-store"));
    builder.content_type(media.content_type()).body(body.to_string())
}
