//! Exact quantities: what was used, in millionths of the thing counted (a message, a call minute).

use std::fmt;

use super::money::{AmountError, Excess, parse_decimal, write_decimal};

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
        parse_decimal(text, DECIMAL_PLACES, Excess::Refused).map(Self::from_micros)
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
        write_decimal(f, self.micros, DECIMAL_PLACES)
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
