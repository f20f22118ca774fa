//! Plain HTTP beside the API: its routes, and who is calling them.

use std::any::TypeId;

use actix_web::http::header::HeaderMap;
use actix_web::{HttpResponse, web};

use super::api::{self, Denied};
use super::auth::{self, Authenticate};
use super::media::Media;
use super::{invoice, response};
use crate::service::Services;
use crate::service::access::Caller;

/// Adds the routes. Each handler takes the services, and the keeper of tokens as [`caller`] wants it, out of the application's data.
pub(super) fn configure(routes: &mut web::ServiceConfig, services: Option<&web::Data<Services>>) {
    let Some(services) = services else { return };
    routes.app_data(services.clone()).route("/v1/invoices/{id}.pdf", web::get().to(invoice::show));
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
