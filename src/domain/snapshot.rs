//! Snapshots: the figures of a day, week or month, frozen, and how far they have drifted from what is known since.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::code::coded;
use super::id::{ChannelId, OrganisationId, SnapshotId};
use super::metric::{Figures, MetricValue, Metrics};
use super::period::{DateRange, Month, Period};

coded! {
    /// What a snapshot is of.
    SnapshotType {
        Daily = "DAILY",
        Weekly = "WEEKLY",
        Monthly = "MONTHLY",
    }
}

impl SnapshotType {
    /// The days of the period that `date` lies in: the day itself, the week from Monday to Sunday, or the month.
    pub fn days(self, date: NaiveDate) -> DateRange {
        match self {
            Self::Daily => DateRange::day(date),
            Self::Weekly => {
                let week = date.week(chrono::Weekday::Mon);
                let days = week.checked_first_day().zip(week.checked_last_day());
                // Only the calendar's own ends have no week around them.
                days.and_then(|(monday, sunday)| DateRange::new(monday, sunday)).unwrap_or(DateRange::day(date))
            }
            Self::Monthly => Month::of(date).range(),
        }
    }

    /// The days of the last period that is over on `today`.
    pub fn closed(self, today: NaiveDate) -> DateRange {
        let first = self.days(today).from();
        self.days(first.checked_sub_days(Days::new(1)).unwrap_or(first))
    }
}

/// The figures of a period of an organisation, of one channel or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub organisation_id: OrganisationId,
    /// `None`: the organisation as a whole.
    pub channel_id: Option<ChannelId>,
    pub kind: SnapshotType,
    /// The first day of the period.
    pub date: NaiveDate,
    /// The period as the organisation's zone cut it when the snapshot was made.
    pub period: Period,
    pub figures: Figures,
    /// Facts up to this event of the organisation are in the figures, and no later ones.
    pub sequence: i64,
    /// When it was first made.
    pub created_at: Instant,
    /// When its figures were counted.
    pub generated_at: Instant,
}

impl Snapshot {
    /// The days of its period.
    pub fn days(&self) -> DateRange {
        self.kind.days(self.date)
    }

    /// What is shown of it.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.figures, self.period, self.generated_at)
    }
}

/// A figure that is no longer what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// As the API spells it, such as `messages.delivered`.
    pub figure: &'static str,
    pub before: MetricValue,
    pub after: MetricValue,
}

/// The figures that differ, in the order of the API.
pub fn changes(before: &Metrics, after: &Metrics) -> Vec<Change> {
    let pairs = before.named().into_iter().zip(after.named());
    let changed = pairs.filter(|(before, after)| before.value != after.value);
    changed.map(|(before, after)| Change { figure: before.name, before: before.value, after: after.value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::metric::MessageFigures;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_the_one_around_a_day_and_the_closed_one_is_before_it() {
        // A Wednesday, and the first of a month.
        let today = date("2026-07-01");
        let days = SnapshotType::ALL.iter().map(|kind| kind.days(today).to_string()).collect::<Vec<_>>();
        assert_eq!(days, ["2026-07-01 to 2026-07-01", "2026-06-29 to 2026-07-05", "2026-07-01 to 2026-07-31"]);
        let closed = SnapshotType::ALL.iter().map(|kind| kind.closed(today).to_string()).collect::<Vec<_>>();
        assert_eq!(closed, ["2026-06-30 to 2026-06-30", "2026-06-22 to 2026-06-28", "2026-06-01 to 2026-06-30"]);
        assert_eq!(SnapshotType::Weekly.closed(date("2026-07-06")).to_string(), "2026-06-29 to 2026-07-05");
        assert_eq!(SnapshotType::Monthly.closed(date("2026-03-31")).to_string(), "2026-02-01 to 2026-02-28");
    }

    #[test]
    fn only_figures_that_changed_are_named() {
        let at: Instant = "2026-06-05T12:00:00Z".parse().unwrap();
        let period = Period { start: at, end: at };
        let metrics = |sent, delivered| {
            let messages = MessageFigures { total: 3, sent, delivered, ..MessageFigures::default() };
            Metrics::of(&Figures { messages, ..Figures::default() }, period, at)
        };
        assert_eq!(changes(&metrics(3, 1), &metrics(3, 1)), []);
        let told: Vec<_> = changes(&metrics(3, 1), &metrics(3, 2))
            .iter()
            .map(|change| format!("{} {} {}", change.figure, change.before, change.after))
            .collect();
        assert_eq!(told, ["messages.delivered 1 2", "messages.deliveryRate 33.33 66.67"]);
    }
}
