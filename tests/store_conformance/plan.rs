//! Plans and rates: what is seeded, what is added, who has which plan since when, and what days are made of.

use wabacus::domain::account_usage::UsageCategory;
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::id::{PlanId, RateId};
use wabacus::domain::money::Money;
use wabacus::domain::plan::{PriceBook, Rate};
use wabacus::domain::quantity::Quantity;
use wabacus::domain::rating::{Price, RateModel, Tier};
use wabacus::domain::usage::{Country, Resource, ResourceType};
use wabacus::store::{self, StoreError};

use crate::harness::{Database, stories, write};
use crate::sample::{date, now, organisation, stored_organisation};

stories! {
    every_installation_begins_with_the_same_price_list,
    rates_of_every_model_read_back,
    a_rate_of_the_same_scope_and_day_is_there_once,
    many_rates_are_written_in_one_go,
    the_version_goes_up_with_each_change_and_not_without,
    an_organisation_has_the_plan_that_it_was_given_last,
}

async fn book(database: &Database) -> PriceBook {
    store::plan::price_book(database.store.read()).await.unwrap()
}

fn resource(category: Option<UsageCategory>, country: Option<&str>) -> Resource {
    Resource {
        kind: ChannelKind::Whatsapp,
        resource_type: ResourceType::from_code("message").unwrap(),
        category,
        country: country.map(|code| Country::from_code(code).unwrap()),
    }
}

fn rate(plan_id: PlanId, country: Option<&str>, from: &str, price: Price) -> Rate {
    let Resource { kind, resource_type, category, country } = resource(Some(UsageCategory::Marketing), country);
    let (id, effective_from) = (RateId::generate(now()), date(from));
    Rate { id, plan_id, kind, resource_type, category, country, effective_from, price, created_at: now() }
}

fn per_unit(nanos: i64) -> Price {
    Price::PerUnit(Money::from_nanos(nanos))
}

async fn starter(database: &Database) -> PlanId {
    book(database).await.plan_by_code("code", "starter").unwrap().id
}

async fn every_installation_begins_with_the_same_price_list(database: &Database) {
    let book = book(database).await;
    let plans: Vec<_> = book.plans().iter().map(|plan| (plan.code.as_str(), plan.id.to_string())).collect();
    assert_eq!(
        plans,
        [
            ("free-trial", "pln_00000000000070008000000001000000".to_owned()),
            ("starter", "pln_00000000000070008000000002000000".to_owned()),
            ("professional", "pln_00000000000070008000000003000000".to_owned()),
            ("enterprise", "pln_00000000000070008000000004000000".to_owned()),
        ]
    );
    assert!(book.plans().iter().all(|plan| book.rates_of(plan.id).len() == 7));
    assert_eq!(book.version, 2);
}

async fn rates_of_every_model_read_back(database: &Database) {
    let plan = starter(database).await;
    let tier = |up_to: Option<i64>, nanos| Tier {
        up_to: up_to.map(Quantity::from_micros),
        unit_price: Money::from_nanos(nanos),
        flat_fee: Money::from_nanos(nanos / 2),
    };
    let tiers = vec![tier(Some(1), 3), tier(Some(i64::MAX - 1), i64::MAX), tier(None, 0)];
    let package = vec![Tier { unit_price: Money::ZERO, ..tier(Some(100_000_000), 7_000_000_001) }];
    let mut rates = vec![
        rate(plan, None, "2026-07-01", per_unit(1)),
        rate(plan, Some("BR"), "2026-07-01", Price::new(RateModel::Graduated, None, tiers.clone()).unwrap()),
        rate(plan, Some("DE"), "2026-07-01", Price::new(RateModel::Volume, None, tiers).unwrap()),
        rate(plan, Some("IN"), "2026-07-01", Price::new(RateModel::Package, None, package).unwrap()),
    ];
    rates[0].category = None;
    rates[0].country = Country::from_code("ID");
    write!(database, |tx| store::plan::insert_rates(&tx, &rates)).unwrap();
    let book = book(database).await;
    for rate in &rates {
        assert_eq!(book.rate(rate.id), Some(rate));
    }
}

