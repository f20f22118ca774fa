//! Gupshup's usage answer, read purely: rows of a day into our days, and refusals into what to do.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bsp::error::{Advice, Complaint, StopReason, name, quote};
use crate::bsp::number;
use crate::domain::account_usage::{
    Bucket, DayFigures, DayUsage, MessageCounts, UsageCategory, UsageCounts, UsageDetail, UsageUnit,
};
use crate::domain::channel::BspKind;
use crate::domain::money::{Currency, Fees};
use crate::domain::period::DateRange;

/// From this day on the counts are messages, before it conversations (Gupshup, per-message pricing).
pub(super) const MESSAGES_SINCE: NaiveDate = NaiveDate::from_ymd_opt(2025, 7, 1).expect("a literal date");

/// The categories that Gupshup names, with what they mean and the pricing type that the name implies.
const CATEGORIES: [(&str, UsageCategory, Option<&str>); 9] = [
    ("marketing", UsageCategory::Marketing, None),
    ("utility", UsageCategory::Utility, None),
    ("authentication", UsageCategory::Authentication, None),
    ("service", UsageCategory::Service, None),
    ("internationalAuthentication", UsageCategory::AuthenticationInternational, None),
    ("mmLiteMarketing", UsageCategory::MarketingLite, None),
    ("freeUtility", UsageCategory::Utility, Some("FREE_CUSTOMER_SERVICE")),
    ("fep", UsageCategory::ReferralConversion, Some("FREE_ENTRY_POINT")),
    ("ftc", UsageCategory::Service, Some("FREE_TIER")),
];

/// Keys that say who, when, or how much money, and so are no category even where their value is an integer. The last ones
/// are not in Gupshup's documents; public clients have seen them.
const NOT_COUNTS: [&str; 18] = [
    "appId",
    "appName",
    "date",
    "currency",
    "waFees",
    "gsFees",
    "totalFees",
    "discount",
    "gsCap",
    "cumulativeBill",
    "incomingMsg",
    "outgoingMsg",
    "totalMsg",
    "mmLiteBid",
    "gsFeeCapiMarketing",
    "voiceInMetaFeeUsage",
    "voiceOutMetaFeeUsage",
    "cxPricingEnabled",
];

/// Message counts; each with the name it had before 2024.
const MEDIA: [&str; 2] = ["outgoingMediaMsg", "outgoingMediaMsgSKU"];
const TEMPLATE: [&str; 1] = ["templateMsg"];
const TEMPLATE_MEDIA: [&str; 2] = ["templateMediaMsg", "templateMediaMsgSKU"];

/// The days of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Oldest first, each once, all within the range that was asked.
    pub(super) days: Vec<DayUsage>,
    /// Of the newest row that names one.
    pub(super) currency: Option<Currency>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    status: Option<String>,
    message: Option<String>,
    #[serde(borrow, rename = "partnerAppUsageList")]
    rows: Option<&'a RawValue>,
}

type Row<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a 2xx body: every row or none.
pub(super) fn parse(body: &str, app: &str, range: DateRange) -> Result<Parsed, Complaint> {
    let shape = |what: &str| Complaint::shape(BspKind::Gupshup, what, body);
    let envelope: Envelope<'_> =
        serde_json::from_str(body).map_err(|error| shape("no JSON object").caused_by(error))?;
    if !envelope.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("success")) {
        return Err(refusal_in_words(200, envelope.message.as_deref().unwrap_or_default(), body));
    }
    let rows = envelope.rows.ok_or_else(|| shape("no partnerAppUsageList"))?;
    let rows: Vec<Row<'_>> = serde_json::from_str(rows.get())
        .map_err(|error| shape("partnerAppUsageList is no list of rows").caused_by(error))?;
    let mut days = BTreeMap::new();
    let mut currency = None;
    for row in &rows {
        let (day, row_currency) = day(row, app).map_err(|what| shape(&what))?;
        let date = day.figures.date;
        if !range.contains(date) {
            return Err(shape(&format!("{date} was not asked for")));
        }
        if days.insert(date, (day, row_currency)).is_some() {
            return Err(shape(&format!("{date} comes twice")));
        }
    }
    let mut in_order = Vec::with_capacity(days.len());
    for (day, row_currency) in days.into_values() {
        currency = row_currency.or(currency);
        in_order.push(day);
    }
    Ok(Parsed { days: in_order, currency })
}

