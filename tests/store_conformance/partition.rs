//! The months by which PostgreSQL keeps the big tables: what was there before gets into them, and nothing is lost between them.
//!
//! They are made once, whoever makes them. SQLite goes through the same without months.

use chrono::TimeDelta;
use entity::{event, event_sequence, usage_customer_day, usage_hour, usage_payload, usage_record, webhook_attempt};
use futures::future::join_all;
use sea_orm::{DbErr, EntityTrait, ModelTrait, QueryOrder as _};
use sea_orm_migration::MigratorTrait as _;
use uuid::Uuid;
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::clock::Instant;
use wabacus::domain::event::{Fact, NewEvent};
use wabacus::domain::id::{ChannelId, OrganisationId, UsageRecordId};
use wabacus::domain::period::Month;
use wabacus::domain::quantity::Quantity;
use wabacus::domain::usage::{Resource, ResourceType, UsageRecord};
use wabacus::store::partition::{self, Partition, Table};
use wabacus::store::{self, Store};

use crate::harness::{Database, fill, stories, write};
use crate::sample::{month, now, organisation, range, report};

stories! {
    two_who_make_months_at_once_make_each_once,
    a_key_is_taken_whatever_the_month,
    a_payload_is_known_again_in_another_month,
    a_month_that_is_made_late_takes_its_rows_out_of_the_default,
    a_month_of_events_goes_as_a_whole_and_leaves_a_mark,
    a_month_of_payloads_goes_when_it_is_empty,
}

/// The migrations before there were months.
const BEFORE: u32 = 22;

/// From before the months that are made, of several of them, and from the far future.
const TIMES: [&str; 5] = [
    "2001-02-03T04:05:06.000007Z",
    "2024-02-29T23:59:59.999999Z",
    "2026-06-01T00:00:00Z",
    "2026-06-30T23:59:59.999Z",
    "2091-01-01T00:00:00Z",
];

fn times() -> impl Iterator<Item = (i64, Instant)> {
    (1..).zip(TIMES.map(|at| at.parse().expect("a time")))
}

/// All that a table holds, as text.
async fn all<M, E>(database: &Database) -> Vec<String>
where
    M: ModelTrait<Entity = E> + std::fmt::Debug,
    E: EntityTrait<Model = M>,
{
    let rows: Result<Vec<M>, DbErr> = E::find().all(database.store.read()).await;
    let mut rows: Vec<String> = rows.unwrap().iter().map(|row| format!("{row:?}")).collect();
    rows.sort_unstable();
    rows
}

async fn everything(database: &Database) -> [Vec<String>; 6] {
    [
        all::<_, usage_record::Entity>(database).await,
        all::<_, event::Entity>(database).await,
        all::<_, usage_payload::Entity>(database).await,
        all::<_, webhook_attempt::Entity>(database).await,
        all::<_, usage_hour::Entity>(database).await,
        all::<_, usage_customer_day::Entity>(database).await,
    ]
}

/// An id that was made then; those that the program makes never go back in time.
pub(crate) fn id_of(at: Instant) -> Uuid {
    let seconds = u64::try_from(at.timestamp()).expect("after 1970");
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, at.timestamp_subsec_nanos()))
}

