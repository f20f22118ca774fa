//! What shares work between nodes, held against a real Redis: the cache, the bus, the limits, and the way there.
//!
//! `WABACUS_TEST_BACKENDS=sqlite` leaves Redis out, where it is not installed.

#[expect(unreachable_pub, reason = "the harness reads as a library, though nobody beyond this binary reaches it")]
#[path = "../support/proxy.rs"]
mod proxy;
#[expect(unreachable_pub, reason = "the harness reads as a library, though nobody beyond this binary reaches it")]
#[path = "../support/redis.rs"]
mod redis;

mod bus;
mod cache;
mod health;
mod limit;

use secrecy::SecretString;
use wabacus::remote::{Options, Remote};

/// The way to an address, under a prefix.
fn way(url: &str, prefix: &str) -> Remote {
    let options = Options { url: SecretString::from(url.to_owned()), prefix: prefix.to_owned() };
    Remote::new(&options).expect("good options")
}

/// The way to a Redis, under a prefix.
fn remote(redis: &redis::Redis, prefix: &str) -> Remote {
    way(&redis.url(), prefix)
}
