//! How the databases find what is read often: by an index, and on PostgreSQL in the months that it can be in.
//!
//! The plans are asked for with the very statements and values that the store sends.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{Days, TimeDelta};
use entity::{
    allowance_counter, customer, daily_usage, event, invoice, message, monthly_usage, token, usage_hour,
    webhook_attempt,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use serde_json::Value;
use uuid::Uuid;
use wabacus::domain::allowance::Scope;
use wabacus::domain::event::{Fact, FactKind};
use wabacus::domain::id::{EndpointId, OrganisationId, UsageRecordId};
use wabacus::domain::job::{JobKind, JobRunState};
use wabacus::domain::page::PageRequest;
use wabacus::domain::shard::Shard;
use wabacus::store;

use crate::harness::{Database, fill, stories, write};
use crate::partition::{id_of, record};
use crate::sample::{date, month, now, organisation, range, run, schedule};

stories! {
    what_is_read_often_is_found_by_an_index,
}

const ORGANISATIONS: usize = 200;
/// Rows of an organisation in each of the big tables.
const ROWS: i64 = 50;

/// A table that holds fewer rows is read as it is, whatever there are of indexes.
const BIG: i64 = 1_000;

/// What a database does for one statement: on PostgreSQL each node of the plan, on SQLite each of its lines.
#[derive(Debug)]
struct Step {
    what: String,
    table: String,
    index: String,
}

/// A connection that asks for the plan of every statement before it sends it.
struct Watched<'a> {
    db: &'a DatabaseConnection,
    steps: Mutex<Vec<Step>>,
}

impl Watched<'_> {
    async fn explain(&self, statement: &Statement) -> Result<(), DbErr> {
        let explain = |how: &str| Statement { sql: format!("{how} {}", statement.sql), ..statement.clone() };
        let mut steps = Vec::new();
        if self.get_database_backend() == DbBackend::Postgres {
            let rows = self.db.query_all_raw(explain("EXPLAIN (FORMAT JSON)")).await?;
            let plan: Value = rows[0].try_get_by_index(0)?;
            nodes(&plan[0]["Plan"], &mut steps);
        } else {
            for row in self.db.query_all_raw(explain("EXPLAIN QUERY PLAN")).await? {
                let detail: String = row.try_get_by_index(3)?;
                let table = detail.split(' ').nth(1).unwrap_or_default().to_owned();
                steps.push(Step { what: detail.clone(), table, index: detail });
            }
        }
        self.steps.lock().unwrap().extend(steps);
        Ok(())
    }

    fn taken(&self) -> Vec<Step> {
        std::mem::take(&mut *self.steps.lock().unwrap())
    }
}

fn nodes(node: &Value, steps: &mut Vec<Step>) {
    let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
    steps.push(Step { what: text("Node Type"), table: text("Relation Name"), index: text("Index Name") });
    for child in node["Plans"].as_array().into_iter().flatten() {
        nodes(child, steps);
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Watched<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.explain(&statement).await?;
        self.db.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.db.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.explain(&statement).await?;
        self.db.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.explain(&statement).await?;
        self.db.query_all_raw(statement).await
    }
}

/// What is in the database of each organisation.
struct Filled {
    organisations: Vec<OrganisationId>,
    record: UsageRecordId,
    channel: Uuid,
    endpoint: Uuid,
}

async fn filled(database: &Database) -> Filled {
    store::partition::make_ahead(&database.store, now()).await.unwrap();
    let organisations: Vec<_> = (0..ORGANISATIONS).map(|number| organisation(&format!("Shop {number}"))).collect();
    let tx = database.store.begin().await.unwrap();
    for organisation in &organisations {
        store::organisation::insert(&tx, organisation, now()).await.unwrap();
    }
    store::Store::commit(tx).await.unwrap();
    let organisations: Vec<_> = organisations.iter().map(|organisation| organisation.id).collect();
    let each = |number: i64| organisations.iter().map(move |id| (*id, number));
    let all: Vec<(OrganisationId, i64)> = (0..ROWS).flat_map(each).collect();
    let at = |number: i64| now() + TimeDelta::days(number % 90);
    let (channel, endpoint) = (id_of(now()), id_of(now()));

    let records: Vec<_> = all.iter().map(|(id, number)| record(*id, &format!("key {number}"), at(*number))).collect();
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort_unstable_by_key(|record| (record.organisation_id, record.idempotency_key.clone()));
    write!(database, |tx| store::usage::insert(&tx, &sorted)).unwrap();
    fill_counters(database, &all, channel).await;
    fill_log(database, &all, endpoint).await;
    fill_people(database, &all, channel).await;
    let schedules: Vec<_> = organisations
        .iter()
        .flat_map(|id| JobKind::ALL.iter().map(|kind| schedule(*id, *kind, Some(now() + TimeDelta::days(1)))))
        .collect();
    write!(database, |tx| store::schedule::insert_many(&tx, &schedules, now())).unwrap();
    let state = |number: i64| if number == 0 { JobRunState::Queued } else { JobRunState::Succeeded };
    let runs: Vec<_> = all.iter().map(|(id, number)| run(*id, state(*number), at(*number))).collect();
    write!(database, |tx| store::job_run::insert_many(&tx, &runs, 1, now())).unwrap();
    if database.store.backend() == "postgres" {
        database.store.read().execute_unprepared("ANALYZE").await.unwrap();
    }
    Filled { organisations, record: records[0].id, channel, endpoint }
}

