//! The ledger over the store: once however often it is sent, in any order, by many at once, and its counters are those of its records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use entity::{
    allowance_counter, invoice, price_list, rate, usage_customer_day, usage_hour, usage_period, usage_record,
};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use uuid::Uuid;
use wabacus::bsp::{self, Bsps};
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::clock::ManualClock;
use wabacus::domain::id::OrganisationId;
use wabacus::domain::usage::{Draft, Outcome, UsageRecord};
use wabacus::service::access::Caller;
use wabacus::service::ledger::{LedgerService, Window};
use wabacus::service::{Core, CoreParts, ServiceError};
use wabacus::store::{self, Store};

use crate::harness::{Database, stories, write};
use crate::sample::{date, now, stored_organisation};

stories! {
    duplicates_from_many_callers_of_two_nodes_are_recorded_once,
    any_order_any_split_and_any_repetition_give_the_same_ledger,
    a_call_that_cannot_be_kept_is_no_other_calls_trouble,
    what_is_late_for_a_closed_month_is_billed_in_the_next_open_one,
    a_correction_holds_the_difference_and_a_void_takes_all_of_it_away,
    many_who_void_one_record_void_it_once,
    a_rate_that_comes_late_prices_what_had_none,
}

/// A node of its own on the database.
fn node(store: Store) -> LedgerService {
    LedgerService::new(core(store))
}

/// What the services of a node stand on.
pub(crate) fn core(store: Store) -> Arc<Core> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let clock = Arc::new(ManualClock::at(now()));
    let bsps = Bsps::new(bsp::Options::default(), clock.clone()).expect("clients that are never used");
    Core::new(CoreParts::alone(store, clock, bsps))
}

/// An organisation with the plan that everybody begins with.
pub(crate) async fn shop(database: &Database, name: &str) -> OrganisationId {
    let id = stored_organisation(database, name).await.id;
    let book = store::plan::price_book(database.store.read()).await.unwrap();
    let plan = book.plan_by_code("planCode", "free-trial").unwrap().id;
    write!(database, |tx| store::plan::assign(&tx, id, plan, date("2026-01-01"), now())).unwrap();
    id
}

fn draft(key: &str, quantity: &str) -> Draft {
    Draft {
        field: key.to_owned(),
        idempotency_key: Some(key.to_owned()),
        kind: ChannelKind::Voice,
        channel_id: None,
        resource_type: "minute".to_owned(),
        resource_id: None,
        quantity: quantity.to_owned(),
        category: None,
        country: None,
        customer_id: None,
        occurred_at: None,
        metadata: None,
    }
}

async fn record(ledger: &LedgerService, of: OrganisationId, drafts: Vec<Draft>) -> Result<Vec<Outcome>, ServiceError> {
    ledger.record(&Caller::command_line(), of, drafts, Window::Live).await
}

async fn record_one(ledger: &LedgerService, of: OrganisationId, draft: Draft) -> UsageRecord {
    match record(ledger, of, vec![draft]).await.unwrap().pop() {
        Some(Outcome::Recorded(record)) => *record,
        other => panic!("it was to be recorded: {other:?}"),
    }
}

type Sums = BTreeMap<String, [i64; 4]>;

