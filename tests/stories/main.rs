//! Stories of the whole server: real HTTP, a real database, the BSPs stood in for by `sim`, and a clock that is moved by hand.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod cancel;
mod demo;
mod downtime;
mod drain;
mod kill;
mod new_organisation;
mod overlap;
mod panic;
mod pause_and_remove;
mod subscription;
