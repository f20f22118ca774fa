//! Messages in the database, with the conversations, people and counters that follow from them.

pub mod contact;
pub mod conversation;
mod ground;
mod record;
pub mod rollup;

pub use ground::{campaigns, hold};
pub use record::{Place, count_reached, find_many, page_reached, upsert};
