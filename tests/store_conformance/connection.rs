//! Opening, migrating, and who waits for whom.

use sea_orm::ConnectionTrait as _;
use sea_orm_migration::MigratorTrait as _;
use wabacus::store::{self, Options, Store, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{now, organisation, stored_organisation};

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
    assert_eq!(database.store.pending_migrations().await.unwrap().len(), 23);
    assert_eq!(database.store.migrate().await.unwrap().len(), 23);
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
    assert_eq!(database.store.pending_migrations().await.unwrap().len(), 23);
    let second = database.open_again().await;
    let (here, there) = tokio::join!(database.store.migrate(), second.migrate());
    let mut applied = [here.unwrap().len(), there.unwrap().len()];
    applied.sort_unstable();
    assert_eq!(applied, [0, 23]);
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
