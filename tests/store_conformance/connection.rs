//! Opening, migrating, and who waits for whom.

use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigratorTrait as _;
use wabacus::store::{self, Options, Store, StoreError};

use crate::harness::{Database, stories, write};
use crate::postgres::Postgres;
use crate::sample::{now, organisation, stored_organisation};

/// How many there are.
const MIGRATIONS: usize = 24;

stories! {
    a_migrated_database_has_nothing_left_to_migrate,
    what_was_made_can_be_taken_back,
    a_transaction_that_is_dropped_leaves_nothing,
    eight_writers_that_read_before_they_write_all_succeed,
    a_reader_does_not_wait_for_a_writer,
    a_second_process_finds_what_the_first_wrote,
}

async fn a_migrated_database_has_nothing_left_to_migrate(database: &Database) {
    assert_eq!(database.store.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!(database.store.pending_migrations().await.unwrap(), Vec::<String>::new());
    database.store.ping().await.unwrap();
    let kind = if database.options.url.starts_with("sqlite") { "sqlite" } else { "postgres" };
    assert_eq!(database.store.backend(), kind);
}

async fn what_was_made_can_be_taken_back(database: &Database) {
    let tx = database.store.begin().await.unwrap();
    migration::Migrator::down(&tx, None).await.unwrap();
    Store::commit(tx).await.unwrap();
    assert_eq!(database.store.pending_migrations().await.unwrap().len(), MIGRATIONS);
    assert_eq!(database.store.migrate().await.unwrap().len(), MIGRATIONS);
    stored_organisation(database, "Kedai Kopi").await;
}

async fn a_transaction_that_is_dropped_leaves_nothing(database: &Database) {
    let organisation = organisation("Kedai Kopi");
    let tx = database.store.begin().await.unwrap();
    store::organisation::insert(&tx, &organisation, now()).await.unwrap();
    drop(tx);
    assert_eq!(store::organisation::find(database.store.read(), organisation.id).await.unwrap(), None);
    // And the writer is free again.
    stored_organisation(database, "Kedai Teh").await;
}

async fn eight_writers_that_read_before_they_write_all_succeed(database: &Database) {
    let writers = (0..8).map(|writer| {
        let store = database.store.clone();
        tokio::spawn(async move {
            for turn in 0..20 {
                let tx = store.begin().await?;
                store::organisation::count(&tx, &store::organisation::Filter::default()).await?;
                let name = format!("organisation {turn} of writer {writer}");
                store::organisation::insert(&tx, &organisation(&name), now()).await?;
                Store::commit(tx).await?;
            }
            Ok::<(), StoreError>(())
        })
    });
    for written in futures::future::join_all(writers).await {
        written.unwrap().unwrap();
    }
    let count = store::organisation::count(database.store.read(), &store::organisation::Filter::default()).await;
    assert_eq!(count.unwrap(), 160);
}

async fn a_reader_does_not_wait_for_a_writer(database: &Database) {
    let known = stored_organisation(database, "Kedai Kopi").await;
    let tx = database.store.begin().await.unwrap();
    let fresh = organisation("Kedai Teh");
    store::organisation::insert(&tx, &fresh, now()).await.unwrap();
    assert_eq!(store::organisation::find(database.store.read(), known.id).await.unwrap(), Some(known));
    assert_eq!(store::organisation::find(database.store.read(), fresh.id).await.unwrap(), None);
    Store::commit(tx).await.unwrap();
    assert_eq!(store::organisation::find(database.store.read(), fresh.id).await.unwrap(), Some(fresh));
}

async fn a_second_process_finds_what_the_first_wrote(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await;
    let second = database.open_again().await;
    assert_eq!(second.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!(store::organisation::find(second.read(), organisation.id).await.unwrap(), Some(organisation));
    second.close().await.unwrap();
}

async fn two_processes_migrate_at_once(database: Option<Database>) {
    let Some(database) = database else { return };
    assert_eq!(database.store.pending_migrations().await.unwrap().len(), MIGRATIONS);
    let second = database.open_again().await;
    let (here, there) = tokio::join!(database.store.migrate(), second.migrate());
    let mut applied = [here.unwrap().len(), there.unwrap().len()];
    applied.sort_unstable();
    assert_eq!(applied, [0, MIGRATIONS]);
}

#[tokio::test]
async fn two_processes_that_migrate_at_once_do_it_once_on_sqlite() {
    two_processes_migrate_at_once(crate::harness::sqlite().await).await;
}

#[tokio::test]
async fn two_processes_that_migrate_at_once_do_it_once_on_postgres() {
    two_processes_migrate_at_once(crate::harness::postgres().await).await;
}

#[tokio::test]
async fn the_readers_of_sqlite_cannot_write_and_the_writer_logs_ahead_and_checks_foreign_keys() {
    let database = crate::harness::sqlite().await.unwrap();
    database.store.migrate().await.unwrap();
    assert!(database.store.read().execute_unprepared("DELETE FROM organisation").await.is_err());
    let orphan = crate::sample::channel(organisation("nobody's").id, "orphan");
    let refused = write!(database, |tx| store::channel::insert(&tx, &orphan, None, now()));
    assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
    assert!(std::path::Path::new(&format!("{}-wal", database.options.url.trim_start_matches("sqlite://"))).exists());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_available() {
    for url in ["sqlite:///no/such/folder/wabacus.db", "postgres://wabacus@127.0.0.1:1/wabacus"] {
        let opened = Store::open(&Options { url: url.to_owned(), ..Options::default() }).await;
        assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{url}: {opened:?}");
    }
}

#[test]
fn an_address_that_cannot_work_is_refused_without_quoting_it() {
    let options = |url: &str| Options { url: url.to_owned(), ..Options::default() };
    for bad in [
        "",
        "wabacus.db",
        "mysql://root:secret@host/db",
        "sqlite::memory:",
        "sqlite://x?mode=memory",
        "postgres:// :secret",
    ] {
        let refused = options(bad).validate().unwrap_err();
        assert_eq!(refused.field, "url", "{bad}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    assert_eq!(Options { readers_max: 0, ..Options::default() }.validate().unwrap_err().field, "readers_max");
    assert!(options("postgres://wabacus:secret@host/wabacus").validate().is_ok());
    assert!(!format!("{:?}", options("postgres://wabacus:secret@host/wabacus")).contains("secret"));
}

/// A PostgreSQL of one's own, which may be stopped, with a database on it.
async fn own_server(statement_timeout: std::time::Duration) -> Option<(std::sync::Arc<Postgres>, Store)> {
    crate::harness::postgres().await?;
    let server = tokio::task::spawn_blocking(Postgres::start).await.expect("PostgreSQL starts");
    let options = Options { url: server.create_database().await, statement_timeout, ..Options::default() };
    let store = Store::open(&options).await.expect("the database opens");
    store.migrate().await.expect("the tables are made");
    Some((std::sync::Arc::new(server), store))
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_begin_again_after_postgres_ended_all_connections_and_after_it_started_anew() {
    let Some((server, store)) = own_server(std::time::Duration::ZERO).await else { return };
    let busy = async || {
        let held = futures::future::join_all((0..8).map(|_| store.begin())).await;
        held.into_iter().for_each(|tx| drop(tx.unwrap()));
    };
    busy().await;
    assert!(server.terminate().await >= 8);
    busy().await;
    for mode in ["fast", "immediate"] {
        let server = std::sync::Arc::clone(&server);
        tokio::task::spawn_blocking(move || server.restart(mode)).await.unwrap();
        busy().await;
    }
    let tx = store.begin().await.unwrap();
    assert!(server.terminate().await > 0);
    let fresh = organisation("Kedai Kopi");
    let lost = store::organisation::insert(&tx, &fresh, now()).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");

    let stopped = std::sync::Arc::clone(&server);
    tokio::task::spawn_blocking(move || stopped.stop()).await.unwrap();
    let begun = std::time::Instant::now();
    assert!(matches!(store.begin().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    let stopped = std::sync::Arc::clone(&server);
    tokio::task::spawn_blocking(move || stopped.start_again()).await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_and_what_stands_in_anothers_way_is_given_up_by_postgres_and_may_be_tried_again() {
    let Some((_server, store)) = own_server(std::time::Duration::from_secs(1)).await else { return };
    let tx = store.begin().await.unwrap();
    let slow = tx.execute_unprepared("SELECT pg_sleep(60)").await.map_err(StoreError::from);
    assert!(matches!(slow, Err(StoreError::Unavailable(_))), "{slow:?}");
    drop(tx);

    let (one, other) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    let lock = |number: u32| format!("SELECT pg_advisory_xact_lock({number})");
    one.execute_unprepared(&lock(1)).await.unwrap();
    other.execute_unprepared(&lock(2)).await.unwrap();
    let (two, first) = (lock(2), lock(1));
    let (here, there) = tokio::join!(one.execute_unprepared(&two), other.execute_unprepared(&first));
    let refused: Vec<_> = [here, there].into_iter().filter_map(Result::err).map(StoreError::from).collect();
    assert!(matches!(refused.as_slice(), [StoreError::Unavailable(_), ..]), "{refused:?}");
}
