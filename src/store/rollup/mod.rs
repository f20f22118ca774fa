//! The counters beside the ledger in the database.

mod apply;
pub mod customer_day;
mod day;
pub mod hour;
mod period;

pub use apply::apply;
pub use day::of_days;
pub use period::{billed_in, of_billing_month, of_usage_months, rates_of_usage_months, unpriced_resources};
