//! `dailyUsage` of 30 days over HTTP, against an actix-web handler that reads the same rows through SeaORM and answers plain JSON.
//!
//! Both servers are in this process, with the same number of workers, over the same SQLite file through pools of the same kind, and take
//! turns under the same load: 32 connections that are kept open, each asking again as soon as it is answered, from a thread of its own
//! that does little but write and read. The plain handler is as plain as can be: no token, no organisation to look up, nothing measured,
//! no limits. The query's days begin with a month, as the running totals would otherwise need more rows than the plain handler reads.
//! The cost of refusing a fragment bomb is shown too. `cargo bench --bench http -- 5` for 5 seconds a turn.

#[path = "../figure/mod.rs"]
mod figure;
mod load;
mod month;
mod plain;
mod server;

use std::time::Duration;

use figure::{percentile, ratio, say, size, whole};
use load::Seen;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TURNS: usize = 3;
const CONNECTIONS: usize = 32;

#[actix_web::main]
async fn main() {
    let turn = Duration::from_secs(u64::try_from(size(5)).expect("a number of seconds"));
    let folder = tempfile::tempdir().expect("a folder for the database");
    let real = server::start(folder.path()).await;
    let plain = plain::start(&real.database).await;
    let questions = [real.question(), plain.question(real.organisation)];
    assert_eq!(
        load::answer(&questions[0]).await["data"]["organisation"]["dailyUsage"],
        load::answer(&questions[1]).await,
        "the servers do not answer the same"
    );

    let mut seen = [Seen::default(), Seen::default()];
    for question in &questions {
        load::drive(question, CONNECTIONS, Duration::from_secs(1)).await;
    }
    for _ in 0..TURNS {
        for (question, seen) in questions.iter().zip(&mut seen) {
            seen.add(load::drive(question, CONNECTIONS, turn).await);
        }
    }
    let [mut api, mut json] = seen;
    say(&format!("dailyUsage of 30 days, {CONNECTIONS} connections, {TURNS} turns of {} s each", turn.as_secs()));
    say(&format!("  GraphQL: {} requests a second, p99 {} us", api.rate(), api.p99().as_micros()));
    say(&format!("  plain JSON: {} requests a second, p99 {} us", json.rate(), json.p99().as_micros()));
    say(&format!(
        "  GraphQL does {} of the requests, at {} of the p99",
        ratio(api.rate(), json.rate()),
        ratio(api.p99().as_micros(), json.p99().as_micros())
    ));
    bomb(&real).await;
    real.stop().await;
}

/// How long it takes until a fragment bomb of 24 levels is refused, over HTTP and all.
async fn bomb(real: &server::Real) {
    let question = real.bomb(24);
    let mut times = Vec::new();
    for _ in 0..101 {
        let began = std::time::Instant::now();
        let answer = load::answer(&question).await;
        times.push(began.elapsed());
        assert!(answer["errors"][0].is_object(), "the bomb was let in: {answer}");
    }
    times.sort_unstable();
    let (median, worst) = (percentile(&times, 50), percentile(&times, 100));
    let share = ratio(median.as_micros(), whole(5_000));
    say(&format!(
        "  a fragment bomb of 24 levels is refused in {} us (worst of {}: {} us), {share} of the aim of 5 ms",
        median.as_micros(),
        times.len(),
        worst.as_micros()
    ));
}
