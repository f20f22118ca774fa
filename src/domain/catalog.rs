//! What a merchant's catalogue has, as far as a first conversation needs it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::code::coded;

coded! {
    /// What a catalogue is asked for; the written form is the end of the address.
    CatalogPart {
        /// What is sold is sorted into these.
        Categories = "categories",
        /// Where it is sold.
        Branches = "branches",
    }
}

/// One thing of a catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CatalogItem {
    /// What the merchant knows it by, where it has such a thing.
    pub id: Option<String>,
    /// What people call it, where it has such a thing.
    pub name: Option<String>,
    /// All of it, an object, letter by letter as the catalogue says it: no number passes through a float.
    pub json: Box<RawValue>,
}
