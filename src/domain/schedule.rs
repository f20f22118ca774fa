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
