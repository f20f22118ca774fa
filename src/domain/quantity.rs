//! Exact quantities: what was used, in millionths of the thing counted (a message, a call minute).

use std::fmt;

pub use super::decimal::AmountError;
use super::decimal::{self, Excess};

/// Digits after the point that a quantity keeps: 1e-6 of the thing counted.
const DECIMAL_PLACES: u32 = 6;

/// Millionths in a whole.
const MICROS_PER_UNIT: i64 = 1_000_000;

/// How much of something was used, in 1e-6 of it: a second of a call is 0.016667 minutes. The range is about ±9.2e12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity {
    micros: i64,
}

impl Quantity {
    /// None of it.
    pub const ZERO: Self = Self { micros: 0 };

    /// One of it.
    pub const ONE: Self = Self { micros: MICROS_PER_UNIT };

    /// The quantity of `micros` millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// The quantity in millionths.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// That many whole things; `None` beyond about 9.2e12 of them.
    pub const fn whole(count: i64) -> Option<Self> {
        match count.checked_mul(MICROS_PER_UNIT) {
            Some(micros) => Some(Self { micros }),
            None => None,
        }
    }

    /// Reads a decimal as JSON writes numbers: `3`, `0.25`, `1e3`. More than six digits after the point are refused, not rounded:
    /// what was counted is a fact, and a price is made from it.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        decimal::parse(text, DECIMAL_PLACES, Excess::Refused).map(Self::from_micros)
    }

    /// The difference, exact; `None` when it does not fit.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.micros.checked_sub(other.micros) {
            Some(micros) => Some(Self { micros }),
            None => None,
        }
    }

    /// The sum, exact; `None` when it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.micros.checked_add(other.micros) {
            Some(micros) => Some(Self { micros }),
            None => None,
        }
    }
}

impl fmt::Display for Quantity {
    /// The shortest exact decimal: `3`, `0.25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.micros, DECIMAL_PLACES)
    }
}

impl serde::Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quantity_is_read_exactly_or_refused() {
        for (text, micros) in
            [("3", 3_000_000), ("0.25", 250_000), ("1e3", 1_000_000_000), ("-1.5", -1_500_000), ("0.016667", 16_667)]
        {
            assert_eq!(Quantity::parse(text), Ok(Quantity::from_micros(micros)), "{text}");
        }
        assert_eq!(Quantity::parse("2.50000000000"), Ok(Quantity::from_micros(2_500_000)), "zeros say nothing");
        for text in ["0.0000001", "1.0000005", "1e-7", "1e-99"] {
            assert_eq!(Quantity::parse(text), Err(AmountError::TooFine { places: 6 }), "{text}");
        }
        assert_eq!(Quantity::parse("9223372036854.775808"), Err(AmountError::TooLarge));
        assert_eq!(Quantity::parse("three"), Err(AmountError::NotDecimal));
    }

    #[test]
    fn whole_things_are_counted_up_to_a_limit() {
        assert_eq!(Quantity::whole(1), Some(Quantity::ONE));
        assert_eq!(Quantity::whole(i64::MAX), None);
        assert_eq!(Quantity::ONE.checked_add(Quantity::from_micros(i64::MAX)), None);
        assert_eq!(Quantity::ZERO.checked_add(Quantity::ONE), Some(Quantity::ONE));
    }

    proptest! {
        #[test]
        fn every_quantity_reads_back_from_what_is_written(micros: i64) {
            let quantity = Quantity::from_micros(micros);
            prop_assert_eq!(Quantity::parse(&quantity.to_string()), Ok(quantity));
            let json = serde_json::to_string(&quantity).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quantity>(&json).unwrap(), quantity);
        }
    }
}
