//! What every cache promises, held against each of them.

use std::time::Duration;

use super::{Cache, LocalCache};

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

/// Holds `make` to all of it, each part on a cache with nothing in it.
async fn conforms<C: Cache>(make: impl Fn() -> C) {
    keeps_what_was_put_until_it_is_removed_or_its_time_is_over(&make()).await;
    removes_all_with_a_prefix_and_nothing_else(&make()).await;
}

#[tokio::test]
async fn the_cache_of_one_process_conforms() {
    conforms(LocalCache::default).await;
}
