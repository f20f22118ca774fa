//! Days, weeks and months of a time zone as half-open spans of time, and ranges of calendar days.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{GapInfo, Tz};
use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::input::BadInput;

/// The first and last year of dates that a caller may name.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// An IANA time zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads a name of the IANA time zone database out of the argument `field`: `Asia/Kuala_Lumpur`.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        Self::from_name(text)
            .ok_or_else(|| BadInput::new(field, text, "expected an IANA time zone, such as Asia/Kuala_Lumpur"))
    }

    /// The zone that a row names; names are matched exactly.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The name in the IANA time zone database.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// For chrono.
    pub const fn tz(self) -> Tz {
        self.0
    }

    /// The day that `instant` belongs to: always the one whose [`Zone::day`] contains it.
    ///
    /// That is what a calendar on the wall shows, but for one hour in some years of a few zones: where clocks go back across
    /// midnight after the new day has begun (00:01 to 23:01), the second 23:01 to 24:00 belongs to the new day, for a day that has
    /// begun does not end and begin again.
    pub fn date(self, instant: Instant) -> NaiveDate {
        let shown = instant.with_timezone(&self.0).date_naive();
        match shown.succ_opt() {
            Some(next) if self.midnight(next) <= instant => next,
            Some(_) | None => shown,
        }
    }

    /// The first instant of the local day `date`.
    ///
    /// Where midnight falls into a gap (clocks go from 00:00 to 01:00), that is the first instant after the gap. Where it comes
    /// twice, it is the earlier one. Where the whole day was left out (`Pacific/Apia`, 2011-12-30), it is the first instant of the
    /// day after, so that the day left out is an empty period.
    pub fn midnight(self, date: NaiveDate) -> Instant {
        self.first_instant_at(date.and_time(NaiveTime::MIN))
    }

    /// The first instant at which the zone's clocks show `local` or later: the earlier of two where a local time comes twice, the
    /// end of the gap where there is none. It never decreases as `local` grows.
    pub(super) fn first_instant_at(self, local: NaiveDateTime) -> Instant {
        let after_gap = || {
            let (shown, offset) = GapInfo::new(&local, &self.0)?.begin?;
            shown.checked_sub_offset(offset.fix())
        };
        match self.0.offset_from_local_datetime(&local).earliest() {
            Some(offset) => local.checked_sub_offset(offset.fix()),
            None => after_gap(),
        }
        // Only at the far ends of the calendar, where an offset leads out of it.
        .unwrap_or(local)
        .and_utc()
    }

    /// The local day `date`: 24 hours, or 23 or 25 where clocks change, or none where the zone left the day out.
    pub fn day(self, date: NaiveDate) -> Period {
        self.span(date, date)
    }

    /// The local week, Monday to Sunday, that `date` lies in.
    pub fn week(self, date: NaiveDate) -> Period {
        let week = date.week(chrono::Weekday::Mon);
        let monday = week.checked_first_day().unwrap_or(NaiveDate::MIN);
        let sunday = week.checked_last_day().unwrap_or(NaiveDate::MAX);
        self.span(monday, sunday)
    }

    /// The local month.
    pub fn month(self, month: Month) -> Period {
        self.span(month.first_day(), month.last_day())
    }

    /// The local days of `range`.
    pub fn range(self, range: DateRange) -> Period {
        self.span(range.from, range.to)
    }

    /// From the first instant of `from` to the first instant of the day after `to`.
    fn span(self, from: NaiveDate, to: NaiveDate) -> Period {
        let end = to.succ_opt().map_or(DateTime::<chrono::Utc>::MAX_UTC, |next| self.midnight(next));
        Period { start: self.midnight(from), end }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse("timeZone", &text).map_err(serde::de::Error::custom)
    }
}

/// A span of time, `[start, end)`: an event at `end` belongs to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// The first instant of it.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
}

impl Period {
    /// Whether `instant` lies in it.
    pub fn contains(&self, instant: Instant) -> bool {
        (self.start..self.end).contains(&instant)
    }
}

/// One or more calendar days in a row, the first and the last included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "DateRangeText")]
pub struct DateRange {
    from: NaiveDate,
    to: NaiveDate,
}

/// What is read before the order of the two days is checked.
#[derive(Deserialize)]
struct DateRangeText {
    from: NaiveDate,
    to: NaiveDate,
}

impl TryFrom<DateRangeText> for DateRange {
    type Error = BadInput;

    fn try_from(text: DateRangeText) -> Result<Self, BadInput> {
        Self::checked("from", text.from, text.to, i64::MAX)
    }
}

