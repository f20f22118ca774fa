//! The price list in memory: read once, and again only when its version in the database is another.

use std::sync::{Arc, PoisonError, RwLock};

use super::ServiceError;
use crate::domain::plan::PriceBook;
use crate::store::{self, Db};

/// The price list that all services of a process share.
#[derive(Debug, Default)]
pub struct PriceBooks {
    held: RwLock<Option<Arc<PriceBook>>>,
}

impl PriceBooks {
    /// The price list as the database has it now: one row is read, and the rest only after a change.
    ///
    /// Do not ask inside a transaction that has changed the list: what it would keep in memory may never be committed.
    pub async fn current(&self, db: &impl Db) -> Result<Arc<PriceBook>, ServiceError> {
        let version = store::plan::price_list_version(db).await?;
        // A lock is only poisoned by a panic while it is held, and nothing panics between reading and cloning a pointer.
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(book) = held.filter(|book| book.version == version) {
            return Ok(book);
        }
        let book = Arc::new(store::plan::price_book(db).await?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&book));
        Ok(book)
    }
}
