//! When a recurring job is due: validated cron texts, their next time in a zone, and the offset that spreads a herd of them.

use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Instant;
use super::id::OrganisationId;
use super::input::BadInput;
use super::period::Zone;

/// The longest cron text, in bytes: a list of every minute is 169.
const TEXT_BYTES_MAX: usize = 256;

/// A text that names no day in these years (the end excluded) is refused. Any date that exists at all, 29 February and "the fifth
/// Monday" included, exists in them; a fixed span, so that a text read back from a row years later is still accepted.
const PROBE_YEARS: std::ops::Range<i32> = 2000..2008;

/// A cron text of five fields (minute, hour, day of month, month, day of week) that is known to come due.
///
/// It is read by croner: lists, ranges, steps, names, `L`, `W` and `#` are understood, and where both day fields are given, either
/// suffices, as in the original. Macros (`@daily`) and seconds are refused. Two are equal when their texts are, with case and
/// spaces made alike. A clone shares the parsed form.
#[derive(Clone)]
pub struct Cron {
    text: Arc<str>,
    pattern: Arc<croner::Cron>,
}

impl Cron {
    /// Reads a cron text out of the argument `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, BadInput> {
        let refused = |accepted: String| BadInput::new(field, text, accepted);
        if text.contains('@') {
            let accepted = "macros are not read, expected five fields such as 0 9 * * * (every day at 09:00)";
            return Err(refused(accepted.to_owned()));
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != 5 || text.len() > TEXT_BYTES_MAX {
            let accepted = format!(
                "expected five fields (minute, hour, day of month, month, day of week) in at most {TEXT_BYTES_MAX} bytes"
            );
            return Err(refused(accepted));
        }
        let normalised = fields.join(" ").to_ascii_uppercase();
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser
            .parse(&normalised)
            .map_err(|error| refused(format!("expected a cron text of five fields such as 0 9 * * * ({error})")))?;
        if !comes_due(&pattern) {
            return Err(refused("expected a cron text that names a date which exists".to_owned()));
        }
        Ok(Self { text: normalised.into(), pattern: Arc::new(pattern) })
    }

    /// The text, in capitals and with single spaces.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after `after` (strictly) when this comes due on the clocks of `zone`, or `None` when the calendar ends first.
    ///
    /// A local time that does not exist, because clocks go forward over it, comes due at the first instant after the gap, and
    /// several such times come due once. A local time that comes twice, because clocks go back, comes due the first time only;
    /// so even `* * * * *` pauses while the clocks repeat themselves.
    pub fn next_after(&self, zone: Zone, after: Instant) -> Option<Instant> {
        // croner walks the calendar without a zone here. Given one, it lets a text with a wildcard come due in both of two equal
        // hours, and drops what falls into a gap for such a text; the rule of this house is one rule for all texts.
        let mut local = after.with_timezone(&zone.tz()).naive_local();
        loop {
            // What is shown at an instant due after `after` is later than what is shown at `after`, see `first_instant_at`; so
            // no candidate is missed, and those that lie in a repeated hour are passed over.
            local = self.pattern.find_next_occurrence(&local, false).ok()?;
            let due = zone.first_instant_at(local);
            if due > after {
                return Some(due);
            }
        }
    }
}

