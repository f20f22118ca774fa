//! Stories of the whole server: real HTTP, a real database, the BSPs stood in for by `sim`, and a clock that is moved by hand.

#[path = "../support/mod.rs"]
mod support;

mod new_organisation;
