//! Made-up traffic of a shop on all six kinds of channels: busy at noon and in the evening, quiet at night, different on weekends.
//!
//! It is the same whenever it is made: everything that looks like chance comes from the organisation's name, the day and the hour.

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use crate::domain::account_usage::UsageCategory;
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::period::Zone;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happening {
    pub(super) kind: ChannelKind,
    pub(super) resource_type: &'static str,
    /// Unique within the shop.
    pub(super) resource_id: String,
    /// A decimal: minutes of a call, recipients of an e-mail, 1 of everything else.
    pub(super) quantity: String,
    pub(super) category: Option<UsageCategory>,
    pub(super) country: Option<&'static str>,
    /// Which of the shop's customers, by number; `None`: nobody it knows.
    pub(super) customer: Option<usize>,
    pub(super) at: Instant,
}

/// What a shop is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shop {
    /// What chance comes from.
    pub(super) name: &'static str,
    pub(super) zone: Zone,
    /// Things that happen on an ordinary day, all kinds together.
    pub(super) per_day: u64,
    /// Where most of its customers are.
    pub(super) country: &'static str,
    pub(super) customers: usize,
    /// What their telephone numbers begin with.
    pub(super) phone_prefix: &'static str,
}

/// Shares of a day's traffic, in thousandths, by local hour.
const HOURS: [u64; 24] = [4, 2, 1, 1, 2, 8, 20, 38, 52, 58, 62, 74, 92, 80, 60, 52, 50, 56, 72, 84, 66, 38, 18, 10];

/// Kind, resource and share of the traffic in hundredths.
const KINDS: [(ChannelKind, &str, u64); 7] = [
    (ChannelKind::Whatsapp, "message", 44),
    (ChannelKind::Email, "message", 14),
    (ChannelKind::Llm, "response", 14),
    (ChannelKind::Sms, "message", 10),
    (ChannelKind::Voice, "minute", 8),
    (ChannelKind::Social, "message", 8),
    (ChannelKind::Sms, "mms", 2),
];

/// Categories of WhatsApp messages, with shares in hundredths.
const CATEGORIES: [(UsageCategory, u64); 4] = [
    (UsageCategory::Utility, 48),
    (UsageCategory::Marketing, 30),
    (UsageCategory::Service, 14),
    (UsageCategory::Authentication, 8),
];

/// In hundredths of an ordinary day.
const fn of_weekday(day: Weekday) -> u64 {
    match day {
        Weekday::Mon => 85,
        Weekday::Tue | Weekday::Wed => 95,
        Weekday::Thu => 100,
        Weekday::Fri => 125,
        Weekday::Sat => 140,
        Weekday::Sun => 60,
    }
}

/// A stream of numbers that look random and are not: splitmix64 (Steele, Lea, Flood 2014).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(text: &str) -> Self {
        // FNV-1a spreads the letters of a short text over 64 bits.
        Self(
            text.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of some choices, by their shares.
    fn pick<T: Copy>(&mut self, choices: &[T], share: impl Fn(&T) -> u64) -> Option<T> {
        let mut place = self.below(choices.iter().map(&share).sum());
        choices
            .iter()
            .find(|choice| {
                let hit = place < share(choice);
                place = place.saturating_sub(share(choice));
                hit
            })
            .copied()
    }
}

/// What happened in the shop on a local day before `until`, in no particular order.
pub(super) fn of_day(shop: &Shop, date: NaiveDate, until: Instant) -> Vec<Happening> {
    let day = shop.zone.day(date);
    let mut happenings = Vec::new();
    for (hour, share) in (0..).zip(HOURS) {
        let mut chance = Chance::of(&format!("{} {date} {hour}", shop.name));
        let expected = shop.per_day * of_weekday(date.weekday()) * share;
        // The rest of the division is kept as a chance, so that quiet hours are not always silent.
        let count = expected / 100_000 + u64::from(chance.below(100_000) < expected % 100_000);
        for number in 0..count {
            let second = i64::try_from(chance.below(3_600)).unwrap_or(0);
            let at = day.start + TimeDelta::hours(hour) + TimeDelta::seconds(second);
            let happening = happening(shop, &mut chance, format!("{date}-{hour:02}-{number:03}"), at);
            happenings.extend(happening.filter(|happening| day.contains(happening.at) && happening.at < until));
        }
    }
    happenings
}