/// A counter, by whatever its key is.
fn add(sums: &mut Sums, key: String, values: [i64; 4]) {
    let sum = sums.entry(key).or_default();
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

pub(crate) async fn all_records(database: &Database) -> Vec<usage_record::Model> {
    usage_record::Entity::find().all(database.store.read()).await.unwrap()
}

/// The counters as they are, and as they come out of the records.
async fn counters(database: &Database) -> (Sums, Sums) {
    let db = database.store.read();
    let (mut kept, mut counted) = (Sums::new(), Sums::new());
    let none = |id: Option<Uuid>| id.unwrap_or(Uuid::nil());
    for row in usage_hour::Entity::find().all(db).await.unwrap() {
        let key = format!(
            "hour {} {} {} {} {} {} {} {} {}",
            row.organisation_id,
            row.date,
            row.hour,
            row.kind,
            row.resource_type,
            row.category,
            row.country,
            row.channel_id,
            row.rate_id
        );
        add(&mut kept, key, [row.quantity_micros, row.cost_nanos, row.records, row.unpriced]);
    }
    for row in usage_period::Entity::find().all(db).await.unwrap() {
        let key = format!(
            "period {} {} {} {} {} {} {} {}",
            row.organisation_id,
            row.billing_month,
            row.usage_month,
            row.kind,
            row.resource_type,
            row.category,
            row.country,
            row.rate_id
        );
        add(&mut kept, key, [row.quantity_micros, row.cost_nanos, row.records, row.unpriced]);
    }
    for row in usage_customer_day::Entity::find().all(db).await.unwrap() {
        let key = format!("customer {} {} {}", row.organisation_id, row.date, row.customer_id);
        add(&mut kept, key, [0, row.cost_nanos, row.records, 0]);
    }
    for row in allowance_counter::Entity::find().all(db).await.unwrap() {
        if row.channel_id.is_nil() {
            let key = format!("allowance {} {} {}", row.organisation_id, row.period, row.start);
            add(&mut kept, key, [row.used_micros, 0, 0, 0]);
        }
    }
    for row in all_records(database).await {
        let (counts, cost) = (i64::from(row.counts), row.cost_nanos.unwrap_or(0));
        let unpriced = if row.rate_id.is_none() { counts } else { 0 };
        let values = [row.quantity_micros, cost, counts, unpriced];
        let resource = format!("{} {} {} {}", row.kind, row.resource_type, row.category, row.country);
        let (organisation, rate) = (row.organisation_id, none(row.rate_id));
        let (day, hour, channel) = (row.date, row.hour, none(row.channel_id));
        add(&mut counted, format!("hour {organisation} {day} {hour} {resource} {channel} {rate}"), values);
        let usage_month = wabacus::domain::period::Month::of(day).first_day();
        let month = row.billing_month;
        add(&mut counted, format!("period {organisation} {month} {usage_month} {resource} {rate}"), values);
        if row.kind == "WHATSAPP" && ["message", "free_message"].contains(&row.resource_type.as_str()) {
            for (period, start) in [("DAY", day), ("MONTH", usage_month)] {
                add(&mut counted, format!("allowance {organisation} {period} {start}"), [row.quantity_micros, 0, 0, 0]);
            }
        }
        if let Some(customer) = row.customer_id {
            add(&mut counted, format!("customer {organisation} {day} {customer}"), [0, cost, counts, 0]);
        }
    }
    for sums in [&mut kept, &mut counted] {
        sums.retain(|_, values| *values != [0; 4]);
    }
    (kept, counted)
}

pub(crate) async fn assert_counted(database: &Database) {
    let (kept, counted) = counters(database).await;
    assert_eq!(kept, counted);
}

async fn duplicates_from_many_callers_of_two_nodes_are_recorded_once(database: &Database) {
    let shops = [shop(database, "one").await, shop(database, "two").await];
    let nodes = [node(database.store.clone()), node(database.open_again().await)];
    let calls = (0..24_usize).map(|caller| {
        let (ledger, of) = (nodes[caller % 2].clone(), shops[caller / 2 % 2]);
        // Everybody has the same keys, each in another order.
        let drafts: Vec<_> = (0..40).map(|place| draft(&format!("k{}", (place * 7 + caller * 11) % 40), "1")).collect();
        tokio::spawn(async move {
            let mut recorded = 0;
            for drafts in drafts.chunks(8) {
                for outcome in record(&ledger, of, drafts.to_vec()).await.unwrap() {
                    match outcome {
                        Outcome::Recorded(_) => recorded += 1,
                        Outcome::Duplicate(_) => {}
                        other @ (Outcome::Conflict(_) | Outcome::Skipped(_) | Outcome::Rejected(_)) => {
                            panic!("{other:?}")
                        }
                    }
                }
            }
            recorded
        })
    });
    let recorded: usize = join_all(calls).await.into_iter().map(|recorded| recorded.unwrap()).sum();
    assert_eq!((recorded, all_records(database).await.len()), (80, 80));
    assert_counted(database).await;
}

/// Some records with few keys and few contents, so that duplicates and conflicts are common.
fn handed_in() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec((0..12_u8, 1..3_u8, 0..3_u8), 1..40)
}

fn drafts(handed_in: &[(u8, u8, u8)]) -> Vec<Draft> {
    let one = |(key, quantity, resource): &(u8, u8, u8)| {
        let resource_type = ["minute", "hold", "minute"][usize::from(*resource)];
        let at = now() - TimeDelta::hours(i64::from(*key) * 30);
        Draft {
            resource_type: resource_type.to_owned(),
            occurred_at: Some(at.to_rfc3339()),
            ..draft(&format!("k{key}"), &quantity.to_string())
        }
    };
    handed_in.iter().map(one).collect()
}

