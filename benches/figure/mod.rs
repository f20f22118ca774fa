//! How the benchmarks print: whole numbers, rates and ratios, without floats.

use std::io::Write as _;
use std::time::Duration;

/// Prints a line.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("standard output is open");
}

/// How many there were in each second.
pub(crate) fn per_second(count: usize, took: Duration) -> u128 {
    whole(count) * 1_000_000 / took.as_micros().max(1)
}

/// `part` as a share of `all`, with two places.
pub(crate) fn ratio(part: u128, all: u128) -> String {
    let hundredths = part * 100 / all.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The value below which `share` percent of the sorted values are.
pub(crate) fn percentile(sorted: &[Duration], share: usize) -> Duration {
    sorted.get(sorted.len() * share / 100).or(sorted.last()).copied().unwrap_or_default()
}

/// The first number among the arguments, for a benchmark of another size.
pub(crate) fn size(usual: usize) -> usize {
    std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(usual)
}

/// A count as the type that nothing overflows.
pub(crate) fn whole(count: usize) -> u128 {
    u128::try_from(count).expect("no machine counts beyond 128 bits")
}
