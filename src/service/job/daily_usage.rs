//! `DAILY_USAGE`: every morning, what each channel used until yesterday.

use async_trait::async_trait;
use chrono::{Days, NaiveDate};

use super::pull::{PullError, pull_channels, zone_of};
use super::{Job, JobContext};
use crate::domain::attempt::Verdict;
use crate::domain::channel::{BspAccountRef, Channel};
use crate::domain::clock::Instant;
use crate::domain::job::JobKind;
use crate::domain::organisation::Organisation;
use crate::domain::period::{DateRange, Month};
use crate::domain::schedule::Cron;
use crate::service::{Core, ServiceError};

/// Pulls yesterday and some days before it, because BSPs revise; or all since the high-water mark, if that is longer ago.
#[derive(Debug)]
pub struct DailyUsage {
    cron: Cron,
    lookback_days: u32,
}

impl DailyUsage {
    /// `lookback_days`: how many days before yesterday are pulled again.
    ///
    /// # Panics
    ///
    /// Never: its own cron text is one, as any test of it shows.
    pub fn new(lookback_days: u32) -> Self {
        let cron = Cron::parse("cron", "0 9 * * *").expect("every morning at nine is a cron text");
        Self { cron, lookback_days }
    }
}

#[async_trait]
impl Job for DailyUsage {
    fn kind(&self) -> JobKind {
        JobKind::DailyUsage
    }

    fn default_cron(&self) -> Option<Cron> {
        Some(self.cron.clone())
    }

    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError> {
        let asked = context.run().range;
        pull_channels(context, |channel, organisation, now| {
            if let Some(range) = asked {
                return Ok(range);
            }
            let look_back = look_back_days(context.core(), channel.account.as_ref());
            self.range_of(channel, organisation, look_back, now)
        })
        .await
    }
}

/// How far back a channel's BSP answers.
pub(super) fn look_back_days(core: &Core, account: Option<&BspAccountRef>) -> u32 {
    account.map_or(0, |account| core.bsps().get(account.bsp).look_back_days())
}

impl DailyUsage {
    fn range_of(
        &self,
        channel: &Channel,
        organisation: &Organisation,
        look_back_days: u32,
        now: Instant,
    ) -> Result<DateRange, PullError> {
        let today = zone_of(channel, organisation).date(now);
        let back = |days: u32| today.checked_sub_days(Days::new(days.into())).unwrap_or(NaiveDate::MIN);
        let yesterday = back(1);
        let usual = back(self.lookback_days.saturating_add(1));
        let since = match channel.usage_high_water {
            Some(mark) => mark.succ_opt().unwrap_or(mark),
            // The first pull reaches to the start of the month, so that the month's document is whole.
            None => Month::of(yesterday).first_day(),
        };
        let from = usual.min(since).max(back(look_back_days));
        DateRange::new(from, yesterday)
            .ok_or_else(|| PullError::Refused(format!("there is no day to pull before {today}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::{BspKind, ChannelKind, ChannelStatus};
    use crate::domain::id::{ChannelId, OrganisationId};
    use crate::domain::money::Currency;
    use crate::domain::period::Zone;

    fn now() -> Instant {
        "2026-06-20T03:30:00Z".parse().unwrap()
    }

    fn range(high_water: Option<&str>, account_zone: Option<&str>) -> String {
        let organisation = Organisation {
            id: OrganisationId::generate(now()),
            name: "Kedai".to_owned(),
            external_id: None,
            time_zone: Zone::parse("timeZone", "Asia/Kolkata").unwrap(),
            currency: Currency::parse("currency", "INR").unwrap(),
            plan_code: "free-trial".to_owned(),
            active: true,
            created_at: now(),
        };
        let channel = Channel {
            id: ChannelId::generate(now()),
            organisation_id: organisation.id,
            kind: ChannelKind::Whatsapp,
            account: Some(BspAccountRef { bsp: BspKind::Gupshup, account: "app".to_owned() }),
            name: "Front desk".to_owned(),
            phone_number: None,
            status: ChannelStatus::Active,
            status_reason: None,
            usage_high_water: high_water.map(|text| text.parse().unwrap()),
            account_zone: account_zone.map(|name| Zone::parse("timeZone", name).unwrap()),
            created_at: now(),
        };
        let range = DailyUsage::new(7).range_of(&channel, &organisation, 365, now()).unwrap();
        format!("{}..{}", range.from(), range.to())
    }

    #[test]
    fn yesterday_and_the_seven_days_before_are_pulled_every_morning() {
        assert_eq!(range(Some("2026-06-18"), None), "2026-06-12..2026-06-19");
    }

    #[test]
    fn a_longer_gap_is_closed_as_far_as_the_bsp_remembers() {
        assert_eq!(range(Some("2026-06-01"), None), "2026-06-02..2026-06-19");
        assert_eq!(range(Some("2024-01-01"), None), "2025-06-20..2026-06-19");
    }

    #[test]
    fn the_first_pull_reaches_to_the_start_of_the_month() {
        assert_eq!(range(None, None), "2026-06-01..2026-06-19");
    }

    #[test]
    fn yesterday_is_the_accounts_own() {
        assert_eq!(range(Some("2026-06-18"), Some("America/Los_Angeles")), "2026-06-11..2026-06-18");
    }
}
