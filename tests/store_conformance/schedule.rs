//! Schedules: one of a kind for an organisation, tombstones, and what is due.

use wabacus::domain::job::{JobKind, Schedule};
use wabacus::domain::page::PageRequest;
use wabacus::domain::schedule::Cron;
use wabacus::store;

use crate::harness::{Database, stories, write};
use crate::sample::{every_shard, hour, now, schedule, stored_organisation, zone};

stories! {
    a_schedule_is_one_of_its_kind,
    a_removed_schedule_stays_removed_until_it_is_saved,
    what_is_due_comes_earliest_first,
    next_times_are_written_together_and_alone,
    every_live_schedule_of_an_active_organisation_is_visited,
    schedules_come_in_pages,
}

async fn insert(database: &Database, schedules: &[Schedule]) {
    write!(database, |tx| store::schedule::insert_many(&tx, schedules, now())).unwrap();
}

async fn find(database: &Database, of: &Schedule) -> Option<Schedule> {
    store::schedule::find(database.store.read(), of.organisation_id, of.kind).await.unwrap()
}

async fn a_schedule_is_one_of_its_kind(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let first = schedule(ours, JobKind::DailyUsage, Some(hour(1)));
    let others = [schedule(ours, JobKind::Retention, None), schedule(theirs, JobKind::DailyUsage, Some(hour(3)))];
    insert(database, std::slice::from_ref(&first)).await;
    let again = schedule(ours, JobKind::DailyUsage, Some(hour(2)));
    insert(database, &[again, others[0].clone(), others[1].clone()]).await;
    assert_eq!(find(database, &first).await, Some(first.clone()));
    let db = database.store.read();
    assert_eq!(store::schedule::list(db, ours).await.unwrap(), [first.clone(), others[0].clone()]);
    let listed = store::schedule::list_of(db, &[theirs, ours]).await.unwrap();
    assert_eq!(listed, [first.clone(), others[0].clone(), others[1].clone()]);
    assert_eq!(store::schedule::find_by_id(db, first.id).await.unwrap(), Some(first.clone()));

    let mut changed = schedule(ours, JobKind::DailyUsage, None);
    changed.cron = Cron::parse("cron", "30 2 * * MON").unwrap();
    changed.time_zone = zone("America/Sao_Paulo");
    write!(database, |tx| store::schedule::save(&tx, &changed, hour(1))).unwrap();
    changed.id = first.id;
    assert_eq!(find(database, &first).await, Some(changed.clone()), "it keeps its id");
    changed.next_run_at = Some(hour(5));
    write!(database, |tx| store::schedule::save(&tx, &changed, hour(1))).unwrap();
    assert_eq!(find(database, &first).await, Some(changed), "saved under its own id");
}

async fn a_removed_schedule_stays_removed_until_it_is_saved(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    let first = schedule(ours, JobKind::DailyUsage, Some(hour(1)));
    insert(database, std::slice::from_ref(&first)).await;
    let remove =
        async || write!(database, |tx| store::schedule::remove(&tx, ours, JobKind::DailyUsage, now())).unwrap();
    assert!(remove().await);
    assert!(!remove().await);
    insert(database, &[schedule(ours, JobKind::DailyUsage, Some(hour(2)))]).await;
    let db = database.store.read();
    assert_eq!(find(database, &first).await, None);
    assert_eq!(store::schedule::find_by_id(db, first.id).await.unwrap(), None);
    assert_eq!(store::schedule::list(db, ours).await.unwrap(), []);
    write!(database, |tx| store::schedule::save(&tx, &first, now())).unwrap();
    assert_eq!(find(database, &first).await, Some(first));
}

