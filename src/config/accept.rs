//! What settings accept: a text becomes a value, or it is said what was expected.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::TimeDelta;

/// Accepts a number within a range.
pub(super) fn number<T: FromStr + PartialOrd + Display>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Accepts a number within a range that begins at 1 or above.
pub(super) fn nonzero(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<NonZeroU32, String> {
    let number = number(range);
    move |text| number(text).and_then(|number| NonZeroU32::new(number).ok_or_else(|| "expected at least 1".to_owned()))
}

/// Accepts whole seconds within a range.
pub(super) fn seconds(range: RangeInclusive<i64>) -> impl Fn(&str) -> Result<TimeDelta, String> {
    let number = number(range);
    move |text| number(text).map(TimeDelta::seconds)
}

/// Accepts on or off.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

/// Accepts any text but none.
pub(super) fn not_empty(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected some text".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// A name; nothing stands for the host's.
pub(super) fn name_or_host(text: &str) -> String {
    match text.trim() {
        "" => host_name().unwrap_or_else(|| "wabacus".to_owned()),
        name => name.to_owned(),
    }
}

/// The host's name, as the system or the shell tells it.
fn host_name() -> Option<String> {
    let of_system = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_system.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Accepts the address of an API.
pub(super) fn http_url(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "expected an http:// or https:// address".to_owned())
}

/// Accepts a number of days, or `keep` for ever.
pub(super) fn days_or_keep(text: &str) -> Result<Option<TimeDelta>, String> {
    if text == "keep" {
        return Ok(None);
    }
    let days = text.parse().ok().filter(|days| (1..=3_650).contains(days));
    days.map(|days| Some(TimeDelta::days(days))).ok_or_else(|| "expected 1 to 3650 days, or keep".to_owned())
}
