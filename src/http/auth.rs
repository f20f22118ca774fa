//! Who is calling: a bearer token or an admin's key is exchanged for what the resolvers need to know about its owner.

use actix_web::http::header::{self, HeaderMap};
use async_graphql::Data;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde_json::Value;

/// Knows the tokens. The composition root implements it over the access service.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Exchanges the secret for the data of its owner, which is put beside every operation of the request.
    ///
    /// `None` is a token that is unknown, expired or revoked; the three look the same to a stranger.
    async fn authenticate(&self, secret: &str) -> Result<Option<Data>, AuthFault>;

    /// Resolves once the caller's token opens nothing any more; never, where that cannot be told.
    fn ended(&self, _caller: &Data) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
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
    /// `X-API-Key: <secret>`, which only an admin's token is.
    ApiKey(&'a str),
    /// Another scheme, no secret behind it, or two that differ.
    Malformed,
}

/// Everything that a request says about its sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presented<'a> {
    pub(super) credential: Credential<'a>,
    /// The organisation that is meant, as it was written: `X-Organisation-Id`.
    pub(super) organisation: Option<&'a str>,
}

/// What is said of its sender by the headers of a request.
pub(super) fn of_headers(headers: &HeaderMap) -> Presented<'_> {
    // What is not text is malformed, and no text that is well-formed is empty.
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let credential = both(of_authorization(headers), text(API_KEY).map(of_api_key));
    Presented { credential, organisation: text(ORGANISATION_ID) }
}

/// The header of an admin's key.
pub(super) const API_KEY: &str = "x-api-key";

/// The header of the organisation that is meant.
pub(super) const ORGANISATION_ID: &str = "x-organisation-id";

/// A key beside a bearer token has to be the same secret, and then is taken as the key that it says it is.
fn both<'a>(authorization: Credential<'a>, key: Option<Credential<'a>>) -> Credential<'a> {
    match (authorization, key) {
        (authorization, None) => authorization,
        (Credential::Absent, Some(key)) => key,
        (Credential::Bearer(one), Some(Credential::ApiKey(other))) if one == other => Credential::ApiKey(other),
        (_, Some(_)) => Credential::Malformed,
    }
}

fn of_api_key(text: &str) -> Credential<'_> {
    let secret = text.trim();
    if secret.is_empty() { Credential::Malformed } else { Credential::ApiKey(secret) }
}

/// Reads `Authorization` (RFC 6750; the scheme is case-insensitive by RFC 9110).
fn of_authorization(headers: &HeaderMap) -> Credential<'_> {
    headers
        .get(header::AUTHORIZATION)
        .map_or(Credential::Absent, |value| value.to_str().map_or(Credential::Malformed, of_header_text))
}

/// Reads the payload of `connection_init`: `authorization` or `Authorization` as in HTTP, or the bare secret in `token`; an admin's key in
/// `apiKey` or the header's name, and the organisation that is meant in `organisationId` or the header's name.
pub(super) fn of_init_payload(payload: &Value) -> Presented<'_> {
    let field = |names: &[&str]| {
        let values = names.iter().filter_map(|name| payload.get(name).filter(|value| !value.is_null()));
        // What is not text is malformed, and no text that is well-formed is empty.
        values.map(|value| value.as_str().unwrap_or_default()).next()
    };
    let authorization = field(&["authorization", "Authorization"]).map(of_header_text);
    let bearer = || {
        field(&["token"]).map(|token| match token {
            "" => Credential::Malformed,
            secret => Credential::Bearer(secret),
        })
    };
    let authorization = authorization.or_else(bearer).unwrap_or(Credential::Absent);
    let key = field(&["apiKey", API_KEY, "X-API-Key"]).map(of_api_key);
    let organisation = field(&["organisationId", ORGANISATION_ID, "X-Organisation-Id"]);
    Presented { credential: both(authorization, key), organisation }
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
            assert_eq!(of_init_payload(&payload).credential, Credential::Bearer("t"));
        }
        for payload in [json!(null), json!({}), json!({"token": null})] {
            assert_eq!(of_init_payload(&payload).credential, Credential::Absent);
        }
        for payload in [json!({"token": ""}), json!({"token": 7}), json!({"authorization": "t"})] {
            assert_eq!(of_init_payload(&payload).credential, Credential::Malformed);
        }
    }

    #[test]
    fn an_admins_key_stands_alone_or_beside_the_same_secret() {
        let read = |text: &str, key: Option<&'static str>| {
            let authorization = if text.is_empty() { Credential::Absent } else { Credential::Bearer("t") };
            both(authorization, key.map(of_api_key))
        };
        assert_eq!(read("", Some(" k ")), Credential::ApiKey("k"));
        assert_eq!(read("t", None), Credential::Bearer("t"));
        assert_eq!(read("t", Some("t")), Credential::ApiKey("t"));
        assert_eq!(read("t", Some("k")), Credential::Malformed);
        assert_eq!(read("", Some("")), Credential::Malformed);
        assert_eq!(both(Credential::Malformed, Some(Credential::ApiKey("k"))), Credential::Malformed);
    }

    #[test]
    fn a_websocket_may_name_its_key_and_the_organisation_that_is_meant() {
        for payload in [json!({"apiKey": "k"}), json!({"x-api-key": "k"}), json!({"X-API-Key": "k"})] {
            assert_eq!(of_init_payload(&payload).credential, Credential::ApiKey("k"));
        }
        for payload in [json!({"organisationId": "o"}), json!({"X-Organisation-Id": "o"})] {
            assert_eq!(of_init_payload(&payload).organisation, Some("o"));
        }
        assert_eq!(of_init_payload(&json!({"apiKey": 7})).credential, Credential::Malformed);
        assert_eq!(of_init_payload(&json!({"organisationId": 7})).organisation, Some(""));
        assert_eq!(of_init_payload(&json!({"token": "t", "apiKey": "k"})).credential, Credential::Malformed);
    }
}