impl DateRange {
    /// The days `from` to `to`; `None` when `to` comes first.
    pub fn new(from: NaiveDate, to: NaiveDate) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// The days `from` to `to`, at most `max_days` of them; a complaint names the argument `field_from`.
    pub fn checked(field_from: &str, from: NaiveDate, to: NaiveDate, max_days: i64) -> Result<Self, BadInput> {
        let range = Self::new(from, to)
            .ok_or_else(|| BadInput::new(field_from, from, format!("expected a date that is not after {to}")))?;
        if range.count_days() > max_days {
            let accepted = format!("expected at most {max_days} days up to {to}, these are {}", range.count_days());
            return Err(BadInput::new(field_from, from, accepted));
        }
        Ok(range)
    }

    /// One day.
    pub const fn day(date: NaiveDate) -> Self {
        Self { from: date, to: date }
    }

    /// The first day.
    pub const fn from(&self) -> NaiveDate {
        self.from
    }

    /// The last day.
    pub const fn to(&self) -> NaiveDate {
        self.to
    }

    /// Every day, earliest first.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let to = self.to;
        std::iter::successors(Some(self.from), NaiveDate::succ_opt).take_while(move |day| *day <= to)
    }

    /// How many days; at least 1.
    pub fn count_days(&self) -> i64 {
        (self.to - self.from + TimeDelta::days(1)).num_days()
    }

    /// The same days cut into ranges of `max_days` (the last may be shorter; 0 counts as 1), earliest first.
    pub fn chunks(&self, max_days: u32) -> impl Iterator<Item = Self> + use<> {
        let to = self.to;
        let step = Days::new(u64::from(max_days.max(1)));
        std::iter::successors(Some(self.from), move |from| from.checked_add_days(step))
            .take_while(move |from| *from <= to)
            .map(move |from| {
                let next = from.checked_add_days(step).and_then(|next| next.pred_opt());
                Self { from, to: next.map_or(to, |last| last.min(to)) }
            })
    }

    /// Whether `date` is one of the days.
    pub fn contains(&self, date: NaiveDate) -> bool {
        (self.from..=self.to).contains(&date)
    }

    /// The months that any of the days lie in, earliest first.
    pub fn months(&self) -> Vec<Month> {
        let last = Month::of(self.to);
        let following = |month: &Month| Some(month.next()).filter(|next| next > month && *next <= last);
        std::iter::successors(Some(Month::of(self.from)), following).collect()
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// A calendar month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Always the first day of a month.
    first: NaiveDate,
}

impl Month {
    /// The month that `date` lies in.
    pub fn of(date: NaiveDate) -> Self {
        Self { first: date - Days::new(u64::from(date.day0())) }
    }

    /// Reads `YYYY-MM` out of the argument `field`, years 2000 to 2100.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        // A day is appended so that one reader knows the notation.
        read_date(&format!("{text}-01"))
            .map(Self::of)
            .ok_or_else(|| BadInput::new(field, text, "expected a month such as 2026-06, from 2000-01 to 2100-12"))
    }

    /// The year, as people number them.
    pub fn year(self) -> i32 {
        self.first.year()
    }

    /// 1 to 12.
    pub fn number(self) -> u32 {
        self.first.month()
    }

    /// Its first day.
    pub const fn first_day(self) -> NaiveDate {
        self.first
    }

    /// Its last day.
    pub fn last_day(self) -> NaiveDate {
        self.first.checked_add_months(Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX)
    }

    /// The month after; the calendar's very last month (in the year 262142) is its own.
    #[must_use]
    pub fn next(self) -> Self {
        self.first.checked_add_months(Months::new(1)).map_or(self, |first| Self { first })
    }

    /// The month before; the calendar's very first month is its own.
    #[must_use]
    pub fn previous(self) -> Self {
        self.first.checked_sub_months(Months::new(1)).map_or(self, |first| Self { first })
    }

    /// Its days.
    pub fn range(self) -> DateRange {
        DateRange { from: self.first_day(), to: self.last_day() }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.number())
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse("month", &text).map_err(serde::de::Error::custom)
    }
}

/// Reads `YYYY-MM-DD` out of the argument `field`, years 2000 to 2100.
pub fn parse_date(field: &str, text: &str) -> Result<NaiveDate, BadInput> {
    read_date(text)
        .ok_or_else(|| BadInput::new(field, text, "expected a date such as 2026-06-05, from 2000-01-01 to 2100-12-31"))
}

/// ISO 8601's extended calendar date and nothing else: chrono alone would also take `2026-6-5` or ` 2026-06-05`.
fn read_date(text: &str) -> Option<NaiveDate> {
    let date: NaiveDate = text.parse().ok()?;
    (YEARS.contains(&date.year()) && date.to_string() == text).then_some(date)
}

#[cfg(test)]
mod tests;
