//! How a refusal or a fault is shown: a message, a code and the field that was wrong; what lies behind it stays in the log.

use std::error::Error as _;
use std::fmt::Write as _;

use async_graphql::ErrorExtensionValues;

use crate::domain::input::BadInput;
use crate::service::ServiceError;

/// What a resolver answers with when it cannot answer. It carries `extensions.code` always, `extensions.field` for bad input, and
/// `extensions.id` for a fault that was logged.
///
/// It is no `Display`, so that `?` never makes a GraphQL error without a code out of one of ours.
#[derive(Debug, Clone)]
pub(super) struct Fault(Box<async_graphql::Error>);

/// The result of a resolver.
pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    fn new(code: &str, message: impl Into<String>) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        let error = async_graphql::Error { extensions: Some(extensions), ..async_graphql::Error::new(message) };
        Self(Box::new(error))
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.0.extensions.get_or_insert_default().set(name, value);
        self
    }

    /// There is no such thing, or none that the caller may know of.
    pub(super) fn not_found(noun: &'static str) -> Self {
        ServiceError::NotFound(noun).into()
    }

    /// The answer could not be made, for the reason that is `logged` under an id; the caller sees the id alone.
    pub(super) fn internal(logged: &str) -> Self {
        let id = format!("{:016x}", rand::random::<u64>());
        tracing::error!(error.id = %id, "a request could not be answered: {logged}");
        Self::new("INTERNAL", format!("the request could not be answered; the log says why under {id}")).with("id", &id)
    }
}

impl From<BadInput> for Fault {
    fn from(bad: BadInput) -> Self {
        Self::new("BAD_USER_INPUT", bad.to_string()).with("field", &bad.field)
    }
}

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        let code = error.code();
        match error {
            ServiceError::BadInput(bad) => bad.into(),
            ServiceError::Internal(_) => Self::internal(&chain(&error)),
            ServiceError::Unavailable(_) => {
                tracing::warn!("a request found a part unavailable: {}", chain(&error));
                Self::new(code, error.to_string())
            }
            ServiceError::Unauthenticated
            | ServiceError::Forbidden(_)
            | ServiceError::NotFound(_)
            | ServiceError::Conflict(_)
            | ServiceError::Fenced
            | ServiceError::Busy(_)
            | ServiceError::Upstream(_) => Self::new(code, error.to_string()),
        }
    }
}

impl From<Fault> for async_graphql::Error {
    fn from(fault: Fault) -> Self {
        *fault.0
    }
}

/// The error and everything behind it, outermost first.
fn chain(error: &ServiceError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing into a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(fault: &Fault, name: &str) -> Option<String> {
        let value = fault.0.extensions.as_ref()?.get(name)?.clone();
        serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
    }

    #[test]
    fn bad_input_names_its_field() {
        let fault =
            Fault::from(ServiceError::BadInput(BadInput::new("timeZone", "Mars/Base", "expected an IANA zone")));
        assert_eq!(extension(&fault, "code").as_deref(), Some("BAD_USER_INPUT"));
        assert_eq!(extension(&fault, "field").as_deref(), Some("timeZone"));
        assert!(fault.0.message.contains("Mars/Base"));
    }

    #[test]
    fn an_internal_fault_shows_an_id_and_nothing_of_what_happened() {
        let fault = Fault::internal("the password is swordfish");
        let id = extension(&fault, "id").unwrap();
        assert_eq!(extension(&fault, "code").as_deref(), Some("INTERNAL"));
        assert!(fault.0.message.contains(&id) && !fault.0.message.contains("swordfish"), "{}", fault.0.message);
    }

    #[test]
    fn what_is_not_there_says_so() {
        let fault = Fault::not_found("channel");
        assert_eq!(extension(&fault, "code").as_deref(), Some("NOT_FOUND"));
        assert!(fault.0.message.contains("channel"), "{}", fault.0.message);
    }
}
