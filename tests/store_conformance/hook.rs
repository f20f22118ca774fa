//! The addresses of webhooks out: found where they are behind, changed by whoever saw them last, and the tries at them.

use serde_json::json;
use wabacus::domain::clock::Instant;
use wabacus::domain::event::{Fact, FactKind, NewEvent};
use wabacus::domain::hook::{Attempt, Endpoint, EndpointState, TEST};
use wabacus::domain::id::{AttemptId, EndpointId, OrganisationId};
use wabacus::domain::page::PageRequest;
use wabacus::domain::shard::Shard;
use wabacus::store;
use wabacus::store::webhook_secret::SealedSecret;

use crate::harness::{Database, stories, write};
use crate::sample::{every_shard, hour, now, stored_organisation};

stories! {
    an_endpoint_reads_back_and_is_gone_once_it_is_deleted,
    whoever_saw_it_last_changes_it,
    those_that_are_behind_are_found_in_order,
    cursors_are_moved_forward_where_nobody_else_changed_anything,
    attempts_are_listed_newest_first_and_deleted_oldest_first,
}

fn endpoint(organisation: OrganisationId, cursor: i64) -> Endpoint {
    Endpoint {
        id: EndpointId::generate(now()),
        organisation_id: organisation,
        url: "https://example.com/hook".to_owned(),
        event_types: Some(vec![FactKind::UsageChanged]),
        cursor,
        state: EndpointState::Active,
        failures: 0,
        failing_since: None,
        next_attempt_at: None,
        revision: 1,
        created_at: now(),
    }
}

async fn stored(database: &Database, endpoint: &Endpoint) {
    let sealed = SealedSecret(vec![1, 2, 3]);
    write!(database, |tx| store::hook::insert(&tx, endpoint, &sealed)).unwrap();
}

/// Facts of an organisation, written down.
async fn happen(database: &Database, organisation: OrganisationId, facts: Vec<Fact>) {
    let events: Vec<_> = facts.into_iter().map(|fact| NewEvent { organisation_id: organisation, fact }).collect();
    write!(database, |tx| store::event::append(&tx, &events, now())).unwrap();
}

fn usage() -> Fact {
    Fact::UsageChanged { kinds: vec![] }
}

async fn an_endpoint_reads_back_and_is_gone_once_it_is_deleted(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    let theirs = stored_organisation(database, "theirs").await.id;
    let (some, mut all) = (endpoint(ours, 0), endpoint(ours, 7));
    (all.event_types, all.failing_since, all.next_attempt_at) = (None, Some(hour(1)), Some(hour(2)));
    stored(database, &some).await;
    stored(database, &all).await;
    let db = database.store.read();
    assert_eq!(store::hook::list(db, ours).await.unwrap(), [some.clone(), all.clone()]);
    assert!(store::hook::list(db, theirs).await.unwrap().is_empty());
    assert_eq!(store::hook::sealed(db, ours, some.id).await.unwrap(), Some(SealedSecret(vec![1, 2, 3])));
    assert_eq!(store::hook::sealed(db, theirs, some.id).await.unwrap(), None);
    assert!(!write!(database, |tx| store::hook::delete(&tx, theirs, some.id, hour(1))).unwrap());
    assert!(write!(database, |tx| store::hook::delete(&tx, ours, some.id, hour(1))).unwrap());
    assert!(!write!(database, |tx| store::hook::delete(&tx, ours, some.id, hour(2))).unwrap());
    assert_eq!(store::hook::find_any(db, some.id).await.unwrap(), None);
    assert_eq!(store::hook::count(db, ours).await.unwrap(), 1);
    assert!(!write!(database, |tx| store::hook::update(&tx, &some, hour(2))).unwrap(), "nothing brings it back");
}

async fn whoever_saw_it_last_changes_it(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let seen = endpoint(organisation, 3);
    stored(database, &seen).await;
    let changed = Endpoint {
        cursor: 4,
        state: EndpointState::Disabled,
        failures: 2,
        failing_since: Some(hour(1)),
        next_attempt_at: Some(hour(2)),
        ..seen.clone()
    };
    assert!(write!(database, |tx| store::hook::update(&tx, &changed, hour(1))).unwrap());
    let late = Endpoint { cursor: 9, ..seen.clone() };
    assert!(!write!(database, |tx| store::hook::update(&tx, &late, hour(1))).unwrap());
    let found = store::hook::find_any(database.store.read(), seen.id).await.unwrap();
    assert_eq!(found, Some(Endpoint { revision: 2, ..changed }));
}

