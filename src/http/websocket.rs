//! `/graphql/ws`: graphql-transport-ws, from the handshake to a polite close.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>. The close codes are in `protocol`, the life of
//! one connection in `connection`.

use super::api::Api;
use super::media::Media;
use super::response;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use async_graphql::Executor;
use futures_util::StreamExt;
use std::cell::Cell;
use std::rc::Rc;

mod connection;
mod protocol;

/// The only subprotocol we speak; its predecessor is called `graphql-ws` and is no longer kept.
const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Bytes of further messages that may arrive together with one.
const PIPELINE_BYTES_MAX: usize = 256 * 1024;

/// Shakes hands, and leaves the connection to a task of the same worker.
pub(super) async fn connect<E: Executor>(
    incoming: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api<E>>,
) -> HttpResponse {
    let refused = |message: &str| response::refusal(StatusCode::BAD_REQUEST, Media::Json, "BAD_USER_INPUT", message);
    let offered = incoming.headers().get_all("sec-websocket-protocol").filter_map(|value| value.to_str().ok());
    if !offered.flat_map(|text| text.split(',')).any(|name| name.trim() == SUBPROTOCOL) {
        return refused("Connect by WebSocket with the subprotocol graphql-transport-ws.");
    }
    let bytes_max = api.websocket.message_bytes_max;
    let unread = Rc::new(Cell::new(0));
    let mut payload = bounded(payload, Rc::clone(&unread), bytes_max.saturating_add(PIPELINE_BYTES_MAX));
    let Ok(payload) = web::Payload::from_request(&incoming, &mut payload).await else {
        return refused("The request has no body to read messages from.");
    };
    let Ok((answer, session, messages)) = actix_ws::handle_with_protocols(&incoming, payload, &[SUBPROTOCOL]) else {
        return refused("The WebSocket handshake is not complete.");
    };
    let messages = messages.max_frame_size(bytes_max).aggregate_continuations().max_continuation_size(bytes_max);
    actix_web::rt::spawn(connection::run(api.into_inner(), session, messages, unread));
    answer
}

/// Ends the stream once more than `bytes_max` came without making a message. actix-ws looks at the length of a frame
/// only when all of it is in memory, so a frame that claims to be endless would be collected without end.
fn bounded(payload: web::Payload, unread: Rc<Cell<usize>>, bytes_max: usize) -> Payload {
    let counted = payload.into_inner().map(move |chunk| {
        let chunk = chunk?;
        unread.set(unread.get().saturating_add(chunk.len()));
        if unread.get() > bytes_max { Err(PayloadError::Overflow) } else { Ok(chunk) }
    });
    Payload::Stream { payload: counted.boxed_local() }
}
