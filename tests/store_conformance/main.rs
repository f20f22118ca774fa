//! What the store promises, told once and held against SQLite and PostgreSQL.
//!
//! `WABACUS_TEST_BACKENDS=sqlite` leaves PostgreSQL out, where it is not installed.

#[path = "../support/postgres.rs"]
mod postgres;

mod harness;
mod sample;

mod account_usage;
mod audit;
mod channel;
mod connection;
mod event;
mod job_run;
mod lease;
mod organisation;
mod schedule;
mod token;
