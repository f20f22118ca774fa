//! Reading what BSPs write: every value by its name, and every complaint with its place in the body.

use serde_json::{Map, Value};

use crate::domain::clock::Instant;
use crate::domain::input::BadInput;
use crate::domain::phone::PhoneNumber;

/// Seconds since 1970 from here on are milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// An object of the body, and what it is called there.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    pub(super) field: String,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The object that `value` is.
    pub(super) fn of(field: impl Into<String>, value: &'a Value) -> Result<Self, BadInput> {
        let field = field.into();
        match value {
            Value::Object(object) => Ok(Self { field, object }),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(BadInput::new(field, other, "expected an object"))
            }
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.field)
    }

    pub(super) fn bad(&self, name: &str, accepted: &str) -> BadInput {
        BadInput::new(self.path(name), self.object.get(name).unwrap_or(&Value::Null), accepted)
    }

    /// Null is as good as nothing.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn child(&self, name: &str) -> Result<Option<Self>, BadInput> {
        self.value(name).map(|value| Self::of(self.path(name), value)).transpose()
    }

    pub(super) fn required_child(&self, name: &str) -> Result<Self, BadInput> {
        self.child(name)?.ok_or_else(|| self.bad(name, "expected an object"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, BadInput> {
        let text = self.value(name).map(|value| value.as_str().ok_or_else(|| self.bad(name, "expected a text")));
        text.transpose()
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, BadInput> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| self.bad(name, "expected a text"))
    }

    /// A text in lower case.
    pub(super) fn word(&self, name: &str) -> Result<Option<String>, BadInput> {
        Ok(self.text(name)?.map(|text| text.trim().to_lowercase()).filter(|word| !word.is_empty()))
    }

    /// A truth value, which may be written as a text.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, BadInput> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.bad(name, "expected true or false")),
        }
    }

    /// A time: seconds or milliseconds since 1970, as a number or a text of digits.
    pub(super) fn time(&self, name: &str) -> Result<Option<Instant>, BadInput> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok()).filter(|number| *number > 0);
        let at = number.and_then(|number| {
            if number < MILLISECONDS_FROM {
                Instant::from_timestamp(number, 0)
            } else {
                Instant::from_timestamp_millis(number)
            }
        });
        at.map(Some).ok_or_else(|| self.bad(name, "expected seconds or milliseconds since 1970"))
    }

    pub(super) fn required_time(&self, name: &str) -> Result<Instant, BadInput> {
        self.time(name)?.ok_or_else(|| self.bad(name, "expected seconds or milliseconds since 1970"))
    }

    /// A customer's number; BSPs write it without the plus sign.
    pub(super) fn phone(&self, name: &str) -> Result<PhoneNumber, BadInput> {
        PhoneNumber::parse(&self.path(name), self.required_text(name)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_as_numbers_and_texts_and_in_milliseconds() {
        let object = json!({ "a": "1780560000", "b": 1_780_560_000, "c": 1_780_560_000_123_i64, "d": null });
        let fields = Fields::of("x", &object).unwrap();
        let at = |name| fields.time(name).unwrap().map(|at| at.timestamp_millis());
        assert_eq!([at("a"), at("b")], [Some(1_780_560_000_000); 2]);
        assert_eq!((at("c"), at("d"), at("e")), (Some(1_780_560_000_123), None, None));
        for bad in [json!("soon"), json!(-1), json!(0), json!(1.5), json!(true), json!([]), json!("9".repeat(30))] {
            let object = json!({ "a": bad });
            assert_eq!(Fields::of("x", &object).unwrap().time("a").unwrap_err().field, "x.a", "{object}");
        }
    }

    #[test]
    fn what_is_of_another_kind_is_named_by_its_place() {
        let object = json!({ "text": 7, "truth": "yes", "child": [], "phone": "nobody" });
        let fields = Fields::of("x", &object).unwrap();
        assert_eq!(fields.text("text").unwrap_err().field, "x.text");
        assert_eq!(fields.required_text("absent").unwrap_err().field, "x.absent");
        assert_eq!(fields.truth("truth").unwrap_err().field, "x.truth");
        assert_eq!(fields.child("child").unwrap_err().field, "x.child");
        assert_eq!(fields.phone("phone").unwrap_err().field, "x.phone");
        assert_eq!(Fields::of("x", &json!(7)).unwrap_err().field, "x");
        let object = json!({ "a": true, "b": "True", "c": "false" });
        let fields = Fields::of("x", &object).unwrap();
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| fields.truth(name).unwrap()),
            [Some(true), Some(true), Some(false), None]
        );
    }
}
