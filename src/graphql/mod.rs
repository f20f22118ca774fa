//! The GraphQL API, one file for each noun: resolvers parse, authorise, call a service and map; the rules are the services'.

mod access;
mod account_usage;
mod audit;
mod campaign;
mod channel;
mod complexity;
mod connection;
mod credit;
mod customer;
mod error;
mod invoice;
mod job_run;
mod ledger;
mod live;
mod loader;
mod metric;
mod message;
mod node;
mod organisation;
mod period_usage;
mod plan;
mod plan_preview;
mod recording;
mod scalar;
mod schedule;
mod scheduler;
mod schema;
mod snapshot;
mod subscription;
mod token;
mod usage_record;
mod usage_stats;
mod usage_summary;
mod viewer;
mod webhook;

pub use schema::{Mutation, Options, Query, Schema, Subscription, build, sdl};
