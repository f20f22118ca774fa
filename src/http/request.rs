//! A GraphQL request out of JSON or a query string, by the GraphQL over HTTP draft; every flaw is named.

use actix_web::web::Query;
use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Why the parameters are not a request. The text goes to the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    /// The body or a parameter is not JSON.
    #[error("`{place}` is not JSON: {reason}")]
    NotJson {
        /// `body`, `variables` or `extensions`.
        place: &'static str,
        /// What the JSON parser says.
        reason: String,
    },
    /// An array in place of one request.
    #[error("Batches are not accepted: send one operation a request.")]
    Batch,
    /// The body is JSON, but no object.
    #[error("The request must be a JSON object.")]
    NotAnObject,
    /// A member of another type than the draft says.
    #[error("`{name}` must be {expected}.")]
    Type {
        /// The member.
        name: &'static str,
        /// `a string` or `an object`.
        expected: &'static str,
    },
    /// No document.
    #[error("`query` is missing.")]
    NoQuery,
    /// A client that hopes for automatic persisted queries; by this text it falls back to sending the document.
    #[error("PersistedQueryNotSupported")]
    Persisted,
}

/// The request in a body.
pub(super) fn of_body(body: &[u8]) -> Result<Request, Malformed> {
    let value = serde_json::from_slice(body)
        .map_err(|error| Malformed::NotJson { place: "body", reason: error.to_string() })?;
    of_value(value)
}

/// The request in a JSON value: `query`, `operationName`, `variables`, `extensions`. Other members are ignored.
pub(super) fn of_value(value: Value) -> Result<Request, Malformed> {
    let mut members = match value {
        Value::Object(members) => members,
        Value::Array(_) => return Err(Malformed::Batch),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(Malformed::NotAnObject),
    };
    let extensions = object(&mut members, "extensions")?;
    let Some(query) = string(&mut members, "query")? else {
        let persisted = extensions.is_some_and(|extensions| extensions.contains_key("persistedQuery"));
        return Err(if persisted { Malformed::Persisted } else { Malformed::NoQuery });
    };
    let mut request = Request::new(query);
    request.operation_name = string(&mut members, "operationName")?;
    if let Some(variables) = object(&mut members, "variables")? {
        request.variables = Variables::from_json(Value::Object(variables));
    }
    if let Some(extensions) = extensions {
        request.extensions = serde_json::from_value(Value::Object(extensions))
            .map_err(|error| Malformed::NotJson { place: "extensions", reason: error.to_string() })?;
    }
    Ok(request)
}

/// The request in the query string of a GET. An empty parameter counts as absent.
pub(super) fn of_query_string(text: &str) -> Result<Request, Malformed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parameters {
        query: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
    }
    let parameters = Query::<Parameters>::from_query(text)
        .map_err(|error| Malformed::NotJson { place: "query string", reason: error.to_string() })?
        .into_inner();
    let mut members = Map::new();
    for (name, text) in [("query", parameters.query), ("operationName", parameters.operation_name)] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            members.insert(name.to_owned(), Value::String(text));
        }
    }
    for (name, text) in [("variables", parameters.variables), ("extensions", parameters.extensions)] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let value = serde_json::from_str(&text)
                .map_err(|error| Malformed::NotJson { place: name, reason: error.to_string() })?;
            members.insert(name.to_owned(), value);
        }
    }
    of_value(Value::Object(members))
}

fn string(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, Malformed> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Malformed::Type { name, expected: "a string" }),
    }
}

fn object(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<Map<String, Value>>, Malformed> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(Malformed::Type { name, expected: "an object" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_nulls_for_what_is_optional_is_a_request() {
        let body = br#"{"query":"{a}","operationName":null,"variables":null,"extensions":null,"more":1}"#;
        assert_eq!(of_body(body).expect("it is a request").query, "{a}");
    }

    #[test]
    fn every_flaw_is_named() {
        for (body, message) in [
            ("[]", "Batches are not accepted: send one operation a request."),
            ("1", "The request must be a JSON object."),
            ("{}", "`query` is missing."),
            (r#"{"query":1}"#, "`query` must be a string."),
            (r#"{"query":"{a}","variables":[]}"#, "`variables` must be an object."),
            (r#"{"extensions":{"persistedQuery":{}}}"#, "PersistedQueryNotSupported"),
        ] {
            assert_eq!(of_body(body.as_bytes()).expect_err("it is refused").to_string(), message);
        }
        assert!(of_body(b"{").expect_err("it is refused").to_string().starts_with("`body` is not JSON"));
    }

    #[test]
    fn a_query_string_carries_json_for_variables() {
        let request = of_query_string("query=%7Ba%7D&variables=%7B%22x%22%3A1%7D&operationName=").expect("a request");
        assert_eq!((request.query.as_str(), request.operation_name), ("{a}", None));
        assert_eq!(request.variables.len(), 1);
        assert!(of_query_string("query=%7Ba%7D&variables=x").is_err());
    }
}
