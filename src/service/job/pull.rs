//! Pulling usage from the BSPs: channel by channel, each a transaction of its own, so that one that fails stops no other.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{Days, NaiveDate, TimeDelta};

use super::JobContext;
use crate::bsp::{Account, Action, BspError};
use crate::domain::account_usage::UsageReport;
use crate::domain::activity::{Span, Spans};
use crate::domain::attempt::Verdict;
use crate::domain::channel::{Channel, ChannelStatus};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::job::{ChannelOutcome, JobTrigger, Progress};
use crate::domain::organisation::Organisation;
use crate::domain::period::{DateRange, Period, Zone};
use crate::service::{Core, ServiceError, account_usage};
use crate::store;

/// Why a channel's usage was not pulled.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    /// There is nothing to be pulled for these days.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Bsp(#[from] BspError),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// What a failed channel means for its run.
enum Failure {
    Retry,
    Wait(Instant),
    Stop,
}

/// The zone in which a channel's days are cut: the BSP's word, else the organisation's zone.
pub(super) fn zone_of(channel: &Channel, organisation: &Organisation) -> Zone {
    channel.account_zone.unwrap_or(organisation.time_zone)
}

/// Pulls each channel of the run's organisation that did not succeed in an earlier attempt. `range_of` says which days of a channel.
pub(super) async fn pull_channels(
    context: &JobContext,
    range_of: impl Fn(&Channel, &Organisation, Instant) -> Result<DateRange, PullError> + Sync,
) -> Result<Verdict, ServiceError> {
    let core = context.core();
    let (run, read) = (context.run(), core.store().read());
    let organisation = store::organisation::find(read, run.organisation_id).await?;
    let Some(organisation) = organisation.filter(|organisation| organisation.active) else {
        return Ok(Verdict::Stop { error: "the organisation is not active".to_owned(), partial: false });
    };
    let mut outcomes: HashMap<ChannelId, ChannelOutcome> = store::job_run::outcomes(read, &[run.id])
        .await?
        .remove(&run.id)
        .unwrap_or_default()
        .into_iter()
        .map(|outcome| (outcome.channel_id, outcome))
        .collect();
    let channels = store::channel::list(read, organisation.id, None, None).await?;
    if matches!(run.trigger, JobTrigger::Manual | JobTrigger::Retry) {
        for outcome in channels.iter().filter_map(stopped) {
            save_outcome(context, &outcome).await?;
            outcomes.insert(outcome.channel_id, outcome);
        }
    }
    let todo = channels
        .into_iter()
        .filter(|channel| channel.is_metered() && outcomes.get(&channel.id).is_none_or(|outcome| !outcome.succeeded));
    let plans: Vec<_> = todo.map(|channel| (range_of(&channel, &organisation, core.now()), channel)).collect();
    let total = plans.iter().map(|(range, _)| range.as_ref().map_or(0, DateRange::count_days)).sum();
    let mut progress = Progress { done: 0, total };
    let mut failures = Vec::new();
    for (range, channel) in plans {
        let result = match range {
            Ok(range) => Box::pin(pull(context, &organisation, &channel, range, &mut progress)).await,
            Err(error) => Err(error),
        };
        let (outcome, failure) = judge(&channel, result)?;
        if let Some((failure, stop_reason)) = failure {
            note_failure(context, &channel, &outcome, stop_reason).await?;
            failures.push(failure);
        }
        // A success is written down together with the last of its days.
        if !outcome.succeeded {
            save_outcome(context, &outcome).await?;
        }
        outcomes.insert(channel.id, outcome);
    }
    Ok(verdict(&outcomes, &failures))
}

/// Who asked for a run by hand is told of the channels that are not asked because they are stopped; every morning's run passes them over.
fn stopped(channel: &Channel) -> Option<ChannelOutcome> {
    if channel.account.is_none() || channel.status != ChannelStatus::NeedsAttention {
        return None;
    }
    let reason = channel.status_reason.as_deref().unwrap_or("it was stopped");
    let error = Some(format!("not asked, because the channel needs attention: {reason}"));
    Some(ChannelOutcome { channel_id: channel.id, succeeded: false, days: 0, error })
}

fn succeeded(channel: &Channel, days: i64) -> ChannelOutcome {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    ChannelOutcome { channel_id: channel.id, succeeded: true, days, error: None }
}

