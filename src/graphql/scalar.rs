//! The scalars of the API, kept as text until a resolver reads them under the name of their argument, so that a refusal names it.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, SecondsFormat};

use super::error::{Fault, Result};
use crate::domain::clock::Instant;
use crate::domain::input::BadInput;
use crate::domain::metric::{MetricValue, Rate};
use crate::domain::money::Money;
use crate::domain::period;
use crate::domain::quantity::Quantity;
use crate::domain::statistics::Percent;

fn text<T: ScalarType + async_graphql::InputType>(value: Value) -> Result<String, InputValueError<T>> {
    match value {
        Value::String(text) => Ok(text),
        other @ (Value::Null
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_)
        | Value::List(_)
        | Value::Object(_)) => Err(InputValueError::expected_type(other).with_extension("code", "BAD_USER_INPUT")),
    }
}

/// An instant as RFC 3339 writes it. Answers are in UTC with exactly three digits of a second, such as `2026-06-05T02:00:00.000Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateTime(String);

/// An instant as RFC 3339 writes it. Answers are in UTC with exactly three digits of a second, such as `2026-06-05T02:00:00.000Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl From<Instant> for DateTime {
    fn from(instant: Instant) -> Self {
        Self(instant.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl DateTime {
    /// The text as it was sent.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// The instant that the argument `field` holds.
    pub(super) fn read(&self, field: &str) -> Result<Instant> {
        Ok(self.instant(field)?)
    }

    /// The same where a refusal is one of many answers.
    pub(super) fn instant(&self, field: &str) -> Result<Instant, BadInput> {
        let instant = chrono::DateTime::parse_from_rfc3339(&self.0)
            .map_err(|_| BadInput::new(field, &self.0, "expected an instant such as 2026-06-05T02:00:00.000Z"))?;
        Ok(instant.to_utc())
    }
}

/// A day of a calendar, `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Date(String);

/// A day in the time zone of the organisation or, for usage, of the account: `YYYY-MM-DD`, years 2000 to 2100.
#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date.to_string())
    }
}

impl Date {
    /// The day that the argument `field` holds.
    pub(super) fn read(&self, field: &str) -> Result<NaiveDate> {
        Ok(period::parse_date(field, &self.0)?)
    }
}

/// A month of a calendar, `YYYY-MM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Month(String);

/// A calendar month: `YYYY-MM`, years 2000 to 2100.
#[Scalar(name = "Month")]
impl ScalarType for Month {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl From<period::Month> for Month {
    fn from(month: period::Month) -> Self {
        Self(month.to_string())
    }
}

impl Month {
    /// The month that the argument `field` holds.
    pub(super) fn read(&self, field: &str) -> Result<period::Month> {
        Ok(period::Month::parse(field, &self.0)?)
    }
}

/// An exact decimal number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal(String);

/// An exact decimal number in a string, such as `"12.3456"`; never rounded, never a float.
#[Scalar(name = "Decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl From<Money> for Decimal {
    fn from(money: Money) -> Self {
        Self(money.to_string())
    }
}

impl From<Quantity> for Decimal {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.to_string())
    }
}

impl Decimal {
    /// 1.
    pub(super) fn one() -> Self {
        Self("1".to_owned())
    }

    /// The text as it was sent.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl From<Rate> for Decimal {
    fn from(rate: Rate) -> Self {
        Self(rate.to_string())
    }
}

impl From<MetricValue> for Decimal {
    fn from(value: MetricValue) -> Self {
        Self(value.to_string())
    }
}

impl From<Percent> for Decimal {
    fn from(percent: Percent) -> Self {
        Self(percent.to_string())
    }
}

/// A count as GraphQL's 32-bit `Int`. A larger one is a fault of ours that names the `field`, never a wrong number.
pub(super) fn int(field: &str, count: i64) -> Result<i32> {
    i32::try_from(count).map_err(|_| Fault::internal(&format!("{field} is {count}, which does not fit the API's Int")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_with_three_digits_and_read_with_any() {
        let instant: Instant = "2026-06-05T02:00:00.123456Z".parse().unwrap();
        assert_eq!(DateTime::from(instant).0, "2026-06-05T02:00:00.123Z");
        for same in ["2026-06-05T02:00:00.123456Z", "2026-06-05T09:00:00.123456+07:00"] {
            assert_eq!(DateTime(same.to_owned()).read("expiresAt").unwrap(), instant);
        }
        assert!(DateTime("2026-06-05".to_owned()).read("expiresAt").is_err());
    }

    #[test]
    fn a_scalar_is_a_string() {
        assert!(<Date as ScalarType>::parse(Value::from(20_260_605)).is_err());
        assert!(<Date as ScalarType>::parse(Value::from("2026-06-05")).is_ok());
    }

    #[test]
    fn a_count_beyond_32_bits_is_not_cut() {
        assert_eq!(int("total", i64::from(i32::MAX)).unwrap(), i32::MAX);
        assert!(int("total", i64::from(i32::MAX) + 1).is_err());
    }
}