async fn any_order_any_split_and_any_repetition_give_the_same_ledger(database: &Database) {
    let mut runner = TestRunner::deterministic();
    for turn in 0..8 {
        let tree = (handed_in(), any::<prop::sample::Index>(), 1..9_usize).new_tree(&mut runner).unwrap();
        let (handed_in, index, size) = tree.current();
        // One at a time, first come first served: what is expected of every other way to hand in what was recorded.
        let ledger = node(database.store.clone());
        let (alone, other) =
            (shop(database, &format!("alone {turn}")).await, shop(database, &format!("other {turn}")).await);
        let mut winners = Vec::new();
        for (draft, handed) in drafts(&handed_in).into_iter().zip(&handed_in) {
            if matches!(record(&ledger, alone, vec![draft]).await.unwrap()[0], Outcome::Recorded(_)) {
                winners.push(*handed);
            }
        }
        // The same contents in another order, in batches of some size, some of them more than once.
        let middle = index.index(winners.len());
        winners.rotate_left(middle);
        let repeated: Vec<_> = winners.iter().chain(winners.iter().rev()).copied().collect();
        for batch in repeated.chunks(size) {
            for outcome in record(&ledger, other, drafts(batch)).await.unwrap() {
                assert!(matches!(outcome, Outcome::Recorded(_) | Outcome::Duplicate(_)), "{outcome:?}");
            }
        }
        let of = |organisation: OrganisationId, rows: &[usage_record::Model]| -> BTreeSet<String> {
            let own = rows.iter().filter(|row| row.organisation_id == organisation.uuid());
            let content =
                own.map(|row| usage_record::Model { id: Uuid::nil(), organisation_id: Uuid::nil(), ..row.clone() });
            content.map(|row| format!("{row:?}")).collect()
        };
        let rows = all_records(database).await;
        assert_eq!(of(alone, &rows), of(other, &rows));
        let (kept, counted) = counters(database).await;
        assert_eq!(kept, counted);
        let of = |organisation: OrganisationId| -> Vec<_> {
            let id = organisation.uuid().to_string();
            let own = kept.iter().filter(|(key, _)| key.contains(&id));
            own.map(|(key, values)| (key.replace(&id, ""), *values)).collect()
        };
        assert_eq!(of(alone), of(other));
    }
}

/// Publishes a price for the plan that everybody begins with.
async fn publish(database: &Database, resource_type: &str, nanos: i64) {
    let book = store::plan::price_book(database.store.read()).await.unwrap();
    let row = rate::Model {
        id: wabacus::domain::id::RateId::generate(now()).uuid(),
        plan_id: book.plan_by_code("planCode", "free-trial").unwrap().id.uuid(),
        kind: "VOICE".to_owned(),
        resource_type: resource_type.to_owned(),
        category: String::new(),
        country: String::new(),
        effective_from: date("2026-01-01"),
        model: "PER_UNIT".to_owned(),
        unit_price_nanos: Some(nanos),
        tiers: "[]".to_owned(),
        created_at: now(),
    };
    let tx = database.store.begin().await.unwrap();
    row.into_active_model().insert(&tx).await.unwrap();
    let version = Expr::value(book.version + 1);
    price_list::Entity::update_many().col_expr(price_list::Column::Version, version).exec(&tx).await.unwrap();
    Store::commit(tx).await.unwrap();
}

async fn a_call_that_cannot_be_kept_is_no_other_calls_trouble(database: &Database) {
    let (shop, ledger) = (shop(database, "shop").await, node(database.store.clone()));
    publish(database, "satellite", 9_000_000_000).await;
    publish(database, "starship", 10_000_000_000).await;
    let of = |resource: &str, key: &str| Draft { resource_type: resource.to_owned(), ..draft(key, "1000000000") };
    // The cost of one fits in 64 bits of 1e-9, that of two does not, and that of the other not even once.
    let huge =
        vec![of("satellite", "huge-1"), of("satellite", "huge-2"), of("starship", "huge-3"), draft("small", "1")];
    let calls = (0..20).map(|number| {
        let drafts = if number == 7 { huge.clone() } else { vec![draft(&format!("call-{number}"), "1")] };
        let ledger = ledger.clone();
        tokio::spawn(async move { record(&ledger, shop, drafts).await.unwrap() })
    });
    for (number, outcomes) in join_all(calls).await.into_iter().enumerate() {
        let codes: Vec<_> = outcomes.unwrap().into_iter().map(told).collect();
        let expected = if number == 7 {
            vec!["recorded", "huge-2.quantity", "huge-3.quantity", "recorded"]
        } else {
            vec!["recorded"]
        };
        assert_eq!(codes, expected);
    }
    let unknown = record(&ledger, OrganisationId::generate(now()), vec![draft("k", "1")]).await;
    assert!(matches!(unknown, Err(ServiceError::NotFound("organisation"))), "{unknown:?}");
    assert_counted(database).await;
    // No sum was kept as a float: every counter reads back as a whole number.
    assert_eq!(all_records(database).await.len(), 21);
}

fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Recorded(_) => "recorded".to_owned(),
        Outcome::Rejected(refusal) => refusal.field().to_owned(),
        other @ (Outcome::Duplicate(_) | Outcome::Conflict(_) | Outcome::Skipped(_)) => format!("{other:?}"),
    }
}

/// Says that the invoice of a month is as `state` says.
pub(crate) async fn invoice(database: &Database, organisation: OrganisationId, month: &str, state: &str) {
    let row = invoice::Model {
        id: wabacus::domain::id::InvoiceId::generate(now()).uuid(),
        organisation_id: organisation.uuid(),
        month: date(month),
        state: state.to_owned(),
        number: (state != "DRAFT").then(|| format!("INV-{month}")),
        plan_id: store::plan::price_book(database.store.read()).await.unwrap().plans()[0].id.uuid(),
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
    };
    let tx = database.store.begin().await.unwrap();
    row.into_active_model().insert(&tx).await.unwrap();
    Store::commit(tx).await.unwrap();
}

async fn what_is_late_for_a_closed_month_is_billed_in_the_next_open_one(database: &Database) {
    let (shop, ledger) = (shop(database, "shop").await, node(database.store.clone()));
    // Kolkata is five and a half hours ahead: the first is the last of May there, the other the first of June.
    let at = |key: &str, time: &str| Draft { occurred_at: Some(time.to_owned()), ..draft(key, "1") };
    let may = |key: &str| at(key, "2026-05-31T18:29:59.999Z");
    let open = record_one(&ledger, shop, may("open")).await;
    assert_eq!((open.date, open.hour, open.billing_month.first_day()), (date("2026-05-31"), 23, date("2026-05-01")));
    invoice(database, shop, "2026-05-01", "DRAFT").await;
    assert_eq!(record_one(&ledger, shop, may("draft")).await.billing_month.first_day(), date("2026-05-01"));
    let tx = database.store.begin().await.unwrap();
    let state = Expr::value("FINALIZED");
    invoice::Entity::update_many().col_expr(invoice::Column::State, state).exec(&tx).await.unwrap();
    Store::commit(tx).await.unwrap();
    let late = record_one(&ledger, shop, may("late")).await;
    assert_eq!((late.date, late.billing_month.first_day()), (date("2026-05-31"), date("2026-06-01")));
    invoice(database, shop, "2026-06-01", "VOID").await;
    assert_eq!(record_one(&ledger, shop, may("later")).await.billing_month.first_day(), date("2026-07-01"));
    let june = record_one(&ledger, shop, at("june", "2026-05-31T18:30:00Z")).await;
    assert_eq!((june.date, june.hour, june.billing_month.first_day()), (date("2026-06-01"), 0, date("2026-07-01")));
    let void = ledger.void(&Caller::command_line(), open.id, "a mistake").await.unwrap();
    assert_eq!((void.date, void.billing_month.first_day()), (open.date, date("2026-07-01")));
    assert_counted(database).await;
}

