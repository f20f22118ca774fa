//! Gupshup's partner API: the daily usage of an app.

mod usage;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::error::{BspError, Complaint};
use super::http::{Scheme, Transport, no_token};
use super::limiter::{LimiterState, Rates, Share};
use super::{Account, Bsp, Options};
use crate::domain::account_usage::{ReceivedPayload, UsageReport};
use crate::domain::channel::BspKind;
use crate::domain::clock::SharedClock;
use crate::domain::period::DateRange;

/// What a payload of this client says of its source.
const SOURCE: &str = "gupshup usage";

/// Asks `GET /partner/app/{appId}/usage`.
#[derive(Debug)]
pub(super) struct Gupshup {
    transport: Transport,
}

impl Gupshup {
    pub(super) fn new(options: &Options, clock: SharedClock, share: Share) -> Result<Self, reqwest::Error> {
        let rates = Rates {
            account_max: options.gupshup_per_minute,
            window: Duration::from_secs(60),
            per_second: options.bsp_per_second,
            concurrent_max: options.concurrent_max,
        };
        let base = options.gupshup_url.clone();
        Ok(Self { transport: Transport::new(BspKind::Gupshup, base, options, rates, clock, share)? })
    }

    pub(super) fn limiter_states(&self) -> Vec<LimiterState> {
        self.transport.limiter_states()
    }

    async fn ask(&self, account: &Account, range: DateRange) -> Result<UsageReport, Complaint> {
        let token: &SecretString = account.token.as_ref().ok_or_else(|| no_token(BspKind::Gupshup, &account.id))?;
        let mut url = self.transport.address(&["partner", "app", &account.id, "usage"], &account.id)?;
        let query = [("from", range.from().to_string()), ("to", range.to().to_string())];
        url.query_pairs_mut().extend_pairs(query);
        let received = self.transport.get(&account.id, url, Scheme::Bare, token).await?;
        let (status, wait) = (received.status.as_u16(), received.wait);
        let body = self.transport.text(received, token);
        if !(200..300).contains(&status) {
            // An error need not be text, and is sorted by its status then.
            return Err(usage::refusal(status, &body.unwrap_or_default(), wait));
        }
        let body = body?;
        let parsed = usage::parse(&body, &account.id, range)?;
        Ok(UsageReport {
            range,
            days: parsed.days,
            payload: ReceivedPayload { source: SOURCE.to_owned(), body },
            account_zone: None,
            account_currency: parsed.currency,
        })
    }
}

#[async_trait]
impl Bsp for Gupshup {
    fn kind(&self) -> BspKind {
        BspKind::Gupshup
    }

    /// Gupshup documents no limit.
    fn span_days_max(&self) -> u32 {
        30
    }

    /// Gupshup documents no look-back; a year is what Meta keeps.
    fn look_back_days(&self) -> u32 {
        365
    }

    async fn account_usage(&self, account: &Account, range: DateRange) -> Result<UsageReport, BspError> {
        let answer = self.ask(account, range).await;
        self.transport.end(&account.id, answer)
    }
}
