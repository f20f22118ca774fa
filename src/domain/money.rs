//! Exact money: amounts in billionths of a currency unit, ISO 4217 currencies, and the one place where a price is rounded.
#![warn(clippy::arithmetic_side_effects)]

use std::fmt;

pub use super::decimal::AmountError;
use super::decimal::{self, Excess};
use super::input::BadInput;
use super::quantity::Quantity;

/// A sum that does not fit: of money beyond ±9.2 billion units, of a quantity beyond ±9.2e12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sum is too large")]
pub struct Overflow;

/// Digits after the point that an amount keeps: 1e-9 of a currency unit.
const DECIMAL_PLACES: u32 = 9;

/// An amount of money in 1e-9 of a unit of some currency; which one, [`Fees`] says.
///
/// A vendor's price per message has up to four decimals and a fee per call minute up to six, so nine lose nothing; the range is
/// about ±9.2 billion units. Arithmetic is checked: an overflow is `None`, never a wrapped amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money {
    nanos: i64,
}

impl Money {
    /// Nothing to pay.
    pub const ZERO: Self = Self { nanos: 0 };

    /// The amount of `nanos` billionths of a unit.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// The amount in billionths of a unit.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// Reads a decimal as JSON writes numbers: `4.6`, `-0`, `1.5e-3`. What is finer than 1e-9 is rounded, half away from zero;
    /// vendors print the result of their own float arithmetic, so a tail of digits is ordinary there.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        decimal::parse(text, DECIMAL_PLACES, Excess::Rounded).map(Self::from_nanos)
    }

    /// Reads a decimal as [`Money::parse`] does, but refuses what is finer than 1e-9: a price that somebody sets is not rounded.
    pub fn parse_exact(text: &str) -> Result<Self, AmountError> {
        decimal::parse(text, DECIMAL_PLACES, Excess::Refused).map(Self::from_nanos)
    }

    /// The difference, exact.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.nanos.checked_sub(other.nanos) {
            Some(nanos) => Some(Self { nanos }),
            None => None,
        }
    }

    /// The same with `digits` after the point, half away from zero. The one place where an amount is rounded to what can be paid.
    pub fn rounded(self, digits: u32) -> Option<Self> {
        let step = 10_i64.checked_pow(DECIMAL_PLACES.checked_sub(digits)?)?;
        let half = step.checked_div(2)?.checked_mul(self.nanos.signum())?;
        let steps = self.nanos.checked_add(half)?.checked_div(step)?;
        steps.checked_mul(step).map(Self::from_nanos)
    }

    /// The same cut to `digits` after the point, towards zero: what of a credit can be paid with.
    pub fn cut(self, digits: u32) -> Option<Self> {
        let step = 10_i64.checked_pow(DECIMAL_PLACES.checked_sub(digits)?)?;
        self.nanos.checked_div(step)?.checked_mul(step).map(Self::from_nanos)
    }

    /// The sum of all; `None` when it does not fit.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The sum, exact.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.nanos.checked_add(other.nanos) {
            Some(nanos) => Some(Self { nanos }),
            None => None,
        }
    }

    /// This amount per unit, times `quantity`, rounded to 1e-9 half away from zero. The one place where a price is rounded.
    pub fn checked_mul(self, quantity: Quantity) -> Option<Self> {
        let product = i128::from(self.nanos).checked_mul(i128::from(quantity.micros()))?;
        let micros_per_unit = i128::from(Quantity::ONE.micros());
        let half = micros_per_unit.checked_div(2)?.checked_mul(product.signum())?;
        let nanos = product.checked_add(half)?.checked_div(micros_per_unit)?;
        i64::try_from(nanos).ok().map(Self::from_nanos)
    }
}

impl fmt::Display for Money {
    /// The shortest exact decimal: `4.6`, `0`, `-0.000000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.nanos, DECIMAL_PLACES)
    }
}

impl serde::Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A currency by its ISO 4217 code. The codes for "no currency" and for tests are none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads a code out of the argument `field`: three capital letters, as `MYR`.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        Self::from_code(text).ok_or_else(|| {
            BadInput::new(field, text, "expected an ISO 4217 currency code in capital letters, such as MYR")
        })
    }

    /// The currency that a row or a vendor names.
    pub fn from_code(code: &str) -> Option<Self> {
        let known = iso_currency::Currency::from_code(code).filter(|known| known.code() == code)?;
        let is_money = known != iso_currency::Currency::XXX && known != iso_currency::Currency::XTS;
        is_money.then_some(Self(known))
    }

    /// Digits after the point of its smallest payable part: 2 of USD, 0 of JPY, 3 of KWD.
    pub fn minor_digits(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }

    /// The three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse("currency", &text).map_err(serde::de::Error::custom)
    }
}

/// An amount together with its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fees {
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
}