async fn those_that_are_behind_are_found_in_order(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    let theirs = stored_organisation(database, "theirs").await.id;
    let other = Fact::AllowanceChanged;
    happen(database, ours, vec![usage(), other.clone(), usage()]).await;
    happen(database, theirs, vec![other]).await;
    let (first, second, seen) = (endpoint(ours, 0), endpoint(ours, 2), endpoint(ours, 3));
    let mut disabled = endpoint(ours, 0);
    disabled.state = EndpointState::Disabled;
    let mut foreign = endpoint(theirs, 0);
    foreign.next_attempt_at = Some(hour(5));
    for endpoint in [&first, &second, &seen, &disabled, &foreign] {
        stored(database, endpoint).await;
    }
    let db = database.store.read();
    let behind = async |of: Option<&[OrganisationId]>, after, limit| {
        let found = store::hook::behind(db, &every_shard(), of, after, limit).await.unwrap();
        found.into_iter().map(|behind| (behind.id, behind.next_attempt_at)).collect::<Vec<_>>()
    };
    assert_eq!(behind(None, None, 10).await, [(first.id, None), (second.id, None), (foreign.id, Some(hour(5)))]);
    assert_eq!(behind(None, Some(first.id), 1).await, [(second.id, None)]);
    assert_eq!(behind(Some(&[theirs]), None, 10).await, [(foreign.id, Some(hour(5)))]);
    assert!(behind(Some(&[]), None, 10).await.is_empty());
    let of_others: Vec<_> = every_shard().into_iter().filter(|shard| *shard != Shard::of(ours)).collect();
    let found = store::hook::behind(db, &of_others, None, None, 10).await.unwrap();
    assert!(found.iter().all(|behind| behind.organisation_id == theirs), "{found:?}");
    let organisations = async |shards: &[Shard], of: Option<&[OrganisationId]>| {
        let found = store::hook::organisations(db, shards, of).await.unwrap();
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_unstable();
        found
    };
    assert_eq!(organisations(&every_shard(), None).await, [ours, theirs]);
    assert_eq!(organisations(&every_shard(), Some(&[ours])).await, [ours]);
    assert_eq!(organisations(&of_others, Some(&[ours])).await, []);
    let pending = async |endpoint: &Endpoint, limit| store::hook::pending(db, endpoint, limit).await.unwrap();
    assert_eq!((pending(&first, 10).await, pending(&second, 10).await, pending(&foreign, 10).await), (2, 1, 0));
    assert_eq!(pending(&first, 1).await, 1);
    assert_eq!(pending(&Endpoint { event_types: None, ..first.clone() }, 10).await, 3);
}

async fn cursors_are_moved_forward_where_nobody_else_changed_anything(database: &Database) {
    let organisation = stored_organisation(database, "Kedai Kopi").await.id;
    let (moved, changed, ahead) = (endpoint(organisation, 1), endpoint(organisation, 1), endpoint(organisation, 9));
    for endpoint in [&moved, &changed, &ahead] {
        stored(database, endpoint).await;
    }
    let written = [(moved.id, 1, 5), (changed.id, 2, 5), (ahead.id, 1, 5)];
    write!(database, |tx| store::hook::pass(&tx, &written)).unwrap();
    write!(database, |tx| store::hook::pass(&tx, &[])).unwrap();
    let found = store::hook::list(database.store.read(), organisation).await.unwrap();
    assert_eq!(found, [Endpoint { cursor: 5, ..moved }, changed, ahead]);
}

async fn attempts_are_listed_newest_first_and_deleted_oldest_first(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    let theirs = stored_organisation(database, "theirs").await.id;
    let endpoint = EndpointId::generate(now());
    let attempt = |organisation_id, at: Instant| Attempt {
        id: AttemptId::generate(at),
        organisation_id,
        endpoint_id: endpoint,
        sequence: Some(7),
        event_type: "usage.changed".to_owned(),
        number: 2,
        status_code: Some(503),
        error: Some("HTTP 503: é".to_owned()),
        duration_ms: 15_000,
        at,
    };
    let (old, mut test, young) = (attempt(ours, hour(0)), attempt(ours, hour(1)), attempt(ours, hour(3)));
    (test.sequence, test.event_type, test.status_code, test.error) = (None, TEST.to_owned(), None, None);
    let foreign = attempt(theirs, hour(0));
    for attempt in [&old, &young, &test, &foreign] {
        write!(database, |tx| store::hook::insert_attempt(&tx, attempt)).unwrap();
    }
    let page = async |organisation, request: PageRequest<AttemptId>| {
        store::hook::page_attempts(database.store.read(), organisation, endpoint, &request).await.unwrap().items
    };
    assert_eq!(page(ours, PageRequest::first(10)).await, [young.clone(), test.clone(), old]);
    let rest = PageRequest { after: Some(young.id), ..PageRequest::first(1) };
    assert_eq!(page(ours, rest).await, [test]);
    for gone in [1, 1, 0] {
        let deleted = write!(database, |tx| store::hook::delete_attempts_before(&tx, ours, hour(3), 1)).unwrap();
        assert_eq!(deleted, gone);
    }
    assert_eq!(page(ours, PageRequest::first(10)).await, [young]);
    assert_eq!(page(theirs, PageRequest::first(10)).await, [foreign]);
    assert_eq!(json!(FactKind::UsageChanged), "usage.changed", "as the rows of endpoints have it");
}
