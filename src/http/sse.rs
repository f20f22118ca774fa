//! graphql-sse in its distinct connections mode: one operation per connection, `next` events and one `complete`.
//!
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>

use super::media::Media;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use async_graphql::{Executor, Request, Response};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A comment this often keeps proxies from closing a quiet stream, and shows a client that has gone.
const HEARTBEAT: Duration = Duration::from_secs(12);

/// Runs the operation and streams its results until it ends, the client leaves or the server drains.
pub(super) fn stream<E: Executor>(schema: &E, request: Request, draining: CancellationToken) -> HttpResponse {
    let running = Some((schema.execute_stream(request, None), draining));
    let events = stream::unfold(running, |running| async move {
        let (mut results, draining) = running?;
        let event = tokio::select! {
            result = results.next() => result.map(|result| next_event(&result)),
            () = draining.cancelled() => None,
            () = tokio::time::sleep(HEARTBEAT) => Some(Bytes::from_static(b":\n\n")),
        };
        Some(match event {
            Some(event) => (event, Some((results, draining))),
            None => (Bytes::from_static(b"event: complete\ndata:\n\n"), None),
        })
    });
    HttpResponse::Ok()
        .content_type(Media::EventStream.content_type())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Compression would hold events back until its window is full; nginx would hold them in its buffer.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events.map(Ok::<_, Infallible>))
}

fn next_event(response: &Response) -> Bytes {
    let data = serde_json::to_string(response).unwrap_or_else(|error| {
        tracing::error!(%error, "a GraphQL response could not be written as JSON");
        r#"{"errors":[{"message":"The response could not be written.","extensions":{"code":"INTERNAL"}}]}"#.to_owned()
    });
    Bytes::from(format!("event: next\ndata: {data}\n\n"))
}
