//! What can go wrong with the database, sorted by what a caller can do about it.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::{DatabaseError, ErrorKind};

use crate::domain::money::Overflow;

/// Why the database did not do what it was asked to. What was not found is no error: see the `Option`s.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this key is there already; `what` is the table and the columns of the key, joined by underscores
    /// (`organisation_external_id`).
    #[error("a row with the same {what} exists")]
    Unique { what: String },
    /// The database could not be reached, was too busy, or took too long; the same may work later. A transaction that fails so left nothing,
    /// unless it failed at its commit, of which nobody knows.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// Another node took over this work; nothing of it may be written any more.
    #[error("the lease was taken over by another node")]
    Fenced,
    /// A sum that a row holds would no longer fit.
    #[error("a sum is too large")]
    Overflow,
    /// A row holds something that this program never writes.
    #[error("the database holds something unreadable: {what}")]
    Corrupt { what: String },
    /// A mistake in the program, or a disk that is full.
    #[error("the database refused")]
    Other(#[source] DbErr),
}

impl From<Overflow> for StoreError {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

impl From<DbErr> for StoreError {
    /// The one place where the driver's errors are sorted.
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error),
            DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
                match of_driver(cause) {
                    Meaning::Unique(what) => Self::Unique { what },
                    Meaning::Unavailable => Self::Unavailable(error),
                    Meaning::Overflow => Self::Overflow,
                    Meaning::Other => Self::Other(error),
                }
            }
            DbErr::Json(what) | DbErr::Type(what) => Self::Corrupt { what: what.clone() },
            DbErr::TryIntoErr { from, into, .. } => Self::Corrupt { what: format!("{from} is no {into}") },
            // Listed, so that a new kind is looked at when the library is.
            DbErr::Exec(RuntimeErr::Internal(_))
            | DbErr::Query(RuntimeErr::Internal(_))
            | DbErr::ConvertFromU64(_)
            | DbErr::UnpackInsertId
            | DbErr::UpdateGetPrimaryKey
            | DbErr::RecordNotFound(_)
            | DbErr::AttrNotSet(_)
            | DbErr::Custom(_)
            | DbErr::Migration(_)
            | DbErr::RecordNotInserted
            | DbErr::RecordNotUpdated
            | DbErr::BackendNotSupported { .. }
            | DbErr::KeyArityMismatch { .. }
            | DbErr::PrimaryKeyNotSet { .. }
            | DbErr::RbacError(_)
            | DbErr::AccessDenied { .. }
            | DbErr::MutexPoisonError
            | _ => Self::Other(error),
        }
    }
}

enum Meaning {
    Unique(String),
    Unavailable,
    Overflow,
    Other,
}

fn of_driver(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Database(error) => of_database(error.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Meaning::Unavailable,
        sqlx::Error::Configuration(_)
        | sqlx::Error::InvalidArgument(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::RowNotFound
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::AnyDriverError(_)
        | sqlx::Error::InvalidSavePointStatement
        | _ => Meaning::Other,
    }
}

fn of_database(error: &dyn DatabaseError) -> Meaning {
    if error.kind() == ErrorKind::UniqueViolation {
        return Meaning::Unique(unique_key(error));
    }
    // The only checks are those that hold sums within 64 bits, beyond which SQLite would go on with a float.
    if error.kind() == ErrorKind::CheckViolation {
        return Meaning::Overflow;
    }
    match error.code().as_deref().unwrap_or_default() {
        // PostgreSQL: a number is out of range.
        "22003" => Meaning::Overflow,
        // PostgreSQL: connection lost, too few resources, shutting down, serialisation failed, deadlock, lock not available, a statement that
        // took too long or was cancelled, a transaction in which nothing was said for too long. See its manual, appendix A. A server that
        // cannot read its own files while it stops says so by 58.
        code if code.len() == 5 => {
            let passing = is_lost_code(code)
                || code.starts_with("53")
                || code.starts_with("58")
                || matches!(code, "40001" | "40P01" | "55P03" | "57014");
            if passing { Meaning::Unavailable } else { Meaning::Other }
        }
        // SQLite: the low byte is 5 (busy) or 6 (locked). See https://sqlite.org/rescode.html.
        code => match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(5 | 6) => Meaning::Unavailable,
            Ok(_) | Err(_) => Meaning::Other,
        },
    }
}

/// Whether the connection is gone, and with it whatever was begun on it.
pub(super) fn is_lost(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    match cause.as_ref() {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_lost_code(&code)),
        cause => matches!(cause, sqlx::Error::Io(_) | sqlx::Error::BeginFailed),
    }
}

/// PostgreSQL: connection lost, shutting down, ended after a transaction in which nothing was said for too long.
fn is_lost_code(code: &str) -> bool {
    code.len() == 5 && (code.starts_with("08") || code.starts_with("57P") || matches!(code, "25P03" | "25P04"))
}

/// PostgreSQL names the index, `organisation_external_id_key`; SQLite lists the columns,
/// `UNIQUE constraint failed: organisation.external_id`. Both become `organisation_external_id`.
fn unique_key(error: &dyn DatabaseError) -> String {
    if let Some(index) = error.constraint() {
        return index.trim_end_matches("_key").to_owned();
    }
    let columns = error.message().rsplit_once(": ").map_or("key", |(_, columns)| columns);
    let table = columns.split_once('.').map_or(columns, |(table, _)| table);
    let names = columns.split(", ").filter_map(|column| column.split_once('.')).map(|(_, name)| name);
    std::iter::once(table).chain(names).collect::<Vec<_>>().join("_")
}
