//! The counters beside the ledger in the database.

mod apply;
pub mod customer_day;
pub mod hour;
mod period;

pub use apply::apply;
pub use period::{of_billing_month, of_usage_months, rates_of_usage_months};
