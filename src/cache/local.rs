//! The cache of a single process, bounded by its bytes.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;
use moka::future::Cache as Moka;

use super::Cache;

/// How much the cache may hold, keys included.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

type Entry = (Vec<u8>, Duration);

/// A cache in this process's memory.
#[derive(Debug, Clone)]
pub struct LocalCache {
    entries: Moka<String, Entry>,
}

struct OwnTtl;

impl Expiry<String, Entry> for OwnTtl {
    fn expire_after_create(&self, _key: &String, entry: &Entry, _created_at: Instant) -> Option<Duration> {
        Some(entry.1)
    }

    fn expire_after_update(&self, _: &String, entry: &Entry, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.1)
    }
}

impl Default for LocalCache {
    fn default() -> Self {
        let weigh = |key: &String, entry: &Entry| u32::try_from(key.len() + entry.0.len()).unwrap_or(u32::MAX);
        Self { entries: Moka::builder().max_capacity(BYTES_MAX).weigher(weigh).expire_after(OwnTtl).build() }
    }
}

#[async_trait]
impl Cache for LocalCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.entries.get(key).await.map(|(value, _)| value)
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> bool {
        self.entries.insert(key.to_owned(), (value, ttl)).await;
        true
    }

    async fn remove(&self, key: &str) -> bool {
        self.entries.invalidate(key).await;
        true
    }

    async fn remove_all(&self, prefix: &str) -> u64 {
        let keys: Vec<_> = self.entries.iter().map(|(key, _)| key).filter(|key| key.starts_with(prefix)).collect();
        let mut removed = 0;
        for key in keys {
            removed += u64::from(self.entries.remove(key.as_str()).await.is_some());
        }
        removed
    }
}