impl Fees {
    /// The sum. `None` when there is nothing to sum (so no currency), when currencies differ (no rate is ever assumed), and when
    /// the sum does not fit.
    pub fn total(fees: impl IntoIterator<Item = Self>) -> Option<Self> {
        fees.into_iter().map(Some).reduce(|sum, next| sum?.checked_add(next?)).flatten()
    }

    fn checked_add(self, other: Self) -> Option<Self> {
        let amount = self.amount.checked_add(other.amount)?;
        (self.currency == other.currency).then_some(Self { amount, currency: self.currency })
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, which is what it is for")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn fees(amount: &str, currency: &str) -> Fees {
        Fees { amount: money(amount), currency: Currency::from_code(currency).unwrap() }
    }

    #[test]
    fn an_amount_is_read_in_every_notation_that_json_has() {
        for (text, nanos) in [
            ("4.6", 4_600_000_000),
            ("1.5e-3", 1_500_000),
            ("1.5E+3", 1_500_000_000_000),
            ("-0", 0),
            ("-0.0e7", 0),
            ("0.0135", 13_500_000),
            ("-2", -2_000_000_000),
            ("007.50", 7_500_000_000),
            ("0e999999999999999999999", 0),
            ("1e-999999999999999999999", 0),
            ("92233720368547758.07e-7", i64::MAX),
            ("-9223372036.854775808", i64::MIN),
        ] {
            assert_eq!(Money::parse(text), Ok(Money::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_finer_than_a_billionth_is_rounded_half_away_from_zero() {
        for (text, nanos) in [
            ("0.0000000005", 1),
            ("-0.0000000005", -1),
            ("0.00000000049999999999999999999999999999999999999999", 0),
            ("0.0000000015", 2),
            ("5e-10", 1),
            ("9e-11", 0),
            ("0.1000000000000000055511151231257827", 100_000_000),
            ("9.9999999999", 10_000_000_000),
        ] {
            assert_eq!(money(text).nanos(), nanos, "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", "-", "+1", ".5", "5.", "1,5", "1_000", " 1", "1 ", "--1", "1e", "1e+", "1e1.5", "1.-5", "NaN", "inf",
            "0x1", "١",
        ] {
            assert_eq!(Money::parse(text), Err(AmountError::NotDecimal), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in [
            "9223372036.854775808",
            "-9223372036.854775809",
            "9223372036.8547758075",
            "1e10",
            "1e999999999999999999999",
        ] {
            assert_eq!(Money::parse(text), Err(AmountError::TooLarge), "{text}");
        }
        assert_eq!(Money::from_nanos(i64::MAX).checked_add(Money::from_nanos(1)), None);
        assert_eq!(Money::from_nanos(i64::MAX).checked_mul(Quantity::whole(2).unwrap()), None);
        let largest = (Money::from_nanos(i64::MIN), Quantity::from_micros(i64::MIN));
        assert_eq!(largest.0.checked_mul(largest.1), None);
    }

    #[test]
    fn an_amount_is_written_as_the_shortest_exact_decimal() {
        for (nanos, text) in [
            (4_600_000_000, "4.6"),
            (0, "0"),
            (-1, "-0.000000001"),
            (10_000_000_000, "10"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(Money::from_nanos(nanos).to_string(), text);
        }
        assert_eq!(format!("[{:>6}]", Money::from_nanos(-500_000_000)), "[  -0.5]");
        assert_eq!(serde_json::to_string(&money("4.60")).unwrap(), r#""4.6""#);
        assert_eq!(serde_json::from_str::<Money>(r#""-4.6""#).unwrap(), money("-4.6"));
        assert!(serde_json::from_str::<Money>("4.6").is_err(), "a number may have been through a float");
    }

    #[test]
    fn a_price_is_rounded_once_half_away_from_zero() {
        for (price, quantity, cost) in [
            ("0.0135", "3", "0.0405"),
            ("0.000000001", "0.5", "0.000000001"),
            ("-0.000000001", "0.5", "-0.000000001"),
            ("0.000000001", "0.499999", "0"),
            ("0.000000003", "0.5", "0.000000002"),
            ("-0.000000003", "-0.5", "0.000000002"),
            ("12", "0", "0"),
        ] {
            let quantity = Quantity::parse(quantity).unwrap();
            assert_eq!(money(price).checked_mul(quantity), Some(money(cost)), "{price} x {quantity}");
        }
    }

    #[test]
    fn a_currency_is_a_known_code_in_capitals() {
        for code in ["MYR", "USD", "IDR", "BRL"] {
            assert_eq!(Currency::parse("currency", code).unwrap().code(), code);
        }
        for bad in ["", "myr", "Usd", "RM", "ZZZ", "XXX", "XTS", "USD ", "840"] {
            assert_eq!(Currency::parse("input.currency", bad).unwrap_err().field, "input.currency", "{bad:?}");
        }
        let usd = Currency::from_code("USD").unwrap();
        assert_eq!(serde_json::to_string(&usd).unwrap(), r#""USD""#);
        assert_eq!(serde_json::from_str::<Currency>(r#""USD""#).unwrap(), usd);
        assert!(serde_json::from_str::<Currency>(r#""XXX""#).is_err());
    }

    #[test]
    fn fees_add_up_in_one_currency_or_not_at_all() {
        assert_eq!(Fees::total([fees("1.5", "USD"), fees("-0.25", "USD")]), Some(fees("1.25", "USD")));
        assert_eq!(Fees::total([fees("0", "MYR")]), Some(fees("0", "MYR")));
        assert_eq!(Fees::total([]), None);
        assert_eq!(Fees::total([fees("1", "USD"), fees("0", "MYR")]), None, "not even nothing changes its currency");
        assert_eq!(Fees::total([fees("1", "USD"), fees("0", "MYR"), fees("1", "USD")]), None);
        assert_eq!(Fees::total([fees("9e9", "USD"), fees("9e9", "USD"), fees("-9e9", "USD")]), None);
    }

    proptest! {
        #[test]
        fn every_amount_reads_back_from_what_is_written(nanos: i64) {
            let amount = Money::from_nanos(nanos);
            prop_assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
        }

        #[test]
        fn an_exponent_only_moves_the_point(nanos: i64, exponent in -40_i64..40) {
            // Given the amount as so many units of 10^-(9 + exponent), times 10^exponent.
            let digits = nanos.unsigned_abs().to_string();
            let sign = if nanos < 0 { "-" } else { "" };
            let point = 9 + exponent;
            let text = match usize::try_from(point) {
                Ok(places) => {
                    let padded = format!("{digits:0>width$}", width = places + 1);
                    let (whole, fraction) = padded.split_at(padded.len() - places);
                    let fraction = if fraction.is_empty() { "0" } else { fraction };
                    format!("{sign}{whole}.{fraction}e{exponent}")
                }
                Err(_) => format!("{sign}{digits}{}e{exponent}", "0".repeat(usize::try_from(-point).unwrap())),
            };
            prop_assert_eq!(Money::parse(&text), Ok(Money::from_nanos(nanos)), "{}", text);
        }

        #[test]
        fn more_digits_round_to_the_nearest(nanos in -1_000_000_000_000_000_i64..1_000_000_000_000_000, tail in "[0-9]{1,30}") {
            // Given a number between two billionths, by digits appended to an amount with all nine of its own.
            let sign = if nanos < 0 { "-" } else { "" };
            let magnitude = nanos.unsigned_abs();
            let text = format!("{sign}{}.{:09}{tail}", magnitude / 1_000_000_000, magnitude % 1_000_000_000);
            let up = i64::from(tail.as_bytes()[0] >= b'5');
            prop_assert_eq!(money(&text).nanos(), if nanos < 0 { nanos - up } else { nanos + up }, "{}", text);
        }

        #[test]
        fn reading_never_panics(text in "-?[0-9.eE+-]{0,40}|\\PC{0,20}") {
            let (money, quantity) = (Money::parse(&text), Quantity::parse(&text));
            prop_assert_ne!(money, Err(AmountError::TooFine { places: 9 }));
            prop_assert_eq!(money == Err(AmountError::NotDecimal), quantity == Err(AmountError::NotDecimal));
        }

        #[test]
        fn amounts_keep_the_order_of_their_numbers(a: i64, b: i64) {
            prop_assert_eq!(Money::from_nanos(a).cmp(&Money::from_nanos(b)), a.cmp(&b));
        }

        #[test]
        fn a_cost_is_within_half_a_billionth_of_the_exact_product(nanos: i64, micros in -1_000_000_000_i64..1_000_000_000) {
            let exact_e15 = i128::from(nanos) * i128::from(micros);
            match Money::from_nanos(nanos).checked_mul(Quantity::from_micros(micros)) {
                Some(cost) => {
                    let off = i128::from(cost.nanos()) * 1_000_000 - exact_e15;
                    prop_assert!(off.abs() <= 500_000);
                    // A tie goes away from zero.
                    prop_assert!(off.abs() < 500_000 || off.signum() == exact_e15.signum());
                }
                None => prop_assert!(exact_e15.abs() > i128::from(i64::MAX) * 1_000_000),
            }
        }

        #[test]
        fn times_whole_is_repeated_addition(nanos in -1_000_000_000_i64..1_000_000_000, count in 0_u8..50) {
            let price = Money::from_nanos(nanos);
            let sum = (0..count).try_fold(Money::ZERO, |sum, _| sum.checked_add(price));
            prop_assert_eq!(price.checked_mul(Quantity::whole(i64::from(count)).unwrap()), sum);
        }
    }
}
