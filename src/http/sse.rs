//! graphql-sse in its distinct connections mode: one operation per connection, `next` events and one `complete`.
//!
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>

use super::guard::with_code;
use super::media::Media;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use async_graphql::{Executor, Request, Response};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A comment this often keeps proxies from closing a quiet stream, and shows a client that has gone.
const HEARTBEAT: Duration = Duration::from_secs(12);

/// Runs the operation and streams its results until it ends, the client leaves, its token has `ended` or the server drains.
pub(super) fn stream<E: Executor>(
    schema: &E,
    request: Request,
    draining: CancellationToken,
    ended: BoxFuture<'static, ()>,
) -> HttpResponse {
    let running = Some(Running { results: Some(schema.execute_stream(request, None)), draining, ended });
    let events = stream::unfold(running, |running| async move {
        let mut running = running?;
        let event = running.next().await;
        Some(match event {
            Some(event) => (event, Some(running)),
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

struct Running {
    /// `None`: let go of, because the token has ended.
    results: Option<BoxStream<'static, Response>>,
    draining: CancellationToken,
    ended: BoxFuture<'static, ()>,
}

impl Running {
    /// What is sent next; `None`: nothing more.
    async fn next(&mut self) -> Option<Bytes> {
        let results = self.results.as_mut()?;
        tokio::select! {
            // Nothing more is told once the token has ended, though there be something to tell.
            biased;
            () = &mut self.ended => {
                self.results = None;
                let error = with_code("the token expired or was revoked".to_owned(), "UNAUTHENTICATED");
                Some(next_event(&Response::from_errors(vec![error])))
            }
            () = self.draining.cancelled() => None,
            result = results.next() => result.map(|result| next_event(&result)),
            () = tokio::time::sleep(HEARTBEAT) => Some(Bytes::from_static(b":\n\n")),
        }
    }
}

fn next_event(response: &Response) -> Bytes {
    let data = serde_json::to_string(response).unwrap_or_else(|error| {
        tracing::error!(%error, "a GraphQL response could not be written as JSON");
        r#"{"errors":[{"message":"The response could not be written.","extensions":{"code":"INTERNAL"}}]}"#.to_owned()
    });
    Bytes::from(format!("event: next\ndata: {data}\n\n"))
}
