//! A fresh database for each story, of either kind.

use std::io::Write as _;
use std::sync::Arc;

use sea_orm::{ActiveModelTrait, EntityTrait as _, IntoActiveModel};
use tempfile::TempDir;
use wabacus::store::{Options, Store};

use crate::postgres::Postgres;

/// A database that goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) options: Options,
    _home: Home,
}

#[derive(Debug)]
enum Home {
    Sqlite { _folder: TempDir },
    Postgres { _server: Arc<Postgres> },
}

impl Database {
    /// Another process that opens the same database.
    pub(crate) async fn open_again(&self) -> Store {
        Store::open(&self.options).await.expect("the database opens again")
    }
}

/// An SQLite file without tables.
pub(crate) async fn sqlite() -> Option<Database> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("wabacus.db").display());
    Some(open(url, Home::Sqlite { _folder: folder }).await)
}

/// A PostgreSQL database without tables, unless these tests were asked to be left out.
pub(crate) async fn postgres() -> Option<Database> {
    if std::env::var("WABACUS_TEST_BACKENDS").is_ok_and(|backends| backends == "sqlite") {
        writeln!(std::io::stderr(), "left out: WABACUS_TEST_BACKENDS asks for SQLite only").expect("stderr is open");
        return None;
    }
    let server = tokio::task::spawn_blocking(Postgres::shared).await.expect("PostgreSQL starts");
    let url = server.create_database().await;
    Some(open(url, Home::Postgres { _server: server }).await)
}

async fn open(url: String, home: Home) -> Database {
    let options = Options { url, readers_max: 10, ..Options::default() };
    let store = Store::open(&options).await.expect("the database opens");
    Database { store, options, _home: home }
}

/// Makes two tests of each story, `story::sqlite` and `story::postgres`, on a database with tables.
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        $(
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    tell(crate::harness::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    tell(crate::harness::postgres().await).await;
                }

                async fn tell(database: Option<crate::harness::Database>) {
                    if let Some(database) = database {
                        database.store.migrate().await.expect("the tables are made");
                        super::$name(&database).await;
                    }
                }
            }
        )*
    };
}
pub(crate) use stories;

/// Changes something in a transaction of its own.
macro_rules! write {
    ($database:expr, |$tx:ident| $change:expr) => {{
        let $tx = $database.store.begin().await.expect("a transaction begins");
        let outcome = $change.await;
        if outcome.is_ok() {
            wabacus::store::Store::commit($tx).await.expect("the transaction is committed");
        }
        outcome
    }};
}
pub(crate) use write;

/// Puts rows into their table as they are.
pub(crate) async fn fill<M, A>(database: &Database, rows: Vec<M>)
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait + Send,
{
    let rows: Vec<A> = rows.into_iter().map(IntoActiveModel::into_active_model).collect();
    for batch in rows.chunks(500) {
        write!(database, |tx| A::Entity::insert_many(batch.to_vec()).exec_without_returning(&tx)).unwrap();
    }
}
