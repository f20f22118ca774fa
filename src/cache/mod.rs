//! The cache: what may be forgotten at any time, kept near for a while.

mod local;
mod redis;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

pub use local::LocalCache;
pub use redis::RedisCache;

/// Bytes by key, for a while. A failure is a miss: nobody's answer may depend on the cache being there.
#[async_trait]
pub trait Cache: Send + Sync + Debug {
    /// What is kept under `key`.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;
    /// What is kept under two keys, asked for in one go.
    async fn get_both(&self, one: &str, other: &str) -> [Option<Vec<u8>>; 2] {
        [self.get(one).await, self.get(other).await]
    }
    /// Keeps `value` under `key` for at most `ttl`; false: it is not known to be kept.
    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> bool;
    /// Forgets `key`; false: it may still be kept.
    async fn remove(&self, key: &str) -> bool;
    /// Forgets every key that begins with `prefix`; how many there were. What is put meanwhile may stay.
    async fn remove_all(&self, prefix: &str) -> u64;
}
