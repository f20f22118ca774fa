//! What went wrong at a BSP and what to do about it: try again, wait, or stop.

use std::error::Error;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::channel::BspKind;
use crate::domain::clock::Instant;

/// What to do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It may go better next time; this attempt counts.
    Retry,
    /// A limit was reached: asking before this time is useless or harmful. This attempt does not count.
    Wait(Instant),
    /// Asking again would be answered the same.
    Stop(StopReason),
}

/// Why asking again is useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The token is missing, expired or not accepted.
    Token,
    /// The token does not allow this.
    Permission,
    /// The account is blocked for a breach of policy.
    Blocked,
    /// The account does not exist, or this token does not see it.
    NotFound,
    /// The request was refused for what it asks; another day's may be accepted.
    Refused,
    /// The days of the answer do not begin at local midnight, so that no figure can be given to a day.
    OffMidnight,
}

impl StopReason {
    /// Whether a person must change something on the channel before it is asked again.
    pub const fn needs_attention(self) -> bool {
        match self {
            Self::Token | Self::Permission | Self::Blocked | Self::NotFound => true,
            Self::Refused | Self::OffMidnight => false,
        }
    }
}

/// A call that gave no usage.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BspError {
    pub action: Action,
    /// Names the BSP, the status and the vendor's code and words; quotes at most [`QUOTE_BYTES_MAX`] bytes, no token.
    pub message: String,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// How much of an unexpected body is quoted.
pub(super) const QUOTE_BYTES_MAX: usize = 200;

/// How much of a body is looked through for the token before it is quoted. More than a quote, so that no part of a token
/// stays at the end of the quote.
const QUOTE_SEARCH_BYTES_MAX: usize = 64 * 1024;

/// What stands in place of a token.
const TOKEN_MASK: &str = "[token]";

/// What an answer, or its absence, calls for, before the limiter has said how long a wait is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    Retry,
    /// As long as the BSP says, if it says so.
    Wait(Option<TimeDelta>),
    /// The gate is closed already; nothing was sent.
    WaitUntil(Instant),
    Stop(StopReason),
    /// Graph: the field that was asked does not exist in this version; the other one may.
    UnknownField,
    /// Graph: the account's bill goes to somebody else; ask without cost.
    CostNotAvailable,
}

/// A failure on its way to becoming a [`BspError`].
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) advice: Advice,
    pub(super) message: String,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

impl Complaint {
    pub(super) fn new(advice: Advice, message: impl Into<String>) -> Self {
        Self { advice, message: message.into(), source: None }
    }

    /// The body is not what the contract says; the vendor's next answer may be.
    pub(super) fn shape(bsp: BspKind, what: &str, body: &str) -> Self {
        Self::new(
            Advice::Retry,
            format!("{} answered in an unexpected shape ({what}): {}", name(bsp), quote(body.as_bytes())),
        )
    }

    pub(super) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// The vendor's name as it reads in a sentence.
pub(super) const fn name(bsp: BspKind) -> &'static str {
    match bsp {
        BspKind::Gupshup => "Gupshup",
        BspKind::Interakt => "Interakt (Graph)",
    }
}

/// The beginning of a text from outside, fit for a log line: UTF-8, one line, bounded. Secrets must be gone already
/// (see [`without_token`]).
pub(super) fn quote(body: &[u8]) -> String {
    if body.is_empty() {
        return "(empty)".to_owned();
    }
    let start = &body[..body.len().min(QUOTE_BYTES_MAX)];
    let mut quoted = String::from("\"");
    for character in String::from_utf8_lossy(start).chars() {
        if character.is_control() || character == '"' || character == '\\' {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('"');
    if start.len() < body.len() {
        quoted.push_str("...");
    }
    quoted
}

/// `text` with every occurrence of the token masked, as it is and as it stands in a URL: Meta repeats malformed tokens
/// in its error messages, and whole ones in the addresses of further pages.
pub(super) fn without_token(text: String, token: Option<&SecretString>) -> String {
    let Some(token) = token.map(ExposeSecret::expose_secret).filter(|token| !token.is_empty()) else {
        return text;
    };
    let in_url: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let mut masked = text;
    for form in [token, in_url.as_str()] {
        if masked.contains(form) {
            masked = masked.replace(form, TOKEN_MASK);
        }
    }
    masked
}

/// The beginning of bytes from outside as text without the token, enough to quote from.
pub(super) fn readable(body: &[u8], token: Option<&SecretString>) -> String {
    let start = &body[..body.len().min(QUOTE_SEARCH_BYTES_MAX)];
    without_token(String::from_utf8_lossy(start).into_owned(), token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_bounded_line_without_control_characters() {
        assert_eq!(quote(b"<html>\n\"hi\"\x1b[2J"), "\"<html>\\n\\\"hi\\\"\\u{1b}[2J\"");
        assert_eq!(quote(b""), "(empty)");
        let long = quote(&[b'x'; 1_000]);
        assert_eq!(long.matches('x').count(), QUOTE_BYTES_MAX);
        assert!(long.ends_with("\"..."));
        assert_eq!(quote(&[b'a', 0xff, b'b']), "\"a\u{fffd}b\"");
    }

    #[test]
    fn no_part_of_a_token_is_left_in_what_is_quoted() {
        let token = SecretString::from("app|sk_secret");
        let text = format!("{}app|sk_secret and app%7Csk_secret", "x".repeat(195));
        let quoted = quote(readable(text.as_bytes(), Some(&token)).as_bytes());
        assert!(!quoted.contains("sk_") && !quoted.contains("app"), "{quoted}");
        assert_eq!(without_token("a app%7Csk_secret".to_owned(), Some(&token)), "a [token]");
        assert_eq!(without_token("plain".to_owned(), None), "plain");
    }

    #[test]
    fn only_what_a_person_can_mend_asks_for_attention() {
        for reason in [StopReason::Token, StopReason::Permission, StopReason::Blocked, StopReason::NotFound] {
            assert!(reason.needs_attention(), "{reason:?}");
        }
        assert!(!StopReason::Refused.needs_attention());
        assert!(!StopReason::OffMidnight.needs_attention());
    }
}
