//! Allowances in the database: what was said of them, what was used, what is held, and which records went beyond.

pub mod counter;
mod over;
pub mod reservation;
mod rule;

pub use over::{flag, flagged};
pub use rule::{Held, put, rules};
