//! What the database server is like, for whoever wants to know whether it will do.

use sea_orm::{ColumnTrait as _, DbErr, Statement};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use entity::channel::{Column, Entity};

use super::channel::SealedCredentials;
use super::{Store, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::ChannelId;

/// A database server, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    Sqlite {
        version: String,
        /// `wal`, once the server ran.
        journal: String,
    },
    Postgres(Postgres),
}

/// A PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// Such as `15.14`.
    pub version: String,
    /// Such as 150014.
    pub version_number: i64,
    /// How many connections it takes, those left out that only an administrator gets.
    pub connections_max: i64,
    /// How many there are now, everybody's.
    pub connections: i64,
    pub now: Instant,
}

/// What the server says of itself.
pub async fn server(store: &Store) -> Result<Server, StoreError> {
    let db = store.read();
    let backend = db.get_database_backend();
    let one = async |sql: &str| {
        let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
        row.ok_or_else(|| DbErr::RecordNotFound("a question that always has an answer".to_owned()))
    };
    if backend == DbBackend::Sqlite {
        let version = one("SELECT sqlite_version()").await?.try_get_by_index(0)?;
        let journal = one("PRAGMA journal_mode").await?.try_get_by_index(0)?;
        return Ok(Server::Sqlite { version, journal });
    }
    let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')::bigint,
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), clock_timestamp()";
    let row = one(sql).await?;
    Ok(Server::Postgres(Postgres {
        version: row.try_get_by_index(0)?,
        version_number: row.try_get_by_index(1)?,
        connections_max: row.try_get_by_index(2)?,
        connections: row.try_get_by_index(3)?,
        now: row.try_get_by_index(4)?,
    }))
}

/// Makes a table and writes to one that is there, in a transaction that is taken back.
pub async fn try_to_write(store: &Store) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    tx.execute_unprepared("CREATE TABLE wabacus_doctor (id BIGINT)").await?;
    tx.execute_unprepared("INSERT INTO wabacus_doctor (id) VALUES (1)").await?;
    if store.pending_migrations().await?.is_empty() {
        tx.execute_unprepared("UPDATE organisation SET name = name WHERE 1 = 0").await?;
    }
    tx.rollback().await?;
    Ok(())
}

/// The credentials of some channels, the newest first, at most `limit`.
pub async fn some_credentials(store: &Store, limit: u64) -> Result<Vec<(ChannelId, SealedCredentials)>, StoreError> {
    let query = Entity::find().select_only().column(Column::Id).column(Column::Credentials);
    let query = query.filter(Column::Credentials.is_not_null()).order_by_desc(Column::Id).limit(limit);
    let rows: Vec<(uuid::Uuid, Vec<u8>)> = query.into_tuple().all(store.read()).await?;
    Ok(rows.into_iter().map(|(id, sealed)| (ChannelId::from_uuid(id), SealedCredentials(sealed))).collect())
}
