//! Criterion benchmarks of pure rooms: when a cron text is next due, money from text, and which of many rates is in force.

use std::hint::black_box;

use chrono::NaiveDate;
use criterion::{Criterion, criterion_group, criterion_main};
use wabacus::domain::account_usage::UsageCategory;
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::clock::Instant;
use wabacus::domain::id::{PlanId, RateId};
use wabacus::domain::money::Money;
use wabacus::domain::period::Zone;
use wabacus::domain::plan::{PriceBook, Rate};
use wabacus::domain::rating::Price;
use wabacus::domain::schedule::Cron;
use wabacus::domain::usage::{Country, Resource, ResourceType};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each firing asks once when the schedule is next due; the rare date is the longest walk through the calendar.
fn cron(criterion: &mut Criterion) {
    let after: Instant = "2026-03-28T08:00:00Z".parse().expect("a literal time");
    let mut group = criterion.benchmark_group("cron next_after");
    for (name, text, zone) in [
        ("every morning, no daylight saving", "0 9 * * *", "Asia/Jakarta"),
        ("in the hour that is left out", "30 2 * * *", "Europe/Berlin"),
        ("each minute", "* * * * *", "America/New_York"),
        ("29 February", "0 0 29 2 *", "America/Sao_Paulo"),
    ] {
        let cron = Cron::parse("cron", text).expect("a literal cron text");
        let zone = Zone::from_name(zone).expect("a literal zone");
        group.bench_function(name, |bencher| bencher.iter(|| cron.next_after(black_box(zone), black_box(after))));
    }
    group.finish();
}

/// Amounts as BSPs write them: short, long, and with an exponent.
fn money(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("money parse");
    for text in ["0", "2.2065", "-9223372036.854775807", "1.25e-3"] {
        group.bench_function(text, |bencher| bencher.iter(|| Money::parse(black_box(text))));
    }
    group.finish();
}

/// A price list of 5,408 rates, one for each country, two categories and four dates: each record asks once which one is in force.
fn rating(criterion: &mut Criterion) {
    let plan_id = PlanId::from_uuid(uuid::Uuid::nil());
    let resource_type = ResourceType::from_code("message").expect("a resource type");
    let letters = || ('A'..='Z').map(String::from);
    let countries = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    let countries: Vec<_> = countries.filter_map(|code| Country::from_code(&code)).collect();
    let mut rates = Vec::new();
    for category in [UsageCategory::Marketing, UsageCategory::Utility] {
        for month in [1, 4, 7, 10] {
            let effective_from = NaiveDate::from_ymd_opt(2026, month, 1).expect("a day");
            rates.extend(countries.iter().map(|country| Rate {
                id: RateId::generate(Instant::default()),
                plan_id,
                kind: ChannelKind::Whatsapp,
                resource_type: resource_type.clone(),
                category: Some(category),
                country: Some(*country),
                effective_from,
                price: Price::PerUnit(Money::from_nanos(10_700_000)),
                created_at: Instant::default(),
            }));
        }
    }
    let book = PriceBook::new(1, Vec::new(), rates);
    let day = NaiveDate::from_ymd_opt(2026, 8, 15).expect("a day");
    let resource = |category| Resource {
        kind: ChannelKind::Whatsapp,
        resource_type: resource_type.clone(),
        category: Some(category),
        country: Country::from_code("IN"),
    };
    let mut group = criterion.benchmark_group("rate in force");
    for (name, resource) in [("found", resource(UsageCategory::Utility)), ("none", resource(UsageCategory::Service))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| book.find(black_box(plan_id), black_box(&resource), black_box(day)).map(|rate| rate.id));
        });
    }
    group.finish();
}

criterion_group!(benches, cron, money, rating);
criterion_main!(benches);
