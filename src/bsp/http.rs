//! One request to a BSP: under its limits, bounded in time and bytes, never to another host, its usage headers heeded.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::TimeDelta;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use url::{Host, Url};

use super::error::{Action, Advice, BspError, Complaint, StopReason, name, quote, readable, without_token};
use super::limiter::{Limiter, LimiterState, Rates, Share};
use super::{Options, number};
use crate::domain::attempt;
use crate::domain::channel::BspKind;
use crate::domain::clock::{Instant, SharedClock};
use crate::domain::money::Money;

/// Redirects within one host that are followed.
const REDIRECTS_MAX: usize = 3;

/// How long an account rests whose usage headers say 100 % and not for how long. Meta publishes no time; its limits are
/// rolling hours, so that a little room appears soon.
const THROTTLED_WAIT: TimeDelta = TimeDelta::minutes(5);

/// The longest account id that is put into a path.
const ACCOUNT_CHARS_MAX: usize = 128;

/// How a token is presented.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scheme {
    /// `Authorization: <token>`, as Gupshup wants it.
    Bare,
    /// `Authorization: Bearer <token>`.
    Bearer,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    /// Not necessarily text.
    pub(super) body: Vec<u8>,
    /// How long the BSP asks to be left alone, where a header says so.
    pub(super) wait: Option<TimeDelta>,
}

/// The way to one BSP.
#[derive(Debug)]
pub(super) struct Transport {
    bsp: BspKind,
    client: Client,
    base: Url,
    limiter: Limiter,
    body_bytes_max: usize,
    clock: SharedClock,
}

