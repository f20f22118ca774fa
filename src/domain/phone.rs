//! Telephone numbers, kept in one form whatever way people write them.

use std::fmt;

use super::input::BadInput;

/// A number in E.164: a plus sign and 7 to 15 digits, the first of them not zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads the value of `field`. Spaces, dots, hyphens and brackets, as people write them, are taken out.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        let plain: String = text.chars().filter(|char| !matches!(char, ' ' | '.' | '-' | '(' | ')')).collect();
        let digits = plain.strip_prefix('+').unwrap_or(&plain);
        let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if fits && !digits.starts_with('0') {
            return Ok(Self(format!("+{digits}")));
        }
        Err(BadInput::new(field, text, "expected a number with its country code, such as +919800000001"))
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

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_kept_in_one_form() {
        for same in ["+91 98000-00001", "919800000001", "+91 (98) 000.00001"] {
            assert_eq!(PhoneNumber::parse("phone", same).unwrap().as_str(), "+919800000001", "{same:?}");
        }
        for bad in ["", "+", "12", "+0123456789", "+91abc0000000", "1234567890123456"] {
            assert_eq!(PhoneNumber::parse("phone", bad).unwrap_err().field, "phone", "{bad:?}");
        }
    }
}
