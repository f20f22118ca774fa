//! What the store promises, told once and held against SQLite and PostgreSQL.
//!
//! `WABACUS_TEST_BACKENDS=sqlite` leaves PostgreSQL out, where it is not installed.

#![expect(clippy::unwrap_used, reason = "a test that is not told by an attribute, but by a macro, is one all the same")]

#[path = "../support/postgres.rs"]
mod postgres;

mod harness;
mod sample;

mod account_usage;
mod activity;
mod alert;
mod allowance;
mod audit;
mod call_detail;
mod campaign;
mod channel;
mod connection;
mod customer;
mod event;
mod hook;
mod invoice;
mod job_run;
mod lease;
mod ledger;
mod message;
mod metric;
mod node;
mod organisation;
mod partition;
mod plan;
mod query_plan;
mod rollup;
mod schedule;
mod snapshot;
mod token;
mod webhook;
