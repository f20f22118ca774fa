//! What the stand-in's accounts used: made up from a seed, the same each time, or set by hand.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};

use crate::domain::channel::BspKind;
use crate::domain::clock::Instant;
use crate::domain::money::{Currency, Money};
use crate::domain::period::Zone;

/// An account at a BSP.
#[derive(Debug, Clone)]
pub struct SimAccount {
    pub bsp: BspKind,
    /// Gupshup's app id or a WhatsApp Business Account id.
    pub id: String,
    pub token: String,
    /// Its days are cut in this zone.
    pub zone: Zone,
    /// What Graph answers as `timezone_id`.
    pub timezone_id: u32,
    pub currency: Currency,
    /// False: the bill goes to somebody else, and Graph gives counts without cost.
    pub shows_cost: bool,
    /// About how many messages a day are made up.
    pub messages_per_day: i64,
}

/// Zones that are likely in tests and demos: Meta's id and the country that most messages go to.
const ZONES: [(&str, u32, &str); 16] = [
    ("America/Los_Angeles", 1, "US"),
    ("America/New_York", 7, "US"),
    ("Asia/Dubai", 8, "AE"),
    ("Australia/Sydney", 15, "AU"),
    ("America/Sao_Paulo", 25, "BR"),
    ("Europe/Berlin", 47, "DE"),
    ("Europe/Madrid", 55, "ES"),
    ("Europe/Paris", 57, "FR"),
    ("Europe/London", 58, "GB"),
    ("Asia/Jakarta", 66, "ID"),
    ("Asia/Kolkata", 71, "IN"),
    ("Asia/Tokyo", 77, "JP"),
    ("America/Mexico_City", 94, "MX"),
    ("Africa/Lagos", 96, "NG"),
    ("Asia/Singapore", 128, "SG"),
    ("Africa/Johannesburg", 129, "ZA"),
];

impl SimAccount {
    /// An app at Gupshup, billed in US dollars.
    ///
    /// # Panics
    /// Never: the dollar is in ISO 4217.
    pub fn gupshup(id: &str, token: &str, zone: Zone) -> Self {
        Self {
            bsp: BspKind::Gupshup,
            id: id.to_owned(),
            token: token.to_owned(),
            zone,
            timezone_id: ZONES.iter().find(|(name, _, _)| *name == zone.name()).map_or(0, |(_, id, _)| *id),
            currency: Currency::from_code("USD").expect("an ISO 4217 code"),
            shows_cost: true,
            messages_per_day: 400,
        }
    }

    /// A WhatsApp Business Account at Meta. A zone beyond the few that are known here gets `timezone_id` 0, which names none.
    pub fn interakt(id: &str, token: &str, zone: Zone) -> Self {
        Self { bsp: BspKind::Interakt, ..Self::gupshup(id, token, zone) }
    }

    /// The same account, billed in another currency.
    #[must_use]
    pub fn billed_in(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self
    }

    /// The same account, whose cost is not shown.
    #[must_use]
    pub fn without_cost(mut self) -> Self {
        self.shows_cost = false;
        self
    }

    fn home_country(&self) -> &'static str {
        ZONES.iter().find(|(name, _, _)| *name == self.zone.name()).map_or("IN", |(_, _, country)| *country)
    }
}

/// Messages of one category, pricing type and country on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimLine {
    /// In Graph's words: `MARKETING`, `UTILITY`, ...
    pub category: String,
    /// `REGULAR`, `FREE_CUSTOMER_SERVICE`, `FREE_ENTRY_POINT`, `FREE_TIER`.
    pub pricing_type: String,
    pub country: String,
    pub count: i64,
    pub cost: Money,
}

/// A day of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimDay {
    pub lines: Vec<SimLine>,
    pub incoming: i64,
}

impl SimDay {
    /// The same day with one more line.
    ///
    /// # Panics
    /// When `cost` is no amount.
    #[must_use]
    pub fn with(mut self, category: &str, pricing_type: &str, country: &str, count: i64, cost: &str) -> Self {
        let cost = Money::parse(cost).expect("the cost of a line is an amount");
        self.lines.push(SimLine {
            category: category.to_owned(),
            pricing_type: pricing_type.to_owned(),
            country: country.to_owned(),
            count,
            cost,
        });
        self
    }

    /// The part of the day that `done` of `whole` stands for.
    fn part(mut self, done: i64, whole: i64) -> Self {
        self.incoming = share(self.incoming, done, whole);
        for line in &mut self.lines {
            line.count = share(line.count, done, whole);
            line.cost = Money::from_nanos(share(line.cost.nanos(), done, whole));
        }
        self.lines.retain(|line| line.count > 0);
        self
    }
}

/// `amount` x `part` / `whole`, rounded towards zero.
pub(super) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let share = i128::from(amount) * i128::from(part) / i128::from(whole.max(1));
    i64::try_from(share).unwrap_or(amount)
}

