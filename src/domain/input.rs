//! Bad input, said so that its sender can mend it: which field, which value, and what is accepted.

use std::fmt::Display;

/// What a caller sent was not acceptable; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value:?} is not accepted; {accepted}")]
pub struct BadInput {
    /// The argument or input field, as the caller spelt it (`timeZone`, `input.name`).
    pub field: String,
    /// The value that was sent, cut to [`VALUE_CHARS_MAX`] characters.
    pub value: String,
    /// What would have been accepted, as the end of a sentence.
    pub accepted: String,
}

/// How much of a refused value is quoted back.
pub const VALUE_CHARS_MAX: usize = 100;

impl BadInput {
    /// `field` got `value`, where only `accepted` would do.
    pub fn new(field: impl Into<String>, value: impl Display, accepted: impl Into<String>) -> Self {
        let value: String = value.to_string().chars().take(VALUE_CHARS_MAX).collect();
        Self { field: field.into(), value, accepted: accepted.into() }
    }

    /// The same complaint under the name that the caller used for the field.
    #[must_use]
    pub fn under(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// The same complaint about a part of what the caller called `whole`.
    #[must_use]
    pub fn within(self, whole: &str) -> Self {
        let field = format!("{whole}.{}", self.field);
        self.under(field)
    }
}

/// A name that a person gave to something: trimmed, not empty, at most [`Name::CHARS_MAX`] characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The longest name, in characters.
    pub const CHARS_MAX: usize = 200;

    /// Checks `text` as the value of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        let trimmed = text.trim();
        let fits = !trimmed.is_empty() && trimmed.chars().count() <= Self::CHARS_MAX;
        if fits && !trimmed.chars().any(char::is_control) {
            return Ok(Self(trimmed.to_owned()));
        }
        Err(BadInput::new(field, text, format!("expected 1 to {} printable characters", Self::CHARS_MAX)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_must_say_something() {
        assert_eq!(Name::parse("name", "  Kedai Kopi ").unwrap().as_str(), "Kedai Kopi");
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert_eq!(Name::parse("name", bad).unwrap_err().field, "name", "{bad:?}");
        }
    }

    #[test]
    fn a_long_refused_value_is_quoted_in_part() {
        assert_eq!(BadInput::new("f", "x".repeat(1_000), "expected less").value.len(), VALUE_CHARS_MAX);
    }
}
