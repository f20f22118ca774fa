//! Alerts: what somebody should know of, at which part of a limit, and when it is over.

pub mod forecast;

use chrono::NaiveDate;

use super::allowance::{AllowancePeriod, Standing};
use super::clock::Instant;
use super::code::coded;
use super::id::{AlertId, ChannelId, JobRunId, OrganisationId};
use super::input::BadInput;
use super::money::{Currency, Money, Overflow};
use super::period::Month;
use super::quantity::Quantity;
use super::statistics::Percent;

coded! {
    /// What an alert is about.
    AlertKind {
        /// So much of what a day allows is used.
        AllowanceDaily = "ALLOWANCE_DAILY",
        /// So much of what a month allows is used.
        AllowanceMonthly = "ALLOWANCE_MONTHLY",
        /// So much of the credit for the month is used.
        Credit = "CREDIT",
        /// So much of the month's budget is spent.
        Budget = "BUDGET",
        /// A channel was stopped until somebody looks after it.
        ChannelNeedsAttention = "CHANNEL_NEEDS_ATTENTION",
        /// A run failed for good.
        JobFailed = "JOB_FAILED",
        /// Something was used for which the plan has no rate.
        UsageUnpriced = "USAGE_UNPRICED",
        /// The organisation's jobs do not run, because what runs them died too often.
        SchedulerQuarantined = "SCHEDULER_QUARANTINED",
        /// An address does not take the webhooks that are sent to it.
        WebhookFailing = "WEBHOOK_FAILING",
    }
}

impl AlertKind {
    /// What its figures count; `None`: it has none.
    pub const fn unit(self) -> Option<Unit> {
        match self {
            Self::AllowanceDaily | Self::AllowanceMonthly => Some(Unit::Quantity),
            Self::Credit | Self::Budget => Some(Unit::Money),
            Self::ChannelNeedsAttention
            | Self::JobFailed
            | Self::UsageUnpriced
            | Self::SchedulerQuarantined
            | Self::WebhookFailing => None,
        }
    }
}

/// What figures count, and in which parts of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Millionths of the thing counted.
    Quantity,
    /// Billionths of a unit of the plan's currency.
    Money,
}

impl Unit {
    /// The shortest exact decimal of so many parts.
    pub fn text(self, parts: i64) -> String {
        match self {
            Self::Quantity => Quantity::from_micros(parts).to_string(),
            Self::Money => Money::from_nanos(parts).to_string(),
        }
    }
}

/// How much of a limit was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    pub unit: Unit,
    /// In parts of the unit.
    pub used: i64,
    /// In parts of the unit.
    pub limit: i64,
}

impl Figures {
    /// Of a quantity.
    pub const fn of_quantity(used: Quantity, limit: Quantity) -> Self {
        Self { unit: Unit::Quantity, used: used.micros(), limit: limit.micros() }
    }

    /// Of an amount.
    pub const fn of_money(used: Money, limit: Money) -> Self {
        Self { unit: Unit::Money, used: used.nanos(), limit: limit.nanos() }
    }

    /// How much of the limit is used.
    pub fn percent(self) -> Result<Percent, Overflow> {
        Percent::part(self.used, self.limit)
    }

    /// Whether so many percent are used. Where nothing may be used, anything is all of it, and nothing is more.
    pub fn reach(self, threshold: i32) -> bool {
        self.least(threshold).is_some_and(|least| self.used >= least)
    }

    /// The least use at which so many percent are used; above zero. `None`: no use is as much.
    pub fn least(self, threshold: i32) -> Option<i64> {
        if self.limit <= 0 {
            return (threshold <= 100).then_some(1);
        }
        let product = i128::from(self.limit) * i128::from(threshold);
        i64::try_from((product + 99) / 100).ok().map(|least| least.max(1))
    }

    /// `900 of 1,000`.
    fn words(self) -> String {
        format!("{} of {}", grouped(&self.unit.text(self.used)), grouped(&self.unit.text(self.limit)))
    }
}