fn day(number: i64) -> chrono::NaiveDate {
    date("2026-06-01") + Days::new(u64::try_from(number).expect("a small number"))
}

fn months(number: i64) -> chrono::NaiveDate {
    date("2020-01-01") + chrono::Months::new(u32::try_from(number).expect("a small number"))
}

/// Account usage, hours of the ledger, counters of allowances, and invoices.
async fn fill_counters(database: &Database, all: &[(OrganisationId, i64)], channel: Uuid) {
    let hours = all.iter().map(|(id, number)| usage_hour::Model {
        organisation_id: id.uuid(),
        date: day(*number),
        hour: 1,
        kind: "VOICE".to_owned(),
        resource_type: "minute".to_owned(),
        category: String::new(),
        country: String::new(),
        channel_id: channel,
        rate_id: Uuid::nil(),
        quantity_micros: 1,
        cost_nanos: 1,
        records: 1,
        unpriced: 0,
    });
    fill::<_, usage_hour::ActiveModel>(database, hours.collect()).await;
    fill_account_usage(database, all).await;
    fill_billing(database, all).await;
}

/// Days and months, each organisation with a channel of its own, which is called as it is.
async fn fill_account_usage(database: &Database, all: &[(OrganisationId, i64)]) {
    let days = all.iter().map(|(id, number)| daily_usage::Model {
        channel_id: id.uuid(),
        date: day(*number),
        organisation_id: id.uuid(),
        unit: "CONVERSATION".to_owned(),
        marketing: 1,
        utility: 0,
        authentication: 0,
        authentication_international: 0,
        marketing_lite: 0,
        service: 0,
        free_utility: 0,
        free_entry_point: 0,
        free_tier: 0,
        other: 0,
        messages_incoming: None,
        messages_outgoing: None,
        messages_outgoing_media: None,
        messages_template: None,
        messages_template_media: None,
        messages_total: None,
        fees_nanos: None,
        fees_currency: None,
        complete: true,
        revision: 1,
        fetched_at: now(),
        content_hash: vec![0; 32],
        payload_id: None,
    });
    fill::<_, daily_usage::ActiveModel>(database, days.collect()).await;
    let monthly = all.iter().map(|(id, number)| monthly_usage::Model {
        channel_id: id.uuid(),
        month: months(*number),
        organisation_id: id.uuid(),
        marketing: 1,
        utility: 0,
        authentication: 0,
        authentication_international: 0,
        marketing_lite: 0,
        service: 0,
        free_utility: 0,
        free_entry_point: 0,
        free_tier: 0,
        other: 0,
        messages_incoming: None,
        messages_outgoing: None,
        messages_outgoing_media: None,
        messages_template: None,
        messages_template_media: None,
        messages_total: None,
        fees_nanos: None,
        fees_currency: None,
        days: 1,
        computed_at: now(),
    });
    fill::<_, monthly_usage::ActiveModel>(database, monthly.collect()).await;
}

async fn fill_billing(database: &Database, all: &[(OrganisationId, i64)]) {
    let counters = all.iter().map(|(id, number)| allowance_counter::Model {
        organisation_id: id.uuid(),
        channel_id: Uuid::nil(),
        period: "DAY".to_owned(),
        start: day(*number),
        used_micros: 1,
        reserved_micros: 0,
        committed_micros: 0,
        settled_micros: 0,
        reservations: 0,
    });
    fill::<_, allowance_counter::ActiveModel>(database, counters.collect()).await;
    let invoices = all.iter().map(|(id, number)| invoice::Model {
        id: id_of(now()),
        organisation_id: id.uuid(),
        month: months(*number),
        state: "DRAFT".to_owned(),
        number: None,
        plan_id: Uuid::nil(),
        currency: "USD".to_owned(),
        subtotal_nanos: 0,
        credits_applied_nanos: 0,
        total_nanos: 0,
        issued_at: now(),
        finalized_at: None,
        paid_at: None,
        voided_at: None,
        void_reason: None,
        parties: None,
    });
    fill::<_, invoice::ActiveModel>(database, invoices.collect()).await;
}

