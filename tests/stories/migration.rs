//! Two processes migrate a database that has data, at once: one of them does it, and everything is there afterwards.

use entity::{event, event_sequence, organisation, usage_record};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{EntityTrait as _, IntoActiveModel as _};
use sea_orm_migration::MigratorTrait as _;
use serde_json::json;
use uuid::Uuid;
use wabacus::domain::clock::Instant;
use wabacus::domain::event::{Fact, NewEvent};
use wabacus::domain::id::{OrganisationId, UsageRecordId};
use wabacus::domain::period::Month;
use wabacus::store::{Options, Store};

use crate::support::NOON;
use crate::support::database::Database;
use crate::support::home::Home;
use crate::support::process::{Process, ask, run, settings};

/// The last migration before the big tables were kept by the month.
const BEFORE: u32 = 22;
const RECORDS: usize = 2_000;
const EVENTS: usize = 300;

fn old_record(organisation: OrganisationId, number: usize) -> usage_record::Model {
    let day = chrono::TimeDelta::days(i64::try_from(number % 200).expect("a small number"));
    let at = NOON.parse::<Instant>().expect("a time") - day;
    usage_record::Model {
        id: UsageRecordId::generate(at).uuid(),
        organisation_id: organisation.uuid(),
        idempotency_key: format!("key-{number}"),
        content_hash: vec![7; 16],
        kind: "VOICE".to_owned(),
        resource_type: "minute".to_owned(),
        resource_id: None,
        quantity_micros: 1_000_000,
        unit_price_nanos: None,
        cost_nanos: None,
        rate_id: None,
        category: String::new(),
        country: String::new(),
        customer_id: None::<Uuid>,
        channel_id: None,
        metadata: None,
        occurred_at: at,
        date: at.date_naive(),
        hour: 11,
        billing_month: Month::of(at.date_naive()).first_day(),
        counts: 1,
        amends: None,
        reason: None,
        recorded_at: at,
    }
}

fn old_event(event: &NewEvent, number: i64, at: Instant) -> event::Model {
    event::Model {
        position: number,
        organisation_id: event.organisation_id.uuid(),
        sequence: number,
        kind: event.fact.kind().code().to_owned(),
        fact: serde_json::to_value(&event.fact).expect("JSON"),
        at,
    }
}

/// An organisation as it was when none was in a shard.
fn old_organisation(id: OrganisationId, now: Instant) -> organisation::ActiveModel {
    organisation::ActiveModel {
        id: Set(id.uuid()),
        name: Set("Shop".to_owned()),
        external_id: Set(None),
        time_zone: Set("Asia/Kolkata".to_owned()),
        currency: Set("INR".to_owned()),
        plan_code: Set("free-trial".to_owned()),
        active: Set(true),
        shard: NotSet,
        created_at: Set(now),
        updated_at: Set(now),
    }
}

/// A database of a version from before, with data; the organisation's id.
async fn old_database(url: &str) -> OrganisationId {
    let now = NOON.parse().expect("a time");
    let store = Store::open(&Options { url: url.to_owned(), ..Options::default() }).await.expect("the database opens");
    let id = OrganisationId::generate(now);
    let tx = store.begin().await.expect("a transaction begins");
    ::migration::Migrator::up(&tx, Some(BEFORE)).await.expect("the tables are made");
    let organisation = organisation::Entity::insert(old_organisation(id, now));
    organisation.exec_without_returning(&tx).await.expect("an organisation");
    let records: Vec<_> = (0..RECORDS).map(|number| old_record(id, number).into_active_model()).collect();
    for batch in records.chunks(500) {
        let inserted = usage_record::Entity::insert_many(batch.to_vec()).exec_without_returning(&tx).await;
        inserted.expect("records");
    }
    let fact = NewEvent { organisation_id: id, fact: Fact::ActorQuarantined { restarts: 1 } };
    let events: Vec<_> = (1..).take(EVENTS).map(|number| old_event(&fact, number, now).into_active_model()).collect();
    event::Entity::insert_many(events).exec_without_returning(&tx).await.expect("events");
    let counted =
        event_sequence::Model { organisation_id: id.uuid(), last: i64::try_from(EVENTS).expect("a small number") };
    event_sequence::Entity::insert(counted.into_active_model()).exec_without_returning(&tx).await.expect("a counter");
    Store::commit(tx).await.expect("the transaction is committed");
    store.close().await.expect("the database closes");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_migrate_a_database_with_data_at_once_and_one_of_them_does_it() {
    let home = Home::new().await;
    let organisation = old_database(home.url()).await;
    let settings = settings(home.url(), "http://127.0.0.1:1", "http://127.0.0.1:1");
    let (here, there) = tokio::join!(run(&settings, &["migrate"]), run(&settings, &["migrate"]));
    let mut printed = [here.as_str(), there.as_str()];
    printed.sort_by_key(|text| text.starts_with("applied"));
    assert_eq!(printed[0], "the database is up to date\n");
    assert!(printed[1].lines().all(|line| line.starts_with("applied m2026")), "{}", printed[1]);

    let mut database = Database::look_into(home.url()).await;
    assert_eq!(usize::try_from(database.rows("usage_record").await), Ok(RECORDS));
    assert_eq!(usize::try_from(database.rows("event").await), Ok(EVENTS));
    let of_one_key = "SELECT count(*) FROM usage_record WHERE idempotency_key = 'key-7' AND quantity_micros = 1000000";
    assert_eq!(database.count(of_one_key).await, 1);

    // And it is served: a key is known that was taken before, and numbers go on.
    let admin = run(&settings, &["token", "create", "--admin"]).await.trim().to_owned();
    let (_process, url) = Process::serve(&settings).await;
    let record = "mutation($id: ID!, $key: String!) { recordUsage(organisationId: $id, records: [
        { idempotencyKey: $key, kind: VOICE, resourceType: \"minute\" }]) { outcome } }";
    for (key, outcome) in [("key-7", "CONFLICT"), ("fresh", "RECORDED"), ("fresh", "DUPLICATE")] {
        let data = ask(&url, &admin, record, json!({ "id": organisation.to_string(), "key": key })).await;
        assert_eq!(data["recordUsage"][0]["outcome"], outcome, "{key}");
    }
    assert_eq!(usize::try_from(database.rows("usage_record").await), Ok(RECORDS + 1));
    let sequences = "SELECT count(DISTINCT sequence) FROM event";
    assert_eq!(database.count(sequences).await, database.rows("event").await);
}
