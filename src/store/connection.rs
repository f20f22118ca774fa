//! The pools: on SQLite one writer and several readers of the same file, on PostgreSQL one pool for both.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use log::LevelFilter;
use migration::Migrator;
use sea_orm::{
    AccessMode, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    RuntimeErr, SqliteTransactionMode, SqlxPostgresConnector, SqlxSqliteConnector, TransactionOptions,
    TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::{StoreError, is_lost};
use crate::domain::input::BadInput;

/// A transaction that may write. Dropped without [`Store::commit`], it leaves nothing behind.
pub type Transaction = DatabaseTransaction;

/// How long somebody waits for their turn to write to SQLite, or for one of its readers, before it counts as not available.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long somebody waits for a connection to PostgreSQL before it counts as not available: long enough for a server that starts anew, and
/// short enough for a caller to be told.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long SQLite waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A PostgreSQL connection that rested for so long is asked whether it still lives before it is used.
const IDLE_UNCHECKED_MAX: Duration = Duration::from_secs(1);

/// What every session of PostgreSQL is told besides the time-out of its statements. A lock is not waited for without end; who holds one in a
/// transaction and says nothing (a node that was stopped, a machine that is gone) loses it, and a connection whose other end is gone is
/// closed. See its manual, chapters 20.3.2 and 20.11.1.
const SESSION: [(&str, &str); 6] = [
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// Whatever takes its time by right: a migration.
const UNHURRIED: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                         SET LOCAL idle_in_transaction_session_timeout = 0";

/// A statement that takes longer is logged.
const SLOW: Duration = Duration::from_secs(1);

/// The lock that two processes which migrate one PostgreSQL database at once contend for. The number means nothing.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(7216094421031)";

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
    /// PostgreSQL only: how long a statement may take; zero: as long as it wants. A migration always takes its time.
    pub statement_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: "sqlite://wabacus.db".to_owned(),
            readers_max: 8,
            durable: false,
            statement_timeout: Duration::from_secs(30),
        }
    }
}

impl std::fmt::Debug for Options {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("readers_max", &self.readers_max)
            .field("durable", &self.durable)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

/// How many statements were sent to the database, as `/metrics` names it.
const STATEMENTS: &str = "wabacus_sql_statements_total";

/// Counts the statements of a pool and of its transactions.
fn counted(mut pool: DatabaseConnection) -> DatabaseConnection {
    let statements = metrics::counter!(STATEMENTS);
    pool.set_metric_callback(move |_| statements.increment(1));
    pool
}

/// The two kinds of database, with what is needed to connect.
enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

impl Options {
    /// Whether these can work at all, before anything is opened. The address is not quoted back: it may hold a password.
    pub fn validate(&self) -> Result<(), BadInput> {
        if self.readers_max == 0 {
            return Err(BadInput::new("readers_max", self.readers_max, "expected at least 1"));
        }
        self.address().map(drop)
    }

    /// Where the file of a SQLite database is. `None`: there is none.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        match self.address().ok()? {
            Address::Sqlite(address) => Some(address.get_filename().to_owned()),
            Address::Postgres(_) => None,
        }
    }

    fn address(&self) -> Result<Address, BadInput> {
        let scheme = self.url.split(':').next().unwrap_or_default();
        let refuse = |accepted: &str| BadInput::new("url", format_args!("{scheme}:..."), accepted);
        match scheme {
            "sqlite" if self.url.contains(":memory:") || self.url.contains("mode=memory") => {
                Err(refuse("SQLite in memory is not supported, expected a file such as sqlite://wabacus.db"))
            }
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(&self.url);
                options
                    .map(|options| Address::Sqlite(Box::new(options)))
                    .map_err(|_| refuse("expected a file such as sqlite://wabacus.db"))
            }
            "postgres" | "postgresql" => {
                let options = PgConnectOptions::from_str(&self.url);
                let accepted = "expected an address such as postgres://user:password@host:5432/database";
                options.map(|options| Address::Postgres(Box::new(options))).map_err(|_| refuse(accepted))
            }
            _ => Err(refuse("expected sqlite:// and a file, or postgres:// and an address")),
        }
    }
}

/// The database. Clones share its pools.
#[derive(Debug, Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// How many connections may turn out to be lost, one after the other, before a transaction is given up.
    losses_max: u32,
}

