//! When a limit is reached if use goes on as it did: plain division, nothing learnt.

use chrono::{Datelike as _, NaiveDate, TimeDelta};

use super::{Figures, Unit};
use crate::domain::clock::Instant;
use crate::domain::code::coded;
use crate::domain::money::Overflow;
use crate::domain::period::{Period, Zone};
use crate::domain::statistics::Percent;

coded! {
    /// What a forecast is of.
    ForecastKind {
        /// What the month allows.
        AllowanceMonthly = "ALLOWANCE_MONTHLY",
        /// The credit for the month.
        Credit = "CREDIT",
        /// The month's budget.
        Budget = "BUDGET",
    }
}

/// A guess at where a period goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    pub kind: ForecastKind,
    pub unit: Unit,
    /// How much of the limit is used by now.
    pub percent: Percent,
    /// How much of it will be at the end of the period.
    pub percent_at_end: Percent,
    /// How much is used in 24 hours, in parts of the unit.
    pub per_day: i64,
    /// The local day on which all of it is used: today where it is already, `None` where that is not within the period.
    pub reaches_limit_on: Option<NaiveDate>,
    /// The same in words.
    pub text: String,
}

/// Seconds in 24 hours.
const DAY_SECONDS: i128 = 86_400;

/// Where `figures` go in the rest of `period`, if they grow as they did up to `now`: what was used, divided by the seconds of the period that
/// have passed. Every division is of whole numbers and rounded once, a time to the second in which it is reached.
pub fn forecast(
    kind: ForecastKind,
    figures: Figures,
    period: Period,
    now: Instant,
    zone: Zone,
) -> Result<Forecast, Overflow> {
    let seconds = |until: Instant| i128::from((until - period.start).num_seconds().max(1));
    let (elapsed, whole) = (seconds(now.min(period.end)), seconds(period.end));
    let used = i128::from(figures.used.max(0));
    let over = |time: i128| i64::try_from((used * time + elapsed / 2) / elapsed).map_err(|_| Overflow);
    let percent_at_end = Percent::part(over(whole)?, figures.limit)?;
    let reaches_limit_on = if figures.reach(100) {
        Some(zone.date(now))
    } else if used == 0 {
        None
    } else {
        // Not reached, so the limit is above zero. Rounded up: in the second before, something is left.
        let after = (elapsed * i128::from(figures.limit) + used - 1) / used;
        let at = i64::try_from(after).ok().and_then(TimeDelta::try_seconds);
        let at = at.and_then(|after| period.start.checked_add_signed(after));
        at.filter(|at| *at < period.end).map(|at| zone.date(at))
    };
    let text = match reaches_limit_on {
        Some(_) if figures.reach(100) => "100 % is used already".to_owned(),
        Some(day) => format!("at this pace 100 % on the {}", ordinal(day.day())),
        None => format!("at this pace {percent_at_end} % at the end of the month"),
    };
    Ok(Forecast {
        kind,
        unit: figures.unit,
        percent: figures.percent()?,
        percent_at_end,
        per_day: over(DAY_SECONDS)?,
        reaches_limit_on,
        text,
    })
}

/// `1st`, `22nd`, `13th`.
fn ordinal(day: u32) -> String {
    let ending = match (day % 100, day % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::money::Money;
    use crate::domain::period::Month;

    fn at(now: &str, used: i64, limit: i64) -> Forecast {
        let zone = Zone::parse("zone", "Asia/Kolkata").unwrap();
        let period = zone.month(Month::parse("month", "2026-06").unwrap());
        let figures = Figures::of_money(Money::from_nanos(used), Money::from_nanos(limit));
        forecast(ForecastKind::Credit, figures, period, now.parse().unwrap(), zone).unwrap()
    }

    #[test]
    fn what_goes_on_as_it_did_is_divided_by_the_time_that_passed() {
        // Nine and a half days of thirty: half the credit is used, so all of it after nineteen.
        let half = at("2026-06-10T06:30:00Z", 5_000_000_000, 10_000_000_000);
        assert_eq!((half.percent.to_string(), half.text.as_str()), ("50".into(), "at this pace 100 % on the 20th"));
        assert_eq!(half.reaches_limit_on, "2026-06-20".parse().ok());
        assert_eq!((half.per_day, half.percent_at_end.to_string()), (526_315_789, "157.89".into()));

        let little = at("2026-06-10T06:30:00Z", 2_000_000_000, 10_000_000_000);
        assert_eq!(little.reaches_limit_on, None);
        assert_eq!(little.text, "at this pace 63.16 % at the end of the month");
    }

    #[test]
    fn nothing_used_reaches_nothing_and_all_of_it_is_reached_today() {
        let nothing = at("2026-06-10T06:30:00Z", 0, 10);
        assert_eq!((nothing.reaches_limit_on, nothing.per_day), (None, 0));
        let all = at("2026-06-10T06:30:00Z", 11, 10);
        assert_eq!((all.reaches_limit_on, all.text.as_str()), ("2026-06-10".parse().ok(), "100 % is used already"));
        let none = at("2026-06-10T06:30:00Z", 1, 0);
        assert_eq!((none.percent.to_string(), none.reaches_limit_on), ("100".into(), "2026-06-10".parse().ok()));
    }

    #[test]
    fn the_first_second_of_a_month_divides_by_something() {
        let first = at("2026-05-31T18:30:00Z", 1, 100);
        assert_eq!(first.per_day, 86_400);
    }

    #[test]
    fn days_are_counted_as_people_say_them() {
        let said: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30].into_iter().map(ordinal).collect();
        assert_eq!(said.join(" "), "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 30th");
    }

    proptest! {
        #[test]
        fn a_day_is_named_just_where_the_end_of_the_month_is_beyond_the_limit(
            second in 1..2_592_000_i64, used in 1..1_000_000_000_i64, limit in 1..1_000_000_000_i64,
        ) {
            let start: Instant = "2026-05-31T18:30:00Z".parse().unwrap();
            let now = start + TimeDelta::seconds(second);
            let guess = at(&now.to_rfc3339(), used, limit);
            let beyond = used >= limit || i128::from(used) * 2_592_000 > i128::from(limit) * i128::from(second);
            prop_assert_eq!(guess.reaches_limit_on.is_some(), beyond);
        }
    }
}
