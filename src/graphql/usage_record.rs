//! Records of the ledger as they are shown.

use async_graphql::{Context, ID, Object};

use super::account_usage::UsageCategory;
use super::channel::{Channel, ChannelKind};
use super::connection::{self, Connection, PageArguments};
use super::customer::Customer;
use super::error::Result;
use super::loader;
use super::scalar::{Date, DateTime, Decimal, Month};
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::usage;
use crate::service::Services;
use crate::service::ledger::{Filter, Place};

/// One billable event: a quantity at a price. It is never changed; what was wrong is corrected by another record.
#[derive(Debug, Clone)]
pub(super) struct UsageRecord(pub(super) usage::UsageRecord);

/// One billable event: a quantity at a price. It is never changed; what was wrong is corrected by another record.
#[Object]
impl UsageRecord {
    /// The record's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What kind of channel it was used on.
    async fn kind(&self) -> ChannelKind {
        self.0.resource.kind.into()
    }

    /// What was used, such as `minute` or `message`.
    async fn resource_type(&self) -> &str {
        self.0.resource.resource_type.code()
    }

    /// The id of what was used, as its sender knows it: a call, a message.
    async fn resource_id(&self) -> Option<&str> {
        self.0.resource_id.as_deref()
    }

    /// What it is known by in the organisation: recorded again under the same key, it is still recorded once.
    async fn idempotency_key(&self) -> &str {
        &self.0.idempotency_key
    }

    /// How much was used. Below zero in a record that corrects another downwards.
    async fn quantity(&self) -> Decimal {
        self.0.quantity.into()
    }

    /// The price of one; null where the price depends on how much is used in a month, and where there is none.
    async fn unit_price(&self) -> Option<Decimal> {
        self.0.unit_price.map(Into::into)
    }

    /// Quantity times price, in the plan's currency; null where the unit price is.
    async fn cost(&self) -> Option<Decimal> {
        self.0.cost.map(Into::into)
    }

    /// Whether the plan has no rate for it. Such a record costs nothing until `repriceUsage` finds a rate for it.
    async fn unpriced(&self) -> bool {
        self.0.rate_id.is_none()
    }

    /// The category, where prices depend on one.
    async fn category(&self) -> Option<UsageCategory> {
        self.0.resource.category.map(Into::into)
    }

    /// The country as ISO 3166-1 codes it with two letters, where prices depend on one.
    async fn country(&self) -> Option<&str> {
        self.0.resource.country.as_ref().map(usage::Country::code)
    }

    /// The channel that it was used on, if it was said.
    async fn channel(&self, ctx: &Context<'_>) -> Option<Result<Channel>> {
        let id = self.0.channel_id?;
        Some(loader::channel(ctx, id).await.map(Channel))
    }

    /// The customer that it was used for, if it was said.
    async fn customer(&self, ctx: &Context<'_>) -> Option<Result<Customer>> {
        let id = self.0.customer_id?;
        Some(loader::customer(ctx, id).await.map(Customer))
    }

    /// What else its sender said of it; an object.
    async fn metadata(&self) -> serde_json::Value {
        let said = self.0.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        said.unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new()))
    }

    /// When it was used.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// When it was recorded.
    async fn recorded_at(&self) -> DateTime {
        self.0.recorded_at.into()
    }

    /// The organisation's local day on which it was used.
    async fn date(&self) -> Date {
        self.0.date.into()
    }

    /// The month whose invoice it is on: that of its day, or a later one where that was invoiced already.
    async fn billing_month(&self) -> Month {
        self.0.billing_month.into()
    }

    /// The id of the record that this one corrects.
    async fn amends(&self) -> Option<ID> {
        self.0.correction.as_ref().map(|correction| correction.amends.to_string().into())
    }

    /// Why it corrects another record.
    async fn reason(&self) -> Option<&str> {
        self.0.correction.as_ref().map(|correction| correction.reason.as_str())
    }

    /// Whether it was written although it went beyond an allowance whose policy is `BLOCK`.
    async fn over_allowance(&self, ctx: &Context<'_>) -> Result<bool> {
        loader::over_allowance(ctx, self.0.id).await
    }

    /// Whether another record takes this one away.
    async fn voided(&self, ctx: &Context<'_>) -> Result<bool> {
        // Only a first record is ever taken away.
        match self.0.correction {
            None => loader::voided(ctx, self.0.id).await,
            Some(_) => Ok(false),
        }
    }
}

/// A page of an organisation's records, newest first.
pub(super) async fn page(
    services: &Services,
    organisation: OrganisationId,
    filter: &Filter,
    page: PageArguments,
) -> Result<Connection<UsageRecord>> {
    let request = page.request(read_place)?;
    let page = services.ledger.page(organisation, filter, &request).await?;
    Ok(connection::connect(page, write_place, UsageRecord))
}

pub(super) fn write_place(record: &usage::UsageRecord) -> String {
    format!("{}:{}", record.occurred_at.timestamp_micros(), record.id)
}

pub(super) fn read_place(text: &str) -> Option<Place> {
    let (micros, id) = text.split_once(':')?;
    let occurred_at = Instant::from_timestamp_micros(micros.parse().ok()?)?;
    Some(Place { occurred_at, id: UsageRecordId::parse("after", id).ok()? })
}