/// What is written down of a channel, and what it means for the run. A fault of ours, or a lease that was lost, ends the attempt.
#[expect(clippy::type_complexity, reason = "a pair that lives for one match")]
fn judge(
    channel: &Channel,
    result: Result<i64, PullError>,
) -> Result<(ChannelOutcome, Option<(Failure, Option<String>)>), ServiceError> {
    let failed = |error| ChannelOutcome { channel_id: channel.id, succeeded: false, days: 0, error: Some(error) };
    Ok(match result {
        Ok(days) => (succeeded(channel, days), None),
        Err(PullError::Refused(message)) => (failed(message), Some((Failure::Stop, None))),
        Err(PullError::Bsp(error)) => {
            let message = error.to_string();
            let (failure, reason) = match error.action {
                Action::Retry => (Failure::Retry, None),
                Action::Wait(until) => (Failure::Wait(until), None),
                Action::Stop(reason) => (Failure::Stop, reason.needs_attention().then(|| message.clone())),
            };
            (failed(message), Some((failure, reason)))
        }
        Err(PullError::Service(error)) => return Err(error),
    })
}

/// Logs a channel's failure and stops the channel where asking again would be refused again.
async fn note_failure(
    context: &JobContext,
    channel: &Channel,
    outcome: &ChannelOutcome,
    stop_reason: Option<String>,
) -> Result<(), ServiceError> {
    let error = outcome.error.as_deref().unwrap_or_default();
    tracing::warn!(organisation.id = %channel.organisation_id, channel.id = %channel.id, error, "could not pull the usage of a channel");
    let Some(reason) = stop_reason else { return Ok(()) };
    let mut work = context.begin().await?;
    let organisation = channel.organisation_id;
    if store::channel::mark_needs_attention(work.tx(), organisation, channel.id, &reason, work.now()).await? {
        work.say(organisation, Fact::ChannelNeedsAttention { channel_id: channel.id, reason });
    }
    work.commit().await
}

async fn save_outcome(context: &JobContext, outcome: &ChannelOutcome) -> Result<(), ServiceError> {
    let work = context.begin().await?;
    let run = context.run();
    store::job_run::save_outcomes(work.tx(), run.organisation_id, run.id, std::slice::from_ref(outcome)).await?;
    work.commit().await
}

/// How many different errors of channels a run itself repeats.
const ERRORS_MAX: usize = 5;

/// What the channels together mean for the run: a failure that passes outweighs one that does not, because the run goes on.
fn verdict(outcomes: &HashMap<ChannelId, ChannelOutcome>, failures: &[Failure]) -> Verdict {
    let mut errors: Vec<_> = outcomes.values().filter_map(|outcome| outcome.error.clone()).collect();
    errors.sort_unstable();
    errors.dedup();
    let more = errors.len().saturating_sub(ERRORS_MAX);
    errors.truncate(ERRORS_MAX);
    let mut error = errors.join("; ");
    if more > 0 {
        let _ = write!(error, "; and {more} more, which the channels' outcomes tell");
    }
    let partial = outcomes.values().any(|outcome| outcome.succeeded);
    if failures.iter().any(|failure| matches!(failure, Failure::Retry)) {
        return Verdict::Retry { error, partial };
    }
    let until = failures.iter().filter_map(|failure| match failure {
        Failure::Wait(until) => Some(*until),
        Failure::Retry | Failure::Stop => None,
    });
    match until.min() {
        Some(until) => Verdict::Wait { until, error, partial },
        None if errors.is_empty() => Verdict::Done,
        None => Verdict::Stop { error, partial },
    }
}

/// Pulls a range of days of one channel, in spans that its BSP takes. Returns how many days were pulled.
async fn pull(
    context: &JobContext,
    organisation: &Organisation,
    channel: &Channel,
    range: DateRange,
    progress: &mut Progress,
) -> Result<i64, PullError> {
    let core = context.core();
    let Some(reference) = &channel.account else {
        return Err(PullError::Refused("the channel has no account at a BSP".to_owned()));
    };
    let bsp = core.bsps().get(reference.bsp);
    let account =
        Account { id: reference.account.clone(), token: secret_of(core, channel).await?, zone: organisation.time_zone };
    let mut high_water = channel.usage_high_water;
    let mut spans = range.chunks(bsp.span_days_max()).peekable();
    while let Some(span) = spans.next() {
        let report = bsp.account_usage(&account, span).await?;
        progress.done += span.count_days();
        let outcome = spans.peek().is_none().then(|| succeeded(channel, range.count_days()));
        let step = Step { report, high_water, progress: *progress, outcome };
        high_water = store_step(context, organisation, channel, &step).await?;
    }
    Ok(range.count_days())
}

