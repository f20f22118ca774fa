//! A second pair of eyes on a server's database, which reads and never writes.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

/// The database of a world or process whose folder this is.
pub struct Database(SqliteConnection);

impl Database {
    pub async fn look_into(folder: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(folder.join("story.db")).read_only(true);
        Self(options.connect().await.expect("the database is there"))
    }

    /// A number that changes with each transaction in which somebody else writes anything.
    pub async fn version(&mut self) -> i64 {
        sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut self.0).await.expect("SQLite counts")
    }

    /// How runs of a kind stand: the state and the attempts that count.
    pub async fn runs(&mut self, kind: &str) -> Vec<(String, i64)> {
        let query = sqlx::query_as("SELECT state, attempt FROM job_run WHERE kind = ? ORDER BY id").bind(kind);
        query.fetch_all(&mut self.0).await.expect("the table of runs")
    }
}
