//! Numbers out of JSON, read from their text: money never passes through a float.

use serde_json::value::RawValue;

use crate::domain::money::Money;

/// The text of a JSON number, or of a string that may hold one; `None` for anything else.
fn text(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(text).ok().map(|inner| inner.trim().to_owned()),
        b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

/// An integer, also when it comes as a string; `None` for fractions, other types and what exceeds 64 bits.
pub(super) fn integer(raw: &RawValue) -> Option<i64> {
    text(raw)?.parse().ok()
}

/// A number of messages or conversations: an integer that is not negative.
pub(super) fn count(raw: &RawValue) -> Option<i64> {
    integer(raw).filter(|count| *count >= 0)
}

/// An amount, exact to the billionth, also when it comes as a string.
pub(super) fn money(raw: &RawValue) -> Option<Money> {
    Money::parse(&text(raw)?).ok()
}

/// A text, also when it comes as a number (Meta's ids do both).
pub(super) fn word(raw: &RawValue) -> Option<String> {
    text(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn an_amount_beyond_what_a_float_holds_is_read_exactly() {
        for text in ["9007199.254740993", "\"9007199.254740993\"", "9007199254740993e-9"] {
            assert_eq!(money(&raw(text)), Some(Money::from_nanos(9_007_199_254_740_993)), "{text}");
        }
        assert_eq!(money(&raw("true")), None);
        assert_eq!(money(&raw("\"free\"")), None);
    }

    #[test]
    fn a_count_is_a_whole_number_of_things() {
        assert_eq!(count(&raw("12")), Some(12));
        assert_eq!(count(&raw("\"12\"")), Some(12));
        assert_eq!(count(&raw("9223372036854775807")), Some(i64::MAX));
        for bad in ["-1", "1.5", "9223372036854775808", "[]", "null", "\"\""] {
            assert_eq!(count(&raw(bad)), None, "{bad}");
        }
    }

    #[test]
    fn an_id_is_read_as_text_however_it_is_written() {
        assert_eq!(word(&raw("71")).as_deref(), Some("71"));
        assert_eq!(word(&raw("\"71\"")).as_deref(), Some("71"));
        assert_eq!(word(&raw("null")), None);
    }
}
