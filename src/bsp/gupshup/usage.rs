//! Gupshup's usage answer: rows of a day into our days, and refusals into what to do. Pure.

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
    let envelope: Envelope<'_> = serde_json::from_str(body).map_err(|error| shape("no JSON object").caused_by(error))?;
    if !envelope.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("success")) {
        return Err(refusal_in_words(200, envelope.message.as_deref().unwrap_or_default(), body));
    }
    let rows = envelope.rows.ok_or_else(|| shape("no partnerAppUsageList"))?;
    let rows: Vec<Row<'_>> =
        serde_json::from_str(rows.get()).map_err(|error| shape("partnerAppUsageList is no list of rows").caused_by(error))?;
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
        let Some((key, raw)) = keys.iter().find_map(|key| row.get(*key).filter(|raw| !is_null(raw)).map(|raw| (key, raw)))
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
