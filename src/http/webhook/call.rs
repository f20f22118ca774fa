//! Calls out of the body of a webhook: one object, or a list of them.

use chrono::{DateTime, SubsecRound as _};
use serde_json::{Map, Value};

use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::domain::recording::{CallDetail, CallReport, CallStatus, Direction};
use crate::domain::usage::Country;

/// The longest id of a call, in characters.
const ID_CHARS_MAX: usize = 255;

/// Reads the calls; fields that are not known are passed over. A call that cannot be read is an error in its place. Those of one object are
/// named `call.status`, those of a list `calls[3].status`.
pub(super) fn read(body: &[u8], organisation: OrganisationId) -> Result<Vec<Result<CallReport, BadInput>>, BadInput> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(calls)) => {
            let calls = calls.iter().enumerate();
            Ok(calls.map(|(place, call)| read_call(format!("calls[{place}]"), call, organisation)).collect())
        }
        Ok(call @ Value::Object(_)) => Ok(vec![read_call("call".to_owned(), &call, organisation)]),
        Ok(other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
            Err(BadInput::new("body", other, "expected a call, or a list of calls"))
        }
        Err(error) => Err(BadInput::new("body", error, "expected JSON")),
    }
}

/// What the sender calls the field that the ledger complains about.
pub(super) fn spelt(field: &str) -> String {
    field.replace(".occurredAt", ".startedAt")
}

fn read_call(field: String, call: &Value, organisation: OrganisationId) -> Result<CallReport, BadInput> {
    let Value::Object(call) = call else { return Err(BadInput::new(field, call, "expected an object")) };
    let call = Fields { field: &field, call };
    if let Some(named) = call.text("organisationId")?
        && named != organisation.to_string()
    {
        return Err(call.bad("organisationId", "expected the organisation that X-Organisation-Id names"));
    }
    let status = "expected COMPLETED, FAILED, BUSY, NO_ANSWER or CANCELED";
    let detail = CallDetail {
        resource_id: call.resource_id()?,
        direction: call.code("direction", "expected INBOUND or OUTBOUND", Direction::from_code)?,
        status: call.code("status", status, CallStatus::from_code)?,
        duration_seconds: call.duration()?,
        occurred_at: call.started_at()?,
        customer_id: None,
        channel_id: None,
        country: call.text("country")?.map(|code| Country::parse(&call.path("country"), code)).transpose()?,
        metadata: call.metadata()?,
    };
    let (from, to) = (call.text("from")?.map(str::to_owned), call.text("to")?.map(str::to_owned));
    Ok(CallReport { call: detail, from, to, field })
}

/// The fields of a call, and what the call is called.
struct Fields<'a> {
    field: &'a str,
    call: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.field)
    }

    fn bad(&self, name: &str, accepted: &str) -> BadInput {
        BadInput::new(self.path(name), self.call.get(name).unwrap_or(&Value::Null), accepted)
    }

    /// Null is as good as nothing.
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.call.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, BadInput> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.bad(name, "expected a text"))
    }

    fn resource_id(&self) -> Result<String, BadInput> {
        let accepted = "expected 1 to 255 printable characters";
        let name = if self.value("resourceId").is_none() && self.value("callSid").is_some() {
            "callSid"
        } else {
            "resourceId"
        };
        let text = self.text(name)?.unwrap_or_default();
        let fits = !text.trim().is_empty() && text.chars().count() <= ID_CHARS_MAX;
        if fits && !text.chars().any(char::is_control) {
            return Ok(text.to_owned());
        }
        Err(self.bad(name, accepted))
    }

    /// Exchanges write `no-answer` for what is `NO_ANSWER` here.
    fn code<T>(&self, name: &str, accepted: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, BadInput> {
        let text = self.text(name)?.unwrap_or_default();
        read(&text.to_ascii_uppercase().replace('-', "_")).ok_or_else(|| self.bad(name, accepted))
    }

    fn duration(&self) -> Result<i64, BadInput> {
        let seconds = self.value("durationSeconds").and_then(Value::as_i64);
        let fits = seconds.filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds));
        fits.ok_or_else(|| self.bad("durationSeconds", "expected a whole number of seconds, 0 or more"))
    }

    fn started_at(&self) -> Result<DateTime<chrono::Utc>, BadInput> {
        let at = self.text("startedAt")?.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let at = at.ok_or_else(|| self.bad("startedAt", "expected an instant such as 2026-06-05T02:00:00.000Z"))?;
        // No finer than what the databases keep.
        Ok(at.to_utc().trunc_subsecs(6))
    }

    fn metadata(&self) -> Result<Map<String, Value>, BadInput> {
        match self.value("metadata") {
            None => Ok(Map::new()),
            Some(Value::Object(metadata)) => Ok(metadata.clone()),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(self.bad("metadata", "expected a JSON object"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn organisation() -> OrganisationId {
        OrganisationId::generate("2026-06-05T12:00:00Z".parse().unwrap())
    }

    fn call() -> Value {
        json!({ "callSid": "CA-7", "direction": "outbound", "status": "no-answer", "durationSeconds": 0,
            "startedAt": "2026-06-05T12:00:00.1234567+05:30", "to": "+919800000001", "price": 7 })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut call = call();
        call[name] = value;
        call
    }

    #[test]
    fn a_call_is_read_however_the_exchange_writes_its_codes() {
        let read = read(call().to_string().as_bytes(), organisation()).unwrap().pop().unwrap().unwrap();
        assert_eq!((read.field.as_str(), read.call.resource_id.as_str()), ("call", "CA-7"));
        assert_eq!((read.call.direction, read.call.status), (Direction::Outbound, CallStatus::NoAnswer));
        assert_eq!(read.call.occurred_at.to_rfc3339(), "2026-06-05T06:30:00.123456+00:00");
        assert_eq!(
            (read.their_number().map(|phone| phone.to_string()).as_deref(), read.our_number()),
            (Some("+919800000001"), None)
        );
    }

    #[test]
    fn a_call_that_cannot_be_read_is_named_by_its_place_and_field() {
        let bad = [
            (json!(7), "calls[1]"),
            (with("callSid", json!("")), "calls[1].callSid"),
            (with("callSid", json!(null)), "calls[1].resourceId"),
            (with("resourceId", json!("x".repeat(256))), "calls[1].resourceId"),
            (with("direction", json!("sideways")), "calls[1].direction"),
            (with("status", json!(null)), "calls[1].status"),
            (with("durationSeconds", json!(-1)), "calls[1].durationSeconds"),
            (with("durationSeconds", json!(1.5)), "calls[1].durationSeconds"),
            (with("startedAt", json!("yesterday")), "calls[1].startedAt"),
            (with("country", json!("India")), "calls[1].country"),
            (with("metadata", json!([])), "calls[1].metadata"),
            (with("to", json!(7)), "calls[1].to"),
            (with("organisationId", json!("org_0192b7c0f0007000800000000000000a")), "calls[1].organisationId"),
        ];
        for (bad, field) in bad {
            let read = read(json!([call(), bad]).to_string().as_bytes(), organisation()).unwrap();
            assert!(read[0].is_ok());
            assert_eq!(read[1].as_ref().unwrap_err().field, field);
        }
        for body in ["", "{", "7", "\"x\"", "null"] {
            assert_eq!(read(body.as_bytes(), organisation()).unwrap_err().field, "body", "{body:?}");
        }
    }
}
