//! Graph's analytics answers, read purely: points of a bucket, phone, country and tier into days.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::question::Field;
use super::zone;
use crate::bsp::error::{Advice, Complaint, StopReason, name, quote};
use crate::bsp::number;
use crate::domain::account_usage::{Bucket, DayFigures, DayUsage, UsageCategory, UsageCounts, UsageDetail};
use crate::domain::channel::BspKind;
use crate::domain::money::{Currency, Fees, Money};
use crate::domain::period::{DateRange, Zone};

/// What a point is called that does not say its category: Meta's own word for it.
const UNKNOWN_CATEGORY: &str = "UNKNOWN";

/// What Graph says of an account beside its usage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// `None` where Meta names no zone, or one that is not in its list.
    pub(super) zone: Option<Zone>,
    pub(super) currency: Option<Currency>,
}

impl Facts {
    /// What is said here, and what `before` said where nothing is said here.
    pub(super) fn or(self, before: Self) -> Self {
        Self { zone: self.zone.or(before.zone), currency: self.currency.or(before.currency) }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<&'a RawValue>,
    #[serde(borrow)]
    timezone_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pricing_analytics: Option<Edge<'a>>,
    #[serde(borrow)]
    conversation_analytics: Option<Edge<'a>>,
    // The shape of an edge that was asked by itself, as further pages are.
    #[serde(borrow)]
    data: Option<Vec<Element<'a>>>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Edge<'a> {
    #[serde(borrow, default)]
    data: Vec<Element<'a>>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow, default)]
    data_points: Vec<Point<'a>>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Point<'a> {
    #[serde(borrow)]
    start: Option<&'a RawValue>,
    #[serde(borrow)]
    end: Option<&'a RawValue>,
    country: Option<String>,
    #[serde(alias = "conversation_type")]
    pricing_type: Option<String>,
    #[serde(alias = "conversation_category")]
    pricing_category: Option<String>,
    #[serde(borrow, alias = "conversation")]
    volume: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
}

/// One page of an answer, read.
#[derive(Debug)]
pub(super) struct Page {
    /// Present on an answer that names the zone; further pages do not.
    pub(super) facts: Option<Facts>,
    /// The address of the page after this one.
    pub(super) next: Option<String>,
}

/// An object with nothing in it that was asked for is no answer that says "no usage": it would remove days that were
/// stored.
fn read(body: &str) -> Result<Body<'_>, Complaint> {
    let shape = || Complaint::shape(BspKind::Interakt, "not the documented JSON", body);
    let read: Body<'_> = serde_json::from_str(body).map_err(|error| shape().caused_by(error))?;
    let is_any = read.id.is_some()
        || read.currency.is_some()
        || read.timezone_id.is_some()
        || read.pricing_analytics.is_some()
        || read.conversation_analytics.is_some()
        || read.data.is_some();
    if is_any { Ok(read) } else { Err(shape()) }
}

/// What `body` says of the account, and where it goes on.
pub(super) fn page(body: &str, field: Field) -> Result<Page, Complaint> {
    let read = read(body)?;
    let facts = facts_of(&read);
    let edge = match field {
        Field::Pricing => read.pricing_analytics,
        Field::Conversation => read.conversation_analytics,
    };
    let next = edge.and_then(|edge| edge.paging).or(read.paging).and_then(|paging| paging.next);
    Ok(Page { facts, next })
}

/// The facts of an answer to a question for them; a missing zone is an answer too.
pub(super) fn facts(body: &str) -> Result<Facts, Complaint> {
    Ok(facts_of(&read(body)?).unwrap_or_default())
}

fn facts_of(body: &Body<'_>) -> Option<Facts> {
    let timezone_id = body.timezone_id.and_then(number::word);
    let currency = body.currency.and_then(number::word);
    (timezone_id.is_some() || currency.is_some()).then(|| Facts {
        zone: timezone_id.and_then(|id| zone::of_id(&id)),
        currency: currency.and_then(|code| Currency::from_code(&code)),
    })
}

/// How the points of an answer are to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) field: Field,
    /// The days that were asked for.
    pub(super) range: DateRange,
    /// The zone in which the account's days are cut.
    pub(super) zone: Zone,
    pub(super) currency: Option<Currency>,
}

/// Raw category, pricing type, country; ordered as the details of a day are.
type Key = (String, Option<String>, Option<String>);

#[derive(Debug, Default)]
struct Sum {
    count: i64,
    cost: Option<Money>,
}

/// The days of all pages together: summed over phone and tier, kept by category, pricing type and country. Days without a
/// point are left out.
pub(super) fn days(pages: &[String], reading: Reading) -> Result<Vec<DayUsage>, Complaint> {
    let mut sums: BTreeMap<NaiveDate, BTreeMap<Key, Sum>> = BTreeMap::new();
    for body in pages {
        let shape = |what: &str| Complaint::shape(BspKind::Interakt, what, body);
        let page = read(body)?;
        let edge = match reading.field {
            Field::Pricing => page.pricing_analytics,
            Field::Conversation => page.conversation_analytics,
        };
        // A field that is missing altogether is one of the shapes of "no usage".
        let elements = edge.map(|edge| edge.data).into_iter().chain(page.data).flatten();
        for point in elements.flat_map(|element| element.data_points) {
            let date = date(&point, reading.zone, body)?;
            if !reading.range.contains(date) {
                return Err(shape(&format!("{date} was not asked for")));
            }
            let count = point.volume.and_then(number::count).ok_or_else(|| shape("a point without a count"))?;
            let cost = match point.cost {
                Some(raw) => Some(number::money(raw).ok_or_else(|| shape("a cost that is no amount"))?),
                None => None,
            };
            let category = point.pricing_category.unwrap_or_else(|| UNKNOWN_CATEGORY.to_owned());
            let key = (category, point.pricing_type, point.country);
            let sum = sums.entry(date).or_default().entry(key).or_default();
            *sum = sum.and(count, cost).ok_or_else(|| shape("sums that exceed 64 bits"))?;
        }
    }
    let read = sums.into_iter().map(|(date, details)| day(date, details, reading)).collect::<Option<Vec<_>>>();
    read.ok_or_else(|| Complaint::shape(BspKind::Interakt, "sums that exceed 64 bits", &pages.concat()))
}

impl Sum {
    fn and(&self, count: i64, cost: Option<Money>) -> Option<Self> {
        let cost = match (self.cost, cost) {
            (Some(sum), Some(more)) => Some(sum.checked_add(more)?),
            (sum, more) => sum.or(more),
        };
        Some(Self { count: self.count.checked_add(count)?, cost })
    }
}

/// The local day of a bucket, which must be that day from midnight to midnight: a bucket that is not cannot be given to a
/// day without guessing.
fn date(point: &Point<'_>, zone: Zone, body: &str) -> Result<NaiveDate, Complaint> {
    let instant = |raw: Option<&RawValue>| DateTime::from_timestamp(raw.and_then(number::integer)?, 0);
    let (Some(start), Some(end)) = (instant(point.start), instant(point.end)) else {
        return Err(Complaint::shape(BspKind::Interakt, "a point without start and end", body));
    };
    let date = zone.date(start);
    let next = date.checked_add_days(Days::new(1)).map(|next| zone.midnight(next));
    if zone.midnight(date) == start && next == Some(end) {
        return Ok(date);
    }
    let message = format!(
        "{} cut a day from {start} to {end}, which is no day from midnight to midnight in {zone}: {}",
        name(BspKind::Interakt),
        quote(format!(r#"{{"start":{},"end":{}}}"#, start.timestamp(), end.timestamp()).as_bytes()),
    );
    Err(Complaint::new(Advice::Stop(StopReason::OffMidnight), message))
}

/// `None` where a sum exceeds 64 bits.
fn day(date: NaiveDate, sums: BTreeMap<Key, Sum>, reading: Reading) -> Option<DayUsage> {
    let mut counts = UsageCounts::default();
    let mut cost: Option<Money> = None;
    let mut details = Vec::with_capacity(sums.len());
    let in_currency =
        |cost: Option<Money>| cost.zip(reading.currency).map(|(amount, currency)| Fees { amount, currency });
    for ((raw_category, pricing_type, country), sum) in sums {
        let category = UsageCategory::of_raw(&raw_category);
        counts = counts.checked_count(Bucket::of(category, pricing_type.as_deref()), sum.count)?;
        cost = Sum { count: 0, cost }.and(0, sum.cost)?.cost;
        let fees = in_currency(sum.cost);
        details.push(UsageDetail { category, raw_category, pricing_type, country, count: sum.count, fees });
    }
    let unit = reading.field.unit();
    let figures = DayFigures { date, unit, counts, messages: None, fees: in_currency(cost) };
    Some(DayUsage { figures, details })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDIA_04: i64 = 1_780_511_400;

    fn india() -> Zone {
        Zone::from_name("Asia/Kolkata").unwrap()
    }

    fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
    }

    fn reading(field: Field) -> Reading {
        let range = DateRange::new(june(1), june(7)).unwrap();
        Reading { field, range, zone: india(), currency: Currency::from_code("INR") }
    }

    fn point(day: i64, rest: &str) -> String {
        let start = INDIA_04 + day * 86_400;
        format!(r#"{{"start":{start},"end":{},{rest}}}"#, start + 86_400)
    }

    fn pricing(points: &[String]) -> String {
        format!(r#"{{"pricing_analytics":{{"data":[{{"data_points":[{}]}}]}},"id":"1"}}"#, points.join(","))
    }

    fn inr(text: &str) -> Fees {
        Fees { amount: Money::parse(text).unwrap(), currency: Currency::from_code("INR").unwrap() }
    }

    #[test]
    fn points_are_summed_over_phone_and_tier_and_kept_by_category_type_and_country() {
        let body = pricing(&[
            point(1, r#""country":"IN","pricing_type":"REGULAR","pricing_category":"UTILITY","volume":3,"cost":0.1"#),
            point(
                0,
                r#""country":"IN","phone_number":"1","tier":"0:9","pricing_type":"REGULAR","pricing_category":"UTILITY","volume":40,"cost":4.6"#,
            ),
            point(
                0,
                r#""country":"IN","phone_number":"2","tier":"9:MAX","pricing_type":"REGULAR","pricing_category":"UTILITY","volume":2,"cost":0.2"#,
            ),
            point(
                0,
                r#""country":"AE","pricing_type":"REGULAR","pricing_category":"UTILITY","volume":1,"cost":"1.5e0""#,
            ),
            point(
                0,
                r#""country":"IN","pricing_type":"FREE_CUSTOMER_SERVICE","pricing_category":"UTILITY","volume":6,"cost":0"#,
            ),
            point(0, r#""country":"IN","pricing_type":"FREE_ENTRY_POINT","pricing_category":"SERVICE","volume":"9""#),
            point(0, r#""pricing_category":"GROUP_SERVICE","volume":4"#),
        ]);
        let days = days(&[body], reading(Field::Pricing)).unwrap();
        assert_eq!(days.iter().map(|day| day.figures.date).collect::<Vec<_>>(), [june(4), june(5)]);
        let day = &days[0];
        assert_eq!(day.figures.counts.utility, 43);
        assert_eq!(day.figures.counts.free_utility, 6);
        assert_eq!(day.figures.counts.free_entry_point, 9);
        assert_eq!(day.figures.counts.other, 4);
        assert_eq!(day.figures.fees, Some(inr("6.3")));
        let keys: Vec<_> = day
            .details
            .iter()
            .map(|detail| {
                (detail.raw_category.as_str(), detail.pricing_type.as_deref(), detail.country.as_deref(), detail.count)
            })
            .collect();
        assert_eq!(
            keys,
            [
                ("GROUP_SERVICE", None, None, 4),
                ("SERVICE", Some("FREE_ENTRY_POINT"), Some("IN"), 9),
                ("UTILITY", Some("FREE_CUSTOMER_SERVICE"), Some("IN"), 6),
                ("UTILITY", Some("REGULAR"), Some("AE"), 1),
                ("UTILITY", Some("REGULAR"), Some("IN"), 42),
            ]
        );
        assert_eq!(day.details[4].fees, Some(inr("4.8")));
        assert_eq!(day.details[1].fees, None, "no cost was said of it");
    }

    #[test]
    fn every_documented_shape_of_no_usage_is_no_usage() {
        for body in [
            r#"{"pricing_analytics":{"data":[{"data_points":[]}]},"id":"1"}"#,
            r#"{"pricing_analytics":{"data":[]},"id":"1"}"#,
            r#"{"pricing_analytics":{},"id":"1"}"#,
            r#"{"currency":"INR","id":"1"}"#,
            r#"{"data":[]}"#,
        ] {
            assert_eq!(days(&[body.to_owned()], reading(Field::Pricing)).unwrap(), [], "{body}");
        }
    }

    #[test]
    fn an_edge_by_itself_and_the_older_field_are_read_too() {
        let points = point(0, r#""conversation":12,"conversation_type":"FREE_TIER","conversation_category":"SERVICE""#);
        let edge = format!(r#"{{"data":[{{"data_points":[{points}]}},{{"data_points":[{points}]}}]}}"#);
        let wrapped = format!(r#"{{"conversation_analytics":{edge},"id":"1"}}"#);
        for body in [edge, wrapped] {
            let days = days(&[body], reading(Field::Conversation)).unwrap();
            assert_eq!(days[0].figures.counts.free_tier, 24);
            assert_eq!(days[0].figures.unit, crate::domain::account_usage::UsageUnit::Conversation);
            assert_eq!(days[0].figures.fees, None);
        }
    }

    #[test]
    fn a_bucket_that_is_no_local_day_is_flagged_with_its_text() {
        let off = |start: i64, end: i64| {
            let body =
                pricing(&[format!(r#"{{"start":{start},"end":{end},"pricing_category":"UTILITY","volume":1}}"#)]);
            days(&[body], reading(Field::Pricing)).unwrap_err()
        };
        for (start, end) in [
            (INDIA_04 + 19_800, INDIA_04 + 19_800 + 86_400),
            (INDIA_04, INDIA_04 + 2 * 86_400),
            (INDIA_04, INDIA_04 + 1_800),
        ] {
            let complaint = off(start, end);
            assert_eq!(complaint.advice, Advice::Stop(StopReason::OffMidnight), "{start} {end}");
            assert!(complaint.message.contains(&start.to_string()), "{}", complaint.message);
        }
    }

    #[test]
    fn a_day_of_23_hours_is_a_day_where_clocks_are_changed() {
        let zone = Zone::from_name("America/New_York").unwrap();
        let date = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
        let day = zone.day(date);
        assert_eq!(day.end - day.start, chrono::TimeDelta::hours(23));
        let (start, end) = (day.start.timestamp(), day.end.timestamp());
        let body = pricing(&[format!(r#"{{"start":{start},"end":{end},"pricing_category":"UTILITY","volume":1}}"#)]);
        let reading = Reading { range: DateRange::day(date), zone, ..reading(Field::Pricing) };
        assert_eq!(days(&[body], reading).unwrap()[0].figures.date, date);
    }

    #[test]
    fn whatever_else_is_wrong_with_a_point_fails_the_whole_answer() {
        for (rest, what) in [
            (r#""pricing_category":"UTILITY""#, "a point without a count"),
            (r#""volume":-1"#, "a point without a count"),
            (r#""volume":1.5"#, "a point without a count"),
            (r#""volume":1,"cost":"much""#, "a cost that is no amount"),
            (r#""volume":1,"country":7"#, "not the documented JSON"),
        ] {
            let complaint = days(&[pricing(&[point(0, rest)])], reading(Field::Pricing)).unwrap_err();
            assert_eq!(complaint.advice, Advice::Retry);
            assert!(complaint.message.contains(what), "{}", complaint.message);
        }
        let far = days(&[pricing(&[point(30, r#""volume":1"#)])], reading(Field::Pricing)).unwrap_err();
        assert!(far.message.contains("2026-07-04 was not asked for"), "{}", far.message);
        let max = point(0, r#""volume":9223372036854775807"#);
        let much = days(&[pricing(&[max.clone(), max])], reading(Field::Pricing)).unwrap_err();
        assert!(much.message.contains("exceed 64 bits"), "{}", much.message);
        for body in ["[]", "{}", "null", "{\"pricing_analytics\":[1]}", "<html>", "{\"unexpected\":true}"] {
            assert!(days(&[body.to_owned()], reading(Field::Pricing)).is_err(), "{body}");
        }
    }

    #[test]
    fn facts_are_read_however_the_zone_is_written() {
        let expected = Facts { zone: Some(india()), currency: Currency::from_code("INR") };
        for id in ["71", "\"71\""] {
            assert_eq!(facts(&format!(r#"{{"currency":"INR","timezone_id":{id},"id":"1"}}"#)).unwrap(), expected);
        }
        assert_eq!(facts(r#"{"id":"1"}"#).unwrap(), Facts::default());
        assert_eq!(facts(r#"{"timezone_id":"0","id":"1"}"#).unwrap().zone, None);
        assert_eq!(Facts::default().or(expected), expected);
    }

    #[test]
    fn an_amount_beyond_what_a_float_holds_stays_exact() {
        let body = pricing(&[point(0, r#""volume":1,"cost":9007199.254740993"#)]);
        let days = days(&[body], reading(Field::Pricing)).unwrap();
        assert_eq!(days[0].figures.fees.unwrap().amount.nanos(), 9_007_199_254_740_993);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_counted_twice(
            raw in proptest::collection::vec((0_i64..4, 0_usize..5, 0_usize..4, 0_i64..1_000_000_000_000, 0_i64..1_000_000_000_000_000), 0..60)
        ) {
            let categories = ["MARKETING", "UTILITY", "SERVICE", "REFERRAL_CONVERSION", "AI_BOT"];
            let types = ["REGULAR", "FREE_CUSTOMER_SERVICE", "FREE_ENTRY_POINT", "FREE_TIER"];
            let points: Vec<String> = raw
                .iter()
                .map(|(day, category, kind, count, nanos)| {
                    let (category, kind, cost) = (categories[*category], types[*kind], Money::from_nanos(*nanos));
                    point(*day, &format!(
                        r#""pricing_category":"{category}","pricing_type":"{kind}","volume":{count},"cost":{cost}"#
                    ))
                })
                .collect();
            // However the points fall on pages, the days are the same.
            let (one, two) = points.split_at(points.len() / 2);
            let read = days(&[pricing(one), pricing(two)], reading(Field::Pricing)).unwrap();
            proptest::prop_assert_eq!(&read, &days(&[pricing(&points)], reading(Field::Pricing)).unwrap());
            for day in &read {
                let of_day: i64 = day.details.iter().map(|detail| detail.count).sum();
                proptest::prop_assert_eq!(day.figures.counts.total(), Some(of_day));
                let fees = Fees::total(day.details.iter().filter_map(|detail| detail.fees));
                proptest::prop_assert_eq!(day.figures.fees, fees);
            }
            let counted: i64 = read.iter().filter_map(|day| day.figures.counts.total()).sum();
            proptest::prop_assert_eq!(counted, raw.iter().map(|point| point.3).sum::<i64>());
            let cost: i64 = read.iter().filter_map(|day| day.figures.fees).map(|fees| fees.amount.nanos()).sum();
            proptest::prop_assert_eq!(cost, raw.iter().map(|point| point.4).sum::<i64>());
        }
    }
}