impl Store {
    /// Opens the pools and makes sure that the database answers. A SQLite file is created if missing; its directory is not.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let address = options.address().map_err(|error| DbErr::Custom(error.to_string()))?;
        let store = match address {
            Address::Sqlite(address) => open_sqlite(*address, options).await,
            Address::Postgres(address) => open_postgres(*address, options).await,
        }
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        store.ping().await?;
        Ok(store)
    }

    /// Brings the tables up to this program's version, all or nothing; the names of what was applied. Several processes may
    /// call this at once.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let tx = self.begin().await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            tx.execute_unprepared(UNHURRIED).await?;
            tx.execute_unprepared(MIGRATION_LOCK).await?;
        }
        let pending = Migrator::get_pending_migrations(&tx).await?;
        Migrator::up(&tx, None).await?;
        Self::commit(tx).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    /// The names of what [`Store::migrate`] would apply. Writes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.reader).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    /// For reading outside of a transaction. On SQLite it cannot write.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that may write. On SQLite it waits for its turn, and then no other can write until it ends: keep
    /// it short, and use only the transaction inside it. A connection that was lost since it was last used is replaced.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        // Deferred, as is the default, a transaction that reads before it writes fails whenever another wrote in between, and
        // no waiting helps.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.begin_on(&self.writer, options).await
    }

    /// Begins a transaction that only reads, and sees one state of the database throughout, whatever others commit meanwhile. Nobody waits for it.
    pub async fn begin_reading(&self) -> Result<Transaction, StoreError> {
        let options = match self.reader.get_database_backend() {
            // A reader of the write-ahead log sees the state that its first question found.
            DbBackend::Sqlite => TransactionOptions::default(),
            DbBackend::Postgres | DbBackend::MySql | _ => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..Default::default()
            },
        };
        self.begin_on(&self.reader, options).await
    }

    /// Nothing was done yet on a connection that turns out to be lost, so that another is as good: after a restart of the server each one is.
    async fn begin_on(
        &self,
        pool: &DatabaseConnection,
        options: TransactionOptions,
    ) -> Result<Transaction, StoreError> {
        let mut losses = 0;
        loop {
            match pool.begin_with_options(options).await {
                Ok(tx) => return Ok(tx),
                Err(error) if losses < self.losses_max && is_lost(&error) => losses += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes what the transaction did final.
    pub async fn commit(tx: Transaction) -> Result<(), StoreError> {
        Ok(tx.commit().await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }

    /// `sqlite` or `postgres`.
    pub fn backend(&self) -> &'static str {
        match self.reader.get_database_backend() {
            DbBackend::Sqlite => "sqlite",
            DbBackend::Postgres | DbBackend::MySql | _ => "postgres",
        }
    }

    /// Closes the pools once what runs is done.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await?;
        Ok(self.writer.close().await?)
    }
}

async fn open_sqlite(address: SqliteConnectOptions, options: &Options) -> Result<Store, sqlx::Error> {
    let synchronous = if options.durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    let address = address
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(synchronous)
        .pragma("temp_store", "memory")
        .log_statements(LevelFilter::Off)
        .log_slow_statements(LevelFilter::Warn, SLOW);
    // Neither pool lets go of a connection: a file needs no rest, and the last one to go would fold the log into the file.
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(TURN_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    // The writer comes first, because it makes the file and turns on the write-ahead log.
    let writer_address = address.clone().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let writer = pool().max_connections(1).connect_with(writer_address).await?;
    let reader_address = address.create_if_missing(false).read_only(true);
    let reader = pool().max_connections(options.readers_max).connect_with(reader_address).await?;
    Ok(Store {
        reader: counted(SqlxSqliteConnector::from_sqlx_sqlite_pool(reader)),
        writer: counted(SqlxSqliteConnector::from_sqlx_sqlite_pool(writer)),
        losses_max: 0,
    })
}

async fn open_postgres(address: PgConnectOptions, options: &Options) -> Result<Store, sqlx::Error> {
    let address = address
        .application_name("wabacus")
        .options(SESSION)
        .options([("statement_timeout", options.statement_timeout.as_millis())])
        .log_statements(LevelFilter::Off)
        .log_slow_statements(LevelFilter::Warn, SLOW);
    // A pool tries a server that refuses until its time is up; who opens wants to know at once.
    address.connect().await?.close().await?;
    // A connection that was in use a moment ago is not asked first: the question costs a third of the work.
    let pool = PgPoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_connections(options.readers_max)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                let rested = about.idle_for > IDLE_UNCHECKED_MAX;
                Ok(!rested || connection.ping().await.is_ok())
            })
        })
        .connect_with(address)
        .await?;
    let both = counted(SqlxPostgresConnector::from_sqlx_postgres_pool(pool));
    Ok(Store { reader: both.clone(), writer: both, losses_max: options.readers_max })
}