/// The digits of a decimal before its point, by threes.
fn grouped(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |digits| ("-", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// The span of time that an alert is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertPeriod {
    /// Its first day.
    pub start: NaiveDate,
    /// When it is over.
    pub ends_at: Instant,
}

/// An alert that is about to be raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlert {
    pub organisation_id: OrganisationId,
    pub kind: AlertKind,
    pub channel_id: Option<ChannelId>,
    pub job_run_id: Option<JobRunId>,
    /// What it is about where that is neither a channel nor a run, such as a resource.
    pub subject: Option<String>,
    /// In percent.
    pub threshold: Option<i32>,
    pub figures: Option<Figures>,
    /// `None`: it stands until what it is about is over.
    pub period: Option<AlertPeriod>,
    /// In plain English.
    pub message: String,
}

impl NewAlert {
    /// One about nothing in particular.
    pub fn new(organisation_id: OrganisationId, kind: AlertKind, message: impl Into<String>) -> Self {
        Self {
            organisation_id,
            kind,
            channel_id: None,
            job_run_id: None,
            subject: None,
            threshold: None,
            figures: None,
            period: None,
            message: message.into(),
        }
    }

    /// What it is known by while it stands: at most one of an organisation stands under a key.
    pub fn key(&self) -> String {
        let parts = [
            self.channel_id.map(|id| id.to_string()),
            self.job_run_id.map(|id| id.to_string()),
            self.subject.clone(),
            self.period.map(|period| period.start.to_string()),
            self.threshold.map(|threshold| threshold.to_string()),
        ];
        let parts = parts.into_iter().flatten();
        std::iter::once(self.kind.code().to_owned()).chain(parts).collect::<Vec<_>>().join(" ")
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub id: AlertId,
    /// What it says.
    pub about: NewAlert,
    pub raised_at: Instant,
    /// When what it is about was over.
    pub recovered_at: Option<Instant>,
}

impl Alert {
    /// Whether it still concerns anybody: it did not recover, and its period is not over.
    pub fn is_open(&self, now: Instant) -> bool {
        self.recovered_at.is_none() && self.about.period.is_none_or(|period| period.ends_at > now)
    }
}

/// At which percentages an organisation is alerted; ascending, each once, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds(Vec<i32>);

impl Thresholds {
    /// The most of them.
    pub const COUNT_MAX: usize = 10;
    /// The highest, in percent.
    pub const PERCENT_MAX: i32 = 1_000;

    /// Checks the argument `field`; the order does not matter.
    pub fn checked(field: &str, percents: &[i32]) -> Result<Self, BadInput> {
        let most = Self::COUNT_MAX;
        if !(1..=most).contains(&percents.len()) {
            return Err(BadInput::new(field, percents.len(), format!("expected 1 to {most} thresholds")));
        }
        let range = 1..=Self::PERCENT_MAX;
        if let Some(bad) = percents.iter().find(|percent| !range.contains(percent)) {
            return Err(BadInput::new(field, bad, format!("expected 1 to {} percent", Self::PERCENT_MAX)));
        }
        let mut sorted = percents.to_vec();
        sorted.sort_unstable();
        match sorted.iter().zip(sorted.iter().skip(1)).find(|(one, next)| one == next) {
            Some((twice, _)) => Err(BadInput::new(field, twice, "expected each threshold once")),
            None => Ok(Self(sorted)),
        }
    }

    /// The percentages, the lowest first.
    pub fn percents(&self) -> &[i32] {
        &self.0
    }

    /// Those that `figures` reach, the lowest first.
    pub fn reached(&self, figures: Figures) -> impl Iterator<Item = i32> {
        self.0.iter().copied().filter(move |threshold| figures.reach(*threshold))
    }

    /// The least use at which the next one is reached.
    pub fn next_after(&self, figures: Figures) -> Option<i64> {
        let ahead = self.0.iter().filter(|threshold| !figures.reach(**threshold));
        ahead.filter_map(|threshold| figures.least(*threshold)).min()
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self(vec![80, 90, 100])
    }
}

/// What an organisation wants to be alerted at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub thresholds: Thresholds,
    /// How much a month may cost before credits, in the plan's currency; `None`: as much as it does.
    pub monthly_budget: Option<Money>,
    /// Where the running month stands; `None`: it has to be reckoned.
    pub watch: Option<Watch>,
}

