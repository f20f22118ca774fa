//! The ledger's records in the database.

mod correction;
mod ground;
mod key;
mod list;
mod record;
mod write;

pub use correction::{corrected, family, hold_by_key, lock, unpriced, voided};
pub use ground::{Ground, Owned, closed_months, customers, ground};
pub use key::taken_keys;
pub use list::{Filter, Place, page};
pub use record::{find_any, find_many};
pub use write::{Taken, Written, insert, restate, set_price};
