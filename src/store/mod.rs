//! SeaORM: rows in and out of the database, SQLite or PostgreSQL, by the same code.
//!
//! Every function here is one question or one change, on whatever it is given: a pool for reading, a transaction for
//! writing. Which changes belong together is decided in `service`, which owns the transactions. Questions and changes that
//! are a tenant's take the organisation's id right after the connection, and reach no other's rows.

pub mod account_usage;
pub mod activity;
pub mod alert;
pub mod allowance;
pub mod audit;
pub mod call_detail;
pub mod campaign;
pub mod channel;
pub mod channel_secret;
mod connection;
pub mod credit;
pub mod customer;
mod error;
pub mod event;
pub mod examination;
pub mod hook;
pub mod invoice;
pub mod invoice_usage;
pub mod job_run;
mod keyset;
pub mod lease;
pub mod metric;
pub mod message;
pub mod node;
pub mod organisation;
pub mod partition;
pub mod plan;
pub mod rejected_update;
pub mod rollup;
mod row;
pub mod schedule;
pub mod snapshot;
pub mod token;
mod unnest;
pub mod usage;
pub mod webhook_secret;

pub use connection::{Options, Store, Transaction};
pub use error::StoreError;
pub use sea_orm::ConnectionTrait as Db;
