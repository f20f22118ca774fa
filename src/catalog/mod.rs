//! Outbound HTTP to the merchants' catalogue: what a merchant sells and where, with every failure sorted.

mod answer;
mod error;
mod http;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

use crate::domain::catalog::{CatalogItem, CatalogPart};

pub use error::{Action, CatalogError, StopReason};
pub use http::{BuildError, HttpCatalog};

/// The catalogue of many merchants.
#[async_trait]
pub trait Catalog: Send + Sync + Debug {
    /// All that `merchant`, known by the id that the outside world gives it, has of `part`, in the catalogue's order.
    async fn items(&self, merchant: &str, part: CatalogPart) -> Result<Vec<CatalogItem>, CatalogError>;
}

/// Where the catalogue is and how it is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// `None`: there is none.
    pub base: Option<Url>,
    /// Goes along as `Authorization: ApiToken <key>`. It is shown by no `Debug`, log or error.
    pub key: Option<SecretString>,
    /// For one request with its whole body.
    pub timeout: Duration,
    /// A longer body is given up on while it is read.
    pub body_bytes_max: usize,
    /// More things than these are no answer.
    pub items_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base: None,
            key: None,
            timeout: Duration::from_secs(10),
            body_bytes_max: 4 * 1024 * 1024,
            items_max: 2_000,
        }
    }
}
