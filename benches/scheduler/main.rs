//! What the scheduler costs: many organisations with nothing to do, then all of them due in one instant with an empty job.
//!
//! By itself, on work that costs nothing, which tells what actors and agenda cost; then as a whole node on a SQLite file and on PostgreSQL,
//! where each run is fired, claimed and recorded in the database with its events. `cargo bench --bench scheduler -- 100000`.
//! Memory is counted by the allocator: bytes that live after the start less those that lived before it.
//!
//! Beside it BullMQ, the npm package, with as many job schedulers that are all due at once, an empty job and a private Redis: from when
//! its worker begins until the last job is completed. Like here, each occurrence is claimed, run, recorded, and has the next one made.
//! PostgreSQL waits for the disk at each commit with `WABACUS_POSTGRES_FSYNC=on`, and not without it; Redis does not.

mod alone;
mod bullmq;
#[path = "../figure/mod.rs"]
mod figure;
mod node;
#[path = "../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "the tests share a server, and this has one of its own")]
mod postgres;
#[path = "../../tests/support/redis.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests stop and pause theirs, from other files")]
mod redis;

use std::time::Duration;

use figure::{per_second, percentile, ratio, say, size, whole};
use postgres::Postgres;

#[global_allocator]
static ALLOCATOR: cap::Cap<mimalloc::MiMalloc> = cap::Cap::new(mimalloc::MiMalloc, usize::MAX);

/// Heap for each idle organisation that the scheduler aims to stay below, in bytes.
const HEAP_EACH_AIM: usize = 1_200;

/// What a scheduler was seen to cost.
struct Seen {
    organisations: usize,
    /// From its start until all actors were up and nothing was due.
    ready: Duration,
    /// Bytes on the heap for each organisation.
    heap_each: usize,
    /// How long after its time each run began.
    lags: Vec<Duration>,
    /// Until everything had run and was recorded.
    over: Duration,
}

impl Seen {
    /// Runs a second from when all were due.
    fn rate(&self) -> u128 {
        per_second(self.lags.len(), self.over)
    }

    fn print(mut self, what: &str) {
        self.lags.sort_unstable();
        let Self { organisations, ready, heap_each, lags, over } = self;
        say(&format!("{what}: {organisations} organisations, ready in {} ms", ready.as_millis()));
        let share = ratio(whole(heap_each), whole(HEAP_EACH_AIM));
        say(&format!("  heap for each idle organisation: {heap_each} bytes, {share} of the aim of {HEAP_EACH_AIM}"));
        say(&format!(
            "  all due at once: {} runs in {} ms ({} a second), lag p50 {} ms, p99 {} ms",
            lags.len(),
            over.as_millis(),
            per_second(lags.len(), over),
            percentile(&lags, 50).as_millis(),
            percentile(&lags, 99).as_millis()
        ));
    }
}

#[tokio::main]
async fn main() {
    let count = size(100_000);
    alone::measure(count).await.print("the scheduler alone");
    let folder = tempfile::tempdir().expect("a folder for the database");
    let file = format!("sqlite://{}", folder.path().join("bench.db").display());
    let server = tokio::task::spawn_blocking(Postgres::start).await.expect("PostgreSQL starts");
    let bullmq = bullmq::measure(count).await;
    for (name, database) in [("SQLite", file), ("PostgreSQL", server.create_database().await)] {
        let seen = node::measure(count, database).await;
        let share = ratio(seen.rate(), bullmq);
        seen.print(&format!("a whole node on {name}"));
        say(&format!("  {share} of the occurrences that BullMQ runs a second"));
    }
}
