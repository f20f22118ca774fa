//! One request to the catalogue: bounded in time and bytes, never to another address than the one that is set.

use std::net::IpAddr;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::error::{Action, CatalogError, StopReason, quote};
use super::{Catalog, Options, answer};
use crate::domain::catalog::{CatalogItem, CatalogPart};

/// What stands in place of the key.
const KEY_MASK: &str = "[key]";

/// The client of the catalogue could not be made; the settings or the machine's certificates are wrong.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("CATALOG_API_KEY holds characters that no header can carry")]
    Key,
    #[error("the HTTP client for the catalogue cannot be made")]
    Client(#[source] reqwest::Error),
}

/// The catalogue over HTTP.
#[derive(Debug)]
pub struct HttpCatalog {
    client: Client,
    base: Url,
    key: SecretString,
    authorization: HeaderValue,
    body_bytes_max: usize,
    items_max: usize,
}

impl HttpCatalog {
    /// Makes the client; sends nothing. `None`: no address is set, or no key.
    pub fn new(options: &Options) -> Result<Option<Self>, BuildError> {
        let Some((base, key)) = options.base.clone().zip(options.key.clone()) else { return Ok(None) };
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Whoever installs one first wins; any will do here.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("wabacus/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if base.scheme() == "http" {
            // Whatever speaks plain HTTP needs no certificates, which a bare machine may not have.
            builder = builder.tls_certs_only([]);
        } else {
            builder = builder.https_only(true);
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let mut authorization =
            HeaderValue::from_str(&format!("ApiToken {}", key.expose_secret())).map_err(|_| BuildError::Key)?;
        authorization.set_sensitive(true);
        let client = builder.build().map_err(BuildError::Client)?;
        let (body_bytes_max, items_max) = (options.body_bytes_max, options.items_max);
        Ok(Some(Self { client, base, key, authorization, body_bytes_max, items_max }))
    }

    /// The address of a part of a merchant's catalogue. The id is one segment of it, whatever it holds.
    fn address(&self, merchant: &str, part: CatalogPart) -> Result<Url, CatalogError> {
        // These two would lead elsewhere, and there is no other way to write them.
        if matches!(merchant, "" | "." | "..") {
            return Err(unknown(merchant));
        }
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["merchants", merchant, part.code()]);
        }
        Ok(url)
    }

    /// Reads the body to its end, or gives up where it grows too long.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, CatalogError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > self.body_bytes_max {
                let message = format!("the catalogue sent more than {} bytes", self.body_bytes_max);
                return Err(CatalogError::new(Action::Retry, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The text without the key, should the catalogue say it back.
    fn masked(&self, text: String) -> String {
        let key = self.key.expose_secret();
        if text.contains(key) { text.replace(key, KEY_MASK) } else { text }
    }
}

#[async_trait]
impl Catalog for HttpCatalog {
    async fn items(&self, merchant: &str, part: CatalogPart) -> Result<Vec<CatalogItem>, CatalogError> {
        let url = self.address(merchant, part)?;
        let request = self.client.get(url).header(AUTHORIZATION, self.authorization.clone());
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let body = self.read(response).await?;
        if status.is_success() {
            let text = String::from_utf8(body).map_err(|error| {
                CatalogError::new(Action::Retry, "the catalogue answered with what is no UTF-8 text").caused_by(error)
            })?;
            return answer::read(&self.masked(text), self.items_max);
        }
        let body = self.masked(String::from_utf8_lossy(&body).into_owned());
        let action = match status {
            StatusCode::NOT_FOUND => return Err(unknown(merchant)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Action::Stop(StopReason::Key),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Action::Retry,
            status if status.is_server_error() => Action::Retry,
            // A redirect as well: the key goes nowhere else.
            _ => Action::Stop(StopReason::Refused),
        };
        let message = format!("the catalogue answered {} when asked for {part}: {}", status.as_u16(), quote(&body));
        Err(CatalogError::new(action, message))
    }
}

fn unknown(merchant: &str) -> CatalogError {
    let message = format!("the catalogue knows no merchant {}", quote(merchant));
    CatalogError::new(Action::Stop(StopReason::UnknownMerchant), message)
}

fn unanswered(error: reqwest::Error) -> CatalogError {
    let what = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "was cut off in the middle of an answer"
    };
    CatalogError::new(Action::Retry, format!("the catalogue {what}")).caused_by(error.without_url())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(base: &str) -> HttpCatalog {
        let options = Options {
            base: Some(Url::parse(base).unwrap()),
            key: Some(SecretString::from("swordfish")),
            ..Options::default()
        };
        HttpCatalog::new(&options).unwrap().unwrap()
    }

    #[test]
    fn an_id_is_one_segment_whatever_it_holds() {
        for base in ["http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/"] {
            let address = |merchant| catalogue(base).address(merchant, CatalogPart::Branches);
            for (merchant, path) in
                [("m-1", "m-1"), ("a/b", "a%2Fb"), ("../x", "..%2Fx"), ("a b?c#d", "a%20b%3Fc%23d"), ("100%", "100%25")]
            {
                let expected = format!("http://127.0.0.1:1/v1/merchants/{path}/branches");
                assert_eq!(address(merchant).unwrap().as_str(), expected, "{merchant}");
            }
            for nowhere in ["", ".", ".."] {
                let refused = address(nowhere).unwrap_err();
                assert_eq!(refused.action, Action::Stop(StopReason::UnknownMerchant), "{nowhere:?}");
            }
        }
    }

    #[test]
    fn without_an_address_or_a_key_there_is_no_catalogue_and_the_key_is_not_shown() {
        assert!(HttpCatalog::new(&Options::default()).unwrap().is_none());
        let base = Some(Url::parse("http://127.0.0.1:1").unwrap());
        assert!(HttpCatalog::new(&Options { base: base.clone(), ..Options::default() }).unwrap().is_none());
        let key = Some(SecretString::from("a\nb"));
        assert!(matches!(HttpCatalog::new(&Options { base, key, ..Options::default() }), Err(BuildError::Key)));
        let catalogue = catalogue("http://127.0.0.1:1");
        assert!(!format!("{catalogue:?}").contains("swordfish"));
        assert_eq!(catalogue.masked("bad key swordfish".to_owned()), "bad key [key]");
    }
}
