//! The cache that nodes share: Redis, every key under a prefix and with an end.

use std::time::Duration;

use async_trait::async_trait;

use super::Cache;
use crate::remote::Remote;

/// A larger value is not kept: it would hold up everybody's answers on the one connection.
const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// How many keys are removed at once.
const REMOVED_AT_ONCE: usize = 500;

/// A cache in Redis. While Redis is away nothing is kept and everything is a miss.
#[derive(Debug, Clone)]
pub struct RedisCache {
    remote: Remote,
}

impl RedisCache {
    /// A cache over `remote`.
    pub const fn new(remote: Remote) -> Self {
        Self { remote }
    }

    async fn tell(&self, command: redis::Cmd) -> bool {
        let told = self.remote.ask(|mut connection| async move { command.exec_async(&mut connection).await });
        told.await.is_ok()
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut command = redis::cmd("GET");
        command.arg(self.remote.name(key));
        let found = self.remote.ask(|mut connection| async move { command.query_async(&mut connection).await });
        found.await.ok().flatten()
    }

    async fn get_both(&self, one: &str, other: &str) -> [Option<Vec<u8>>; 2] {
        let mut command = redis::cmd("MGET");
        command.arg(self.remote.name(one)).arg(self.remote.name(other));
        let found = self.remote.ask(|mut connection| async move { command.query_async(&mut connection).await });
        found.await.map_or([None, None], |(one, other)| [one, other])
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> bool {
        let name = self.remote.name(key);
        if ttl.is_zero() || value.len() > VALUE_BYTES_MAX {
            let mut command = redis::cmd("UNLINK");
            command.arg(name);
            return self.tell(command).await && ttl.is_zero();
        }
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, TTL_MS_MAX);
        let mut command = redis::cmd("SET");
        command.arg(name).arg(value).arg("PX").arg(ttl_ms);
        self.tell(command).await
    }

    async fn remove(&self, key: &str) -> bool {
        let mut command = redis::cmd("UNLINK");
        command.arg(self.remote.name(key));
        self.tell(command).await
    }

    async fn remove_all(&self, prefix: &str) -> u64 {
        let (mut removed, mut cursor) = (0, 0);
        // What was removed before Redis went away is removed all the same.
        while let Ok((next, keys)) = self.remote.keys(prefix, cursor).await {
            for batch in keys.chunks(REMOVED_AT_ONCE) {
                let mut command = redis::cmd("UNLINK");
                command.arg(batch);
                let gone = self.remote.ask(|mut connection| async move { command.query_async(&mut connection).await });
                removed += gone.await.unwrap_or(0_u64);
            }
            if next == 0 {
                break;
            }
            cursor = next;
        }
        removed
    }
}

/// The longest that anything is kept: a year.
const TTL_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1_000;
