//! What the scheduler costs: many organisations with nothing to do, then all of them due in one instant with an empty job.
//!
//! Twice: by itself, on work that costs nothing, which tells what actors and agenda cost; and as a whole node on a SQLite file,
//! where each run is fired, claimed and recorded in the database with its events. `cargo bench --bench scheduler -- 100000`.
//! Memory is counted by the allocator: bytes that live after the start less those that lived before it.

mod alone;
#[path = "../figure/mod.rs"]
mod figure;
mod node;

use std::time::Duration;

use figure::{per_second, percentile, ratio, say, size, whole};

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
    node::measure(count).await.print("a whole node on SQLite");
}
