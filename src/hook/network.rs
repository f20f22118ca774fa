//! Names to addresses at the moment of connecting, where an address into a private network ends the attempt.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::Rules;

/// Looks names up.
pub(super) trait Lookup: Send + Sync + Debug {
    /// The addresses of a host; their ports mean nothing.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug)]
pub(super) struct System;

impl Lookup for System {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// A name led where nothing is sent.
#[derive(Debug, thiserror::Error)]
#[error("the name leads into a private network")]
pub(super) struct Refused;

/// The resolver of the clients: a name of which any address is refused is refused, and connections are made to the very addresses that
/// were looked at.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) rules: Rules,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, lookup) = (self.rules, self.lookup.lookup(name.as_str().to_owned()));
        Box::pin(async move {
            let found = lookup.await?;
            if found.iter().any(|address| !rules.admit(address.ip())) {
                return Err(Refused.into());
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}
