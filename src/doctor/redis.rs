//! Redis: whether it answers, how soon, is new enough, may drop what it should, and has the right time.

use std::time::{Duration, Instant as Moment};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, RedisError};
use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret as _;

use super::database::skew;
use super::{Finding, chain};
use crate::config::Config;
use crate::domain::clock::SharedClock;

/// How long Redis may take for everything that is asked of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cache that is slower than this is hardly one.
const LATENCY_OK: Duration = Duration::from_millis(20);

/// The oldest that has what is asked of it (RESP3, UNLINK, TIME in scripts).
const MAJOR_MIN: u32 = 6;

const ADVICE: &str = "see that REDIS_URL is right and Redis runs; without it nodes hear of each other later";

pub(super) async fn examine(config: &Config, clock: &SharedClock) -> Vec<Finding> {
    let Some(options) = &config.redis else {
        return vec![Finding::ok("Redis", "none is set: cache and bus are in the process")];
    };
    let asked = tokio::time::timeout(PATIENCE, ask(options.url.expose_secret(), clock)).await;
    match asked {
        Ok(Ok(findings)) => findings,
        // The server works without it, so this alone is no reason not to start.
        Ok(Err(error)) => vec![Finding::warn("Redis", format_args!("does not answer: {}", chain(&error)), ADVICE)],
        Err(_) => vec![Finding::warn("Redis", format_args!("no answer within {} s", PATIENCE.as_secs()), ADVICE)],
    }
}

async fn ask(url: &str, clock: &SharedClock) -> Result<Vec<Finding>, RedisError> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
    let info: String = ::redis::cmd("INFO").query_async(&mut connection).await?;
    let mut findings = vec![version(&info), eviction(&info)];
    let began = Moment::now();
    let (seconds, micros) = time(&mut connection).await?;
    findings.push(latency(began.elapsed()));
    if let Some(now) = DateTime::from_timestamp(seconds, 0) {
        findings.push(skew("Redis: clock", clock.now() - now - TimeDelta::microseconds(micros)));
    }
    Ok(findings)
}

async fn time(connection: &mut MultiplexedConnection) -> Result<(i64, i64), RedisError> {
    ::redis::cmd("TIME").query_async(connection).await
}

/// The value of a line `name:value`.
fn said<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn version(info: &str) -> Finding {
    let version = said(info, "redis_version").unwrap_or("of an unknown version");
    let major = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(MAJOR_MIN);
    if major < MAJOR_MIN {
        return Finding::warn("Redis", version, format_args!("bring Redis to version {MAJOR_MIN} or later"));
    }
    Finding::ok("Redis", version)
}

fn eviction(info: &str) -> Finding {
    const WHAT: &str = "Redis: eviction";
    let policy = said(info, "maxmemory_policy").unwrap_or("unknown");
    match (said(info, "maxmemory"), policy) {
        (Some("0"), _) => {
            let advice = "set maxmemory, so that it is Redis that makes room and not the host that ends it";
            Finding::warn(WHAT, "no limit on its memory", advice)
        }
        (_, "noeviction") => {
            let advice = "set maxmemory-policy to volatile-lru: a full Redis refuses to keep anything new";
            Finding::warn(WHAT, "noeviction", advice)
        }
        (_, policy) => Finding::ok(WHAT, policy),
    }
}

fn latency(took: Duration) -> Finding {
    let detail = format!("{} ms", took.as_millis());
    if took <= LATENCY_OK {
        return Finding::ok("Redis: latency", detail);
    }
    Finding::warn("Redis: latency", detail, "put Redis nearer, or see what keeps it busy (SLOWLOG GET)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_redis_says_of_itself_is_read_and_judged() {
        let info = "# Server\r\nredis_version:7.0.15\r\nmaxmemory:268435456\r\nmaxmemory_policy:volatile-lru\r\n";
        assert_eq!((version(info).detail.as_str(), version(info).verdict), ("7.0.15", Verdict::Ok));
        assert_eq!(eviction(info), Finding::ok("Redis: eviction", "volatile-lru"));
        assert_eq!(version("redis_version:5.0.1").verdict, Verdict::Warn);
        assert_eq!(eviction("maxmemory:0\r\nmaxmemory_policy:noeviction").verdict, Verdict::Warn);
        assert_eq!(eviction("maxmemory:1\r\nmaxmemory_policy:noeviction").verdict, Verdict::Warn);
        assert_eq!(latency(Duration::from_millis(200)).verdict, Verdict::Warn);
    }
}
