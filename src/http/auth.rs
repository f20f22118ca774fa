//! Who is calling: a bearer token is exchanged for what the resolvers need to know about its owner.

use actix_web::http::header::{self, HeaderMap};
use async_graphql::Data;
use async_trait::async_trait;
use serde_json::Value;

/// Knows the tokens. The composition root implements it over the access service.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Exchanges the secret for the data of its owner, which is put beside every operation of the request.
    ///
    /// `None` is a token that is unknown, expired or revoked; the three look the same to a stranger.
    async fn authenticate(&self, secret: &str) -> Result<Option<Data>, AuthFault>;
}

/// Why nobody could say whose token it is, or why its owner has to wait.
#[derive(Debug, thiserror::Error)]
pub enum AuthFault {
    /// The token has used up its requests; `retry_after_seconds` is sent as `Retry-After`.
    #[error("too many requests, try again in {retry_after_seconds} s")]
    RateLimited {
        /// Whole seconds until the next request is let in.
        retry_after_seconds: u64,
    },
    /// The tokens could not be read. The source is for the log; a client only hears "unavailable".
    #[error("tokens cannot be checked at the moment")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a request says about its sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential<'a> {
    /// Nothing: the operation runs without a caller, so introspection works and resolvers answer `UNAUTHENTICATED`.
    Absent,
    /// `Bearer <secret>`.
    Bearer(&'a str),
    /// Another scheme, or no secret behind it.
    Malformed,
}

/// Reads `Authorization` (RFC 6750; the scheme is case-insensitive by RFC 9110).
pub(super) fn of_headers(headers: &HeaderMap) -> Credential<'_> {
    headers
        .get(header::AUTHORIZATION)
        .map_or(Credential::Absent, |value| value.to_str().map_or(Credential::Malformed, of_header_text))
}

/// Reads the payload of `connection_init`: `authorization` or `Authorization` as in HTTP, or the bare secret in `token`.
pub(super) fn of_init_payload(payload: &Value) -> Credential<'_> {
    let field = |name| payload.get(name).filter(|value| !value.is_null());
    if let Some(value) = field("authorization").or_else(|| field("Authorization")) {
        return value.as_str().map_or(Credential::Malformed, of_header_text);
    }
    match field("token").map(Value::as_str) {
        None => Credential::Absent,
        Some(Some(secret)) if !secret.is_empty() => Credential::Bearer(secret),
        Some(_) => Credential::Malformed,
    }
}

fn of_header_text(text: &str) -> Credential<'_> {
    match text.trim().split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") && !secret.trim().is_empty() => {
            Credential::Bearer(secret.trim())
        }
        _ => Credential::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bearer_secret_is_read_whatever_the_case_of_its_scheme() {
        assert_eq!(of_header_text("Bearer abc"), Credential::Bearer("abc"));
        assert_eq!(of_header_text("bearer  abc "), Credential::Bearer("abc"));
    }

    #[test]
    fn another_scheme_or_an_empty_secret_is_malformed_not_absent() {
        for text in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(of_header_text(text), Credential::Malformed, "{text:?}");
        }
    }

    #[test]
    fn a_websocket_may_name_its_token_in_three_ways() {
        for payload in
            [json!({"authorization": "Bearer t"}), json!({"Authorization": "Bearer t"}), json!({"token": "t"})]
        {
            assert_eq!(of_init_payload(&payload), Credential::Bearer("t"));
        }
        for payload in [json!(null), json!({}), json!({"token": null})] {
            assert_eq!(of_init_payload(&payload), Credential::Absent);
        }
        for payload in [json!({"token": ""}), json!({"token": 7}), json!({"authorization": "t"})] {
            assert_eq!(of_init_payload(&payload), Credential::Malformed);
        }
    }
}
