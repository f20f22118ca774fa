//! Wabacus: usage metering and billing for WhatsApp and its sibling channels; this file is the map of the house.
//!
//! Reading order is the direction of dependency: a room may use the rooms above it, never those below, and siblings
//! never each other. `tests/architecture.rs` reads the imports and fails on any other arrow.

/// Pure rules: ids, money, periods, the clock, cron, usage. No I/O.
pub mod domain;

/// The way to Redis: one connection, and whether it answers.
pub mod remote;

/// SeaORM: rows in and out of the database. The only room that knows `entity`.
pub mod store;
/// Outbound HTTP to the Business Service Providers, under limits.
pub mod bsp;
/// Outbound HTTP to the merchants' catalogue.
pub mod catalog;
/// Outbound HTTP to the receivers of webhooks, and never into a private network.
pub mod hook;
/// The cache behind its trait.
pub mod cache;
/// The bus behind its trait: hints that an organisation has new events.
pub mod bus;

/// Use cases: each owns its transaction and says what happened as events.
pub mod service;

/// Actors: one per organisation, watched by a guardian and woken by the clockwork.
pub mod scheduler;
/// Resolvers: parse, authorise, call a service, map.
pub mod graphql;

/// actix-web: who is calling, GraphQL over HTTP and WebSocket, GraphiQL, health, metrics.
pub mod http;
/// A stand-in for the BSPs and the catalogue on loopback, with faults on demand, for the demo and the tests.
pub mod sim;

/// Logs and metrics.
pub mod telemetry;
/// Settings: environment, then file, then defaults; checked once at start.
pub mod config;
/// Looks at everything that the server stands on, and says what to do.
pub mod doctor;
/// The composition root: the only room that knows every concrete type.
pub mod app;
/// The demo: simulated BSPs, organisations with a month of usage, and what to paste.
pub mod demo;
/// When to stop: softly first, then at once.
pub mod shutdown;
