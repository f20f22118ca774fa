//! `BACKFILL`: a range of days that somebody asked for, of account usage or of the ledger, with progress.

use async_trait::async_trait;
use chrono::{Days, NaiveDate};

use super::daily_usage::look_back_days;
use super::ledger_backfill;
use super::pull::{PullError, pull_channels, zone_of};
use super::{Job, JobContext};
use crate::domain::attempt::Verdict;
use crate::domain::job::{JobKind, JobSubject};
use crate::domain::schedule::Cron;
use crate::service::ServiceError;

/// Pulls the days that the run names, or makes the records that are missing in them.
#[derive(Debug, Default)]
pub struct Backfill;

#[async_trait]
impl Job for Backfill {
    fn kind(&self) -> JobKind {
        JobKind::Backfill
    }

    fn default_cron(&self) -> Option<Cron> {
        None
    }

    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError> {
        let Some(range) = context.run().range else {
            return Ok(Verdict::Stop { error: "the run names no days".to_owned(), partial: false });
        };
        if context.run().subject == Some(JobSubject::Ledger) {
            return ledger_backfill::run(context, range).await;
        }
        pull_channels(context, |channel, organisation, now| {
            let days = look_back_days(context.core(), channel.account.as_ref());
            let today = zone_of(channel, organisation).date(now);
            let earliest = today.checked_sub_days(Days::new(days.into())).unwrap_or(NaiveDate::MIN);
            if range.from() < earliest {
                let message = format!("the BSP answers for the last {days} days, so the earliest day is {earliest}");
                return Err(PullError::Refused(message));
            }
            Ok(range)
        })
        .await
    }
}
