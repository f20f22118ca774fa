//! BullMQ doing the same: job schedulers that are all due at once, and an empty job.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::figure::{per_second, say};
use crate::redis::Redis;

/// Has BullMQ run `count` occurrences; how many a second.
pub(crate) async fn measure(count: usize) -> u128 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/bullmq");
    if !folder.join("node_modules/bullmq").exists() {
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        assert!(install.stdout(Stdio::null()).status().await.expect("npm is installed").success());
    }
    let redis = tokio::task::spawn_blocking(Redis::start).await.expect("Redis starts");
    let mut run = Command::new("node");
    run.arg("run.mjs").arg(redis.port().to_string()).arg(count.to_string()).current_dir(&folder);
    let output = run.stderr(Stdio::inherit()).output().await.expect("node is installed");
    assert!(output.status.success(), "BullMQ failed");
    let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
    let micros: u64 = text.trim().parse().expect("it prints microseconds");
    let took = Duration::from_micros(micros);
    let rate = per_second(count, took);
    say(&format!("BullMQ: {count} occurrences in {} ms ({rate} a second)", took.as_millis()));
    rate
}
