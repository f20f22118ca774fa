//! The event log: numbered without gaps per organisation, and in the order of commits over all.

use std::collections::HashMap;

use wabacus::domain::event::{Event, Fact, FactKind, NewEvent};
use wabacus::domain::id::{ChannelId, OrganisationId};
use wabacus::domain::job::JobRunState;
use wabacus::store::{self, Store, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{date, hour, now, organisation, range, run, stored_organisation};

stories! {
    events_are_numbered_per_organisation_and_read_back,
    a_rolled_back_event_leaves_no_gap,
    a_long_list_of_events_keeps_its_order,
    a_later_event_is_not_seen_before_an_earlier_one,
    a_reader_that_follows_positions_misses_nothing,
    old_events_go_from_the_oldest_on_and_leave_a_mark,
}

fn quarantined(organisation_id: OrganisationId, restarts: u32) -> NewEvent {
    NewEvent { organisation_id, fact: Fact::ActorQuarantined { restarts } }
}

async fn append(database: &Database, events: &[NewEvent]) -> Vec<Event> {
    write!(database, |tx| store::event::append(&tx, events, now())).unwrap()
}

async fn events_are_numbered_per_organisation_and_read_back(database: &Database) {
    let (ours, theirs) = (organisation("ours").id, organisation("theirs").id);
    let db = database.store.read();
    assert_eq!(store::event::last_sequence(db, ours).await.unwrap(), 0);
    assert_eq!(store::event::last_position(db).await.unwrap(), 0);
    let mut pulled = run(ours, JobRunState::Running, hour(1));
    pulled.range = Some(range("2026-06-01", "2026-06-03"));
    let facts = [
        NewEvent { organisation_id: ours, fact: Fact::JobRunChanged { run: Box::new(pulled) } },
        quarantined(theirs, 5),
        NewEvent {
            organisation_id: ours,
            fact: Fact::AccountUsageChanged {
                channel_id: ChannelId::generate(now()),
                dates: vec![date("2026-06-01"), date("2026-06-02")],
            },
        },
    ];
    let events = append(database, &facts).await;
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 1, 2]);
    assert!(events.is_sorted_by(|earlier, later| earlier.position < later.position));
    assert_eq!(append(database, &[]).await, []);
    let more = append(database, &[quarantined(ours, 6)]).await;
    assert_eq!(more[0].sequence, 3);

    let all = FactKind::ALL;
    let ours_in_order = [events[0].clone(), events[2].clone(), more[0].clone()];
    assert_eq!(store::event::after(db, ours, 0, all, 10).await.unwrap(), ours_in_order);
    assert_eq!(store::event::after(db, ours, 1, all, 1).await.unwrap(), ours_in_order[1..2]);
    assert_eq!(store::event::after(db, ours, 0, &[FactKind::ActorQuarantined], 10).await.unwrap(), more);
    assert_eq!(store::event::after(db, ours, 0, &[], 10).await.unwrap(), []);
    let followed = store::event::after_position(db, events[0].position, all, 10).await.unwrap();
    assert_eq!(followed, [events[1].clone(), events[2].clone(), more[0].clone()]);
    let quarantines = store::event::after_position(db, 0, &[FactKind::ActorQuarantined], 1).await.unwrap();
    assert_eq!(quarantines, events[1..2]);
    assert_eq!(store::event::last_sequence(db, ours).await.unwrap(), 3);
    assert_eq!(store::event::last_position(db).await.unwrap(), more[0].position);
}

async fn a_rolled_back_event_leaves_no_gap(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    append(database, &[quarantined(ours, 1)]).await;
    let tx = database.store.begin().await.unwrap();
    store::event::append(&tx, &[quarantined(ours, 2)], now()).await.unwrap();
    drop(tx);
    assert_eq!(append(database, &[quarantined(ours, 3)]).await[0].sequence, 2);
}

async fn a_long_list_of_events_keeps_its_order(database: &Database) {
    let organisations: Vec<OrganisationId> = (0..700).map(|_| organisation("one of many").id).collect();
    let facts: Vec<NewEvent> = organisations.iter().chain(&organisations).map(|id| quarantined(*id, 1)).collect();
    let events = append(database, &facts).await;
    assert_eq!(events.len(), 1_400);
    assert!(
        events[..700].iter().all(|event| event.sequence == 1) && events[700..].iter().all(|event| event.sequence == 2)
    );
    assert!(events.is_sorted_by_key(|event| event.position));
    let read = store::event::after_position(database.store.read(), 0, FactKind::ALL, 2_000).await.unwrap();
    assert_eq!(read, events);
}