/// One row; the error says what is wrong with it.
fn day(row: &Row<'_>, app: &str) -> Result<(DayUsage, Option<Currency>), String> {
    let date = text(row, "date").and_then(|date| date.parse::<NaiveDate>().ok()).ok_or("a row without a date")?;
    if text(row, "appId").is_some_and(|row_app| !row_app.eq_ignore_ascii_case(app)) {
        return Err(format!("the row of {date} is of another app"));
    }
    let mut counts = UsageCounts::default();
    let mut details = Vec::new();
    for (key, raw) in row {
        let known = CATEGORIES.iter().find(|(known, _, _)| known == key);
        let count = match known {
            Some(_) if is_null(raw) => None,
            Some(_) => Some(number::count(raw).ok_or_else(|| format!("{key} of {date} is no count"))?),
            None if is_category(key) => bare_count(raw),
            None => None,
        };
        let Some(count) = count.filter(|count| *count != 0) else { continue };
        let (_, category, pricing_type) = known.copied().unwrap_or(("", UsageCategory::Other, None));
        counts = counts
            .checked_count(Bucket::of(category, pricing_type), count)
            .ok_or_else(|| format!("the counts of {date} exceed 64 bits"))?;
        details.push(UsageDetail {
            category,
            raw_category: key.clone(),
            pricing_type: pricing_type.map(str::to_owned),
            country: None,
            count,
            fees: None,
        });
    }
    let currency = text(row, "currency").and_then(|code| Currency::from_code(&code));
    let unit = if date >= MESSAGES_SINCE { UsageUnit::Message } else { UsageUnit::Conversation };
    let figures = DayFigures { date, unit, counts, messages: messages(row, date)?, fees: fees(row, currency, date)? };
    Ok((DayUsage { figures, details }, currency))
}

/// Whether an unknown key may be a category that Gupshup added. Ids and amounts are none, whatever they are called.
fn is_category(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let is_amount = ["fee", "bill", "cost", "discount", "cap", "balance"].iter().any(|word| lower.contains(word));
    let is_message_count = [&MEDIA[..], &TEMPLATE[..], &TEMPLATE_MEDIA[..]].concat().contains(&key);
    !NOT_COUNTS.contains(&key) && !is_message_count && !is_amount && !key.ends_with("Id")
}