/// Where a month stands towards its credit and its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    pub month: Month,
    /// When the month is over.
    pub until: Instant,
    /// What there is in credits for it, before its use.
    pub credit: Money,
    /// The cost at which the next threshold is reached; `None`: there is no other.
    pub look_at: Option<Money>,
}

/// Whether a whole percentage of the limit lies between what was used before and what is used now, or the limit changed: nothing else can
/// make an alert or end one.
pub fn may_cross(standing: &Standing) -> bool {
    let Some(limit) = standing.limit else { return standing.limit_changed };
    if standing.limit_changed {
        return true;
    }
    let percents = |used: Quantity| match i128::from(limit.micros()) {
        1.. => i128::from(used.micros().max(0)) * 100 / i128::from(limit.micros()),
        _ => i128::from(used > Quantity::ZERO),
    };
    percents(standing.used_before) < percents(standing.used)
}

/// The alerts of the thresholds that were passed on the way to where an allowance stands, the lowest first; where its limit changed, of all
/// that it is beyond.
pub fn crossed(standing: &Standing, thresholds: &Thresholds) -> Vec<NewAlert> {
    let Some(limit) = standing.limit else { return Vec::new() };
    let now = Figures::of_quantity(standing.used, limit);
    let before = Figures::of_quantity(standing.used_before, limit);
    let new = thresholds.reached(now).filter(|threshold| standing.limit_changed || !before.reach(*threshold));
    new.map(|threshold| of_allowance(standing, now, threshold)).collect()
}

/// Whether `alert` is of the allowance that stands there, which is no longer beyond its threshold.
pub fn is_behind(alert: &Alert, standing: &Standing) -> bool {
    let about = &alert.about;
    let is_same = about.organisation_id == standing.organisation_id
        && about.kind == kind_of(standing.period)
        && about.channel_id == standing.channel_id
        && about.period.is_some_and(|period| period.start == standing.start);
    let is_beyond = |limit| about.threshold.is_some_and(|at| Figures::of_quantity(standing.used, limit).reach(at));
    is_same && !standing.limit.is_some_and(is_beyond)
}

/// The kind of the alerts of an allowance's period.
pub const fn kind_of(period: AllowancePeriod) -> AlertKind {
    match period {
        AllowancePeriod::Day => AlertKind::AllowanceDaily,
        AllowancePeriod::Month => AlertKind::AllowanceMonthly,
    }
}

fn of_allowance(standing: &Standing, figures: Figures, threshold: i32) -> NewAlert {
    let period = match standing.period {
        AllowancePeriod::Day => "daily",
        AllowancePeriod::Month => "monthly",
    };
    let whose = if standing.channel_id.is_some() { "a channel's" } else { "the" };
    let message = format!("{threshold} % of {whose} {period} allowance is used: {}", figures.words());
    NewAlert {
        channel_id: standing.channel_id,
        threshold: Some(threshold),
        figures: Some(figures),
        period: Some(AlertPeriod { start: standing.start, ends_at: standing.ends_at }),
        ..NewAlert::new(standing.organisation_id, kind_of(standing.period), message)
    }
}

/// What a running month is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    pub organisation_id: OrganisationId,
    pub month: Month,
    /// When the month is over.
    pub until: Instant,
    /// What its usage cost so far, before credits.
    pub cost: Money,
    pub currency: Currency,
}

impl Spending {
    /// The figures of a kind of limit.
    pub const fn against(&self, limit: Money) -> Figures {
        Figures::of_money(self.cost, limit)
    }

    /// The alerts of all thresholds that are reached, the lowest first.
    pub fn reached(&self, kind: AlertKind, limit: Money, thresholds: &Thresholds) -> Vec<NewAlert> {
        let figures = self.against(limit);
        let (what, done) = if kind == AlertKind::Credit { ("credit", "used") } else { ("budget", "spent") };
        let alert = |threshold| {
            let (month, currency) = (self.month, self.currency);
            let message = format!("{threshold} % of the {what} of {month} is {done}: {} {currency}", figures.words());
            NewAlert {
                threshold: Some(threshold),
                figures: Some(figures),
                period: Some(AlertPeriod { start: self.month.first_day(), ends_at: self.until }),
                ..NewAlert::new(self.organisation_id, kind, message)
            }
        };
        thresholds.reached(figures).map(alert).collect()
    }
}

#[cfg(test)]
mod tests;
