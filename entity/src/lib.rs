//! Rows as they lie in the tables: no rules, no clock, nothing of the API; only `store` knows them.

pub mod audit_entry;
pub mod channel;
pub mod daily_usage;
pub mod event;
pub mod event_sequence;
pub mod job_run;
pub mod job_run_channel;
pub mod lease;
pub mod monthly_usage;
pub mod organisation;
pub mod schedule;
pub mod token;
pub mod usage_detail;
pub mod usage_payload;
