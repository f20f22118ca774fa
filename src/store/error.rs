//! What can go wrong with the database, sorted by what a caller can do about it.

use sea_orm::DbErr;

/// Why the database did not do what it was asked to. What was not found is no error: see the `Option`s.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this key is there already; `what` names the constraint as the database does.
    #[error("a row with the same {what} exists")]
    Unique { what: String },
    /// The database could not be reached or was too busy; the same may work later.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// Another node took over this work; nothing of it may be written any more.
    #[error("the lease was taken over by another node")]
    Fenced,
    /// A row holds something that this program never writes.
    #[error("the database holds something unreadable: {what}")]
    Corrupt { what: String },
    /// A mistake in the program, or a disk that is full.
    #[error("the database refused")]
    Other(#[source] DbErr),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self::Other(error)
    }
}