async fn secret_of(core: &Core, channel: &Channel) -> Result<Option<secrecy::SecretString>, ServiceError> {
    let sealed = store::channel::credentials(core.store().read(), channel.organisation_id, channel.id).await?;
    let open = |sealed| core.keys().open(channel.id, &sealed);
    sealed.map(open).transpose().map_err(|error| ServiceError::Internal(error.into()))
}

/// An answer that is to be written down.
struct Step {
    report: UsageReport,
    /// The channel's mark before it.
    high_water: Option<NaiveDate>,
    /// How far the run is with it.
    progress: Progress,
    /// With the last answer of a channel.
    outcome: Option<ChannelOutcome>,
}

/// Writes an answer down: payload, days, months, the high-water mark, the run's progress and the events, in one transaction, because each
/// costs more than most of what is in it. Returns the new mark.
async fn store_step(
    context: &JobContext,
    organisation: &Organisation,
    channel: &Channel,
    step: &Step,
) -> Result<Option<NaiveDate>, ServiceError> {
    let mut work = context.begin().await?;
    let report = &step.report;
    let (now, ids) = (work.now(), (organisation.id, channel.id));
    let zone = report.account_zone.unwrap_or_else(|| zone_of(channel, organisation));
    let complete_until = zone.date(now).pred_opt();

    let payload = store::account_usage::store_payload(work.tx(), ids.0, ids.1, report, now).await?;
    let changed =
        store::account_usage::replace_days(work.tx(), ids.0, ids.1, report, payload, complete_until, now).await?;
    let mut months = Vec::new();
    for month in report.range.months() {
        months.push(account_usage::recompute_month(work.tx(), ids.0, ids.1, month).await?);
    }
    store::account_usage::save_months(work.tx(), &months, now).await?;
    work.happened(&spans(organisation.id, report, zone, now));
    let high_water = raised(step.high_water, report.range, complete_until);
    store::channel::record_pull(work.tx(), ids.0, ids.1, high_water, report.account_zone, now).await?;
    if !changed.is_empty() {
        work.say(ids.0, Fact::AccountUsageChanged { channel_id: ids.1, dates: changed });
    }
    context.note_progress(&mut work, step.progress).await?;
    if let Some(outcome) = &step.outcome {
        let run = context.run().id;
        store::job_run::save_outcomes(work.tx(), ids.0, run, std::slice::from_ref(outcome)).await?;
    }
    work.commit().await?;
    Ok(high_water)
}

/// From when until when something is reported to have happened; a day says no more than that it was in it.
fn spans(organisation: OrganisationId, report: &UsageReport, zone: Zone, now: Instant) -> Spans {
    let mut spans = Spans::default();
    for day in report.days.iter().filter(|day| day.figures.is_anything()) {
        let Period { start, end } = zone.day(day.figures.date);
        let last_at = (end - TimeDelta::seconds(1)).min(now).max(start);
        spans.note(organisation, Span { first_at: start, last_at });
    }
    spans
}

/// The high-water mark after `range` was pulled: it moves only over days that were complete, and never across a gap.
fn raised(mark: Option<NaiveDate>, range: DateRange, complete_until: Option<NaiveDate>) -> Option<NaiveDate> {
    let reached = complete_until.map(|last| last.min(range.to())).filter(|reached| *reached >= range.from());
    match (mark, reached) {
        (mark, None) => mark,
        (None, reached) => reached,
        (Some(mark), Some(reached)) => {
            let joins = mark.checked_add_days(Days::new(1)).is_some_and(|next| range.from() <= next);
            Some(if joins { mark.max(reached) } else { mark })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn range(from: &str, to: &str) -> DateRange {
        DateRange::new(date(from), date(to)).unwrap()
    }

    #[test]
    fn the_high_water_mark_moves_over_complete_days_without_a_gap() {
        let yesterday = Some(date("2026-06-09"));
        let moved = |mark: Option<&str>, range| raised(mark.map(date), range, yesterday);
        assert_eq!(moved(None, range("2026-06-01", "2026-06-09")), Some(date("2026-06-09")));
        assert_eq!(moved(Some("2026-06-04"), range("2026-06-05", "2026-06-10")), Some(date("2026-06-09")));
        assert_eq!(moved(Some("2026-06-04"), range("2026-06-06", "2026-06-09")), Some(date("2026-06-04")), "a gap");
        assert_eq!(moved(Some("2026-06-09"), range("2026-05-01", "2026-05-31")), Some(date("2026-06-09")));
        assert_eq!(moved(None, range("2026-06-10", "2026-06-10")), None, "today is not complete");
    }
}
