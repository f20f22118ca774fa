//! The counters beside the ledger in the database.

mod day;
mod period;

pub use day::of_days;
pub use period::{of_billing_month, of_usage_months};
