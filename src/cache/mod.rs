//! The cache: what may be forgotten at any time, kept near for a while.

mod local;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

pub use local::LocalCache;

/// Bytes by key, for a while. A failure is a miss: nobody's answer may depend on the cache being there.
#[async_trait]
pub trait Cache: Send + Sync + Debug {
    /// What is kept under `key`.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps `value` under `key` for at most `ttl`.
    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration);
    /// Forgets `key`.
    async fn remove(&self, key: &str);
    /// Forgets every key that begins with `prefix`; how many there were. What is put meanwhile may stay.
    async fn remove_all(&self, prefix: &str) -> u64;
}

#[cfg(test)]
mod tests;
