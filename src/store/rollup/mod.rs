//! The counters beside the ledger in the database.

mod period;

pub use period::{of_billing_month, of_usage_months};