async fn a_rate_of_the_same_scope_and_day_is_there_once(database: &Database) {
    let plan = starter(database).await;
    let first = rate(plan, None, "2026-07-01", per_unit(1));
    write!(database, |tx| store::plan::insert_rates(&tx, std::slice::from_ref(&first))).unwrap();
    let rival = [rate(plan, Some("IN"), "2026-07-01", per_unit(2)), rate(plan, None, "2026-07-01", per_unit(2))];
    let refused = write!(database, |tx| store::plan::insert_rates(&tx, &rival));
    assert!(matches!(refused, Err(StoreError::Unique { .. })), "{refused:?}");
    let book = book(database).await;
    let found = book.find(plan, &resource(Some(UsageCategory::Marketing), Some("IN")), date("2026-07-01"));
    assert_eq!(found, Some(&first), "all or nothing");
}

async fn many_rates_are_written_in_one_go(database: &Database) {
    let plan = starter(database).await;
    let letters = || ('A'..='Z').map(String::from);
    let countries: Vec<_> =
        letters().flat_map(|first| letters().map(move |second| format!("{first}{second}"))).collect();
    let months = (1..=8).map(|month| format!("2026-{month:02}-01"));
    let rates: Vec<_> = months
        .flat_map(|day| {
            countries.iter().map(move |country| rate(plan, Some(country), &day, per_unit(1))).collect::<Vec<_>>()
        })
        .collect();
    assert!(rates.len() > 5_000);
    write!(database, |tx| store::plan::insert_rates(&tx, &rates)).unwrap();
    assert_eq!(book(database).await.rates_of(plan).len(), 7 + rates.len());
}

async fn the_version_goes_up_with_each_change_and_not_without(database: &Database) {
    let version = async || store::plan::price_list_version(database.store.read()).await.unwrap();
    assert_eq!(write!(database, |tx| store::plan::bump_price_list(&tx)).unwrap(), 3);
    let dropped = database.store.begin().await.unwrap();
    assert_eq!(store::plan::bump_price_list(&dropped).await.unwrap(), 4);
    drop(dropped);
    assert_eq!(write!(database, |tx| store::plan::bump_price_list(&tx)).unwrap(), 4);
    assert_eq!(version().await, 4);
    assert_eq!(book(database).await.version, 4);
}

async fn an_organisation_has_the_plan_that_it_was_given_last(database: &Database) {
    let (given, other) = (stored_organisation(database, "given").await, stored_organisation(database, "other").await);
    let plans: Vec<_> = book(database).await.plans().iter().map(|plan| plan.id).collect();
    let assign = async |plan: usize, from: &str| {
        write!(database, |tx| store::plan::assign(&tx, given.id, plans[plan], date(from), now())).unwrap();
    };
    assign(0, "2026-06-01").await;
    assign(1, "2026-06-10").await;
    assign(2, "2026-06-20").await;
    // On the same day again, and then from an earlier day on, as happens where a zone was changed.
    assign(3, "2026-06-20").await;
    let on = async |day: &str| {
        let ids = [given.id, other.id, organisation("unknown").id];
        let all = store::plan::assignments(database.store.read(), &ids).await.unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), [&given.id]);
        let plan = all[&given.id].on(date(day)).unwrap();
        plans.iter().position(|known| *known == plan).unwrap()
    };
    assert_eq!((on("2026-06-09").await, on("2026-06-19").await, on("2026-06-20").await), (0, 1, 3));
    assign(2, "2026-06-19").await;
    assert_eq!((on("2026-06-18").await, on("2026-06-19").await, on("2026-06-30").await), (1, 2, 2));
    let found = write!(database, |tx| store::organisation::find_for_update(&tx, given.id)).unwrap();
    assert_eq!(found.as_ref(), Some(&given));
}
