//! A second pair of eyes on a server's database, which reads and never writes.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};
use wabacus::domain::id::OrganisationId;

/// What is counted of messages.
const COUNTED: [&str; 9] =
    ["total", "inbound", "outbound", "sent", "delivered", "read", "failed", "replied", "conversations"];

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

    /// How many rows a table has.
    pub async fn rows(&mut self, table: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&mut self.0).await.expect("a table")
    }

    /// What the counters say of an organisation's messages, all days and channels together, by the counter's name.
    pub async fn counted(&mut self, organisation: &str) -> BTreeMap<&'static str, i64> {
        let id = OrganisationId::parse("id", organisation).expect("an organisation's id");
        let sums = COUNTED.map(|counter| format!("coalesce(sum({counter}), 0)")).join(", ");
        let query = AssertSqlSafe(format!("SELECT {sums} FROM metric_day WHERE organisation_id = ?"));
        let row: SqliteRow =
            sqlx::query(query).bind(id.uuid().as_bytes().to_vec()).fetch_one(&mut self.0).await.expect("the counters");
        COUNTED.into_iter().enumerate().map(|(place, counter)| (counter, row.get(place))).collect()
    }
}