async fn a_correction_holds_the_difference_and_a_void_takes_all_of_it_away(database: &Database) {
    let (shop, ledger, caller) = (shop(database, "shop").await, node(database.store.clone()), Caller::command_line());
    let first = record_one(&ledger, shop, draft("call", "3.000001")).await;
    let amend = async |id, quantity: &str| ledger.amend(&caller, id, quantity, "counted again").await;
    let down = amend(first.id, "1").await.unwrap();
    assert_eq!(
        (down.quantity.to_string(), down.cost.unwrap().to_string()),
        ("-2.000001".into(), "-0.030000015".into())
    );
    assert_eq!(amend(first.id, "1").await.unwrap(), down, "said twice");
    // A correction may be named for what it corrects.
    let up = amend(down.id, "7").await.unwrap();
    assert_eq!((up.quantity.to_string(), up.cost.unwrap().to_string()), ("6".into(), "0.09".into()));
    assert_eq!(up.correction.as_ref().map(|correction| correction.amends), Some(first.id));
    for (quantity, what) in [("0", "quantity"), ("-1", "quantity"), ("0.0000001", "quantity")] {
        let Err(ServiceError::BadInput(bad)) = amend(first.id, quantity).await else { panic!("{quantity}") };
        assert_eq!(bad.field, what);
    }
    let same = record_one(&ledger, shop, draft("same", "2")).await;
    assert!(matches!(amend(same.id, "2").await, Err(ServiceError::BadInput(_))), "nothing to correct");

    let void = ledger.void(&caller, up.id, "never happened").await.unwrap();
    assert_eq!((void.quantity.to_string(), void.cost.unwrap().to_string()), ("-7".into(), "-0.105".into()));
    assert_eq!(ledger.void(&caller, first.id, "really").await.unwrap(), void);
    assert!(matches!(amend(first.id, "2").await, Err(ServiceError::Conflict(_))));
    let voided = ledger.voided(&[first.id, same.id]).await.unwrap();
    assert_eq!(voided.into_iter().collect::<Vec<_>>(), [first.id]);
    ledger.void(&caller, same.id, "neither").await.unwrap();
    let (kept, counted) = counters(database).await;
    assert_eq!((kept, counted), (Sums::new(), Sums::new()), "what was taken away leaves nothing");
}

async fn many_who_void_one_record_void_it_once(database: &Database) {
    let shop = shop(database, "shop").await;
    let nodes = [node(database.store.clone()), node(database.open_again().await)];
    let first = record_one(&nodes[0], shop, draft("call", "5")).await;
    let voids = (0..16_usize).map(|number| {
        let ledger = nodes[number % 2].clone();
        tokio::spawn(async move { ledger.void(&Caller::command_line(), first.id, "a mistake").await.unwrap().id })
    });
    let voids: BTreeSet<_> = join_all(voids).await.into_iter().map(|id| id.unwrap()).collect();
    assert_eq!(voids.len(), 1);
    assert_eq!(all_records(database).await.len(), 2);
    assert_counted(database).await;
}

async fn a_rate_that_comes_late_prices_what_had_none(database: &Database) {
    let (shop, ledger, caller) = (shop(database, "shop").await, node(database.store.clone()), Caller::command_line());
    let fax = |key: &str, quantity: &str| Draft { resource_type: "fax".to_owned(), ..draft(key, quantity) };
    let first = record_one(&ledger, shop, fax("fax-1", "3")).await;
    assert_eq!((first.rate_id, first.cost), (None, None));
    ledger.amend(&caller, first.id, "2", "counted again").await.unwrap();
    let batch = (2..700).map(|number| fax(&format!("fax-{number}"), "1")).collect();
    record(&ledger, shop, batch).await.unwrap();
    let gone = record_one(&ledger, shop, fax("fax-700", "4")).await;
    ledger.void(&caller, gone.id, "never sent").await.unwrap();
    record_one(&ledger, shop, Draft { resource_type: "telex".to_owned(), ..draft("telex", "1") }).await;
    let nothing = ledger.reprice(&caller, shop, None, None).await.unwrap();
    assert_eq!((nothing.priced, nothing.unpriced), (0, 703));
    invoice(database, shop, "2026-06-01", "FINALIZED").await;
    publish(database, "fax", 500_000_000).await;
    let repriced = ledger.reprice(&caller, shop, None, None).await.unwrap();
    assert_eq!((repriced.priced, repriced.unpriced), (702, 1));
    assert_counted(database).await;
    let records = all_records(database).await;
    let cost: i64 = records.iter().filter_map(|row| row.cost_nanos).sum();
    assert_eq!(cost, 700 * 500_000_000, "two of the first, 698 more, and nothing of what was never sent");
    let priced = records.iter().filter(|row| row.rate_id.is_some());
    assert!(priced.clone().all(|row| row.billing_month == date("2026-07-01")), "June is invoiced already");
    let again = ledger.reprice(&caller, shop, None, None).await.unwrap();
    assert_eq!((again.priced, again.unpriced), (0, 1));
}
