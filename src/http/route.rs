//! The routes of plain HTTP beside the API.

use actix_web::web;

use super::rest::BodyLimit;
use super::{export, invoice, webhook};
use crate::service::Services;

/// Adds the routes. Each handler takes the services, and the keeper of tokens as [`super::rest::caller`] wants it, out of the application's
/// data.
pub(super) fn configure(
    routes: &mut web::ServiceConfig,
    services: Option<&web::Data<Services>>,
    body_limit: &web::Data<BodyLimit>,
) {
    let Some(services) = services else { return };
    routes.app_data(services.clone()).app_data(body_limit.clone());
    routes.route("/webhooks/cdr", web::post().to(webhook::receive_calls));
    routes.route("/webhooks/meta", web::get().to(webhook::meta::shake_hands));
    routes.route("/webhooks/meta", web::post().to(webhook::meta::receive));
    routes.route("/webhooks/gupshup/{channelId}", web::post().to(webhook::gupshup::receive));
    routes.route("/v1/organisations/{id}/usage/export", web::get().to(export::usage));
    routes.route("/v1/invoices/{id}.pdf", web::get().to(invoice::show));
}
