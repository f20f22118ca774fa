//! `GET` and `POST /webhooks/meta`: what Meta's Cloud API tells, signed with the app's secret.
//!
//! The signature is over the bytes as they came, and is looked at before anything else of them. The answer comes after the commit;
//! whoever gets none, or another than 200, sends the same again.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::super::media::Media;
use super::super::rest::BodyLimit;
use super::super::{graphql, response};
use super::{cloud, read_json};
use crate::service::Services;

/// The longest challenge that is given back, in bytes; Meta's have ten digits.
const CHALLENGE_BYTES_MAX: usize = 1_000;

/// What Meta asks with, before it sends anything.
#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "hub.mode", default)]
    mode: String,
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
}

/// Answers `GET /webhooks/meta`: who knows the token that was agreed on gets the challenge back.
pub(in crate::http) async fn shake_hands(incoming: HttpRequest, services: web::Data<Services>) -> HttpResponse {
    let asked = web::Query::<Handshake>::from_query(incoming.query_string()).ok();
    let welcome = asked.map(web::Query::into_inner).filter(|asked| {
        let fits = asked.mode == "subscribe" && (1..=CHALLENGE_BYTES_MAX).contains(&asked.challenge.len());
        services.webhook.is_verify_token(&asked.verify_token) && fits
    });
    let Some(asked) = welcome else {
        let message = "Expected hub.mode=subscribe, the token that was agreed on, and a challenge.";
        return response::refusal(StatusCode::FORBIDDEN, Media::Json, "FORBIDDEN", message);
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store")).content_type("text/plain; charset=utf-8");
    answer.body(asked.challenge)
}

/// Answers `POST /webhooks/meta`.
pub(in crate::http) async fn receive(
    incoming: HttpRequest,
    payload: web::Payload,
    services: web::Data<Services>,
    limit: web::Data<BodyLimit>,
) -> HttpResponse {
    let body = match graphql::read_body(&incoming, payload, limit.webhook_bytes_max(), Media::Json).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let signature = incoming.headers().get("x-hub-signature-256").and_then(|signature| signature.to_str().ok());
    if !services.webhook.is_from_meta(signature.unwrap_or_default(), &body) {
        let message = "The signature is missing, or not that of the app's secret over this body.";
        return response::refusal(StatusCode::UNAUTHORIZED, Media::Json, "UNAUTHENTICATED", message);
    }
    let body = match read_json(&body) {
        Ok(body) => body,
        Err(bad) => return response::bad_input(&bad),
    };
    let items = match super::limited(cloud::read(&body)) {
        Ok(items) => items,
        Err(bad) => return response::bad_input(&bad),
    };
    match services.webhook.receive_from_meta(items).await {
        Ok(tally) => HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({
            "recorded": tally.recorded, "duplicates": tally.duplicates,
            "rejected": tally.rejected, "passedOver": tally.passed_over,
        })),
        Err(error) => response::service_error(&error),
    }
}