async fn a_later_event_is_not_seen_before_an_earlier_one(database: &Database) {
    let (first, second) = (organisation("first").id, organisation("second").id);
    let tx = database.store.begin().await.unwrap();
    store::event::append(&tx, &[quarantined(first, 1)], now()).await.unwrap();
    let store = database.store.clone();
    let overtaking = tokio::spawn(async move {
        let tx = store.begin().await?;
        store::event::append(&tx, &[quarantined(second, 2)], now()).await?;
        Store::commit(tx).await
    });
    if database.store.backend() == "sqlite" {
        // There the other waits for its turn to write.
        assert_eq!(store::event::last_position(database.store.read()).await.unwrap(), 0);
        Store::commit(tx).await.unwrap();
        overtaking.await.unwrap().unwrap();
    } else {
        // It has overtaken, which a reader of its own organisation sees at once. One who sees everybody's waits for the first, for never would it
        // look back for that.
        overtaking.await.unwrap().unwrap();
        let own = store::event::after(database.store.read(), second, 0, FactKind::ALL, 10).await.unwrap();
        assert_eq!(own.len(), 1);
        let reader = || {
            let store = database.store.clone();
            tokio::spawn(async move { store::event::after_position(store.read(), 0, FactKind::ALL, 10).await })
        };
        let (reading, store) = (reader(), database.store.clone());
        let last = tokio::spawn(async move { store::event::last_position(store.read()).await });
        for _ in 0..100 {
            database.store.ping().await.unwrap();
            assert!(!reading.is_finished() && !last.is_finished(), "the first may still come");
        }
        Store::commit(tx).await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap().len(), 2);
        assert!(last.await.unwrap().unwrap() > 1);
    }
    let seen = store::event::after_position(database.store.read(), 0, FactKind::ALL, 10).await.unwrap();
    assert_eq!(seen.iter().map(|event| event.organisation_id).collect::<Vec<_>>(), [first, second]);
}

async fn a_reader_that_follows_positions_misses_nothing(database: &Database) {
    const WRITERS: u32 = 8;
    const TURNS: u32 = 15;
    let ours = organisation("ours").id;
    let writers = (0..WRITERS).map(|writer| {
        let store = database.store.clone();
        tokio::spawn(async move {
            for turn in 0..TURNS {
                let own = organisation("of this writer").id;
                let tx = store.begin().await?;
                let facts = [quarantined(own, turn), quarantined(ours, writer), quarantined(ours, turn)];
                store::event::append(&tx, &facts, now()).await?;
                // Here another writer overtakes.
                tokio::task::yield_now().await;
                Store::commit(tx).await?;
            }
            Ok::<(), StoreError>(())
        })
    });
    let writing = tokio::spawn(futures::future::join_all(writers));
    let db = database.store.read();
    let mut seen: Vec<Event> = Vec::new();
    loop {
        let over = writing.is_finished();
        let position = seen.last().map_or(0, |event| event.position);
        seen.extend(store::event::after_position(db, position, FactKind::ALL, 7).await.unwrap());
        let caught_up = seen.last().map_or(0, |event| event.position) == store::event::last_position(db).await.unwrap();
        if over && caught_up {
            break;
        }
    }
    for written in writing.await.unwrap() {
        written.unwrap().unwrap();
    }
    assert_eq!(seen.len(), usize::try_from(WRITERS * TURNS * 3).unwrap());
    let mut expected: HashMap<OrganisationId, i64> = HashMap::new();
    for event in seen {
        let next = expected.entry(event.organisation_id).or_insert(1);
        assert_eq!(event.sequence, *next, "positions and sequences go up together");
        *next += 1;
    }
}

async fn old_events_go_from_the_oldest_on_and_leave_a_mark(database: &Database) {
    let (ours, theirs) = (organisation("ours").id, organisation("theirs").id);
    let db = database.store.read();
    let at = |number: u32| hour(i64::from(number));
    for number in 0..5 {
        let events = [quarantined(ours, number), quarantined(theirs, number)];
        write!(database, |tx| store::event::append(&tx, &events, at(number))).unwrap();
    }
    assert_eq!(store::event::horizon(db).await.unwrap(), 0);
    let delete =
        async |before, limit| write!(database, |tx| store::event::delete_before(&tx, ours, before, limit)).unwrap();

    assert_eq!(delete(at(0), 10).await, 0, "what is from that very time is kept");
    assert_eq!(delete(at(3), 2).await, 2, "no more than was asked for");
    assert_eq!(delete(at(3), 10).await, 1);
    assert_eq!(delete(at(3), 10).await, 0);

    let left = store::event::after(db, ours, 0, FactKind::ALL, 10).await.unwrap();
    assert_eq!(left.iter().map(|event| event.sequence).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(store::event::oldest_sequence(db, ours).await.unwrap(), Some(4));
    assert_eq!(store::event::oldest_sequence(db, theirs).await.unwrap(), Some(1), "the others' are theirs");
    let others = store::event::after(db, theirs, 2, FactKind::ALL, 1).await.unwrap();
    assert_eq!(store::event::horizon(db).await.unwrap() + 1, others[0].position, "just before what came next");
    let next = append(database, &[quarantined(ours, 9)]).await;
    assert_eq!(next[0].sequence, 6, "numbers go on");
}
