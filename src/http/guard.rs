//! The one gate in front of the schema: every transport executes through it, so no document escapes the limits.

use super::selection;
use async_graphql::{Data, ErrorExtensionValues, Executor, Request, Response, ServerError};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// The schema behind the limits that have to hold before validation starts.
#[derive(Clone)]
pub(super) struct Guarded<E> {
    schema: E,
    selections_max: u64,
    introspection: bool,
}

impl<E: Executor> Guarded<E> {
    pub(super) fn new(schema: E, selections_max: u64, introspection: bool) -> Self {
        Self { schema, selections_max, introspection }
    }

    /// Parses (the request keeps the result, so the schema does not parse again) and measures.
    fn admit(&self, mut request: Request) -> Result<Request, ServerError> {
        let max = self.selections_max;
        selection::check_nesting(&request.query)
            .and_then(|()| request.parsed_query().map_or(Ok(()), |document| selection::check_document(document, max)))
            .map_err(|refusal| bad_input(refusal.to_string()))?;
        Ok(if self.introspection { request } else { request.disable_introspection() })
    }
}

impl<E: Executor> Executor for Guarded<E> {
    async fn execute(&self, request: Request) -> Response {
        match self.admit(request) {
            // A panic costs its own operation only. Nothing of the operation is looked at afterwards, and what it shares
            // with others is behind locks that know about panics.
            Ok(request) => AssertUnwindSafe(self.schema.execute(request))
                .catch_unwind()
                .await
                .map_or_else(|_| Response::from_errors(vec![panicked()]), coded),
            Err(refusal) => Response::from_errors(vec![refusal]),
        }
    }

    fn execute_stream(&self, request: Request, session_data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        match self.admit(request) {
            Ok(request) => AssertUnwindSafe(self.schema.execute_stream(request, session_data))
                .catch_unwind()
                .map(|result| result.map_or_else(|_| Response::from_errors(vec![panicked()]), coded))
                .boxed(),
            Err(refusal) => stream::once(async { Response::from_errors(vec![refusal]) }).boxed(),
        }
    }
}

/// True when the operation never began: the document did not parse, is not valid, or was refused. Errors of resolvers
/// carry a path; their response has data, be it null.
pub(super) fn never_began(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Every error has a code; what the parser and the validation say is the client's doing.
fn coded(mut response: Response) -> Response {
    if never_began(&response) {
        for error in &mut response.errors {
            let extensions = error.extensions.get_or_insert_default();
            if extensions.get("code").is_none() {
                extensions.set("code", "BAD_USER_INPUT");
            }
        }
    }
    response
}

fn bad_input(message: String) -> ServerError {
    with_code(message, "BAD_USER_INPUT")
}

/// The panic's own message went to stderr by the hook; the client gets an id to quote, and nothing else.
fn panicked() -> ServerError {
    let id = format!("{:032x}", rand::random::<u128>());
    tracing::error!(error.id = %id, "a GraphQL operation panicked");
    with_code(format!("Internal error {id}"), "INTERNAL")
}

/// An error that the schema knows nothing of.
pub(super) fn with_code(message: String, code: &str) -> ServerError {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    let mut error = ServerError::new(message, None);
    error.extensions = Some(extensions);
    error
}
