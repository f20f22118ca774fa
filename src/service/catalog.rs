//! The merchants' catalogue: what a first conversation needs of it, kept for a while and fetched once for all who ask at the same time.

use std::sync::Arc;

use super::memo::{Cached, Found, Topic};
use super::{Core, ServiceError};
use crate::catalog::{Action, CatalogError};
use crate::domain::catalog::{CatalogItem, CatalogPart};
use crate::domain::clock::Instant;
use crate::domain::organisation::Organisation;

/// What is said where no catalogue is set.
pub(super) const NOT_SET: &str = "there is no catalogue: CATALOG_API_BASE and CATALOG_API_KEY are not both set";

/// What is said of an organisation that the catalogue cannot know.
pub(super) const NO_MERCHANT: &str = "the organisation has no external id, which the catalogue would know it by";

/// A part of the catalogue.
#[derive(Debug, Clone)]
pub struct Shelf {
    pub items: Vec<CatalogItem>,
    /// Whether it was kept already.
    pub hit: bool,
    pub fetched_at: Instant,
}

/// The id of a message template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As the setting names it, such as `WELCOME`.
    pub name: String,
    pub id: String,
}

/// Shows the catalogue.
#[derive(Debug, Clone)]
pub struct CatalogService {
    core: Arc<Core>,
}

impl CatalogService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Why the organisation has no catalogue; `None`: it has one, as far as is known here.
    pub fn unavailable(&self, organisation: &Organisation) -> Option<&'static str> {
        merchant(&self.core, organisation).err()
    }

    /// A part of the organisation's catalogue, as it is kept or fetched now; `None` where it has none. [`ServiceError::Upstream`] where the
    /// catalogue does not answer as it should.
    pub async fn shelf(&self, organisation: &Organisation, part: CatalogPart) -> Result<Option<Shelf>, ServiceError> {
        let core = &self.core;
        let (Ok(merchant), Some(catalog)) = (merchant(core, organisation), core.catalog()) else { return Ok(None) };
        let load = async { catalog.items(merchant, part).await.map_err(|error| upstream(&error)) };
        let ttl = core.catalog_options().ttl;
        let question = question(merchant, part);
        let (cached, found) = core.memo().look(organisation.id, Topic::Catalog, &question, ttl, load).await?;
        Ok(Some(Shelf { items: cached.value, hit: found == Found::Kept, fetched_at: cached.at }))
    }

    /// The message templates that the settings name, by name.
    pub fn templates(&self) -> Vec<Template> {
        let templates = &self.core.catalog_options().templates;
        templates.iter().map(|(name, id)| Template { name: name.clone(), id: id.clone() }).collect()
    }
}

/// What the catalogue knows the organisation by, or why there is nothing to know.
pub(super) fn merchant<'a>(core: &Core, organisation: &'a Organisation) -> Result<&'a str, &'static str> {
    core.catalog().ok_or(NOT_SET)?;
    organisation.external_id.as_deref().ok_or(NO_MERCHANT)
}

/// Fetches a part of the organisation's catalogue whether or not it is kept, and keeps it; how many things it has, and since when.
pub(super) async fn warm(
    core: &Core,
    organisation: &Organisation,
    merchant: &str,
    part: CatalogPart,
) -> Result<(usize, Instant), Cold> {
    let catalog = core.catalog().ok_or(Cold::Here(ServiceError::Conflict(NOT_SET.to_owned())))?;
    let mut refused = None;
    let load = async {
        catalog.items(merchant, part).await.map_err(|error| {
            let error = refused.insert(error);
            upstream(error)
        })
    };
    let (ttl, question) = (core.catalog_options().ttl, question(merchant, part));
    let kept: Result<Cached<Vec<CatalogItem>>, _> =
        core.memo().renew(organisation.id, Topic::Catalog, &question, ttl, load).await;
    match (kept, refused) {
        (Ok(kept), _) => Ok((kept.value.len(), kept.at)),
        (Err(_), Some(error)) => Err(Cold::There(error.action, chain(&error))),
        (Err(error), None) => Err(Cold::Here(error)),
    }
}

/// Why a part could not be warmed.
#[derive(Debug)]
pub(super) enum Cold {
    /// The catalogue did not give it.
    There(Action, String),
    /// It is a fault of this program's own.
    Here(ServiceError),
}

/// Another merchant is another question.
fn question(merchant: &str, part: CatalogPart) -> String {
    format!("{part}:{merchant}")
}

fn upstream(error: &CatalogError) -> ServiceError {
    ServiceError::Upstream(chain(error))
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
