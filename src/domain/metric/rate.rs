//! Rates, averages and growth: quotients with two places, made of whole numbers and rounded once.
#![warn(clippy::arithmetic_side_effects)]

use std::fmt;

use crate::domain::statistics::rounded_ratio;

/// Hundredths in a whole.
const HUNDREDTHS: i128 = 100;

/// Hundredths of a per cent in a whole.
const PERCENT_HUNDREDTHS: i128 = 100 * HUNDREDTHS;

/// A quotient with two places: a percentage, a score, an average. Rounded at the half away from zero; 0 where the divisor is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    hundredths: i64,
}

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self { hundredths: 0 };

    /// A hundred: all of it, where it is a percentage.
    pub const HUNDRED: Self = Self { hundredths: 10_000 };

    /// The rate of so many hundredths.
    pub const fn from_hundredths(hundredths: i64) -> Self {
        Self { hundredths }
    }

    /// The rate in hundredths.
    pub const fn hundredths(self) -> i64 {
        self.hundredths
    }

    /// How many per cent of `whole` are `part`.
    pub fn percent(part: i64, whole: i64) -> Self {
        Self::quotient(i128::from(part).saturating_mul(PERCENT_HUNDREDTHS), i128::from(whole))
    }

    /// `total` shared among `count`.
    pub fn average(total: i64, count: i64) -> Self {
        Self::quotient(i128::from(total).saturating_mul(HUNDREDTHS), i128::from(count))
    }

    /// The mean of `count` rates that come to `hundredths` together.
    pub fn mean(hundredths: i64, count: i64) -> Self {
        Self::quotient(i128::from(hundredths), i128::from(count))
    }

    /// `hundredths` shared by a divisor; one that does not fit, which no counts of this world make, is the largest that does.
    pub(super) fn quotient(hundredths: i128, divisor: i128) -> Self {
        if divisor <= 0 {
            return Self::ZERO;
        }
        let largest = if hundredths < 0 { i64::MIN } else { i64::MAX };
        Self { hundredths: rounded_ratio(hundredths, divisor).unwrap_or(largest) }
    }
}

impl fmt::Display for Rate {
    /// Always with two places: `91.67`, `25.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.hundredths.unsigned_abs();
        let (whole, rest) = (hundredths.wrapping_div(100), hundredths.wrapping_rem(100));
        f.pad_integral(self.hundredths >= 0, "", &format!("{whole}.{rest:02}"))
    }
}

/// How many of the sent messages have reached the customer.
pub fn delivery_rate(delivered: i64, sent: i64) -> Rate {
    Rate::percent(delivered, sent)
}

/// How many of the delivered messages were read.
pub fn read_rate(read: i64, delivered: i64) -> Rate {
    Rate::percent(read, delivered)
}

/// How many of the sent messages were answered.
pub fn reply_rate(replied: i64, sent: i64) -> Rate {
    Rate::percent(replied, sent)
}

/// How many of all messages failed.
pub fn failure_rate(failed: i64, total: i64) -> Rate {
    Rate::percent(failed, total)
}

/// How many of the delivered messages were read or answered.
pub fn engagement_rate(engaged: i64, delivered: i64) -> Rate {
    Rate::percent(engaged, delivered)
}

/// How many of all came to what was wanted.
pub fn conversion_rate(conversions: i64, total: i64) -> Rate {
    Rate::percent(conversions, total)
}

/// By how many per cent `current` is more than `previous`; from nothing to something is 100, to nothing 0.
pub fn growth(current: i64, previous: i64) -> Rate {
    if previous <= 0 {
        return if current > 0 { Rate::HUNDRED } else { Rate::ZERO };
    }
    let more = i128::from(current).saturating_sub(i128::from(previous));
    Rate::quotient(more.saturating_mul(PERCENT_HUNDREDTHS), i128::from(previous))
}
