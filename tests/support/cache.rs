//! A cache that is looked at: which answers were put into it, so how often each was asked of the database; it may be down.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wabacus::cache::{Cache, LocalCache};

/// A cache that remembers what was put.
#[derive(Debug, Default)]
pub struct SeenCache {
    /// `None`: it is down.
    inner: Option<LocalCache>,
    put: Mutex<Vec<String>>,
}

impl SeenCache {
    pub fn working() -> Self {
        Self { inner: Some(LocalCache::default()), put: Mutex::default() }
    }

    pub fn down() -> Self {
        Self::default()
    }

    /// How often an answer to such a question was made, such as `dashboard:`.
    pub fn loads(&self, question: &str) -> usize {
        let put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
        put.iter().filter(|key| key.starts_with("memo:") && key.contains(question)).count()
    }
}

#[async_trait]
impl Cache for SeenCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.inner.as_ref()?.get(key).await
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> bool {
        self.put.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_owned());
        match &self.inner {
            Some(inner) => inner.put(key, value, ttl).await,
            None => false,
        }
    }

    async fn remove(&self, key: &str) -> bool {
        match &self.inner {
            Some(inner) => inner.remove(key).await,
            None => false,
        }
    }

    async fn remove_all(&self, prefix: &str) -> u64 {
        match &self.inner {
            Some(inner) => inner.remove_all(prefix).await,
            None => 0,
        }
    }
}
