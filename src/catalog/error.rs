//! What went wrong at the catalogue and what to do about it: try again, or stop.

use std::error::Error;

/// What to do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It may go better next time.
    Retry,
    /// Asking again would be answered the same.
    Stop(StopReason),
}

/// Why asking again is useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The catalogue knows no such merchant.
    UnknownMerchant,
    /// The key is not accepted, or does not allow this.
    Key,
    /// The request was refused for another reason.
    Refused,
}

/// A call that gave no items.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CatalogError {
    pub action: Action,
    /// Names what was asked and the status; quotes at most [`QUOTE_CHARS_MAX`] characters, and never the key.
    pub message: String,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// How much of an unexpected body is quoted.
const QUOTE_CHARS_MAX: usize = 200;

impl CatalogError {
    pub(super) fn new(action: Action, message: impl Into<String>) -> Self {
        Self { action, message: message.into(), source: None }
    }

    pub(super) fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

/// The beginning of a text from outside, fit for a log line: one line, bounded.
pub(super) fn quote(text: &str) -> String {
    let start: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    format!("{start:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_bounded_line() {
        assert_eq!(quote("<html>\n\"hi\"\u{1b}"), "\"<html>\\n\\\"hi\\\"\\u{1b}\"");
        let long = quote(&"é".repeat(1_000));
        assert_eq!(long.matches('é').count(), QUOTE_CHARS_MAX);
        assert!(long.ends_with("\"..."));
    }
}
