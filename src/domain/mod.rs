//! Pure rules: no I/O, no database, no `now()`; everything here can be tested with values alone.

pub mod account_usage;
pub mod attempt;
pub mod audit;
pub mod billing;
pub mod channel;
pub mod clock;
mod code;
pub mod customer;
mod decimal;
pub mod event;
pub mod firing;
pub mod id;
pub mod input;
pub mod job;
pub mod money;
pub mod organisation;
pub mod page;
pub mod period;
pub mod phone;
pub mod plan;
pub mod quantity;
pub mod rating;
pub mod recording;
pub mod rollup;
pub mod schedule;
pub mod token;
pub mod usage;
