//! Criterion benchmarks of pure rooms: when a cron text is next due, and money from text.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wabacus::domain::clock::Instant;
use wabacus::domain::money::Money;
use wabacus::domain::period::Zone;
use wabacus::domain::schedule::Cron;

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

criterion_group!(benches, cron, money);
criterion_main!(benches);
