//! Where a story's database lives: a file of SQLite, or, with `WABACUS_TEST_DATABASE=postgres`, a database of a private PostgreSQL.

use std::io::Write as _;
use std::sync::Arc;

use tempfile::TempDir;

use super::postgres::Postgres;

/// A place for one database, which goes with it.
pub struct Home {
    url: String,
    _kept: Kept,
}

enum Kept {
    File { _folder: TempDir },
    Server { _server: Arc<Postgres> },
}

impl Home {
    /// A new one, empty.
    pub async fn new() -> Self {
        match std::env::var("WABACUS_TEST_DATABASE").as_deref() {
            Ok("postgres") => Self::on_postgres().await,
            Ok("sqlite") | Err(_) => {
                let folder = tempfile::tempdir().expect("a folder for the database");
                let url = format!("sqlite://{}", folder.path().join("story.db").display());
                Self { url, _kept: Kept::File { _folder: folder } }
            }
            Ok(other) => panic!("WABACUS_TEST_DATABASE: {other:?} is not accepted; expected sqlite or postgres"),
        }
    }

    /// A new one on a PostgreSQL, as several nodes need it; `None` where these tests were asked to be left out.
    pub async fn shared_by_nodes() -> Option<Self> {
        if std::env::var("WABACUS_TEST_BACKENDS").is_ok_and(|backends| backends == "sqlite") {
            writeln!(std::io::stderr(), "left out: WABACUS_TEST_BACKENDS asks for SQLite only")
                .expect("stderr is open");
            return None;
        }
        Some(Self::on_postgres().await)
    }

    /// A new one on PostgreSQL, empty.
    pub async fn on_postgres() -> Self {
        let server = tokio::task::spawn_blocking(Postgres::shared).await.expect("PostgreSQL starts");
        Self { url: server.create_database().await, _kept: Kept::Server { _server: server } }
    }

    /// The database's address.
    pub fn url(&self) -> &str {
        &self.url
    }
}
