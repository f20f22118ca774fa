//! Outbound HTTP to the receivers of webhooks: signed bodies to addresses that strangers chose, and never into a private network.
//!
//! An address is looked at three times: as it is written, when it is given; by what its name resolves to, also then; and by what the name
//! resolves to at the moment of connecting, so that a name that changes its mind in between leads nowhere. Redirects are not followed and
//! no proxy is asked, because either would look names up again, elsewhere.

mod address;
mod network;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as Stopwatch};

use chrono::TimeDelta;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, redirect};
use url::Url;

use crate::domain::attempt::retry_after;
use crate::domain::clock::Instant;
use crate::domain::input::BadInput;
use address::Rules;
use network::{Guarded, Lookup, Refused, System};

/// How much of an answer is read, and kept where it is no success.
const SNIPPET_BYTES_MAX: usize = 1_024;

/// How receivers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether addresses in private networks, and plain HTTP, are allowed: for demos and tests.
    pub allow_private: bool,
    /// For one request with its answer.
    pub request_timeout: Duration,
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { allow_private: false, request_timeout: Duration::from_secs(15), connect_timeout: Duration::from_secs(5) }
    }
}

/// A signed body, ready to be sent. The headers are those of Standard Webhooks.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub id: &'a str,
    /// Seconds since 1970.
    pub timestamp: i64,
    pub signature: &'a str,
    pub body: &'a str,
}

/// What sending came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `None`: there was no answer.
    pub status: Option<u16>,
    /// Why it is no success, with the beginning of what the receiver said; `None`: the message was taken.
    pub error: Option<String>,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<TimeDelta>,
    pub took: Duration,
}

/// Sends to receivers.
#[derive(Debug, Clone)]
pub struct Hooks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    options: Options,
    lookup: Arc<dyn Lookup>,
    /// Made when they are first needed: a machine without certificates may never send to anybody.
    plain: OnceLock<Result<Client, String>>,
    secure: OnceLock<Result<Client, String>>,
}

impl Hooks {
    /// Reaches receivers by the machine's own resolver.
    pub fn new(options: Options) -> Self {
        Self::resolving_by(options, Arc::new(System))
    }

    fn resolving_by(options: Options, lookup: Arc<dyn Lookup>) -> Self {
        let rules = Rules { allow_private: options.allow_private };
        let (plain, secure) = (OnceLock::new(), OnceLock::new());
        Self { shared: Arc::new(Shared { rules, options, lookup, plain, secure }) }
    }

    /// Checks an address that somebody gave as the argument `field`: how it is written, and where its name leads now. A name that leads
    /// nowhere now may do so later, and is accepted.
    pub async fn check(&self, field: &str, text: &str) -> Result<Url, BadInput> {
        let Shared { rules, lookup, .. } = &*self.shared;
        let url = rules.parse(field, text)?;
        if let Some(domain) = url.domain() {
            let found: Vec<SocketAddr> = lookup.lookup(domain.to_owned()).await.unwrap_or_default();
            if found.iter().any(|address| !rules.admit(address.ip())) {
                return Err(BadInput::new(field, text, address::ACCEPTED));
            }
        }
        Ok(url)
    }

    /// Sends a message to an address that was checked before.
    pub async fn send(&self, url: &str, message: Message<'_>, now: Instant) -> Outcome {
        let began = Stopwatch::now();
        let answer = self.post(url, message).await;
        let (status, retry_after, said) = match answer {
            Ok(response) => {
                let status = response.status().as_u16();
                let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let wait = header.and_then(|text| retry_after(text, now));
                let said = if response.status().is_success() { None } else { Some(complaint(response).await) };
                (Some(status), wait, said)
            }
            Err(error) => (None, None, Some(error)),
        };
        Outcome { status, error: said, retry_after, took: began.elapsed() }
    }

    async fn post(&self, url: &str, message: Message<'_>) -> Result<Response, String> {
        // Looked at again: what was allowed once may not be any more, and an address without a name is never resolved.
        let url = self.shared.rules.parse("url", url).map_err(|bad| format!("not sent: {}", bad.accepted))?;
        let request = self
            .client(&url)?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp.to_string())
            .header("webhook-signature", message.signature)
            .body(message.body.to_owned());
        request.send().await.map_err(|error| unanswered(&error))
    }

    fn client(&self, url: &Url) -> Result<Client, String> {
        let Shared { plain, secure, .. } = &*self.shared;
        let (client, is_plain) = if url.scheme() == "http" { (plain, true) } else { (secure, false) };
        client.get_or_init(|| self.make(is_plain)).clone()
    }

    fn make(&self, is_plain: bool) -> Result<Client, String> {
        let Shared { rules, options, lookup, .. } = &*self.shared;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Whoever installs one first wins; any will do here.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("wabacus/", env!("CARGO_PKG_VERSION")))
            .timeout(options.request_timeout)
            .connect_timeout(options.connect_timeout)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            // Receivers are many and each hears little.
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30))
            .dns_resolver(Arc::new(Guarded { rules: *rules, lookup: Arc::clone(lookup) }));
        builder = if is_plain { builder.tls_certs_only([]) } else { builder.https_only(true) };
        builder.build().map_err(|error| format!("not sent: a client could not be made: {error}"))
    }
}

/// What a receiver that did not take a message said.
async fn complaint(mut response: Response) -> String {
    let mut said = format!("HTTP {}", response.status().as_u16());
    let mut body = Vec::new();
    // An answer that is cut off says as much as came.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = SNIPPET_BYTES_MAX.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if body.len() >= SNIPPET_BYTES_MAX {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if !text.trim().is_empty() {
        said.push_str(": ");
        said.push_str(text.trim());
    }
    said
}

fn unanswered(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    if causes.into_iter().any(<dyn std::error::Error>::is::<Refused>) {
        return "not sent: its name leads into a private network".to_owned();
    }
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "the connection was cut"
    };
    what.to_owned()
}

#[cfg(test)]
mod tests;