/// Whether any date that the calendar has is named.
fn comes_due(pattern: &croner::Cron) -> bool {
    let start: Option<NaiveDateTime> =
        NaiveDate::from_ymd_opt(PROBE_YEARS.start, 1, 1).map(|date| date.and_time(NaiveTime::MIN));
    start
        .and_then(|start| pattern.find_next_occurrence(&start, true).ok())
        .is_some_and(|due| PROBE_YEARS.contains(&due.year()))
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl std::hash::Hash for Cron {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for Cron {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse("cron", &text).map_err(serde::de::Error::custom)
    }
}

/// How long after its time a job of `organisation` starts, so that a thousand organisations that all chose 09:00 do not start at
/// once: from zero up to, not including, `window`, evenly spread, in whole microseconds.
///
/// It is a hash of the two, so it is the same in every process and after every restart; for the same reason the hash is one whose
/// definition will not change, which the standard library does not promise of its own. A window of zero or less gives zero.
pub fn herd_offset(organisation: OrganisationId, kind_code: &str, window: TimeDelta) -> TimeDelta {
    // The id has a fixed length, so no two pairs are hashed as the same bytes.
    let digest = Sha256::new().chain_update(organisation.uuid().as_bytes()).chain_update(kind_code).finalize();
    let hash = digest.iter().take(8).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let window_us = window.num_microseconds().and_then(|micros| u128::try_from(micros).ok()).unwrap_or(0);
    // The hash is below 2^64, so the share of the window that it stands for is below the window.
    let offset_us = (hash * window_us) >> 64;
    i64::try_from(offset_us).map_or(TimeDelta::zero(), TimeDelta::microseconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cron(text: &str) -> Cron {
        Cron::parse("cron", text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        Zone::from_name(name).unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    /// The next times after `after`, as UTC.
    fn due(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, zone) = (cron(text), zone(zone_name));
        let next = |after: &Instant| cron.next_after(zone, *after);
        std::iter::successors(next(&at(after)), next)
            .take(count)
            .map(|due| due.format("%FT%H:%MZ").to_string())
            .collect()
    }

    #[test]
    fn a_cron_text_is_kept_in_one_form() {
        let weekly = cron("  0 9\t* jan-jun   mon ");
        assert_eq!(weekly.as_str(), "0 9 * JAN-JUN MON");
        assert_eq!(weekly, cron("0 9 * JAN-JUN MON"));
        assert_eq!(serde_json::to_string(&weekly).unwrap(), r#""0 9 * JAN-JUN MON""#);
        assert_eq!(serde_json::from_str::<Cron>(r#""0 9 * JAN-JUN MON""#).unwrap(), weekly);
        assert!(serde_json::from_str::<Cron>(r#""@daily""#).is_err());
    }

    #[test]
    fn what_never_comes_due_or_is_no_cron_text_is_refused() {
        for bad in [
            "",
            "@daily",
            "0 9 * *",
            "0 0 9 * * *",
            "0 0 9 * * * 2026",
            "60 9 * * *",
            "0 24 * * *",
            "0 9 0 * *",
            "0 9 * 13 *",
            "0 9 * * 8",
            "0 0 30 2 *",
            "0 0 31 4,6,9,11 *",
            "*/0 * * * *",
            "5-1 * * * *",
            "a b c d e",
            "0 9 * * ☀",
            &format!("{} * * * *", "0,".repeat(200)),
        ] {
            let refused = Cron::parse("input.cron", bad).unwrap_err();
            assert_eq!(refused.field, "input.cron", "{bad:?}");
            assert!(refused.accepted.contains("expected"), "{refused}");
        }
        assert!(Cron::parse("cron", "@daily").unwrap_err().accepted.contains("macros"));
    }

    #[test]
    fn the_leap_day_comes_due_however_far_away() {
        assert_eq!(due("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 2), ["2104-02-29T00:00Z", "2108-02-29T00:00Z"]);
    }

    #[test]
    fn the_next_time_is_strictly_after() {
        assert_eq!(due("0 9 * * *", "Asia/Kuala_Lumpur", "2026-06-05T01:00:00Z", 1), ["2026-06-06T01:00Z"]);
        assert_eq!(due("0 9 * * *", "Asia/Kuala_Lumpur", "2026-06-05T00:59:59.999999Z", 1), ["2026-06-05T01:00Z"]);
        assert_eq!(due("0 9 * * *", "Asia/Kuala_Lumpur", "2026-06-05T01:00:00.000001Z", 1), ["2026-06-06T01:00Z"]);
    }

    #[test]
    fn a_local_time_that_does_not_exist_comes_due_once_after_the_gap() {
        // Given Berlin on 2026-03-29, where 02:00 to 03:00 is left out at 01:00Z.
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]
        );
        assert_eq!(
            due("*/20 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 3),
            ["2026-03-29T00:40Z", "2026-03-29T01:00Z", "2026-03-29T01:20Z"]
        );
        assert_eq!(
            due("0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
            ["2026-03-29T01:00Z", "2026-03-29T01:30Z", "2026-03-30T00:00Z"]
        );
        // Given the end of the gap itself, then the times within the gap have been.
        assert_eq!(due("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", 1), ["2026-03-30T00:30Z"]);
    }

    #[test]
    fn a_local_time_that_comes_twice_comes_due_once() {
        // Given Berlin on 2026-10-25, where 02:00 to 03:00 comes at 00:00Z and again at 01:00Z.
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]
        );
        assert_eq!(
            due("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 4),
            ["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-25T02:00Z", "2026-10-25T02:30Z"]
        );
        // Given a process that starts within the second of the two hours, then nothing is done again.
        assert_eq!(due("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), ["2026-10-26T01:30Z"]);
        assert_eq!(due("* * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), ["2026-10-25T02:00Z"]);
    }

    #[test]
    fn a_day_that_was_left_out_is_not_made_up_for_twice() {
        // Given Samoa, which went from the end of 2011-12-29 to the start of 2011-12-31 at 10:00Z.
        assert_eq!(
            due("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3),
            ["2011-12-29T19:00Z", "2011-12-30T10:00Z", "2011-12-30T19:00Z"]
        );
        // The run for midnight of the day left out and of the next are one instant, so one.
        assert_eq!(
            due("0 0 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 2),
            ["2011-12-30T10:00Z", "2011-12-31T10:00Z"]
        );
    }

    #[test]
    fn both_day_fields_given_mean_either() {
        // 2026-06-01 is a Monday.
        assert_eq!(due("0 0 3 * MON", "UTC", "2026-06-01T00:00:00Z", 2), ["2026-06-03T00:00Z", "2026-06-08T00:00Z"]);
        assert_eq!(due("0 0 L * *", "UTC", "2026-06-01T00:00:00Z", 1), ["2026-06-30T00:00Z"]);
    }

    #[test]
    fn the_end_of_the_calendar_is_the_end() {
        assert_eq!(cron("0 9 * * *").next_after(Zone::UTC, Instant::MAX_UTC), None);
    }

    fn organisation(number: u128) -> OrganisationId {
        OrganisationId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_herd_is_spread_evenly_over_the_window() {
        let window = TimeDelta::minutes(10);
        let mut minutes = [0_u32; 10];
        for number in 0..10_000 {
            let offset = herd_offset(organisation(number), "usage_pull", window);
            assert!((TimeDelta::zero()..window).contains(&offset));
            minutes[usize::try_from(offset.num_minutes()).unwrap()] += 1;
        }
        assert!(minutes.iter().all(|count| (850..1_150).contains(count)), "{minutes:?}");
    }

    #[test]
    fn the_place_in_the_herd_is_the_same_for_ever() {
        let window = TimeDelta::minutes(10);
        let offset = herd_offset(organisation(7), "usage_pull", window);
        assert_eq!(offset, TimeDelta::microseconds(368_433_372), "a change here moves every customer's jobs");
        assert_ne!(offset, herd_offset(organisation(7), "snapshot", window));
        for none in [TimeDelta::zero(), TimeDelta::seconds(-1)] {
            assert_eq!(herd_offset(organisation(7), "usage_pull", none), TimeDelta::zero());
        }
        assert!(herd_offset(organisation(7), "usage_pull", TimeDelta::MAX) >= TimeDelta::zero());
    }

    #[test]
    fn a_text_that_would_be_searched_for_to_the_end_of_the_calendar_is_refused_soon() {
        // croner's `+` asks for both day fields to hold: 29 February on a Monday comes every 28 years.
        for rare in ["0 0 29 2 +MON", "0 0 30 2 +MON", "59 23 31 9 +SUN#5"] {
            assert!(Cron::parse("cron", rare).is_err(), "{rare}");
        }
        assert_eq!(due("0 0 13 * +FRI", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-02-13T00:00Z"]);
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_was_read_is_read_again(
            text in "[0-9*/,-]{1,6}( [0-9*/,L?W#+-]{1,5}){4}|\\PC{0,30}|[*0-9]{1,2} [*0-9]{1,2} [*0-9LW]{1,3} [*A-Z]{1,3} [*A-Z0-7#L]{1,5}",
        ) {
            if let Ok(cron) = Cron::parse("cron", &text) {
                prop_assert_eq!(Cron::parse("cron", cron.as_str()), Ok(cron.clone()));
                let after = at("2026-06-05T00:00:00Z");
                prop_assert!(cron.next_after(Zone::UTC, after).is_none_or(|due| due > after));
            }
        }

        #[test]
        fn nothing_that_is_due_lies_between(
            index in 0..chrono_tz::TZ_VARIANTS.len(),
            second in 946_684_800_i64..4_102_444_800,
            minute in prop_oneof![Just("*".to_owned()), Just("*/7".to_owned()), (0_u8..60).prop_map(|minute| minute.to_string())],
            hour in prop_oneof![Just("*".to_owned()), Just("*/5".to_owned()), (0_u8..24).prop_map(|hour| hour.to_string())],
        ) {
            let zone = zone(chrono_tz::TZ_VARIANTS[index].name());
            let cron = cron(&format!("{minute} {hour} * * *"));
            let after = chrono::DateTime::from_timestamp(second, 0).unwrap();
            let due = cron.next_after(zone, after).unwrap();
            prop_assert!(after < due && due - after <= TimeDelta::hours(26), "{} {} {}", zone, after, due);
            // From anywhere between, the answer is the same.
            let between = after + TimeDelta::seconds((due - after).num_seconds() / 2);
            prop_assert!(between == due || cron.next_after(zone, between) == Some(due));
            prop_assert_eq!(cron.next_after(zone, due - TimeDelta::microseconds(1)), Some(due));
        }
    }
}
