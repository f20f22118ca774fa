//! account_usage
