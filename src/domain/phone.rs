//! Telephone numbers, kept in one form whatever way people write them.

use std::fmt;

use super::input::BadInput;
use super::usage::Country;

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

    /// The country whose number it is, by the plan of the world's numbers; of a code that several share, by the number itself.
    pub fn country(&self) -> Option<Country> {
        let number = phonenumber::parse(None, &self.0).ok()?;
        Country::from_code(number.country().id()?.as_ref())
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
    fn a_number_is_of_a_country() {
        for (number, country) in [
            ("+919800000001", Some("IN")),
            ("+60123456789", Some("MY")),
            ("+6281234567890", Some("ID")),
            ("+12025550123", Some("US")),
            ("+14165550123", Some("CA")),
            ("+447400123456", Some("GB")),
            ("+9990000000", None),
        ] {
            let found = PhoneNumber::parse("phone", number).unwrap().country();
            assert_eq!(found.as_ref().map(Country::code), country, "{number}");
        }
    }

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
