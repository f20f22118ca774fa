//! Outbound HTTP to the Business Service Providers: what an account used, asked under limits, with every failure sorted.

mod error;
mod gupshup;
mod http;
mod interakt;
mod limiter;
mod number;

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nonzero_ext::nonzero;
use secrecy::SecretString;
use url::Url;

use crate::domain::account_usage::UsageReport;
use crate::domain::channel::BspKind;
use crate::domain::clock::SharedClock;
use crate::domain::period::{DateRange, Zone};

pub use error::{Action, BspError, StopReason};
pub use limiter::{LimiterState, Share};

/// A Business Service Provider, as far as usage is concerned.
#[async_trait]
pub trait Bsp: Send + Sync + Debug {
    /// Which one it is.
    fn kind(&self) -> BspKind;

    /// How many days one call may span. No vendor documents a limit; these are ours, to keep answers small.
    fn span_days_max(&self) -> u32;

    /// How many days back a call may reach, today included.
    fn look_back_days(&self) -> u32;

    /// What `account` used on each day of `range`, which spans at most [`Bsp::span_days_max`] days. Either the whole
    /// answer is given or none of it: a page that fails fails the call.
    async fn account_usage(&self, account: &Account, range: DateRange) -> Result<UsageReport, BspError>;
}

/// Whose usage is asked, and with which credentials.
#[derive(Debug, Clone)]
pub struct Account {
    /// Gupshup's app id, or the WhatsApp Business Account id at Meta.
    pub id: String,
    /// Gupshup's app token, or a Graph access token. It is shown by no `Debug`, log or error.
    pub token: Option<SecretString>,
    /// The organisation's zone, used where the BSP does not say in which zone it cuts days.
    pub zone: Zone,
}

/// Where the BSPs are and how they are asked.
#[derive(Debug, Clone)]
pub struct Options {
    pub gupshup_url: Url,
    pub interakt_url: Url,
    /// For Interakt accounts that have no token of their own.
    pub interakt_token: Option<SecretString>,
    /// For one request with its whole body.
    pub request_timeout: Duration,
    pub connect_timeout: Duration,
    /// A longer body is given up on while it is read.
    pub body_bytes_max: usize,
    /// Pages of one answer that are followed.
    pub pages_max: u32,
    /// Gupshup's own limit on usage calls, per app.
    pub gupshup_per_minute: NonZeroU32,
    /// Meta's own limit on calls about a WhatsApp Business Account.
    pub graph_per_hour: NonZeroU32,
    /// Requests to one BSP, all accounts and nodes together.
    pub bsp_per_second: NonZeroU32,
    /// Requests of this process under way at one BSP.
    pub concurrent_max: NonZeroU32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gupshup_url: Url::parse("https://partner.gupshup.io").expect("a literal URL"),
            interakt_url: Url::parse("https://graph.facebook.com/v23.0").expect("a literal URL"),
            interakt_token: None,
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            body_bytes_max: 16 * 1024 * 1024,
            pages_max: 50,
            gupshup_per_minute: nonzero!(10_u32),
            graph_per_hour: nonzero!(200_u32),
            bsp_per_second: nonzero!(20_u32),
            concurrent_max: nonzero!(16_u32),
        }
    }
}

/// The clients of a BSP could not be made; the settings or the machine's certificates are wrong.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for {bsp} cannot be made")]
pub struct BuildError {
    bsp: BspKind,
    source: reqwest::Error,
}

/// The clients of all BSPs, sharing nothing but the clock.
#[derive(Debug)]
pub struct Bsps {
    gupshup: Arc<gupshup::Gupshup>,
    interakt: Arc<interakt::Interakt>,
}

impl Bsps {
    /// Makes the clients of a node that is alone; sends nothing.
    pub fn new(options: Options, clock: SharedClock) -> Result<Self, BuildError> {
        Self::sharing(options, clock, Share::default())
    }

    /// Makes the clients of a node that shares the limits with others; sends nothing.
    pub fn sharing(options: Options, clock: SharedClock, share: Share) -> Result<Self, BuildError> {
        let failed = |bsp| move |source| BuildError { bsp, source };
        let gupshup = gupshup::Gupshup::new(&options, clock.clone(), share.clone());
        let gupshup = gupshup.map_err(failed(BspKind::Gupshup))?;
        let interakt = interakt::Interakt::new(options, clock, share).map_err(failed(BspKind::Interakt))?;
        Ok(Self { gupshup: Arc::new(gupshup), interakt: Arc::new(interakt) })
    }

    /// The client of one BSP.
    pub fn get(&self, kind: BspKind) -> Arc<dyn Bsp> {
        match kind {
            BspKind::Gupshup => self.gupshup.clone(),
            BspKind::Interakt => self.interakt.clone(),
        }
    }

    /// The limits as they stand: one entry per BSP, and one for each account that waits or has a closed gate.
    pub fn limiter_states(&self) -> Vec<LimiterState> {
        let mut states = self.gupshup.limiter_states();
        states.extend(self.interakt.limiter_states());
        states
    }
}
