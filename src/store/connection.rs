//! The pools: on SQLite one writer and several readers of the same file, on PostgreSQL one pool for both.

use sea_orm::{DatabaseConnection, DatabaseTransaction};

use super::error::StoreError;
use crate::domain::input::BadInput;

/// A transaction that may write. Dropped without [`Store::commit`], it leaves nothing behind.
pub type Transaction = DatabaseTransaction;

/// Where the database is and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// `sqlite://wabacus.db` or `postgres://user:password@host/database`. SQLite in memory is not supported: its readers would
    /// each see a database of their own.
    pub url: String,
    /// How many connections read at the same time (SQLite), or are open at all (PostgreSQL).
    pub readers_max: u32,
    /// SQLite only: whether a commit waits for the disk. Without it a commit survives the death of the process but the last
    /// ones may be lost with the power; the file stays whole either way. PostgreSQL always waits.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { url: "sqlite://wabacus.db".to_owned(), readers_max: 8, durable: false }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("readers_max", &self.readers_max)
            .field("durable", &self.durable)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Whether these can work at all, before anything is opened.
    pub fn validate(&self) -> Result<(), BadInput> {
        Ok(())
    }
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
}

impl Store {
    /// Opens the pools and makes sure that the database answers. A SQLite file is created if missing.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        todo!("{options:?}")
    }

    /// Brings the tables up to this program's version; the names of what was applied.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        todo!("{:?}", self.writer)
    }

    /// The names of what [`Store::migrate`] would apply.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        todo!()
    }

    /// For reading outside of a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that may write. On SQLite it waits for its turn, and then no other can write until it ends: keep
    /// it short, and use only the transaction inside it.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        todo!()
    }

    /// Makes what the transaction did final.
    pub async fn commit(tx: Transaction) -> Result<(), StoreError> {
        todo!("{tx:?}")
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// `sqlite` or `postgres`.
    pub fn backend(&self) -> &'static str {
        todo!()
    }

    /// Closes the pools once what runs is done.
    pub async fn close(self) -> Result<(), StoreError> {
        todo!()
    }
}
