//! The HTTP room: who is calling, GraphQL over HTTP, SSE and WebSocket, GraphiQL, health; this file is its map.
//!
//! A request passes `trace` (id, span, figures), `auth` (whose token), `graphql` (the GraphQL over HTTP draft), `guard`
//! (is the document affordable) and only then the schema. SSE and WebSocket pass the same guard.

/// Bearer tokens: the trait that knows them, and what a refusal looks like.
pub mod auth;
/// `/healthz`, `/readyz` and `/metrics`.
pub mod health;
/// Settings, start and graceful stop of the server.
pub mod server;
/// What one WebSocket connection may cost.
pub mod limit;
/// graphql-transport-ws on `/graphql/ws`.
mod websocket;

/// What the handlers share.
mod api;
/// GraphiQL's scripts and styles, embedded in the binary.
mod asset;
/// The page `/graphiql` and its content security policy.
mod graphiql;
/// `POST` and `GET /graphql`.
mod graphql;
/// The one place that refuses a document before it is validated or run.
mod guard;
/// `Accept` and `Content-Type`.
mod media;
/// An invoice as a PDF.
pub mod pdf;
/// JSON of a GraphQL request, from a body, a query string or a WebSocket message.
mod request;
/// The ledger's records as a file.
mod export;
/// Plain HTTP beside the API: who is calling, and how large a body may be.
mod rest;
/// The routes of plain HTTP beside the API.
mod route;
/// JSON of a GraphQL response, and errors that never reached the schema.
mod response;
/// How many selections a document has once its fragments are expanded.
mod selection;
/// graphql-sse, distinct connections mode.
mod sse;
/// Request ids, the span of a request, and its figures.
mod trace;
/// Webhooks in.
mod webhook;