/// Something that happens in the shop at `at`, known by `name`.
pub(super) fn at(shop: &Shop, name: String, at: Instant) -> Option<Happening> {
    happening(shop, &mut Chance::of(&format!("{} {name}", shop.name)), name, at)
}

fn happening(shop: &Shop, chance: &mut Chance, name: String, at: Instant) -> Option<Happening> {
    let (kind, resource_type, _) = chance.pick(&KINDS, |(_, _, share)| *share)?;
    let quantity = match kind {
        // Calls of 5 seconds to 8 minutes, in sixtieths of a minute cut to six digits.
        ChannelKind::Voice => minutes(5 + chance.below(476)),
        ChannelKind::Email => (1 + chance.below(40)).to_string(),
        ChannelKind::Whatsapp | ChannelKind::Sms | ChannelKind::Social | ChannelKind::Llm => "1".to_owned(),
    };
    let is_whatsapp = kind == ChannelKind::Whatsapp;
    let category = chance.pick(&CATEGORIES, |(_, share)| *share).map(|(category, _)| category);
    // A few regulars cause much of the traffic.
    let regulars = u64::try_from(shop.customers).unwrap_or(1);
    let customer = chance.below(regulars).min(chance.below(regulars));
    let known = chance.below(10) < 8;
    Some(Happening {
        kind,
        resource_type,
        resource_id: name,
        quantity,
        category: category.filter(|_| is_whatsapp),
        country: Some(shop.country).filter(|_| is_whatsapp || kind == ChannelKind::Sms),
        customer: usize::try_from(customer).ok().filter(|_| known),
        at,
    })
}

/// Seconds as minutes with six digits after the point, rounded half up.
fn minutes(seconds: u64) -> String {
    let micros = (seconds * 1_000_000 + 30) / 60;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn shop() -> Shop {
        let zone = Zone::from_name("Asia/Jakarta").unwrap();
        Shop { name: "kedai", zone, per_day: 200, country: "ID", customers: 50, phone_prefix: "+62812" }
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn never() -> Instant {
        Instant::MAX_UTC
    }

    #[test]
    fn a_day_is_made_up_the_same_each_time_and_none_is_like_another() {
        let monday = of_day(&shop(), date("2026-06-01"), never());
        assert_eq!(of_day(&shop(), date("2026-06-01"), never()), monday);
        assert_ne!(of_day(&shop(), date("2026-06-02"), never()), monday);
        let names: BTreeSet<_> = monday.iter().map(|happening| &happening.resource_id).collect();
        assert_eq!(names.len(), monday.len(), "every name is unique");
    }

    #[test]
    fn saturdays_are_busier_than_sundays_and_noon_than_night() {
        let week: Vec<_> =
            date("2026-06-01").iter_days().take(28).flat_map(|day| of_day(&shop(), day, never())).collect();
        let on = |weekday| {
            let local = |happening: &&Happening| shop().zone.date(happening.at).weekday() == weekday;
            week.iter().filter(local).count()
        };
        assert!(on(Weekday::Sat) > on(Weekday::Sun) * 3 / 2);
        let hours = |from: i64, to: i64| {
            let midnight = |at| shop().zone.midnight(shop().zone.date(at));
            week.iter()
                .filter(|happening| (from..to).contains(&(happening.at - midnight(happening.at)).num_hours()))
                .count()
        };
        assert!(hours(11, 14) > hours(0, 5) * 10);
        let kinds: BTreeSet<_> = week.iter().map(|happening| happening.kind).collect();
        assert_eq!(kinds.len(), ChannelKind::ALL.len(), "all six kinds");
    }

    #[test]
    fn the_present_day_ends_now() {
        let noon: Instant = "2026-06-01T05:00:00Z".parse().unwrap();
        let day = of_day(&shop(), date("2026-06-01"), noon);
        assert!(!day.is_empty() && day.iter().all(|happening| happening.at < noon));
    }

    #[test]
    fn a_call_is_metered_to_a_millionth_of_a_minute() {
        assert_eq!([5, 60, 61, 479].map(minutes), ["0.083333", "1.000000", "1.016667", "7.983333"]);
    }
}
