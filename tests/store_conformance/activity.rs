//! Activity: spans only widen, the months count what their days hold, and the last conversation is the last one.

use entity::{conversation, metric_day};
use uuid::Uuid;
use wabacus::domain::activity::{MonthlyActivity, Span, Spans};
use wabacus::domain::clock::Instant;
use wabacus::domain::id::OrganisationId;
use wabacus::domain::period::Month;
use wabacus::store;

use crate::harness::{Database, fill, stories, write};
use crate::sample::{date, now, zone};

stories! {
    a_span_only_widens,
    months_and_last_conversations_are_found_for_many_at_once,
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn organisation(number: u128) -> OrganisationId {
    OrganisationId::from_uuid(Uuid::from_u128(number))
}

async fn note(database: &Database, told: &[(u128, Span)]) {
    let mut spans = Spans::default();
    for (number, span) in told {
        spans.note(organisation(*number), *span);
    }
    write!(database, |tx| store::activity::note(&tx, &spans)).unwrap();
}

async fn a_span_only_widens(database: &Database) {
    let noon = Span::at(at("2026-06-05T12:00:00Z"));
    let earlier = Span { first_at: at("2026-06-05T11:59:59.5Z"), last_at: at("2026-06-05T11:59:59.75Z") };
    let later = Span::at(at("2026-06-05T12:00:00.000001Z"));
    note(database, &[]).await;
    note(database, &[(1, noon), (2, noon)]).await;
    note(database, &[(1, earlier), (2, later)]).await;
    note(database, &[(1, noon), (2, noon)]).await;
    let ids = [organisation(1), organisation(2), organisation(3)];
    let spans = store::activity::spans(database.store.read(), &ids).await.unwrap();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[&ids[0]], earlier.join(noon));
    assert_eq!(spans[&ids[1]], noon.join(later));
}

fn began(number: u128, name: &str, opened_at: &str) -> conversation::Model {
    conversation::Model {
        organisation_id: Uuid::from_u128(number),
        external_id: name.to_owned(),
        channel_id: Uuid::from_u128(9),
        customer_id: None,
        date: date(&opened_at[..10]),
        opened_at: at(opened_at),
        last_activity_at: at(opened_at),
        expires_at: None,
        closed_at: None,
        closes_at: at(opened_at),
        first_inbound_at: None,
        first_response_at: None,
        told_channel_id: None,
        told_opened_at: None,
        told_response_at: None,
        updated_at: now(),
    }
}

fn day(number: u128, on: &str, channel: u128, conversations: i64) -> metric_day::Model {
    metric_day::Model {
        organisation_id: Uuid::from_u128(number),
        date: date(on),
        channel_id: Uuid::from_u128(channel),
        total: 0,
        sent: 0,
        delivered: 0,
        read: 0,
        failed: 0,
        replied: 0,
        inbound: 0,
        outbound: 0,
        conversations,
        responses: 0,
        response_seconds: 0,
        contacts_new: 0,
    }
}

async fn months_and_last_conversations_are_found_for_many_at_once(database: &Database) {
    let days = [(1, "2026-05-31", 8, 5), (1, "2026-06-01", 8, 2), (1, "2026-06-30", 9, 3), (2, "2026-06-15", 8, 7)];
    fill(database, days.map(|(number, on, channel, count)| day(number, on, channel, count)).to_vec()).await;
    // The last one of June in UTC is one of July in Kolkata.
    let began = [
        began(1, "a", "2026-06-10T00:00:00Z"),
        began(1, "b", "2026-06-30T18:30:00Z"),
        began(1, "c", "2026-06-30T18:29:59.999999Z"),
        began(2, "d", "2026-06-15T00:00:00Z"),
    ];
    fill(database, began.to_vec()).await;
    let db = database.store.read();
    let (june, kolkata) = (Month::of(date("2026-06-01")), zone("Asia/Kolkata"));
    let asked = [
        (organisation(2), zone("UTC"), june),
        (organisation(1), kolkata, june),
        (organisation(1), kolkata, june.next()),
        (organisation(3), kolkata, june),
    ];
    let month = |month: Month, conversations: i64, last: Option<&str>| MonthlyActivity {
        month,
        conversations,
        last_conversation_at: last.map(at),
    };
    let expected = [
        month(june, 7, Some("2026-06-15T00:00:00Z")),
        month(june, 5, Some("2026-06-30T18:29:59.999999Z")),
        month(june.next(), 0, Some("2026-06-30T18:30:00Z")),
        month(june, 0, None),
    ];
    assert_eq!(store::activity::months(db, &asked).await.unwrap(), expected);
    assert_eq!(store::activity::months(db, &[]).await.unwrap(), []);
    let many: Vec<_> = (0..2_500).map(|_| asked[1]).collect();
    assert_eq!(store::activity::months(db, &many).await.unwrap(), vec![expected[1]; 2_500]);

    let last = store::activity::last_conversations(db, &[1, 2, 3].map(organisation)).await.unwrap();
    assert_eq!(last.len(), 2);
    assert_eq!(last[&organisation(1)], at("2026-06-30T18:30:00Z"));
}