/// What a made-up day consists of: category, pricing type, per cent of the day's messages, price of one in nanos.
const MIX: [(&str, &str, i64, i64); 8] = [
    ("MARKETING", "REGULAR", 38, 784_600_000),
    ("MARKETING_LITE", "REGULAR", 4, 784_600_000),
    ("UTILITY", "REGULAR", 22, 115_000_000),
    ("UTILITY", "FREE_CUSTOMER_SERVICE", 9, 0),
    ("AUTHENTICATION", "REGULAR", 11, 115_000_000),
    ("AUTHENTICATION_INTERNATIONAL", "REGULAR", 1, 2_300_000_000),
    ("SERVICE", "FREE_CUSTOMER_SERVICE", 12, 0),
    ("SERVICE", "FREE_ENTRY_POINT", 3, 0),
];

/// Per cent of an ordinary day, Monday first: weekends are busy.
const WEEK: [i64; 7] = [92, 88, 95, 100, 125, 150, 130];

/// An account with its history.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) account: SimAccount,
    by_hand: BTreeMap<NaiveDate, SimDay>,
    revisions: BTreeMap<NaiveDate, u32>,
    vanished: BTreeSet<NaiveDate>,
}

impl Book {
    pub(super) fn new(account: SimAccount) -> Self {
        Self { account, by_hand: BTreeMap::new(), revisions: BTreeMap::new(), vanished: BTreeSet::new() }
    }

    pub(super) fn set(&mut self, date: NaiveDate, day: SimDay) {
        self.vanished.remove(&date);
        self.by_hand.insert(date, day);
    }

    /// Other figures from now on, made up anew even where they were set by hand.
    pub(super) fn revise(&mut self, date: NaiveDate) {
        self.vanished.remove(&date);
        self.by_hand.remove(&date);
        *self.revisions.entry(date).or_default() += 1;
    }

    pub(super) fn vanish(&mut self, date: NaiveDate) {
        self.vanished.insert(date);
    }

    /// What is said of `date` at `now`: nothing of days to come, and of today what a day so far holds. A day that was set
    /// by hand is given whole.
    pub(super) fn day(&self, seed: u64, date: NaiveDate, now: Instant) -> Option<SimDay> {
        let period = self.account.zone.day(date);
        if self.vanished.contains(&date) || now <= period.start {
            return None;
        }
        let day = if let Some(day) = self.by_hand.get(&date) {
            day.clone()
        } else {
            let whole = (period.end - period.start).num_seconds();
            let done = (now - period.start).num_seconds().min(whole);
            self.made_up(seed, date).part(done, whole)
        };
        (!day.lines.is_empty() || day.incoming > 0).then_some(day)
    }

    fn made_up(&self, seed: u64, date: NaiveDate) -> SimDay {
        let revision = self.revisions.get(&date).copied().unwrap_or_default();
        let hash: [u8; 32] = Sha256::digest(format!("{seed} {} {date} {revision}", self.account.id)).into();
        let mut bytes = hash.into_iter().map(i64::from);
        // Between 80 and 120 per cent, each byte once.
        let mut spread = |amount: i64| share(amount, 800 + 400 * bytes.next().unwrap_or(128) / 255, 1_000);
        let weekday = usize::try_from(date.weekday().num_days_from_monday()).unwrap_or_default();
        let total = spread(share(self.account.messages_per_day, WEEK[weekday], 100)) + i64::from(revision);
        let mut day = SimDay { lines: Vec::new(), incoming: spread(share(total, 45, 100)) };
        for (category, pricing_type, per_cent, price) in MIX {
            let count = spread(share(total, per_cent, 100));
            let abroad = share(count, 7, 100);
            for (country, count) in [(self.account.home_country(), count - abroad), ("CA", abroad)] {
                if count > 0 {
                    day.lines.push(SimLine {
                        category: category.to_owned(),
                        pricing_type: pricing_type.to_owned(),
                        country: country.to_owned(),
                        count,
                        cost: Money::from_nanos(price.saturating_mul(count)),
                    });
                }
            }
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::new(SimAccount::interakt("1", "t", Zone::from_name("Asia/Kolkata").unwrap()))
    }

    fn date() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, 5).unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_made_up_day_is_the_same_each_time_and_another_once_revised() {
        let mut book = book();
        let now = at("2026-06-10T00:00:00Z");
        let day = book.day(7, date(), now);
        assert!(day.is_some());
        assert_eq!(book.day(7, date(), now), day);
        assert_ne!(book.day(8, date(), now), day);
        book.revise(date());
        assert_ne!(book.day(7, date(), now), day);
        book.vanish(date());
        assert_eq!(book.day(7, date(), now), None);
        book.set(date(), SimDay::default().with("UTILITY", "REGULAR", "IN", 3, "0.3"));
        assert_eq!(book.day(7, date(), now).unwrap().lines.len(), 1);
    }

    #[test]
    fn today_is_a_part_and_tomorrow_is_nothing() {
        let book = book();
        let count = |now: &str| {
            let day = book.day(7, date(), at(now))?;
            Some(day.lines.iter().map(|line| line.count).sum::<i64>())
        };
        assert_eq!(count("2026-06-04T18:29:00Z"), None);
        let noon = count("2026-06-05T06:30:00Z").unwrap();
        let evening = count("2026-06-05T15:00:00Z").unwrap();
        let whole = count("2026-06-06T00:00:00Z").unwrap();
        assert!(noon < evening && evening < whole, "{noon} {evening} {whole}");
        assert_eq!(count("2027-06-06T00:00:00Z"), Some(whole));
    }
}