async fn what_is_due_comes_earliest_first(database: &Database) {
    let mut ids = Vec::new();
    for name in ["a", "b", "not asked for"] {
        ids.push(stored_organisation(database, name).await.id);
    }
    let late = schedule(ids[0], JobKind::DailyUsage, Some(hour(2)));
    let early = schedule(ids[1], JobKind::DailyUsage, Some(hour(1)));
    let mut paused = schedule(ids[1], JobKind::InvoiceClose, Some(hour(1)));
    paused.paused = true;
    let removed = schedule(ids[0], JobKind::Retention, Some(hour(1)));
    let others = [
        late.clone(),
        early.clone(),
        paused,
        removed,
        schedule(ids[1], JobKind::Retention, Some(hour(2) + chrono::TimeDelta::microseconds(1))),
        schedule(ids[2], JobKind::DailyUsage, Some(hour(1))),
    ];
    insert(database, &others).await;
    write!(database, |tx| store::schedule::remove(&tx, ids[0], JobKind::Retention, now())).unwrap();
    let due = write!(database, |tx| store::schedule::due(&tx, &ids[..2], hour(2))).unwrap();
    assert_eq!(due, [early, late]);
    assert_eq!(write!(database, |tx| store::schedule::due(&tx, &[], hour(2))).unwrap(), []);
}

async fn next_times_are_written_together_and_alone(database: &Database) {
    let mut schedules = Vec::new();
    for turn in 0..3 {
        let organisation = stored_organisation(database, "one of several").await.id;
        schedules.push(schedule(organisation, JobKind::DailyUsage, Some(hour(turn))));
    }
    insert(database, &schedules).await;
    let mut moved =
        [schedules[0].clone(), schedules[1].clone(), schedule(schedules[2].organisation_id, JobKind::Retention, None)];
    moved[0].next_run_at = Some(hour(100));
    moved[1].next_run_at = None;
    moved[1].cron = Cron::parse("cron", "0 10 * * *").unwrap();
    write!(database, |tx| store::schedule::save_next(&tx, &moved, now())).unwrap();
    schedules[0].next_run_at = Some(hour(100));
    schedules[1].next_run_at = None;
    for schedule in &schedules {
        assert_eq!(find(database, schedule).await.as_ref(), Some(schedule));
    }
    assert_eq!(find(database, &moved[2]).await, None, "one that does not exist is not made");
}

async fn every_live_schedule_of_an_active_organisation_is_visited(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    let mut inactive = crate::sample::organisation("inactive");
    inactive.active = false;
    write!(database, |tx| store::organisation::insert(&tx, &inactive, now())).unwrap();
    insert(
        database,
        &[
            schedule(ours, JobKind::DailyUsage, Some(hour(1))),
            schedule(ours, JobKind::Retention, Some(hour(2))),
            schedule(ours, JobKind::InvoiceClose, None),
            schedule(ours, JobKind::Backfill, Some(hour(3))),
            schedule(inactive.id, JobKind::DailyUsage, Some(hour(1))),
        ],
    )
    .await;
    write!(database, |tx| store::schedule::remove(&tx, ours, JobKind::Backfill, now())).unwrap();
    let mut visited = Vec::new();
    let visit = |organisation, kind, next| visited.push((organisation, kind, next));
    store::schedule::for_each_next(database.store.read(), &every_shard(), None, visit).await.unwrap();
    assert_eq!(visited, [(ours, JobKind::DailyUsage, hour(1)), (ours, JobKind::Retention, hour(2))]);

    let mut soon = Vec::new();
    let visit = |_, kind, _| soon.push(kind);
    store::schedule::for_each_next(database.store.read(), &every_shard(), Some(hour(1)), visit).await.unwrap();
    assert_eq!(soon, [JobKind::DailyUsage]);
}

async fn schedules_come_in_pages(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let schedules = [
        schedule(ours, JobKind::DailyUsage, Some(hour(1))),
        schedule(theirs, JobKind::DailyUsage, Some(hour(1))),
        schedule(ours, JobKind::Retention, Some(hour(1))),
    ];
    insert(database, &schedules).await;
    let db = database.store.read();
    let first = store::schedule::page(db, None, None, &PageRequest::first(2)).await.unwrap();
    assert_eq!((first.items, first.has_next), (schedules[..2].to_vec(), true));
    let rest = PageRequest { after: Some(schedules[1].id), ..PageRequest::first(2) };
    assert_eq!(store::schedule::page(db, None, None, &rest).await.unwrap().items, schedules[2..]);
    let of_kind =
        store::schedule::page(db, Some(ours), Some(JobKind::DailyUsage), &PageRequest::first(5)).await.unwrap();
    assert_eq!(of_kind.items, schedules[..1]);
}
