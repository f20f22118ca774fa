//! What every cache promises, held against each of them.

use std::time::Duration;

use wabacus::cache::{Cache, LocalCache, RedisCache};

use crate::redis::{Redis, left_out};
use crate::remote;

const LONG: Duration = Duration::from_secs(60);

async fn keeps_what_was_put_until_it_is_removed_or_its_time_is_over(cache: &dyn Cache) {
    assert_eq!(cache.get("a").await, None);
    cache.put("a", vec![1], LONG).await;
    cache.put("b", vec![2], Duration::ZERO).await;
    assert_eq!(cache.get("a").await, Some(vec![1]));
    assert_eq!(cache.get("b").await, None);
    cache.put("a", vec![3], LONG).await;
    assert_eq!(cache.get("a").await, Some(vec![3]), "the later word");
    cache.put("a", vec![4], Duration::ZERO).await;
    assert_eq!(cache.get("a").await, None, "its own time, not that of the one before");
    cache.put("a", vec![5], LONG).await;
    cache.remove("a").await;
    assert_eq!(cache.get("a").await, None);
    assert!(!cache.put("c", vec![0; 2 * 1024 * 1024], LONG).await || cache.get("c").await.is_some(), "said to be kept");
}

async fn gives_two_at_once(cache: &dyn Cache) {
    cache.put("two:a", vec![1], LONG).await;
    assert_eq!(cache.get_both("two:a", "two:b").await, [Some(vec![1]), None]);
    cache.put("two:b", vec![2], LONG).await;
    assert_eq!(cache.get_both("two:a", "two:b").await, [Some(vec![1]), Some(vec![2])]);
    assert_eq!(cache.get_both("two:b", "two:b").await, [Some(vec![2]), Some(vec![2])]);
}

async fn removes_all_with_a_prefix_and_nothing_else(cache: &dyn Cache) {
    let keys = ["memo:1:a", "memo:1:b", "memo:1:", "memo:10:a", "memo:*:a", "other:1:a"];
    for key in keys {
        cache.put(key, key.into(), LONG).await;
    }
    assert_eq!(cache.remove_all("memo:1:").await, 3);
    assert_eq!(cache.remove_all("memo:1:").await, 0);
    for (key, stays) in keys.into_iter().zip([false, false, false, true, true, true]) {
        assert_eq!(cache.get(key).await.is_some(), stays, "{key}");
    }
    assert_eq!(cache.remove_all("memo:*:").await, 1, "a star is a star");
    assert_eq!(cache.get("memo:10:a").await, Some("memo:10:a".into()));
}

/// Holds a cache with nothing in it to all of it.
async fn conforms(cache: &dyn Cache) {
    keeps_what_was_put_until_it_is_removed_or_its_time_is_over(cache).await;
    gives_two_at_once(cache).await;
    removes_all_with_a_prefix_and_nothing_else(cache).await;
}

#[tokio::test]
async fn the_cache_of_one_process_conforms() {
    conforms(&LocalCache::default()).await;
}

#[tokio::test]
async fn the_cache_in_redis_conforms_beside_others_in_the_same_one() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let (ours, theirs) = (remote(&redis, "wabacus:"), remote(&redis, "wabacus:*:"));
    let (ours, theirs) = (RedisCache::new(ours), RedisCache::new(theirs));
    let odd = RedisCache::new(remote(&redis, "w[a-z]bacus?"));
    for cache in [&ours, &theirs, &odd] {
        conforms(cache).await;
    }
    theirs.put("memo:1:a", vec![7], LONG).await;
    odd.put("memo:1:a", vec![8], LONG).await;
    ours.put("memo:1:a", vec![9], LONG).await;
    assert_eq!(theirs.remove_all("memo:").await, 3, "with the two that conforming left");
    assert_eq!(ours.get("memo:1:a").await, Some(vec![9]));
    assert_eq!(odd.get("memo:1:a").await, Some(vec![8]));
    let keys = redis.keys();
    assert!(keys.iter().all(|(key, left_ms)| (1..=60_000).contains(left_ms) && key.starts_with('w')), "{keys:?}");
}

#[tokio::test]
async fn many_keys_are_removed_in_batches() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let cache = RedisCache::new(remote(&redis, "wabacus:"));
    cache.put("other:1", vec![1], LONG).await;
    cache.put("other:2", vec![1], LONG).await;
    let puts = (0..3_000).map(async |number| cache.put(&format!("memo:{number}"), vec![1], LONG).await);
    assert!(futures::future::join_all(puts).await.into_iter().all(|kept| kept));
    assert_eq!(cache.remove_all("memo:").await, 3_000);
    assert_eq!(redis.keys().len(), 2);
}

#[tokio::test]
async fn a_cache_whose_redis_is_away_keeps_nothing_and_says_so_at_once() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let cache = RedisCache::new(remote(&redis, "wabacus:"));
    assert!(cache.put("a", vec![1], LONG).await);
    redis.pause();
    let since = std::time::Instant::now();
    let asked = futures::future::join_all((0..1_000).map(async |_| cache.get("a").await)).await;
    assert!(asked.iter().all(Option::is_none));
    for _ in 0..1_000 {
        assert!(!cache.put("a", vec![2], LONG).await);
    }
    assert_eq!(cache.remove_all("").await, 0);
    assert!(since.elapsed() < Duration::from_millis(1_400), "one time-out for all: {:?}", since.elapsed());
    redis.resume();
}
