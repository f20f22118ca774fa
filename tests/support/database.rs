//! A second pair of eyes on a server's database, which reads and never writes.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement, Value};
use wabacus::domain::id::OrganisationId;
use wabacus::store::{Options, Store};

/// What is counted of messages.
const COUNTED: [&str; 9] =
    ["total", "inbound", "outbound", "sent", "delivered", "read", "failed", "replied", "conversations"];

/// A database, by its address.
pub struct Database(Store);

impl Database {
    pub async fn look_into(url: &str) -> Self {
        // One reader, because SQLite counts what others wrote for each connection.
        let options = Options { url: url.to_owned(), readers_max: 1, ..Options::default() };
        Self(Store::open(&options).await.expect("the database is there"))
    }

    async fn rows_of(&self, sql: &str, values: Vec<Value>) -> Vec<QueryResult> {
        let db = self.0.read();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The one number that a question is answered with.
    pub async fn count(&mut self, sql: &str) -> i64 {
        self.rows_of(sql, Vec::new()).await[0].try_get_by_index(0).expect("a number")
    }

    /// A number that changes with each transaction in which somebody else writes anything but that it lives.
    pub async fn version(&mut self) -> i64 {
        if self.0.read().get_database_backend() == DbBackend::Sqlite {
            return self.count("PRAGMA data_version").await;
        }
        // The transactions that wrote the rows that there are, and how many these are.
        let tables =
            self.rows_of("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('lease', 'node')", Vec::new()).await;
        let tables = tables.iter().map(|row| row.try_get_by_index::<String>(0).expect("the name of a table"));
        let sums = tables
            .map(|table| format!(r#"SELECT coalesce(sum(xmin::text::bigint), 0) + count(*) AS part FROM "{table}""#));
        let sums = sums.collect::<Vec<_>>().join(" UNION ALL ");
        self.count(&format!("SELECT sum(part)::bigint FROM ({sums}) AS parts")).await
    }

    /// How runs of a kind stand: the state and the attempts that count.
    pub async fn runs(&mut self, kind: &str) -> Vec<(String, i64)> {
        let sql = "SELECT state, CAST(attempt AS bigint) FROM job_run WHERE kind = $1 ORDER BY id";
        let rows = self.rows_of(sql, vec![kind.into()]).await;
        let read = rows.iter().map(|row| {
            (row.try_get_by_index(0).expect("a state"), row.try_get_by_index(1).expect("a number of attempts"))
        });
        read.collect()
    }

    /// How many rows a table has.
    pub async fn rows(&mut self, table: &str) -> i64 {
        self.count(&format!("SELECT count(*) FROM {table}")).await
    }

    /// What the counters say of an organisation's messages, all days and channels together, by the counter's name.
    pub async fn counted(&mut self, organisation: &str) -> BTreeMap<&'static str, i64> {
        let id = OrganisationId::parse("id", organisation).expect("an organisation's id");
        let sums = COUNTED.map(|counter| format!("CAST(coalesce(sum({counter}), 0) AS bigint)")).join(", ");
        let sql = format!("SELECT {sums} FROM metric_day WHERE organisation_id = $1");
        let row = self.rows_of(&sql, vec![id.uuid().into()]).await.remove(0);
        COUNTED
            .into_iter()
            .enumerate()
            .map(|(place, name)| (name, row.try_get_by_index(place).expect("a sum")))
            .collect()
    }
}
