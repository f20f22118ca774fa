//! Graph's errors, sorted purely by their code into what to do.

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::question::Field;
use crate::bsp::error::{Advice, Complaint, StopReason, name, quote};
use crate::bsp::number;
use crate::domain::channel::BspKind;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    error: Option<GraphError<'a>>,
}

#[derive(Deserialize)]
struct GraphError<'a> {
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    error_subcode: Option<&'a RawValue>,
    error_user_title: Option<String>,
    is_transient: Option<bool>,
}

/// The complaint of an answer that is an error, by its status or by its body: Graph's `code` counts more than the status
/// (Meta, error codes). `asked` is the field whose absence another field may make good. `None`: it is no error.
pub(super) fn of(status: u16, body: &str, wait: Option<TimeDelta>, asked: Option<Field>) -> Option<Complaint> {
    let error = serde_json::from_str::<Envelope<'_>>(body).ok().and_then(|envelope| envelope.error);
    let Some(error) = error else {
        return (!(200..300).contains(&status)).then(|| without_code(status, body, wait));
    };
    let code = error.code.and_then(number::integer);
    let subcode = error.error_subcode.and_then(number::integer);
    let advice = sort(&error, code, subcode, wait, asked).unwrap_or_else(|| unknown(&error, status, wait));
    let numbered =
        |what: &str, number: Option<i64>| number.map(|number| format!(", {what} {number}")).unwrap_or_default();
    let (code, subcode) = (numbered("code", code), numbered("subcode", subcode));
    let words = error.error_user_title.iter().chain(&error.message).map(String::as_str).collect::<Vec<_>>().join(": ");
    let who = name(BspKind::Interakt);
    Some(Complaint::new(advice, format!("{who} answered {status}{code}{subcode}: {}", quote(words.as_bytes()))))
}

/// What the code calls for, as Meta's tables say; `None` for a code that is in none of them.
fn sort(
    error: &GraphError<'_>,
    code: Option<i64>,
    subcode: Option<i64>,
    wait: Option<TimeDelta>,
    asked: Option<Field>,
) -> Option<Advice> {
    let says = |words: &str| {
        [&error.error_user_title, &error.message]
            .into_iter()
            .flatten()
            .any(|text| text.to_ascii_lowercase().contains(words))
    };
    // The title is all that is known of this one; its code is not documented.
    if says("cost not available") {
        return Some(Advice::CostNotAvailable);
    }
    let advice = match code {
        Some(1 | 2) => Advice::Retry,
        Some(4 | 17 | 32 | 613 | 80007 | 80008) => Advice::Wait(wait),
        Some(190 | 102) => Advice::Stop(StopReason::Token),
        Some(3 | 10 | 200..=299) => Advice::Stop(StopReason::Permission),
        Some(368) => Advice::Stop(StopReason::Blocked),
        Some(100) if subcode == Some(33) => Advice::Stop(StopReason::NotFound),
        Some(100) if asked.is_some_and(|field| says("nonexisting field") && says(field.name())) => Advice::UnknownField,
        Some(100) => Advice::Stop(StopReason::Refused),
        None if error.kind.as_deref() == Some("OAuthException") => Advice::Stop(StopReason::Token),
        Some(_) | None => return None,
    };
    Some(advice)
}

/// A code that no table names: what Graph itself calls passing is tried again, a refusal is not.
fn unknown(error: &GraphError<'_>, status: u16, wait: Option<TimeDelta>) -> Advice {
    match status {
        429 => Advice::Wait(wait),
        400..=499 if error.is_transient != Some(true) && status != 408 => Advice::Stop(StopReason::Refused),
        _ => Advice::Retry,
    }
}

/// An answer without Graph's error object comes from something in front of Graph, and may be gone next time.
fn without_code(status: u16, body: &str, wait: Option<TimeDelta>) -> Complaint {
    let advice = if status == 429 { Advice::Wait(wait) } else { Advice::Retry };
    let message =
        format!("{} answered {status} without an error code: {}", name(BspKind::Interakt), quote(body.as_bytes()));
    Complaint::new(advice, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(status: u16, body: &str) -> Option<Advice> {
        of(status, body, Some(TimeDelta::minutes(19)), Some(Field::Pricing)).map(|complaint| complaint.advice)
    }

    #[test]
    fn each_code_calls_for_what_the_tables_say_whatever_the_status() {
        let wait = Advice::Wait(Some(TimeDelta::minutes(19)));
        let cases = [
            (1, Advice::Retry),
            (2, Advice::Retry),
            (4, wait),
            (17, wait),
            (32, wait),
            (613, wait),
            (80007, wait),
            (80008, wait),
            (190, Advice::Stop(StopReason::Token)),
            (102, Advice::Stop(StopReason::Token)),
            (3, Advice::Stop(StopReason::Permission)),
            (10, Advice::Stop(StopReason::Permission)),
            (200, Advice::Stop(StopReason::Permission)),
            (299, Advice::Stop(StopReason::Permission)),
            (368, Advice::Stop(StopReason::Blocked)),
            (100, Advice::Stop(StopReason::Refused)),
        ];
        for (code, expected) in cases {
            for status in [200, 400, 403, 429, 500] {
                for written in [code.to_string(), format!("\"{code}\"")] {
                    let body = format!(r#"{{"error":{{"message":"m","type":"OAuthException","code":{written}}}}}"#);
                    assert_eq!(advice(status, &body), Some(expected), "{status} {body}");
                }
            }
        }
    }

    #[test]
    fn a_parameter_error_is_told_apart_by_subcode_and_words() {
        let hidden = r#"{"error":{"message":"Unsupported get request.","code":100,"error_subcode":33}}"#;
        assert_eq!(advice(400, hidden), Some(Advice::Stop(StopReason::NotFound)));
        let gone = r#"{"error":{"message":"(#100) Tried accessing nonexisting field (pricing_analytics)","code":100}}"#;
        assert_eq!(advice(400, gone), Some(Advice::UnknownField));
        let another = r#"{"error":{"message":"(#100) Tried accessing nonexisting field (currency)","code":100}}"#;
        assert_eq!(advice(400, another), Some(Advice::Stop(StopReason::Refused)));
        let cost = r#"{"error":{"message":"Cost not available","code":100}}"#;
        assert_eq!(advice(400, cost), Some(Advice::CostNotAvailable));
    }

    #[test]
    fn an_error_without_a_code_is_sorted_by_type_and_status() {
        assert_eq!(advice(400, r#"{"error":{"type":"OAuthException"}}"#), Some(Advice::Stop(StopReason::Token)));
        assert_eq!(advice(503, r#"{"error":{}}"#), Some(Advice::Retry));
        assert_eq!(advice(400, r#"{"error":{"code":9999}}"#), Some(Advice::Stop(StopReason::Refused)));
        assert_eq!(advice(400, r#"{"error":{"code":9999,"is_transient":true}}"#), Some(Advice::Retry));
        assert_eq!(advice(502, "<html>"), Some(Advice::Retry));
        assert_eq!(advice(429, ""), Some(Advice::Wait(Some(TimeDelta::minutes(19)))));
        assert_eq!(advice(200, "{}"), None);
    }

    #[test]
    fn the_message_says_status_code_and_the_vendors_words() {
        let body = r#"{"error":{"message":"Session has\nexpired","code":190,"error_subcode":463}}"#;
        let complaint = of(401, body, None, None).unwrap();
        assert_eq!(
            complaint.message,
            r#"Interakt (Graph) answered 401, code 190, subcode 463: "Session has\nexpired""#
        );
    }
}
