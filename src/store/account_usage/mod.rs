//! Account usage in the database: days and their details, the months made of them, and the payloads they came from.

use entity::{daily_usage, monthly_usage};

use super::StoreError;
use super::row::corrupt;
use crate::domain::account_usage::{MessageCounts, UsageCounts};

mod day;
mod detail;
mod month;
mod payload;

pub use day::{daily, days_of_month, replace_days};
pub use detail::details;
pub use month::{ensure_months, monthly, save_months};
pub use payload::{PayloadFacts, StoredPayload, delete_payloads, payload, payload_facts, store_payload};

/// The counts of a day or a month.
macro_rules! usage_counts {
    ($row:expr) => {
        UsageCounts {
            marketing: $row.marketing,
            utility: $row.utility,
            authentication: $row.authentication,
            authentication_international: $row.authentication_international,
            marketing_lite: $row.marketing_lite,
            service: $row.service,
            free_utility: $row.free_utility,
            free_entry_point: $row.free_entry_point,
            free_tier: $row.free_tier,
            other: $row.other,
        }
    };
}

/// The message counts of a day or a month, all of them or none.
macro_rules! message_columns {
    ($row:expr) => {
        [
            $row.messages_incoming,
            $row.messages_outgoing,
            $row.messages_outgoing_media,
            $row.messages_template,
            $row.messages_template_media,
            $row.messages_total,
        ]
    };
}

fn counts_of_day(row: &daily_usage::Model) -> Result<(UsageCounts, Option<MessageCounts>), StoreError> {
    Ok((usage_counts!(row), messages("daily_usage.messages_total", message_columns!(row))?))
}

fn counts_of_month(row: &monthly_usage::Model) -> Result<(UsageCounts, Option<MessageCounts>), StoreError> {
    Ok((usage_counts!(row), messages("monthly_usage.messages_total", message_columns!(row))?))
}

fn messages(column: &str, columns: [Option<i64>; 6]) -> Result<Option<MessageCounts>, StoreError> {
    let present: Vec<i64> = columns.into_iter().flatten().collect();
    if present.is_empty() {
        return Ok(None);
    }
    let counts: [i64; 6] = present.try_into().map_err(|_| corrupt(column, "only a part of the message counts"))?;
    Ok(Some(MessageCounts::from_array(counts)))
}