/// A count that is written as a number: an unknown text that looks like one is no count.
fn bare_count(raw: &RawValue) -> Option<i64> {
    if raw.get().starts_with('"') { None } else { number::count(raw) }
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

fn text(row: &Row<'_>, key: &str) -> Option<String> {
    serde_json::from_str(row.get(key)?.get()).ok()
}

fn messages(row: &Row<'_>, date: NaiveDate) -> Result<Option<MessageCounts>, String> {
    let mut is_any = false;
    let mut read = |keys: &[&str]| {
        let Some((key, raw)) =
            keys.iter().find_map(|key| row.get(*key).filter(|raw| !is_null(raw)).map(|raw| (key, raw)))
        else {
            return Ok(0);
        };
        is_any = true;
        number::count(raw).ok_or_else(|| format!("{key} of {date} is no count"))
    };
    let counts = MessageCounts {
        incoming: read(&["incomingMsg"])?,
        outgoing: read(&["outgoingMsg"])?,
        outgoing_media: read(&MEDIA)?,
        template: read(&TEMPLATE)?,
        template_media: read(&TEMPLATE_MEDIA)?,
        total: read(&["totalMsg"])?,
    };
    Ok(is_any.then_some(counts))
}

/// The total that Gupshup states, or else the sum of its two parts; none without a currency to say it in.
fn fees(row: &Row<'_>, currency: Option<Currency>, date: NaiveDate) -> Result<Option<Fees>, String> {
    let read = |key: &str| match row.get(key).filter(|raw| !is_null(raw)) {
        Some(raw) => number::money(raw).map(Some).ok_or_else(|| format!("{key} of {date} is no amount")),
        None => Ok(None),
    };
    let amount = match (read("totalFees")?, read("waFees")?, read("gsFees")?) {
        (Some(total), _, _) => Some(total),
        (None, Some(whatsapp), Some(gupshup)) => {
            Some(whatsapp.checked_add(gupshup).ok_or_else(|| format!("the fees of {date} exceed 64 bits"))?)
        }
        (None, _, _) => None,
    };
    Ok(amount.zip(currency).map(|(amount, currency)| Fees { amount, currency }))
}

/// Sorts an answer whose status is not 2xx.
pub(super) fn refusal(status: u16, body: &str, wait: Option<TimeDelta>) -> Complaint {
    let advice = match status {
        401 => Advice::Stop(StopReason::Token),
        403 => Advice::Stop(StopReason::Permission),
        404 => Advice::Stop(StopReason::NotFound),
        429 => Advice::Wait(wait),
        408 | 425 | 500..=599 => Advice::Retry,
        _ if body.contains("not linked to the partner") => Advice::Stop(StopReason::NotFound),
        _ => Advice::Stop(StopReason::Refused),
    };
    Complaint::new(advice, format!("{} answered {status}: {}", name(BspKind::Gupshup), words(body)))
}

/// Sorts `status: "error"` under a 2xx by its words, as there is nothing else to go by.
fn refusal_in_words(status: u16, message: &str, body: &str) -> Complaint {
    let lower = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let advice = if says(&["too many requests"]) {
        Advice::Wait(None)
    } else if says(&["unauthori", "authentication failed"]) {
        Advice::Stop(StopReason::Token)
    } else if says(&["forbidden"]) {
        Advice::Stop(StopReason::Permission)
    } else if says(&["not linked to the partner"]) {
        Advice::Stop(StopReason::NotFound)
    } else if says(&["request parameters"]) {
        Advice::Stop(StopReason::Refused)
    } else {
        Advice::Retry
    };
    Complaint::new(advice, format!("{} answered {status} with an error: {}", name(BspKind::Gupshup), words(body)))
}

/// The vendor's own message where the body has one, else the body's beginning.
fn words(body: &str) -> String {
    let message = serde_json::from_str::<Envelope<'_>>(body).ok().and_then(|envelope| envelope.message);
    quote(message.as_deref().unwrap_or(body).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "5a0c7d1e-app";

    fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
    }

    fn range() -> DateRange {
        DateRange::new(june(1), june(7)).unwrap()
    }

    fn list(rows: &str) -> String {
        format!(r#"{{"status":"success","partnerAppUsageList":[{rows}]}}"#)
    }

    fn one(row: &str) -> DayUsage {
        parse(&list(row), APP, range()).unwrap().days.remove(0)
    }

    fn complaint(rows: &str) -> String {
        let complaint = parse(&list(rows), APP, range()).unwrap_err();
        assert_eq!(complaint.advice, Advice::Retry);
        complaint.message
    }

    #[test]
    fn a_row_becomes_a_day_with_a_detail_for_each_category_in_use() {
        let day = one(
            r#"{"appId":"5A0C7D1E-APP","appName":"n","date":"2026-06-05","currency":"USD","marketing":12,"utility":5,
            "authentication":3,"service":0,"internationalAuthentication":1,"mmLiteMarketing":7,"freeUtility":2,"fep":4,"ftc":6,
            "incomingMsg":2,"outgoingMsg":29,"outgoingMediaMsg":1,"templateMsg":8,"templateMediaMsg":9,"totalMsg":31,
            "waFees":0.145,"gsFees":0.031,"totalFees":0.176,"discount":0.0,"gsCap":75,"cumulativeBill":3,
            "aiBot":11,"voiceInMetaFeeUsage":5,"cxPricingEnabled":true,"newFee":4,"partnerId":12,"label":"13"}"#,
        );
        let expected = UsageCounts {
            marketing: 12,
            utility: 5,
            authentication: 3,
            authentication_international: 1,
            marketing_lite: 7,
            service: 0,
            free_utility: 2,
            free_entry_point: 4,
            free_tier: 6,
            other: 11,
        };
        assert_eq!(day.figures.counts, expected);
        assert_eq!(day.figures.unit, UsageUnit::Message);
        assert_eq!(day.figures.messages.map(MessageCounts::to_array), Some([2, 29, 1, 8, 9, 31]));
        let fees = day.figures.fees.unwrap();
        assert_eq!((fees.amount.to_string().as_str(), fees.currency.code()), ("0.176", "USD"));
        let raw: Vec<&str> = day.details.iter().map(|detail| detail.raw_category.as_str()).collect();
        assert_eq!(
            raw,
            [
                "aiBot",
                "authentication",
                "fep",
                "freeUtility",
                "ftc",
                "internationalAuthentication",
                "marketing",
                "mmLiteMarketing",
                "utility"
            ]
        );
        assert_eq!(day.details[0].category, UsageCategory::Other);
        assert_eq!(day.details[3].pricing_type.as_deref(), Some("FREE_CUSTOMER_SERVICE"));
    }

    #[test]
    fn days_come_oldest_first_and_a_day_without_use_stays_a_day() {
        let parsed = parse(
            &list(r#"{"date":"2026-06-05","utility":1,"currency":"EUR"},{"date":"2026-06-04","utility":0,"currency":"USD"}"#),
            APP,
            range(),
        )
        .unwrap();
        assert_eq!(parsed.days.iter().map(|day| day.figures.date).collect::<Vec<_>>(), [june(4), june(5)]);
        assert_eq!(parsed.days[0].figures.counts, UsageCounts::default());
        assert_eq!(parsed.days[0].details, []);
        assert_eq!(parsed.days[0].figures.messages, None);
        assert_eq!(parsed.currency, Currency::from_code("EUR"), "of the newest day");
        assert_eq!(parse(&list(""), APP, range()).unwrap(), Parsed { days: Vec::new(), currency: None });
    }

    #[test]
    fn fees_are_the_stated_total_or_else_the_sum_of_both_parts() {
        let nanos = |row: &str| one(row).figures.fees.map(|fees| fees.amount.nanos());
        assert_eq!(
            nanos(r#"{"date":"2026-06-05","currency":"USD","totalFees":9007199.254740993}"#),
            Some(9_007_199_254_740_993)
        );
        let parts = r#"{"date":"2026-06-05","currency":"USD","waFees":"0.1","gsFees":2e-1,"totalFees":null}"#;
        assert_eq!(nanos(parts), Some(300_000_000));
        assert_eq!(nanos(r#"{"date":"2026-06-05","currency":"USD","waFees":0.1}"#), None);
        assert_eq!(nanos(r#"{"date":"2026-06-05","currency":"???","totalFees":1}"#), None);
    }

    #[test]
    fn days_before_july_2025_count_conversations() {
        let day = NaiveDate::from_ymd_opt(2025, 6, 30).unwrap();
        let parsed =
            parse(&list(r#"{"date":"2025-06-30","bic":4,"outgoingMediaMsgSKU":3}"#), APP, DateRange::day(day)).unwrap();
        assert_eq!(parsed.days[0].figures.unit, UsageUnit::Conversation);
        assert_eq!(parsed.days[0].figures.counts.other, 4);
        assert_eq!(parsed.days[0].figures.messages.unwrap().outgoing_media, 3);
    }

    #[test]
    fn a_row_that_is_not_as_agreed_fails_the_whole_answer_and_says_why() {
        assert!(complaint(r#"{"utility":1}"#).contains("a row without a date"));
        assert!(complaint(r#"{"date":"2026-06-08"}"#).contains("2026-06-08 was not asked for"));
        assert!(complaint(r#"{"date":"2026-06-05"},{"date":"2026-06-05"}"#).contains("2026-06-05 comes twice"));
        assert!(complaint(r#"{"date":"2026-06-05","appId":"another"}"#).contains("of another app"));
        assert!(complaint(r#"{"date":"2026-06-05","utility":1.5}"#).contains("utility of 2026-06-05 is no count"));
        assert!(complaint(r#"{"date":"2026-06-05","utility":-1}"#).contains("utility of 2026-06-05 is no count"));
        assert!(complaint(r#"{"date":"2026-06-05","totalFees":"free"}"#).contains("is no amount"));
        assert!(complaint("7").contains("no list of rows"));
        for body in
            ["<html>", "[]", "{}", r#"{"status":"success"}"#, r#"{"status":"success","partnerAppUsageList":{}}"#]
        {
            assert_eq!(parse(body, APP, range()).unwrap_err().advice, Advice::Retry, "{body}");
        }
    }

    #[test]
    fn refusals_are_sorted_by_status() {
        let wait = Some(TimeDelta::seconds(9));
        for (status, expected) in [
            (400, Advice::Stop(StopReason::Refused)),
            (401, Advice::Stop(StopReason::Token)),
            (403, Advice::Stop(StopReason::Permission)),
            (404, Advice::Stop(StopReason::NotFound)),
            (408, Advice::Retry),
            (429, Advice::Wait(wait)),
            (500, Advice::Retry),
            (503, Advice::Retry),
        ] {
            assert_eq!(refusal(status, "", wait).advice, expected, "{status}");
        }
        let unlinked = r#"{"status":"error","message":"Application is not linked to the partner"}"#;
        assert_eq!(refusal(400, unlinked, None).advice, Advice::Stop(StopReason::NotFound));
        assert_eq!(
            refusal(401, r#"{"status":"error","message":"Authentication Failed"}"#, None).message,
            "Gupshup answered 401: \"Authentication Failed\""
        );
    }

    #[test]
    fn an_error_under_200_is_sorted_by_its_words() {
        for (words, expected) in [
            ("Too Many Requests", Advice::Wait(None)),
            ("Unauthorized Access", Advice::Stop(StopReason::Token)),
            ("Authentication Failed", Advice::Stop(StopReason::Token)),
            ("Forbidden Access", Advice::Stop(StopReason::Permission)),
            ("Please review the request parameters", Advice::Stop(StopReason::Refused)),
            ("Internal server error.", Advice::Retry),
        ] {
            let body = format!(r#"{{"status":"error","message":"{words}"}}"#);
            assert_eq!(parse(&body, APP, range()).unwrap_err().advice, expected, "{words}");
        }
    }

    proptest::proptest! {
        #[test]
        fn details_and_counts_of_a_row_agree(
            row in proptest::collection::btree_map("[a-z]{4,12}|marketing|utility|fep|ftc|freeUtility", 0_i64..1_000_000_000_000, 0..20)
        ) {
            let pairs: Vec<String> = row.iter().map(|(key, count)| format!(r#""{key}":{count}"#)).collect();
            let members = [vec![r#""date":"2026-06-05""#.to_owned()], pairs].concat().join(",");
            let day = one(&format!("{{{members}}}"));
            let of_day: i64 = day.details.iter().map(|detail| detail.count).sum();
            proptest::prop_assert_eq!(day.figures.counts.total(), Some(of_day));
            let expected: i64 = row.iter().filter(|(key, _)| is_category(key)).map(|(_, count)| count).sum();
            proptest::prop_assert_eq!(of_day, expected);
        }
    }
}