pub(crate) fn record(organisation: OrganisationId, key: &str, at: Instant) -> UsageRecord {
    UsageRecord {
        id: UsageRecordId::from_uuid(id_of(at)),
        organisation_id: organisation,
        idempotency_key: key.to_owned(),
        content_hash: [7; 16],
        resource: Resource {
            kind: ChannelKind::Voice,
            resource_type: ResourceType::parse("resourceType", "minute").expect("a resource type"),
            category: None,
            country: None,
        },
        resource_id: Some("quoted \"and\\ {so, on}".to_owned()),
        channel_id: None,
        customer_id: None,
        quantity: Quantity::from_micros(1),
        rate_id: None,
        unit_price: None,
        cost: None,
        occurred_at: at,
        date: at.date_naive(),
        hour: 0,
        billing_month: Month::of(at.date_naive()),
        metadata: Some(r#"{"a":"b"}"#.to_owned()),
        correction: None,
        recorded_at: at,
    }
}

fn payload(organisation: OrganisationId, channel: ChannelId, number: i64, at: Instant) -> usage_payload::Model {
    usage_payload::Model {
        id: id_of(at),
        organisation_id: organisation.uuid(),
        channel_id: channel.uuid(),
        source: "gupshup".to_owned(),
        range_from: at.date_naive(),
        range_to: at.date_naive(),
        sha256: vec![u8::try_from(number).expect("a small number"); 32],
        body: "{}".to_owned(),
        fetched_at: at,
    }
}

async fn fill_with_what_was_there(database: &Database, organisation: OrganisationId) {
    let (organisation_id, channel_id) = (organisation.uuid(), ChannelId::generate(now()).uuid());
    let records = times().map(|(number, at)| usage_record::Model {
        id: id_of(at),
        organisation_id,
        idempotency_key: format!("key {number}"),
        content_hash: vec![7; 16],
        kind: "VOICE".to_owned(),
        resource_type: "minute".to_owned(),
        resource_id: None,
        quantity_micros: number,
        unit_price_nanos: None,
        cost_nanos: Some(number),
        rate_id: None,
        category: String::new(),
        country: String::new(),
        customer_id: None,
        channel_id: Some(channel_id),
        metadata: None,
        occurred_at: at,
        date: at.date_naive(),
        hour: 23,
        billing_month: Month::of(at.date_naive()).first_day(),
        counts: 1,
        amends: None,
        reason: None,
        recorded_at: at,
    });
    fill::<_, usage_record::ActiveModel>(database, records.collect()).await;
    let events = times().map(|(number, at)| event::Model {
        position: number * 10,
        organisation_id,
        sequence: number,
        kind: "ACTOR_QUARANTINED".to_owned(),
        fact: serde_json::to_value(Fact::ActorQuarantined { restarts: 1 }).expect("JSON"),
        at,
    });
    fill::<_, event::ActiveModel>(database, events.collect()).await;
    fill::<_, event_sequence::ActiveModel>(database, vec![event_sequence::Model { organisation_id, last: 5 }]).await;
    let payloads = times().map(|(number, at)| payload(organisation, ChannelId::from_uuid(channel_id), number, at));
    fill::<_, usage_payload::ActiveModel>(database, payloads.collect()).await;
    fill_attempts_and_counters(database, organisation_id, channel_id).await;
}

async fn fill_attempts_and_counters(database: &Database, organisation_id: Uuid, channel_id: Uuid) {
    let attempts = times().map(|(number, at)| webhook_attempt::Model {
        id: id_of(at),
        organisation_id,
        endpoint_id: Uuid::nil(),
        sequence: Some(number),
        event_type: "x".to_owned(),
        number: 1,
        status_code: None,
        error: Some("no".to_owned()),
        duration_ms: 3,
        at,
    });
    fill::<_, webhook_attempt::ActiveModel>(database, attempts.collect()).await;
    let hours = times().map(|(number, at)| usage_hour::Model {
        organisation_id,
        date: at.date_naive(),
        hour: 1,
        kind: "VOICE".to_owned(),
        resource_type: "minute".to_owned(),
        category: String::new(),
        country: String::new(),
        channel_id,
        rate_id: Uuid::nil(),
        quantity_micros: number,
        cost_nanos: number,
        records: 1,
        unpriced: 0,
    });
    fill::<_, usage_hour::ActiveModel>(database, hours.collect()).await;
    let days = times().map(|(number, at)| usage_customer_day::Model {
        organisation_id,
        date: at.date_naive(),
        customer_id: Uuid::nil(),
        cost_nanos: number,
        records: 1,
    });
    fill::<_, usage_customer_day::ActiveModel>(database, days.collect()).await;
}

async fn what_was_there_before_is_there_after(database: Option<Database>) {
    let Some(database) = database else { return };
    let tx = database.store.begin().await.unwrap();
    migration::Migrator::up(&tx, Some(BEFORE)).await.unwrap();
    Store::commit(tx).await.unwrap();
    let id = organisation("Kedai Kopi").id;
    fill_with_what_was_there(&database, id).await;
    let before = everything(&database).await;
    assert!(before.iter().all(|rows| rows.len() == TIMES.len()), "{before:#?}");

    // Two processes at once.
    let second = database.open_again().await;
    let (here, there) = tokio::join!(database.store.migrate(), second.migrate());
    let mut applied = [here.unwrap().len(), there.unwrap().len()];
    applied.sort_unstable();
    assert_eq!(applied[0], 0, "only one of them does it");
    assert_eq!(everything(&database).await, before);

    // The keys are known, and the numbers go on.
    let again = record(id, "key 2", now());
    let written = write!(database, |tx| store::usage::insert(&tx, &[&again])).unwrap();
    let taken = written.taken(id, "key 2").unwrap();
    assert_eq!(everything(&database).await, before);
    assert!(before[0].iter().any(|row| row.contains(&taken.0.uuid().to_string())));
    let fact = NewEvent { organisation_id: id, fact: Fact::ActorQuarantined { restarts: 2 } };
    let event = write!(database, |tx| store::event::append(&tx, std::slice::from_ref(&fact), now())).unwrap().remove(0);
    assert_eq!(event.sequence, 6);

    // And back.
    let with_event = everything(&database).await;
    let tx = database.store.begin().await.unwrap();
    let applied = u32::try_from(migration::Migrator::migrations().len()).unwrap();
    migration::Migrator::down(&tx, Some(applied - BEFORE)).await.unwrap();
    Store::commit(tx).await.unwrap();
    assert_eq!(everything(&database).await, with_event);
    let next =
        write!(database, |tx| async { event::Entity::find().order_by_desc(event::Column::Position).one(&tx).await });
    assert!(next.unwrap().is_some());
}

#[tokio::test]
async fn a_migration_by_two_at_once_moves_what_is_there_on_sqlite() {
    what_was_there_before_is_there_after(crate::harness::sqlite().await).await;
}

#[tokio::test]
async fn a_migration_by_two_at_once_moves_what_is_there_on_postgres() {
    what_was_there_before_is_there_after(crate::harness::postgres().await).await;
}

fn has_months(database: &Database) -> bool {
    database.store.backend() == "postgres"
}

async fn two_who_make_months_at_once_make_each_once(database: &Database) {
    let second = database.open_again().await;
    let wanted = partition::missing(database.store.read(), now()).await.unwrap();
    assert_eq!(wanted.len(), if has_months(database) { 4 * Table::ALL.len() } else { 0 });
    let makers = [&database.store, &second, &database.store].map(|store| partition::make_ahead(store, now()));
    for made in join_all(makers).await {
        made.unwrap();
    }
    assert_eq!(partition::missing(second.read(), now()).await.unwrap(), []);
    let later = now() + TimeDelta::days(30);
    let missing = partition::missing(second.read(), later).await.unwrap();
    let fourth = Table::ALL.map(|table| Partition { table, month: month("2026-10") });
    assert_eq!(missing, if has_months(database) { fourth.to_vec() } else { Vec::new() });
}

async fn a_key_is_taken_whatever_the_month(database: &Database) {
    partition::make_ahead(&database.store, now()).await.unwrap();
    let id = organisation("Kedai Kopi").id;
    let writers = times().map(|(_, at)| {
        let (store, records) = (database.store.clone(), ["a", "b", "c"].map(|key| record(id, key, at)));
        async move {
            let tx = store.begin().await.unwrap();
            let written = store::usage::insert(&tx, &records.each_ref()).await.unwrap();
            Store::commit(tx).await.unwrap();
            records.map(|record| written.taken(id, &record.idempotency_key).map_or(record.id, |(id, _)| id))
        }
    });
    let ids = join_all(writers).await;
    assert!(ids.iter().all(|of_writer| of_writer == &ids[0]), "each hears of the same record: {ids:?}");
    let there = usage_record::Entity::find().all(database.store.read()).await.unwrap();
    assert_eq!(there.len(), 3);
    assert_eq!(there[0].resource_id.as_deref(), Some("quoted \"and\\ {so, on}"));
    assert_eq!(there[0].metadata.as_deref(), Some(r#"{"a":"b"}"#));
}

async fn a_payload_is_known_again_in_another_month(database: &Database) {
    partition::make_ahead(&database.store, now()).await.unwrap();
    let (id, channel) = (organisation("Kedai Kopi").id, ChannelId::generate(now()));
    let report = report(range("2026-06-01", "2026-06-02"), Vec::new());
    let later = now() + TimeDelta::days(40);
    let first = write!(database, |tx| store::account_usage::store_payload(&tx, id, channel, &report, now())).unwrap();
    let again = write!(database, |tx| store::account_usage::store_payload(&tx, id, channel, &report, later)).unwrap();
    assert_eq!(first, again);
    let found = store::account_usage::payload(database.store.read(), id, first).await.unwrap().unwrap();
    assert_eq!(found.fetched_at, later);
    let gone = write!(database, |tx| store::account_usage::delete_payloads(&tx, id, later + TimeDelta::days(1), 9));
    assert_eq!(gone.unwrap(), 1);
    let anew = write!(database, |tx| store::account_usage::store_payload(&tx, id, channel, &report, later)).unwrap();
    assert_ne!(anew, first);
}

async fn a_month_that_is_made_late_takes_its_rows_out_of_the_default(database: &Database) {
    let id = organisation("Kedai Kopi").id;
    let records: Vec<_> = times().map(|(number, at)| record(id, &number.to_string(), at)).collect();
    write!(database, |tx| store::usage::insert(&tx, &records.iter().collect::<Vec<_>>())).unwrap();
    let before = everything(database).await;
    partition::make_ahead(&database.store, now()).await.unwrap();
    assert_eq!(everything(database).await, before);
    if has_months(database) {
        let june = Partition { table: Table::UsageRecord, month: month("2026-06") };
        assert_eq!(count(database, &june.name()).await, 2);
        assert_eq!(count(database, "usage_record_default").await, 3);
    }
}

async fn a_month_of_events_goes_as_a_whole_and_leaves_a_mark(database: &Database) {
    partition::make_ahead(&database.store, now()).await.unwrap();
    let id = organisation("Kedai Kopi").id;
    let fact = NewEvent { organisation_id: id, fact: Fact::ActorQuarantined { restarts: 1 } };
    let mut last = 0;
    for at in [now(), now() + TimeDelta::days(1), now() + TimeDelta::days(30)] {
        let facts = std::slice::from_ref(&fact);
        let events = write!(database, |tx| store::event::append(&tx, facts, at)).unwrap();
        if at < now() + TimeDelta::days(2) {
            last = events[0].position;
        }
    }
    let july = "2026-07-01T00:00:00Z".parse::<Instant>().unwrap();
    let early = partition::over(database.store.read(), Table::Event, july - TimeDelta::milliseconds(1)).await.unwrap();
    assert_eq!(early, []);
    let over = partition::over(database.store.read(), Table::Event, july).await.unwrap();
    assert_eq!(over.len(), usize::from(has_months(database)));
    for partition in over {
        assert!(write!(database, |tx| partition::drop_month(&tx, partition)).unwrap());
        assert!(!write!(database, |tx| partition::drop_month(&tx, partition)).unwrap(), "it is gone");
        assert_eq!(store::event::horizon(database.store.read()).await.unwrap(), last);
        assert_eq!(store::event::oldest_sequence(database.store.read(), id).await.unwrap(), Some(3));
    }
}

async fn a_month_of_payloads_goes_when_it_is_empty(database: &Database) {
    partition::make_ahead(&database.store, now()).await.unwrap();
    if !has_months(database) {
        return;
    }
    let id = organisation("Kedai Kopi").id;
    let payload = payload(id, ChannelId::generate(now()), 1, now());
    fill::<_, usage_payload::ActiveModel>(database, vec![payload]).await;
    let june = Partition { table: Table::UsagePayload, month: month("2026-06") };
    assert!(!write!(database, |tx| partition::drop_month(&tx, june)).unwrap());
    let later = now() + TimeDelta::days(1);
    write!(database, |tx| store::account_usage::delete_payloads(&tx, id, later, 9)).unwrap();
    assert!(write!(database, |tx| partition::drop_month(&tx, june)).unwrap());
}

async fn count(database: &Database, table: &str) -> i64 {
    use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
    let sql = format!("SELECT count(*) FROM {table}");
    let row = database.store.read().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
    row.unwrap().unwrap().try_get_by_index(0).unwrap()
}
