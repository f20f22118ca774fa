//! Interakt, which is the Meta Graph API: the usage of a WhatsApp Business Account.

use std::time::Duration;

use async_trait::async_trait;

use super::error::{Advice, BspError, Complaint};
use super::http::Transport;
use super::limiter::{LimiterState, Rates};
use super::{Account, Bsp, Options};
use crate::domain::account_usage::UsageReport;
use crate::domain::channel::BspKind;
use crate::domain::clock::SharedClock;
use crate::domain::period::DateRange;

/// Asks Graph for the analytics of a WhatsApp Business Account.
#[derive(Debug)]
pub(super) struct Interakt {
    transport: Transport,
}

impl Interakt {
    pub(super) fn new(options: Options, clock: SharedClock) -> Result<Self, reqwest::Error> {
        let rates = Rates {
            account_max: options.graph_per_hour,
            window: Duration::from_secs(60 * 60),
            per_second: options.bsp_per_second,
            concurrent_max: options.concurrent_max,
        };
        let base = options.interakt_url.clone();
        Ok(Self { transport: Transport::new(BspKind::Interakt, base, &options, rates, clock)? })
    }

    pub(super) fn limiter_states(&self) -> Vec<LimiterState> {
        self.transport.limiter_states()
    }
}

#[async_trait]
impl Bsp for Interakt {
    fn kind(&self) -> BspKind {
        BspKind::Interakt
    }
    fn span_days_max(&self) -> u32 {
        90
    }
    fn look_back_days(&self) -> u32 {
        365
    }
    async fn account_usage(&self, account: &Account, _range: DateRange) -> Result<UsageReport, BspError> {
        Err(self.transport.settle(&account.id, Complaint::new(Advice::Retry, "not yet")))
    }
}