impl Transport {
    pub(super) fn new(
        bsp: BspKind,
        base: Url,
        options: &Options,
        rates: Rates,
        clock: SharedClock,
        share: Share,
    ) -> Result<Self, reqwest::Error> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Whoever installs one first wins; any will do here.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("wabacus/", env!("CARGO_PKG_VERSION")))
            .timeout(options.request_timeout)
            .connect_timeout(options.connect_timeout)
            .redirect(redirect::Policy::custom(follow_within_host))
            .retry(reqwest::retry::never())
            .referer(false);
        if base.scheme() == "http" {
            // Only a stand-in speaks plain HTTP; it needs no certificates, which a bare machine may not have.
            builder = builder.tls_certs_only([]);
        } else {
            builder = builder.https_only(true);
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let limiter = Limiter::new(bsp, rates, clock.clone(), share);
        Ok(Self { bsp, client: builder.build()?, base, limiter, body_bytes_max: options.body_bytes_max, clock })
    }

    /// The address of `path` below the base, with an account's id checked to be one harmless path segment.
    pub(super) fn address(&self, path: &[&str], account: &str) -> Result<Url, Complaint> {
        let harmless = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
        if account.is_empty() || account.len() > ACCOUNT_CHARS_MAX || !account.chars().all(harmless) {
            let message = format!("{} is no account id of {}", quote(account.as_bytes()), name(self.bsp));
            return Err(Complaint::new(Advice::Stop(StopReason::NotFound), message));
        }
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(url)
    }

    /// Whether `url` leads to the same scheme, host and port as the base.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        same_origin(&self.base, url)
    }

    /// Sends one GET for `account` when its limits allow, and reads the whole answer, whatever its status.
    pub(super) async fn get(
        &self,
        account: &str,
        url: Url,
        scheme: Scheme,
        token: &SecretString,
    ) -> Result<Received, Complaint> {
        let authorization = authorization(self.bsp, scheme, token)?;
        let turn = self.limiter.turn(account).await?;
        let response = self.client.get(url).header(AUTHORIZATION, authorization).send().await;
        let response = response.map_err(|error| self.unanswered(error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(self.redirected(&response));
        }
        let usage = UsageHeaders::read(response.headers());
        let wait = retry_after(response.headers(), self.clock.now()).or(usage.wait());
        if usage.is_full {
            self.limiter.close(account, wait, "its usage headers are at 100 %");
        }
        let body = self.read(response, token).await?;
        drop(turn);
        Ok(Received { status, body, wait })
    }

    /// Reads the body to its end, or gives up where it grows too long.
    async fn read(&self, mut response: Response, token: &SecretString) -> Result<Vec<u8>, Complaint> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unanswered(error))? {
            if body.len() + chunk.len() > self.body_bytes_max {
                let start = quote(readable(&body, Some(token)).as_bytes());
                let message = format!("{} sent more than {} bytes: {start}", name(self.bsp), self.body_bytes_max);
                return Err(Complaint::new(Advice::Retry, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unanswered(&self, error: reqwest::Error) -> Complaint {
        let what = if error.is_timeout() {
            "did not answer in time"
        } else if error.is_connect() {
            "cannot be reached"
        } else {
            "was cut off in the middle of an answer"
        };
        // The address holds the account and the days, never a token; but it is long, and the caller knows it.
        Complaint::new(Advice::Retry, format!("{} {what}", name(self.bsp))).caused_by(error.without_url())
    }

    fn redirected(&self, response: &Response) -> Complaint {
        let target = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = target.and_then(|location| response.url().join(location).ok());
        // Only the host: the rest may hold anything.
        let host = target.as_ref().and_then(Url::host_str).unwrap_or("nowhere");
        let status = response.status().as_u16();
        let message =
            format!("{} answered {status}, a redirect to {}, not followed", name(self.bsp), quote(host.as_bytes()));
        Complaint::new(Advice::Stop(StopReason::Refused), message)
    }

    /// The body as text without the token; a body that is no text is an upstream error like any other that is not JSON.
    pub(super) fn text(&self, received: Received, token: &SecretString) -> Result<String, Complaint> {
        String::from_utf8(received.body).map(|text| without_token(text, Some(token))).map_err(|error| {
            let body = readable(error.as_bytes(), Some(token));
            Complaint::shape(self.bsp, "no UTF-8 text", &body)
        })
    }

    /// Ends a call of `account`: who got what it asked for is forgiven its refusals, and a complaint gets its final form.
    pub(super) fn end<T>(&self, account: &str, answer: Result<T, Complaint>) -> Result<T, BspError> {
        let answer = answer.map_err(|complaint| self.settle(account, complaint))?;
        self.limiter.forgive(account);
        Ok(answer)
    }

    /// Where the BSP said "too many", the account's gate is closed.
    fn settle(&self, account: &str, complaint: Complaint) -> BspError {
        let action = match complaint.advice {
            Advice::Retry => Action::Retry,
            Advice::Wait(wait) => Action::Wait(self.limiter.close(account, wait, &complaint.message)),
            Advice::WaitUntil(until) => Action::Wait(until),
            Advice::Stop(reason) => Action::Stop(reason),
            // Both were tried otherwise before they get here.
            Advice::UnknownField | Advice::CostNotAvailable => Action::Stop(StopReason::Refused),
        };
        BspError { action, message: complaint.message, source: complaint.source }
    }

    pub(super) fn limiter_states(&self) -> Vec<LimiterState> {
        self.limiter.states()
    }
}

/// The complaint about an account for which there is no token.
pub(super) fn no_token(bsp: BspKind, account: &str) -> Complaint {
    Complaint::new(Advice::Stop(StopReason::Token), format!("there is no token for {account} at {}", name(bsp)))
}

fn authorization(bsp: BspKind, scheme: Scheme, token: &SecretString) -> Result<HeaderValue, Complaint> {
    let token = token.expose_secret();
    let value = match scheme {
        Scheme::Bare => HeaderValue::from_str(token),
        Scheme::Bearer => HeaderValue::from_str(&format!("Bearer {token}")),
    };
    let mut value = value.ok().filter(|_| !token.trim().is_empty()).ok_or_else(|| {
        let message = format!("the token for {} is empty or holds characters that no header can carry", name(bsp));
        Complaint::new(Advice::Stop(StopReason::Token), message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn follow_within_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let within = attempt.previous().first().is_some_and(|first| same_origin(first, attempt.url()));
    if within && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

fn retry_after(headers: &HeaderMap, now: Instant) -> Option<TimeDelta> {
    attempt::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// What `X-App-Usage` and `X-Business-Use-Case-Usage` say: counters in per cent of what is allowed, and the minutes until
/// access is regained (Meta, Graph API rate limiting).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct UsageHeaders {
    /// Some counter is at 100 % or more.
    is_full: bool,
    /// The longest of the times until access is regained.
    regain: Option<TimeDelta>,
}

impl UsageHeaders {
    fn read(headers: &HeaderMap) -> Self {
        let mut usage = Self::default();
        let text = |header: &str| headers.get(header).and_then(|value| value.to_str().ok());
        if let Some(counters) = text("x-app-usage").and_then(|text| serde_json::from_str::<Counters<'_>>(text).ok()) {
            usage.take(&counters);
        }
        let by_object = text("x-business-use-case-usage");
        let by_object =
            by_object.and_then(|text| serde_json::from_str::<HashMap<String, Vec<Counters<'_>>>>(text).ok());
        for counters in by_object.iter().flat_map(HashMap::values).flatten() {
            usage.take(counters);
        }
        usage
    }

    fn take(&mut self, counters: &Counters<'_>) {
        let full = Money::from_nanos(100_000_000_000);
        for counter in ["call_count", "total_cputime", "total_time"] {
            let value = counters.get(counter).and_then(|raw| number::money(raw));
            self.is_full |= value.is_some_and(|percent| percent >= full);
        }
        let minutes = counters.get("estimated_time_to_regain_access").and_then(|raw| number::count(raw));
        let regain = minutes.filter(|minutes| *minutes > 0).and_then(TimeDelta::try_minutes);
        self.regain = self.regain.max(regain);
    }

    fn wait(self) -> Option<TimeDelta> {
        self.regain.or(self.is_full.then_some(THROTTLED_WAIT))
    }
}

/// Kept as text, as other keys beside the counters may be of any type.
type Counters<'a> = HashMap<String, &'a RawValue>;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_fullest_counter_of_all_usage_headers_decides() {
        let read = |app: &str, business: &str| {
            UsageHeaders::read(&headers(&[("x-app-usage", app), ("x-business-use-case-usage", business)]))
        };
        let calm = r#"{"call_count":28,"total_time":25,"total_cputime":99.9}"#;
        assert_eq!(read(calm, "{}"), UsageHeaders::default());
        let full = r#"{"1":[{"type":"a","call_count":1}],"2":[{"type":"b","total_time":100,"estimated_time_to_regain_access":19},
            {"call_count":3,"estimated_time_to_regain_access":7}]}"#
            .replace('\n', " ");
        assert_eq!(read(calm, &full), UsageHeaders { is_full: true, regain: Some(TimeDelta::minutes(19)) });
        assert_eq!(read(r#"{"call_count":"104"}"#, "not json").wait(), Some(THROTTLED_WAIT));
        assert_eq!(read("[]", r#"{"1":{}}"#), UsageHeaders::default());
    }

    #[test]
    fn only_the_same_scheme_host_and_port_is_the_same_place() {
        let base = Url::parse("https://graph.facebook.com/v23.0").unwrap();
        for (other, same) in [
            ("https://graph.facebook.com:443/v23.0/1/pricing_analytics?after=x", true),
            ("http://graph.facebook.com/v23.0", false),
            ("https://graph.facebook.com:8443/", false),
            ("https://graph.facebook.com.evil.example/", false),
            ("https://graph.facebook.com@evil.example/", false),
        ] {
            assert_eq!(same_origin(&base, &Url::parse(other).unwrap()), same, "{other}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_the_channels_fault() {
        for token in ["", "  ", "a\nb"] {
            let complaint = authorization(BspKind::Gupshup, Scheme::Bare, &SecretString::from(token)).unwrap_err();
            assert_eq!(complaint.advice, Advice::Stop(StopReason::Token), "{token:?}");
        }
        let value = authorization(BspKind::Interakt, Scheme::Bearer, &SecretString::from("t")).unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer t");
        assert!(!format!("{value:?}").contains("Bearer"));
    }
}
