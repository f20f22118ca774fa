//! Graph's filters, and the points that they pick from an account's days.

use chrono::{DateTime, Days};
use serde::Serialize;
use serde_json::value::RawValue;

use super::gupshup::raw;
use super::ledger::{Book, SimLine, share};
use crate::domain::clock::Instant;
use crate::domain::money::Money;

/// The longest span that is answered.
const SPAN_DAYS_MAX: u64 = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Pricing,
    Conversation,
}

impl Field {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pricing => "pricing_analytics",
            Self::Conversation => "conversation_analytics",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Pricing, Self::Conversation].into_iter().find(|field| field.name() == name)
    }

    /// Reads `name.filter(value).filter(value)...`.
    pub(super) fn with_filters(text: &str) -> Option<(Self, Span)> {
        let mut parts = split(text, '.').into_iter();
        let field = Self::named(parts.next()?)?;
        let filters: Vec<(&str, &str)> =
            parts.filter_map(|part| part.strip_suffix(')').and_then(|part| part.split_once('('))).collect();
        let find = |name: &str| filters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        Some((field, Span::of(find)?))
    }
}

/// What is asked of a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Unix seconds.
    pub(super) start: i64,
    pub(super) end: i64,
    asks_cost: bool,
    pub(super) asks_cost_alone: bool,
}

impl Span {
    /// From filters by name; only days are cut here.
    pub(super) fn of<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        if find("granularity") != Some("DAILY") {
            return None;
        }
        let (start, end) = (find("start")?.parse().ok()?, find("end")?.parse().ok()?);
        let metrics = find("metric_types").unwrap_or_default();
        let asks_volume = metrics.contains("VOLUME") || metrics.contains("CONVERSATION");
        let asks_cost = metrics.is_empty() || metrics.contains("COST");
        Some(Self { start, end, asks_cost, asks_cost_alone: metrics.contains("COST") && !asks_volume })
    }

    /// The metric filter that asks the same again.
    pub(super) const fn metrics(self, field: Field) -> &'static str {
        match (field, self.asks_cost) {
            (Field::Pricing, true) => r#"["VOLUME","COST"]"#,
            (Field::Pricing, false) => r#"["VOLUME"]"#,
            (Field::Conversation, true) => r#"["CONVERSATION","COST"]"#,
            (Field::Conversation, false) => r#"["CONVERSATION"]"#,
        }
    }
}

/// Splits at `separator`, but not within brackets.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|character| {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && character == separator
    })
    .collect()
}

#[derive(Debug, Serialize)]
pub(super) struct Point {
    start: i64,
    end: i64,
    phone_number: &'static str,
    country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'static str>,
    #[serde(flatten)]
    figures: Figures,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Figures {
    Pricing { pricing_type: String, pricing_category: String, volume: i64 },
    Conversation { conversation_type: String, conversation_category: String, conversation: i64 },
}

impl Point {
    pub(super) fn shift(&mut self, seconds: i64) {
        self.start += seconds;
        self.end += seconds;
    }
}

/// Every day whose local midnight lies in the span, newest first, each line spread over two phones; no zero rows.
pub(super) fn points(book: &Book, seed: u64, field: Field, span: Span, now: Instant) -> Vec<Point> {
    let zone = book.account.zone;
    let (Some(start), Some(end)) = (DateTime::from_timestamp(span.start, 0), DateTime::from_timestamp(span.end, 0))
    else {
        return Vec::new();
    };
    let mut points = Vec::new();
    let first = zone.date(start);
    for date in (0..SPAN_DAYS_MAX).map_while(|days| first.checked_add_days(Days::new(days))) {
        let period = zone.day(date);
        if period.start >= end {
            break;
        }
        let Some(day) = book.day(seed, date, now).filter(|_| period.start >= start) else { continue };
        let has_cost = span.asks_cost && book.account.shows_cost;
        for line in &day.lines {
            let third = line.count / 3;
            for (phone, count) in [("15550100001", third), ("15550100002", line.count - third)] {
                if count > 0 {
                    let cost = has_cost.then(|| raw(cost_of(line, phone, third)));
                    points.push(Point {
                        start: period.start.timestamp(),
                        end: period.end.timestamp(),
                        phone_number: phone,
                        country: line.country.clone(),
                        tier: (line.pricing_type == "REGULAR").then_some("0:MAX"),
                        figures: figures(field, line, count),
                        cost,
                    });
                }
            }
        }
    }
    points.reverse();
    points
}

/// The part of a line's cost that falls to a phone; both parts together are the whole.
fn cost_of(line: &SimLine, phone: &str, third: i64) -> Money {
    let first = share(line.cost.nanos(), third, line.count);
    if phone.ends_with('1') { Money::from_nanos(first) } else { Money::from_nanos(line.cost.nanos() - first) }
}

fn figures(field: Field, line: &SimLine, count: i64) -> Figures {
    let (kind, category) = (line.pricing_type.clone(), line.category.clone());
    match field {
        Field::Pricing => Figures::Pricing { pricing_type: kind, pricing_category: category, volume: count },
        Field::Conversation => {
            Figures::Conversation { conversation_type: kind, conversation_category: category, conversation: count }
        }
    }
}

/// The points of one page of so many.
pub(super) fn page(points: Vec<Point>, page: usize, pages: usize) -> Vec<Point> {
    let size = points.len().div_ceil(pages.max(1)).max(1);
    points.into_iter().skip(page * size).take(size).collect()
}
