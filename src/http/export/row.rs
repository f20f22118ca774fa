//! A record as it is exported: the same columns in every form, named as the API names them.

use std::borrow::Cow;

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::clock::Instant;
use crate::domain::usage::UsageRecord;

/// The names of the columns, in their order.
pub(super) const COLUMNS: [&str; 19] = [
    "id",
    "kind",
    "resourceType",
    "resourceId",
    "quantity",
    "unitPrice",
    "cost",
    "category",
    "country",
    "customerId",
    "channelId",
    "occurredAt",
    "recordedAt",
    "date",
    "billingMonth",
    "amends",
    "voids",
    "reason",
    "metadata",
];

/// A record in the written forms of its parts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    id: String,
    kind: &'static str,
    resource_type: &'a str,
    resource_id: Option<&'a str>,
    quantity: String,
    unit_price: Option<String>,
    cost: Option<String>,
    category: Option<&'static str>,
    country: Option<&'a str>,
    customer_id: Option<String>,
    channel_id: Option<String>,
    occurred_at: String,
    recorded_at: String,
    date: String,
    billing_month: String,
    amends: Option<String>,
    voids: bool,
    reason: Option<&'a str>,
    metadata: Cow<'a, RawValue>,
}

impl<'a> Row<'a> {
    pub(super) fn of(record: &'a UsageRecord) -> Self {
        let resource = &record.resource;
        let correction = record.correction.as_ref();
        let instant = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            id: record.id.to_string(),
            kind: resource.kind.code(),
            resource_type: resource.resource_type.code(),
            resource_id: record.resource_id.as_deref(),
            quantity: record.quantity.to_string(),
            unit_price: record.unit_price.map(|price| price.to_string()),
            cost: record.cost.map(|cost| cost.to_string()),
            category: resource.category.map(|category| category.code()),
            country: resource.country.as_ref().map(|country| country.code()),
            customer_id: record.customer_id.map(|id| id.to_string()),
            channel_id: record.channel_id.map(|id| id.to_string()),
            occurred_at: instant(record.occurred_at),
            recorded_at: instant(record.recorded_at),
            date: record.date.to_string(),
            billing_month: record.billing_month.to_string(),
            amends: correction.map(|correction| correction.amends.to_string()),
            voids: correction.is_some_and(|correction| correction.voids),
            reason: correction.map(|correction| correction.reason.as_str()),
            metadata: metadata(record.metadata.as_deref()),
        }
    }

    /// The cells of CSV in the order of [`COLUMNS`], harmless to spreadsheets.
    pub(super) fn cells(&'a self) -> [Cow<'a, str>; COLUMNS.len()] {
        let plain = |text: &'a str| Cow::Borrowed(text);
        let number = |text: &'a Option<String>| Cow::Borrowed(text.as_deref().unwrap_or_default());
        let id = number;
        [
            plain(&self.id),
            plain(self.kind),
            harmless(self.resource_type),
            harmless(self.resource_id.unwrap_or_default()),
            plain(&self.quantity),
            number(&self.unit_price),
            number(&self.cost),
            plain(self.category.unwrap_or_default()),
            plain(self.country.unwrap_or_default()),
            id(&self.customer_id),
            id(&self.channel_id),
            plain(&self.occurred_at),
            plain(&self.recorded_at),
            plain(&self.date),
            plain(&self.billing_month),
            id(&self.amends),
            plain(if self.voids { "true" } else { "false" }),
            harmless(self.reason.unwrap_or_default()),
            harmless(self.metadata.get()),
        ]
    }
}

fn metadata(text: Option<&str>) -> Cow<'_, RawValue> {
    let held: Option<&RawValue> = text.and_then(|text| serde_json::from_str(text).ok());
    held.map_or_else(
        || Cow::Owned(RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")),
        Cow::Borrowed,
    )
}

/// A spreadsheet takes a cell that begins with one of these for a formula, whoever wrote it; an apostrophe before it makes it text.
/// See OWASP, CSV Injection.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        for formula in ["=1+1", "+60123456789", "-2+3", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for text in ["", "SM123", "a=b", "'=1"] {
            assert_eq!(harmless(text), text);
        }
    }
}
