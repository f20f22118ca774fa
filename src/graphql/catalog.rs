//! The merchant's catalogue as the first messages of a customer need it, and the bootstrap that warms it.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, ID, Object, SimpleObject};

use super::access;
use super::error::{Fault, Result};
use super::job_run::JobRun;
use super::scalar::{DateTime, int};
use crate::domain::bootstrap;
use crate::domain::catalog::{CatalogItem as Item, CatalogPart};
use crate::domain::organisation::Organisation;
use crate::service::catalog::{Shelf, Template};

/// What a merchant's catalogue has, kept for a few minutes.
#[derive(Debug)]
pub(super) struct Catalog(pub(super) Organisation);

/// What a merchant's catalogue has, kept for a few minutes.
#[Object]
impl Catalog {
    /// Why the organisation has no catalogue, such as a setting that is missing; null: it has one, as far as is known.
    async fn unavailable(&self, ctx: &Context<'_>) -> Result<Option<&'static str>> {
        Ok(access::services(ctx)?.catalog.unavailable(&self.0))
    }

    /// What is sold is sorted into these. Null without a catalogue.
    async fn categories(&self, ctx: &Context<'_>) -> Option<Result<CatalogList>> {
        self.shelf(ctx, CatalogPart::Categories).await.transpose()
    }

    /// Where it is sold. Null without a catalogue.
    async fn branches(&self, ctx: &Context<'_>) -> Option<Result<CatalogList>> {
        self.shelf(ctx, CatalogPart::Branches).await.transpose()
    }

    /// The message templates that this server's settings name, by name.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn templates(&self, ctx: &Context<'_>) -> Result<Vec<MessageTemplate>> {
        Ok(access::services(ctx)?.catalog.templates().into_iter().map(MessageTemplate).collect())
    }
}

impl Catalog {
    async fn shelf(&self, ctx: &Context<'_>, part: CatalogPart) -> Result<Option<CatalogList>> {
        let found = access::services(ctx)?.catalog.shelf(&self.0, part).await?;
        Ok(found.map(CatalogList))
    }
}

/// A part of a catalogue.
#[derive(Debug)]
pub(super) struct CatalogList(Shelf);

/// A part of a catalogue.
#[Object]
impl CatalogList {
    /// What is in it, in the catalogue's order.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn items(&self) -> Vec<CatalogItem<'_>> {
        self.0.items.iter().map(CatalogItem).collect()
    }

    /// Whether it was kept already; false: the catalogue was asked now.
    async fn hit(&self) -> bool {
        self.0.hit
    }

    /// When the catalogue was asked.
    async fn fetched_at(&self) -> DateTime {
        self.0.fetched_at.into()
    }
}

/// One thing of a catalogue.
#[derive(Debug)]
pub(super) struct CatalogItem<'a>(&'a Item);

/// One thing of a catalogue.
#[Object]
impl CatalogItem<'_> {
    /// What the merchant knows it by, where it has such a thing.
    async fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// What people call it, where it has such a thing.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// All that the catalogue says of it: an object; as a text where it holds a number that is too large to be one here.
    async fn data(&self) -> serde_json::Value {
        let json = self.0.json.get();
        serde_json::from_str(json).unwrap_or_else(|_| serde_json::Value::from(json))
    }
}

/// The id of a message template.
#[derive(Debug)]
pub(super) struct MessageTemplate(Template);

/// The id of a message template.
#[Object]
impl MessageTemplate {
    /// What the setting `TEMPLATE_...` calls it, such as WELCOME.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its id at the provider.
    async fn id(&self) -> &str {
        &self.0.id
    }
}

/// What a welcome bootstrap has warmed.
#[derive(Debug, SimpleObject)]
pub(super) struct Bootstrap {
    /// How many categories; null: they could not be fetched so far.
    categories: Option<i32>,
    /// How many branches; null: they could not be fetched so far.
    branches: Option<i32>,
    /// How many message templates the settings name.
    templates: i32,
    /// How long its attempts took, all together.
    milliseconds: i32,
}

impl TryFrom<bootstrap::Bootstrap> for Bootstrap {
    type Error = Fault;

    fn try_from(told: bootstrap::Bootstrap) -> Result<Self> {
        let part = |field, part: Option<bootstrap::Warmed>| part.map(|warmed| int(field, warmed.items)).transpose();
        Ok(Self {
            categories: part("bootstrap.categories", told.categories)?,
            branches: part("bootstrap.branches", told.branches)?,
            templates: int("bootstrap.templates", told.templates)?,
            milliseconds: int("bootstrap.milliseconds", told.milliseconds)?,
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct CatalogMutation;

#[Object]
impl CatalogMutation {
    /// Fetches what the first messages of a customer will need, before they do; one who is not known yet is made. Asked for again within the
    /// time that it is kept, the run that there is is answered. With the scope RECORD.
    async fn start_welcome_bootstrap(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "The customer's number with its country code.")] customer_phone: String,
    ) -> Result<JobRun> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let runs = &access.services.job_run;
        Ok(JobRun(runs.start_welcome_bootstrap(access.caller, organisation, &customer_phone).await?))
    }
}