/// Events, and tries at telling them.
async fn fill_log(database: &Database, all: &[(OrganisationId, i64)], endpoint: Uuid) {
    let at = |number: i64| now() + TimeDelta::days(number);
    let events = (1..).zip(all).map(|(position, (id, number))| event::Model {
        position,
        organisation_id: id.uuid(),
        sequence: number + 1,
        kind: FactKind::ActorQuarantined.code().to_owned(),
        fact: serde_json::to_value(Fact::ActorQuarantined { restarts: 1 }).expect("JSON"),
        at: at(*number),
    });
    fill::<_, event::ActiveModel>(database, events.collect()).await;
    let attempts = all.iter().map(|(id, number)| webhook_attempt::Model {
        id: id_of(at(*number)),
        organisation_id: id.uuid(),
        endpoint_id: if *number == 0 { endpoint } else { id.uuid() },
        sequence: Some(1),
        event_type: "x".to_owned(),
        number: 1,
        status_code: Some(200),
        error: None,
        duration_ms: 1,
        at: at(*number),
    });
    fill::<_, webhook_attempt::ActiveModel>(database, attempts.collect()).await;
}

/// Tokens, customers, and messages with them.
async fn fill_people(database: &Database, all: &[(OrganisationId, i64)], channel: Uuid) {
    let tokens = (0_u64..).zip(all).map(|(place, (id, number))| token::Model {
        id: id_of(now()),
        organisation_id: Some(id.uuid()),
        name: number.to_string(),
        secret_hash: [place.to_be_bytes(); 4].concat(),
        scopes: String::new(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        created_at: now(),
    });
    fill::<_, token::ActiveModel>(database, tokens.collect()).await;
    let customers = all.iter().map(|(id, number)| customer::Model {
        id: id_of(now()),
        organisation_id: id.uuid(),
        phone: format!("+9198000{number:05}"),
        name: None,
        registered: true,
        blocked: false,
        external_id: None,
        created_at: now(),
        updated_at: now(),
    });
    fill::<_, customer::ActiveModel>(database, customers.collect()).await;
    let messages = all.iter().map(|(id, number)| message::Model {
        organisation_id: id.uuid(),
        external_id: format!("wamid {number}"),
        channel_id: channel,
        direction: "OUTBOUND".to_owned(),
        customer_id: Uuid::nil(),
        campaign_id: None,
        conversation_id: None,
        category: String::new(),
        pricing_type: String::new(),
        created_at: now(),
        sent_at: None,
        delivered_at: Some(now()),
        read_at: None,
        failed_at: None,
        replied_at: None,
        failure: None,
        date: date("2026-06-01") + Days::new(u64::try_from(*number).unwrap()),
        received_at: now(),
        updated_at: now(),
    });
    fill::<_, message::ActiveModel>(database, messages.collect()).await;
}

/// The tables that are big, a month on PostgreSQL being one of its own, with their rows.
async fn big_tables(database: &Database) -> BTreeMap<String, i64> {
    let db = database.store.read();
    let backend = db.get_database_backend();
    let names = match backend {
        DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
        DbBackend::Postgres | DbBackend::MySql | _ => {
            "SELECT CAST(relname AS text) FROM pg_class WHERE relkind = 'r' AND relnamespace = CAST('public' AS regnamespace)"
        }
    };
    let mut big = BTreeMap::new();
    for row in db.query_all_raw(Statement::from_string(backend, names)).await.unwrap() {
        let name: String = row.try_get_by_index(0).unwrap();
        let count = Statement::from_string(backend, format!("SELECT count(*) FROM \"{name}\""));
        let rows: i64 = db.query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        if rows >= BIG {
            big.insert(name, rows);
        }
    }
    big
}

/// What is wrong with a plan: a big table is gone through from end to end.
fn wrong(steps: &[Step], big: &BTreeMap<String, i64>) -> Vec<String> {
    let through = |step: &&Step| {
        let scans = step.what == "Seq Scan" || (step.what.starts_with("SCAN ") && !step.what.contains(" USING "));
        scans && big.contains_key(&step.table)
    };
    steps.iter().filter(through).map(|step| format!("{} of {}", step.what, step.table)).collect()
}

/// The shards of one of three nodes.
fn share() -> Vec<Shard> {
    Shard::all().take(341).collect()
}

async fn what_is_read_often_is_found_by_an_index(database: &Database) {
    let filled = filled(database).await;
    let big = big_tables(database).await;
    assert!(big.len() >= 12, "there is much to go through: {big:?}");
    let watched = Watched { db: database.store.read(), steps: Mutex::default() };
    let (db, one) = (&watched, filled.organisations[7]);
    let june = range("2026-06-01", "2026-06-30");
    let mut found: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
    macro_rules! ask {
        ($name:literal, $question:expr) => {
            $question.await.unwrap_or_else(|error| panic!("{}: {error:?}", $name));
            found.insert($name, watched.taken());
        };
    }
    ask!("a token by its hash", store::token::find_by_hash(db, &[1; 32]));
    ask!("thirty days", store::account_usage::daily(db, one, june, None));
    ask!("months", store::account_usage::monthly(db, one, month("2020-01"), month("2020-06"), None));
    ask!("hours of a range", store::rollup::hour::by_hour(db, one, june));
    ask!("resources of a range", store::rollup::hour::by_resource(db, one, june));
    ask!("events after", store::event::after(db, one, 10, FactKind::ALL, 20));
    ask!("events of all after", store::event::after_position(db, 900, FactKind::ALL, 20));
    ask!("the oldest event", store::event::oldest_sequence(db, one));
    ask!("the newest event of all", store::event::last_position(db));
    ask!("schedules that are due", store::schedule::due(db, &filled.organisations[..3], now()));
    ask!("unfinished runs", store::job_run::unfinished(db, &filled.organisations[..3]));
    ask!("schedules of shards", store::schedule::for_each_next(db, &share(), Some(now()), |_, _, _| {}));
    ask!("runs that wait", store::job_run::for_each_waiting(db, &share(), |_, _| {}));
    let runs = store::job_run::Filter { organisation: Some(one), ..Default::default() };
    ask!("a page of runs", store::job_run::page(db, &runs, &PageRequest::first(20)));
    let all = store::usage::Filter::default();
    ask!("a page of records", store::usage::page(db, one, &all, &PageRequest::first(20)));
    let recent = store::usage::Filter { from: Some(now()), to: Some(now() + TimeDelta::days(1)), ..all };
    ask!("a page of records of a day", store::usage::page(db, one, &recent, &PageRequest::first(20)));
    ask!("a record by its id", store::usage::find_any(db, filled.record));
    ask!("records by their keys", store::usage::taken_keys(db, one, &["key 1", "key 2"]));
    ask!("what corrects records", store::usage::corrected(db, &[filled.record]));
    ask!("messages by their names", store::message::find_many(db, one, &["wamid 1", "wamid 2"]));
    ask!("messages that reached somebody", store::message::page_reached(db, one, june, None, 20));
    let days = BTreeMap::from([(Scope::whole(one), date("2026-06-05"))]);
    ask!("counters of allowances", store::allowance::counter::of_days(db, &days));
    ask!("a page of customers", store::customer::page(db, one, None, &PageRequest::first(20)));
    ask!("a page of invoices", store::invoice::page(db, one, None, &PageRequest::first(20)));
    let endpoint = EndpointId::from_uuid(filled.endpoint);
    ask!("a page of tries", store::hook::page_attempts(db, one, endpoint, &PageRequest::first(20)));
    assert!(!filled.channel.is_nil());

    if database.store.backend() == "sqlite" {
        // SQLite calls it a scan to read a table from its end, and stops with the first row.
        found.remove("the newest event of all");
    }
    let wrong: BTreeMap<_, _> = found.iter().map(|(name, steps)| (name, wrong(steps, &big))).collect();
    let wrong: BTreeMap<_, _> = wrong.into_iter().filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "gone through from end to end: {wrong:#?}\n{found:#?}");
    if database.store.backend() == "postgres" {
        let months = |name: &str| {
            let mut months: Vec<&str> = found[name].iter().map(|step| step.table.as_str()).collect();
            months.retain(|table| !table.is_empty());
            months.dedup();
            months
        };
        assert_eq!(months("a record by its id"), ["usage_record_y2026m06"]);
        assert_eq!(months("hours of a range"), ["usage_hour_y2026m06"]);
        assert_eq!(months("resources of a range"), ["usage_hour_y2026m06"]);
        let by = |name: &str, index: &str| {
            assert!(found[name].iter().any(|step| step.index == index), "{name} by {index}: {:#?}", found[name]);
        };
        by("a token by its hash", "token_secret_hash_key");
        by("thirty days", "daily_usage_organisation_id_date_idx");
        by("records by their keys", "usage_record_key_pkey");
        by("unfinished runs", "job_run_state_organisation_id_id_idx");
    }
}
