//! Where webhooks out are sent, and the tries at it.

mod attempt;
mod endpoint;

pub use attempt::{delete_attempts_before, insert_attempt, page_attempts};
pub use endpoint::{
    Behind, behind, count, delete, find_any, insert, list, organisations, pass, pending, sealed, update,
};
