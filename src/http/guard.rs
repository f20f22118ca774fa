//! The one gate in front of the schema: every transport executes through it, so no document escapes the limits.

use super::selection;
use async_graphql::{Data, ErrorExtensionValues, Executor, Request, Response, ServerError};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
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
            Ok(request) => coded(self.schema.execute(request).await),
            Err(refusal) => Response::from_errors(vec![refusal]),
        }
    }

    fn execute_stream(&self, request: Request, session_data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        match self.admit(request) {
            Ok(request) => self.schema.execute_stream(request, session_data).map(coded).boxed(),
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
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", "BAD_USER_INPUT");
    let mut error = ServerError::new(message, None);
    error.extensions = Some(extensions);
    error
}
