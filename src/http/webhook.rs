//! `POST /webhooks/cdr`: calls, as an exchange reports them, signed with the organisation's webhook secret.
//!
//! The signature is that of Standard Webhooks; the organisation is named by `X-Organisation-Id`, so that its secret is known before the
//! body is trusted. The answer comes after the commit, with the outcome of each call; whoever gets no answer sends the same again.

mod billing;
mod call;
mod cloud;
mod event;
mod field;
pub(super) mod gupshup;
pub(super) mod meta;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::graphql::read_body;
use super::media::{self, Media};
use super::response;
use super::rest::BodyLimit;
use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::domain::usage::Outcome;
use crate::domain::webhook::Item;
use crate::service::Services;
use crate::service::webhook::Delivery;

/// Answers `POST /webhooks/cdr`.
pub(super) async fn receive_calls(
    incoming: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    limit: web::Data<BodyLimit>,
) -> HttpResponse {
    if !media::is_json(incoming.headers()) {
        let message = "Content-Type must be application/json in UTF-8.";
        return response::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, Media::Json, "BAD_USER_INPUT", message);
    }
    let body = match read_body(&incoming, payload, limit.bytes_max, Media::Json).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Some((organisation, delivery)) = signed(incoming.headers(), &body) else { return not_genuine() };
    match services.webhook.is_genuine(organisation, &delivery).await {
        Ok(true) => {}
        Ok(false) => return not_genuine(),
        Err(error) => return response::service_error(&error),
    }
    let reports = match call::read(&body, organisation) {
        Ok(reports) => reports,
        Err(bad) => return response::bad_input(&bad),
    };
    match services.recording.receive_calls(organisation, reports).await {
        Ok(outcomes) => {
            let results: Vec<_> = outcomes.iter().map(result).collect();
            HttpResponse::Ok().json(json!({ "results": results }))
        }
        Err(error) => response::service_error(&error),
    }
}

fn signed<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Option<(OrganisationId, Delivery<'a>)> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let organisation = OrganisationId::parse("x-organisation-id", text("x-organisation-id")?).ok()?;
    let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
    Some((organisation, Delivery { id, timestamp, signatures: text("webhook-signature")?, body }))
}

/// One answer for all that can be wrong: a stranger learns nothing about which organisations there are.
fn not_genuine() -> HttpResponse {
    let message = "The signature is missing, too old, or not the organisation's.";
    response::refusal(StatusCode::UNAUTHORIZED, Media::Json, "UNAUTHENTICATED", message)
}

fn result(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Recorded(record) => json!({ "outcome": "RECORDED", "recordId": record.id }),
        Outcome::Duplicate(id) => json!({ "outcome": "DUPLICATE", "recordId": id }),
        Outcome::Conflict(id) => json!({ "outcome": "CONFLICT", "recordId": id }),
        Outcome::Skipped(reason) => json!({ "outcome": "SKIPPED", "reason": reason }),
        Outcome::Rejected(refusal) => json!({
            "outcome": "REJECTED", "reason": refusal.to_string(), "code": refusal.code(),
            "field": call::spelt(refusal.field()),
        }),
    }
}

/// The most items in one body of a BSP. Meta sends at most 1,000 updates.
const ITEMS_MAX: usize = 10_000;

/// The body of a BSP's webhook.
fn read_json(body: &[u8]) -> Result<Value, BadInput> {
    match serde_json::from_slice(body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(other) => Err(BadInput::new("body", other, "expected an object")),
        Err(error) => Err(BadInput::new("body", error, "expected JSON")),
    }
}

fn limited(items: Vec<Item<'_>>) -> Result<Vec<Item<'_>>, BadInput> {
    if items.len() > ITEMS_MAX {
        return Err(BadInput::new("body", items.len(), format!("expected at most {ITEMS_MAX} updates")));
    }
    Ok(items)
}
