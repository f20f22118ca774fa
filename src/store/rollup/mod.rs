//! The counters beside the ledger in the database.

mod apply;
mod period;

pub use apply::apply;
pub use period::{of_billing_month, of_usage_months};
