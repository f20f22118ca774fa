//! A Redis that is away is noticed once, costs nobody more than a moment, and is found again.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use wabacus::remote::{Away, Remote};

use crate::proxy::Proxy;
use crate::redis::{Redis, left_out};
use crate::{remote, way};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

async fn ping(remote: &Remote) -> Result<(), Away> {
    remote
        .ask(
            |mut connection: MultiplexedConnection| async move { redis::cmd("PING").exec_async(&mut connection).await },
        )
        .await
}

async fn up(remote: &Remote) {
    tokio::time::timeout(PATIENCE, remote.up()).await.expect("Redis is found again");
    assert!(remote.is_up());
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_found_when_it_comes_and_when_it_comes_back() {
    if left_out() {
        return;
    }
    let redis = Redis::absent();
    let remote = remote(&redis, "wabacus:");
    assert_eq!(ping(&remote).await, Err(Away));
    assert!(!remote.is_up());
    for _ in 0..2 {
        redis.begin();
        up(&remote).await;
        assert_eq!(ping(&remote).await, Ok(()));
        redis.end();
        while ping(&remote).await.is_ok() {}
        assert!(!remote.is_up());
    }
}

#[tokio::test]
async fn a_slow_redis_costs_those_who_wait_one_time_out_and_nobody_after_them_any() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port()).await;
    let remote = way(&proxy.redis_url(), "wabacus:");
    assert_eq!(ping(&remote).await, Ok(()));
    proxy.slow(Duration::from_secs(2));
    let since = Instant::now();
    let asked = futures::future::join_all((0..100).map(|_| ping(&remote))).await;
    assert!(asked.into_iter().all(|answer| answer == Err(Away)));
    assert!(since.elapsed() < Duration::from_millis(900), "{:?}", since.elapsed());
    let since = Instant::now();
    for _ in 0..100 {
        assert_eq!(ping(&remote).await, Err(Away));
    }
    assert!(since.elapsed() < Duration::from_millis(100), "{:?}", since.elapsed());
    proxy.mend();
    up(&remote).await;
    assert_eq!(ping(&remote).await, Ok(()));
}

#[tokio::test]
async fn a_cut_connection_is_replaced_though_nobody_asks() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port()).await;
    let remote = way(&proxy.redis_url(), "wabacus:");
    up(&remote).await;
    proxy.cut();
    let since = Instant::now();
    while remote.is_up() {
        assert!(since.elapsed() < PATIENCE, "it is not noticed");
        tokio::task::yield_now().await;
    }
    proxy.mend();
    up(&remote).await;
}

#[tokio::test]
async fn a_refusal_is_no_loss() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let remote = remote(&redis, "wabacus:");
    let refused = remote
        .ask(|mut connection| async move { redis::cmd("LPUSH").arg("only-one").exec_async(&mut connection).await });
    assert_eq!(refused.await, Err(Away));
    assert!(remote.is_up());
    assert_eq!(ping(&remote).await, Ok(()));
}
