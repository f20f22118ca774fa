//! Recurring work of an organisation: its kinds, its runs, and the rules of what happens when a run is missed, late or fails.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::bootstrap::Bootstrap;
use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, CustomerId, JobRunId, OrganisationId, ScheduleId};
use super::period::{DateRange, Zone};
use super::schedule::Cron;

coded! {
    /// What a job does.
    JobKind {
        DailyUsage = "DAILY_USAGE",
        DailySnapshot = "DAILY_SNAPSHOT",
        WeeklySnapshot = "WEEKLY_SNAPSHOT",
        MonthlySnapshot = "MONTHLY_SNAPSHOT",
        InvoiceClose = "INVOICE_CLOSE",
        Retention = "RETENTION",
        WelcomeBootstrap = "WELCOME_BOOTSTRAP",
        Backfill = "BACKFILL",
    }
}

coded! {
    /// Where a run stands. `Failed` is dead-lettered: kept, listed, and retried by hand.
    JobRunState {
        Queued = "QUEUED",
        Running = "RUNNING",
        Retrying = "RETRYING",
        Succeeded = "SUCCEEDED",
        Partial = "PARTIAL",
        Failed = "FAILED",
        Cancelled = "CANCELLED",
        Skipped = "SKIPPED",
    }
}

impl JobRunState {
    /// Whether nothing more happens to the run by itself.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Retrying => false,
            Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled | Self::Skipped => true,
        }
    }
}

coded! {
    /// Why a run exists.
    JobTrigger {
        Schedule = "SCHEDULE",
        Manual = "MANUAL",
        Retry = "RETRY",
        /// Its time passed while nobody was there to run it.
        CatchUp = "CATCH_UP",
        /// Something happened, such as a channel being connected.
        Event = "EVENT",
    }
}

/// What becomes of the occurrences whose time passed unattended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// One run stands for all of them.
    OneForAll,
    /// Each gets its run, oldest first, of the newest so many.
    Newest(u16),
    /// Each gets its run, oldest first.
    Every,
}

/// What becomes of an occurrence while the run before it is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It is recorded as skipped.
    Skip,
    /// It waits for its turn.
    Wait,
}

impl JobKind {
    /// The rule for occurrences that were missed.
    pub const fn missed(self) -> Missed {
        match self {
            Self::DailyUsage | Self::Retention | Self::Backfill | Self::WelcomeBootstrap => Missed::OneForAll,
            Self::DailySnapshot => Missed::Newest(31),
            Self::WeeklySnapshot | Self::MonthlySnapshot => Missed::Newest(12),
            Self::InvoiceClose => Missed::Every,
        }
    }

    /// The rule for occurrences that come while the one before still runs.
    pub const fn overlap(self) -> Overlap {
        match self {
            Self::DailyUsage | Self::Retention | Self::Backfill | Self::WelcomeBootstrap => Overlap::Skip,
            Self::DailySnapshot | Self::WeeklySnapshot | Self::MonthlySnapshot | Self::InvoiceClose => Overlap::Wait,
        }
    }
}

/// A recurring job of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub id: ScheduleId,
    pub organisation_id: OrganisationId,
    pub kind: JobKind,
    pub cron: Cron,
    pub time_zone: Zone,
    pub paused: bool,
    /// The next occurrence, before the herd offset is added; `None` while paused.
    pub next_run_at: Option<Instant>,
}

/// How far a run has come, in the unit of its kind (channel days for usage pulls).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: i64,
    pub total: i64,
}

coded! {
    /// What a run is of, where its kind alone does not say it.
    JobSubject {
        /// The records of usage.
        Ledger = "LEDGER",
    }
}

/// One occurrence of a job with its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    pub id: JobRunId,
    pub organisation_id: OrganisationId,
    /// `None` for a run that no schedule caused.
    pub schedule_id: Option<ScheduleId>,
    pub kind: JobKind,
    /// `None`: what the kind is of by itself; of a backfill, account usage.
    #[serde(default)]
    pub subject: Option<JobSubject>,
    /// Whom it is for; `None` of every kind but `WELCOME_BOOTSTRAP`.
    #[serde(default)]
    pub customer_id: Option<CustomerId>,
    pub trigger: JobTrigger,
    pub state: JobRunState,
    pub scheduled_for: Instant,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    /// Attempts that count so far, the present one included; waiting for a limit is none.
    pub attempt: i32,
    pub max_attempts: i32,
    pub next_attempt_at: Option<Instant>,
    pub error: Option<String>,
    /// The days that were asked for; `None`: what the kind does by itself.
    pub range: Option<DateRange>,
    pub progress: Option<Progress>,
    /// What it has warmed; `None` of every kind but `WELCOME_BOOTSTRAP`, and of one that has not begun.
    #[serde(default)]
    pub bootstrap: Option<Bootstrap>,
    pub cancel_requested: bool,
}

impl JobRun {
    /// A run that is about to be queued, due `now`.
    pub fn queued(
        organisation_id: OrganisationId,
        kind: JobKind,
        trigger: JobTrigger,
        range: Option<DateRange>,
        policy: &RetryPolicy,
        now: Instant,
    ) -> Self {
        Self {
            id: JobRunId::generate(now),
            organisation_id,
            schedule_id: None,
            kind,
            subject: None,
            customer_id: None,
            trigger,
            state: JobRunState::Queued,
            scheduled_for: now,
            started_at: None,
            finished_at: None,
            attempt: 0,
            max_attempts: policy.attempts_max,
            next_attempt_at: None,
            error: None,
            range,
            progress: None,
            bootstrap: None,
            cancel_requested: false,
        }
    }
}

/// How a run went for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOutcome {
    pub channel_id: ChannelId,
    pub succeeded: bool,
    /// Days that were pulled.
    pub days: i32,
    pub error: Option<String>,
}

/// How often and how soon a failed attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts_max: i32,
    pub delay_base: TimeDelta,
    pub delay_max: TimeDelta,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 8, delay_base: TimeDelta::seconds(30), delay_max: TimeDelta::hours(1) }
    }
}

impl RetryPolicy {
    /// Full jitter: between nothing and `delay_base` doubled for each attempt made, at most `delay_max`. `random` is uniform
    /// over its type, and decides where in between. `attempt` counts from 1.
    pub fn delay(&self, attempt: i32, random: u32) -> TimeDelta {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(30);
        let ceiling_ms = self
            .delay_base
            .num_milliseconds()
            .saturating_mul(1_i64 << doublings)
            .min(self.delay_max.num_milliseconds())
            .max(0);
        let share = i128::from(ceiling_ms) * i128::from(random) / i128::from(u32::MAX);
        TimeDelta::milliseconds(i64::try_from(share).unwrap_or(ceiling_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_to_its_ceiling_and_is_spread_over_all_of_it() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, u32::MAX), TimeDelta::seconds(30));
        assert_eq!(policy.delay(3, u32::MAX), TimeDelta::seconds(120));
        assert_eq!(policy.delay(8, u32::MAX), TimeDelta::hours(1));
        assert_eq!(policy.delay(i32::MAX, u32::MAX), TimeDelta::hours(1));
        assert_eq!(policy.delay(3, 0), TimeDelta::zero());
        assert_eq!(policy.delay(1, u32::MAX / 2).num_seconds(), 14);
    }
}
