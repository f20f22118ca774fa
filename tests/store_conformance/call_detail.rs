//! Calls that were reported, and the secrets that reports are signed with.

use chrono::TimeDelta;
use serde_json::json;
use wabacus::domain::customer::NewCustomer;
use wabacus::domain::id::ChannelId;
use wabacus::domain::period::Period;
use wabacus::domain::phone::PhoneNumber;
use wabacus::domain::recording::{CallDetail, CallStatus, Direction};
use wabacus::domain::usage::Country;
use wabacus::store;
use wabacus::store::call_detail::Place;
use wabacus::store::webhook_secret::SealedSecret;

use crate::harness::{Database, stories, write};
use crate::sample::{hour, now, stored_organisation};

stories! {
    the_last_word_of_a_call_holds_and_whom_it_was_with_stays,
    calls_are_read_in_the_order_of_their_time_page_by_page,
    an_organisation_has_one_webhook_secret,
}

fn call(resource_id: &str, hours: i64) -> CallDetail {
    let metadata = json!({ "queue": "sales", "b": 1, "a": 0.5 });
    CallDetail {
        resource_id: resource_id.to_owned(),
        direction: Direction::Outbound,
        status: CallStatus::Completed,
        duration_seconds: 90,
        occurred_at: hour(hours),
        customer_id: None,
        channel_id: None,
        country: Country::from_code("IN"),
        metadata: metadata.as_object().expect("an object").clone(),
    }
}

async fn the_last_word_of_a_call_holds_and_whom_it_was_with_stays(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let asha = NewCustomer {
        phone: PhoneNumber::parse("phone", "+919800000001").expect("a number"),
        name: None,
        registered: true,
        blocked: false,
        external_id: None,
    };
    write!(database, |tx| store::customer::upsert(&tx, ours, std::slice::from_ref(&asha), now())).unwrap();
    let db = database.store.read();
    let customer = store::customer::find_by_phone(db, ours, &[asha.phone]).await.unwrap()[0].id;
    let first = CallDetail { status: CallStatus::Busy, country: None, ..call("CA-1", 0) };
    let other =
        CallDetail { customer_id: Some(customer), channel_id: Some(ChannelId::generate(now())), ..call("CA-2", 0) };
    write!(database, |tx| store::call_detail::upsert(&tx, ours, &[other.clone(), first.clone()], now())).unwrap();
    let again = CallDetail { customer_id: Some(customer), ..call("CA-1", 1) };
    let without = CallDetail { customer_id: None, channel_id: None, ..other.clone() };
    write!(database, |tx| store::call_detail::upsert(&tx, ours, &[again.clone(), without], hour(1))).unwrap();

    let mut found = store::call_detail::find_many(db, ours, &["CA-1", "CA-2", "CA-3"]).await.unwrap();
    found.sort_unstable_by(|one, other| one.resource_id.cmp(&other.resource_id));
    assert_eq!(found, [CallDetail { customer_id: None, ..again }, other]);
    assert_eq!(store::call_detail::find_many(db, theirs, &["CA-1"]).await.unwrap(), []);
}

async fn calls_are_read_in_the_order_of_their_time_page_by_page(database: &Database) {
    let ours = stored_organisation(database, "ours").await.id;
    // Two at one time, and names whose order a language would see otherwise.
    let calls = [call("b", 1), call("Z", 1), call("a", 1), call("first", 0), call("end", 2), call("before", -1)];
    write!(database, |tx| store::call_detail::upsert(&tx, ours, &calls, now())).unwrap();
    let period = Period { start: now(), end: hour(2) };
    let db = database.store.read();
    assert_eq!(store::call_detail::count(db, ours, period).await.unwrap(), 4);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = store::call_detail::page(db, ours, period, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Place { occurred_at: last.occurred_at, resource_id: last.resource_id.clone() });
        seen.extend(page.into_iter().map(|call| call.resource_id));
    }
    assert_eq!(seen, ["first", "Z", "a", "b"]);
    let empty = Period { start: hour(2) + TimeDelta::microseconds(1), end: hour(3) };
    assert_eq!(store::call_detail::count(db, ours, empty).await.unwrap(), 0);
}

async fn an_organisation_has_one_webhook_secret(database: &Database) {
    let (ours, theirs) =
        (stored_organisation(database, "ours").await.id, stored_organisation(database, "theirs").await.id);
    let secret = |byte: u8| SealedSecret(vec![byte; 40]);
    for byte in [1, 2] {
        write!(database, |tx| store::webhook_secret::replace(&tx, ours, &secret(byte), now())).unwrap();
    }
    let db = database.store.read();
    assert_eq!(store::webhook_secret::find(db, ours).await.unwrap(), Some(secret(2)));
    assert_eq!(store::webhook_secret::find(db, theirs).await.unwrap(), None);
}
