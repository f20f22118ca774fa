//! Organisations: what is written is read, names may repeat, pages follow each other in both directions.

use sea_orm_migration::MigratorTrait as _;
use wabacus::domain::job::JobKind;
use wabacus::domain::organisation::Organisation;
use wabacus::domain::page::{Page, PageRequest};
use wabacus::domain::shard::Shard;
use wabacus::store::organisation::{Filter, Order, Place};
use wabacus::store::{self, Store, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{every_shard, hour, now, organisation, schedule, stored_organisation, zone};

stories! {
    an_organisation_reads_back_and_can_be_changed,
    an_external_id_is_taken_once,
    pages_tile_every_order_in_both_directions,
    a_search_takes_wildcards_literally_and_case_lightly,
    organisations_that_never_had_a_schedule_are_found,
    organisations_are_visited_by_their_shards,
    organisations_that_were_there_before_shards_get_theirs,
}

async fn an_organisation_reads_back_and_can_be_changed(database: &Database) {
    let mut organisation = stored_organisation(database, "Kedai Kopi").await;
    let db = database.store.read();
    assert_eq!(store::organisation::find(db, organisation.id).await.unwrap(), Some(organisation.clone()));
    organisation.name = String::from("Warung");
    organisation.external_id = Some("ext-1".to_owned());
    organisation.time_zone = zone("America/Sao_Paulo");
    organisation.active = false;
    write!(database, |tx| store::organisation::update(&tx, &organisation, hour(1))).unwrap();
    let ids = [organisation.id, crate::sample::organisation("unknown").id];
    assert_eq!(store::organisation::find_many(db, &ids).await.unwrap(), [organisation]);
}

async fn an_external_id_is_taken_once(database: &Database) {
    let mut first = organisation("first");
    first.external_id = Some("ext-1".to_owned());
    write!(database, |tx| store::organisation::insert(&tx, &first, now())).unwrap();
    let mut second = stored_organisation(database, "second").await;
    stored_organisation(database, "third, also without an external id").await;
    second.external_id = first.external_id;
    let updated = write!(database, |tx| store::organisation::update(&tx, &second, now()));
    second.id = organisation("other").id;
    let inserted = write!(database, |tx| store::organisation::insert(&tx, &second, now()));
    for refused in [updated, inserted] {
        assert!(
            matches!(&refused, Err(StoreError::Unique { what }) if what == "organisation_external_id"),
            "{refused:?}"
        );
    }
}

fn place(order: Order, organisation: &Organisation) -> Place {
    let by_name = matches!(order, Order::NameAscending | Order::NameDescending);
    Place { key: if by_name { organisation.name.clone() } else { String::new() }, id: organisation.id }
}

async fn page(database: &Database, order: Order, request: &PageRequest<Place>) -> Page<Organisation> {
    store::organisation::page(database.store.read(), &Filter::default(), order, request).await.unwrap()
}

async fn pages_tile_every_order_in_both_directions(database: &Database) {
    let mut all = Vec::new();
    for name in ["b", "a", "B", "b", "é", "a b", "b"] {
        all.push(stored_organisation(database, name).await);
    }
    for order in [Order::NameAscending, Order::NameDescending, Order::OldestFirst, Order::NewestFirst] {
        all.sort_by_key(|organisation| (place(order, organisation).key, organisation.id));
        if matches!(order, Order::NameDescending | Order::NewestFirst) {
            all.reverse();
        }
        let mut forwards = Vec::new();
        let mut request = PageRequest::first(3);
        loop {
            let page = page(database, order, &request).await;
            assert_eq!(page.has_previous, !forwards.is_empty());
            request.after = page.items.last().map(|last| place(order, last));
            forwards.extend(page.items);
            if !page.has_next {
                break;
            }
        }
        assert_eq!(forwards, all, "{order:?}");

        let mut backwards: Vec<Organisation> = Vec::new();
        let mut request = PageRequest { from_end: true, ..PageRequest::first(3) };
        loop {
            let page = page(database, order, &request).await;
            assert_eq!(page.has_next, !backwards.is_empty());
            request.before = page.items.first().map(|first| place(order, first));
            backwards.splice(0..0, page.items);
            if !page.has_previous {
                break;
            }
        }
        assert_eq!(backwards, all, "{order:?}");

        let window = PageRequest {
            after: Some(place(order, &all[0])),
            before: Some(place(order, &all[5])),
            ..PageRequest::first(10)
        };
        assert_eq!(page(database, order, &window).await.items, all[1..5], "{order:?}");
        let skipping = PageRequest { offset: 4, ..PageRequest::first(2) };
        assert_eq!(page(database, order, &skipping).await.items, all[4..6], "{order:?}");
    }
}

async fn a_search_takes_wildcards_literally_and_case_lightly(database: &Database) {
    let percent = stored_organisation(database, "100% Kopi").await;
    stored_organisation(database, "100 Kopi_Teh!").await;
    let mut external = organisation("Warung");
    external.external_id = Some("KOPI-7".to_owned());
    external.active = false;
    write!(database, |tx| store::organisation::insert(&tx, &external, now())).unwrap();
    let found = async |text: &str, active| {
        let filter = Filter { search: Some(text.to_owned()), active };
        let (db, request) = (database.store.read(), PageRequest::first(10));
        let page = store::organisation::page(db, &filter, Order::OldestFirst, &request).await;
        let names: Vec<String> = page.unwrap().items.into_iter().map(|found| found.name).collect();
        let count = store::organisation::count(database.store.read(), &filter).await.unwrap();
        assert_eq!(i64::try_from(names.len()), Ok(count));
        names
    };
    assert_eq!(found("kopi", None).await, ["100% Kopi", "100 Kopi_Teh!", "Warung"]);
    assert_eq!(found("kopi", Some(false)).await, ["Warung"]);
    assert_eq!(found("0%", None).await, [percent.name]);
    assert_eq!(found("i_t", None).await, ["100 Kopi_Teh!"]);
    assert_eq!(found("H!", None).await, ["100 Kopi_Teh!"]);
    assert_eq!(found(r"\", None).await, Vec::<String>::new());
}

async fn organisations_that_never_had_a_schedule_are_found(database: &Database) {
    let with = stored_organisation(database, "with").await;
    let removed = stored_organisation(database, "removed").await;
    let without = stored_organisation(database, "without").await;
    let other_kind = stored_organisation(database, "other kind").await;
    let schedules = [
        schedule(with.id, JobKind::DailyUsage, Some(hour(1))),
        schedule(removed.id, JobKind::DailyUsage, Some(hour(1))),
        schedule(other_kind.id, JobKind::Retention, Some(hour(1))),
    ];
    write!(database, |tx| store::schedule::insert_many(&tx, &schedules, now())).unwrap();
    write!(database, |tx| store::schedule::remove(&tx, removed.id, JobKind::DailyUsage, now())).unwrap();
    let db = database.store.read();
    let found = store::organisation::without_schedule(db, &every_shard(), JobKind::DailyUsage, 10).await.unwrap();
    assert_eq!(found, [without.clone(), other_kind.clone()]);
    let shard = [Shard::of(other_kind.id)];
    let found = store::organisation::without_schedule(db, &shard, JobKind::DailyUsage, 10).await.unwrap();
    assert!(found.contains(&other_kind) && found.iter().all(|found| Shard::of(found.id) == shard[0]), "{found:?}");
    assert_eq!(
        store::organisation::without_schedule(db, &every_shard(), JobKind::DailyUsage, 1).await.unwrap(),
        [without]
    );
}

async fn organisations_are_visited_by_their_shards(database: &Database) {
    let mut all = Vec::new();
    for number in 0..20 {
        all.push(stored_organisation(database, &format!("organisation {number}")).await);
    }
    let mut inactive = organisation("inactive");
    inactive.active = false;
    write!(database, |tx| store::organisation::insert(&tx, &inactive, now())).unwrap();
    all.sort_unstable_by_key(|organisation| (Shard::of(organisation.id), organisation.id));
    let db = database.store.read();
    let page = async |shards: &[Shard], after, limit| {
        store::organisation::active_of_shards(db, shards, after, limit).await.unwrap()
    };
    assert_eq!(page(&every_shard(), None, 100).await, all);
    assert_eq!(page(&every_shard(), Some(all[4].id), 3).await, all[5..8]);
    let shard = Shard::of(all[7].id);
    let of_one: Vec<_> = all.iter().filter(|organisation| Shard::of(organisation.id) == shard).cloned().collect();
    assert_eq!(page(&[shard], None, 100).await, of_one);
    assert_eq!(page(&[], None, 100).await, []);
}

async fn organisations_that_were_there_before_shards_get_theirs(database: &Database) {
    let mut all = Vec::new();
    for number in 0..50 {
        all.push(stored_organisation(database, &format!("organisation {number}")).await.id);
    }
    // The migrations before the one that brought shards.
    let newer = u32::try_from(migration::Migrator::migrations().len() - 22).unwrap();
    let tx = database.store.begin().await.unwrap();
    migration::Migrator::down(&tx, Some(newer)).await.unwrap();
    migration::Migrator::up(&tx, None).await.unwrap();
    Store::commit(tx).await.unwrap();
    for id in all {
        let shard = [Shard::of(id)];
        let found = store::organisation::active_of_shards(database.store.read(), &shard, None, 100).await.unwrap();
        assert!(found.iter().any(|found| found.id == id), "{id} is not in {shard:?}");
    }
}
