//! Decimals in text, read and written exactly as whole numbers of their smallest part.
#![warn(clippy::arithmetic_side_effects)]

use std::fmt;

/// Why a text is no amount (of money, or of anything counted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The text is not a decimal number in JSON's notation.
    #[error("not a decimal number")]
    NotDecimal,
    /// The number does not fit.
    #[error("too large a number")]
    TooLarge,
    /// The number is finer than what is kept, where rounding would falsify it.
    #[error("more than {places} digits after the point")]
    TooFine {
        /// How many digits after the point are kept.
        places: u32,
    },
}

/// What becomes of digits beyond those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// Rounded, half away from zero.
    Rounded,
    /// Refused, unless they are zeros.
    Refused,
}

/// Reads `text` as a count of units of 10^-`places`, without a float on the way.
///
/// The notation is JSON's (RFC 8259, section 6), and leading zeros do no harm. Exponents of any size are fine: the work is
/// bounded by the length of the text.
pub(super) fn parse(text: &str, places: u32, excess: Excess) -> Result<i64, AmountError> {
    let decimal = Decimal::read(text).ok_or(AmountError::NotDecimal)?;
    if decimal.digits.is_empty() {
        return Ok(0);
    }
    let length = i64::try_from(decimal.digits.len()).map_err(|_| AmountError::TooLarge)?;
    // How many digits the count has; negative where the first digit that is not zero lies beyond those that are kept.
    let kept = length.saturating_add(decimal.exponent).saturating_add(i64::from(places));
    if kept < length && excess == Excess::Refused {
        return Err(AmountError::TooFine { places });
    }
    if kept > I64_DIGITS_MAX {
        return Err(AmountError::TooLarge);
    }
    let Ok(kept) = usize::try_from(kept) else {
        return Ok(0);
    };
    let digit_at = |place: usize| decimal.digits.get(place).map_or(0, |digit| i128::from(digit.saturating_sub(b'0')));
    let whole = (0..kept).try_fold(0_i128, |sum, place| sum.checked_mul(10)?.checked_add(digit_at(place)));
    let rounded_up = i128::from(digit_at(kept) >= 5);
    whole
        .and_then(|whole| whole.checked_add(rounded_up))
        .and_then(|magnitude| if decimal.negative { magnitude.checked_neg() } else { Some(magnitude) })
        .and_then(|count| i64::try_from(count).ok())
        .ok_or(AmountError::TooLarge)
}

/// The longest decimal that an `i64` holds: 9223372036854775807.
const I64_DIGITS_MAX: i64 = 19;

/// Exponents are cut to this size, far beyond what fits anyway, so that sums of them stay small.
const EXPONENT_MAX: i64 = 1_000_000_000_000;

/// A decimal as written: ±`digits` x 10^`exponent`; the digits are ASCII and neither begin nor end with a zero.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Self::read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, digits(fraction)?),
            None => (mantissa, ""),
        };
        let all = format!("{}{fraction}", digits(whole)?);
        let significant = all.trim_start_matches('0').trim_end_matches('0');
        let trailing_zeros = all.len().saturating_sub(all.trim_end_matches('0').len());
        let exponent = exponent
            .checked_sub(i64::try_from(fraction.len()).ok()?)?
            .checked_add(i64::try_from(trailing_zeros).ok()?)?;
        Some(Self { negative, digits: significant.as_bytes().to_vec(), exponent })
    }

    fn read_exponent(text: &str) -> Option<i64> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let magnitude = digits(unsigned)?
            .bytes()
            .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0'))))
            .min(EXPONENT_MAX);
        if negative { magnitude.checked_neg() } else { Some(magnitude) }
    }
}

/// `text`, if it is one or more ASCII digits.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Writes `count` units of 10^-`places` as the shortest exact decimal.
pub(super) fn write(f: &mut fmt::Formatter<'_>, count: i64, places: u32) -> fmt::Result {
    let width = usize::try_from(places).map_err(|_| fmt::Error)?;
    let padded = format!("{:0>1$}", count.unsigned_abs(), width.saturating_add(1));
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(width));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    f.pad_integral(count >= 0, "", &format!("{whole}{point}{fraction}"))
}
