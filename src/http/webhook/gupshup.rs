//! `POST /webhooks/gupshup/{channelId}`: what Gupshup tells of a channel, in its version 2 or 3.
//!
//! Gupshup signs nothing. It is given a header with the channel's secret when it is subscribed (`rotateChannelSecret`), and sends that
//! along. Its answer is empty, as Gupshup wants it, and comes after the commit.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::super::media::Media;
use super::super::rest::BodyLimit;
use super::super::{graphql, response};
use super::{cloud, event, read_json};
use crate::domain::channel::Channel;
use crate::domain::id::ChannelId;
use crate::domain::webhook::Item;
use crate::service::{ServiceError, Services};

/// Answers `POST /webhooks/gupshup/{channelId}`.
pub(in crate::http) async fn receive(
    incoming: HttpRequest,
    channel: web::Path<String>,
    payload: web::Payload,
    services: web::Data<Services>,
    limit: web::Data<BodyLimit>,
) -> HttpResponse {
    // The secret does not depend on the body, which a stranger need not send.
    let channel = match genuine(&incoming, &channel, &services).await {
        Ok(Some(channel)) => channel,
        Ok(None) => return not_genuine(),
        Err(error) => return response::service_error(&error),
    };
    let body = match graphql::read_body(&incoming, payload, limit.webhook_bytes_max(), Media::Json).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let body = match read_json(&body) {
        Ok(body) => body,
        Err(bad) => return response::bad_input(&bad),
    };
    let items = match super::limited(read(&body)) {
        Ok(items) => items,
        Err(bad) => return response::bad_input(&bad),
    };
    match services.webhook.receive_from_gupshup(&channel, items).await {
        Ok(_) => HttpResponse::Ok().finish(),
        Err(error) => response::service_error(&error),
    }
}

async fn genuine(incoming: &HttpRequest, channel: &str, services: &Services) -> Result<Option<Channel>, ServiceError> {
    let secret = incoming.headers().get("x-webhook-secret").map(HeaderValue::as_bytes);
    let (Ok(id), Some(secret)) = (ChannelId::parse("channelId", channel), secret) else { return Ok(None) };
    services.webhook.genuine_channel(id, secret).await
}

/// One answer for all that can be wrong: a stranger learns nothing about which channels there are.
fn not_genuine() -> HttpResponse {
    let message = "The secret is missing, or not the channel's.";
    response::refusal(StatusCode::UNAUTHORIZED, Media::Json, "UNAUTHENTICATED", message)
}

/// Version 3 is in the shape of Meta's; its app is the account.
fn read(body: &Value) -> Vec<Item<'_>> {
    if body["entry"].is_null() {
        return vec![event::read(body)];
    }
    let app = body["gs_app_id"].as_str().unwrap_or_default();
    cloud::read(body).into_iter().map(|item| Item { account: app, ..item }).collect()
}
