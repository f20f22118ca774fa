//! Account usage: what a BSP reports for a channel and a day, the months made of such days, and where a figure comes from.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::access;
use super::channel::Channel;
use super::error::{Fault, Result};
use super::loader;
use super::scalar::{Date, DateTime, Decimal, Month, int};
use crate::domain::account_usage;
use crate::domain::id::OrganisationId;
use crate::domain::money;
use crate::service::account_usage::{DailyUsageView, PayloadFacts};

/// A category of WhatsApp traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "account_usage::UsageCategory")]
pub(super) enum UsageCategory {
    /// Promotions and news that a business starts.
    Marketing,
    /// Messages about something the customer agreed to, such as an order.
    Utility,
    /// One-time passwords.
    Authentication,
    /// One-time passwords to countries with an international rate.
    AuthenticationInternational,
    /// Marketing through the API made for it.
    MarketingLite,
    /// Answers to customers.
    Service,
    /// Conversations that an advertisement or a page's button opened.
    ReferralConversion,
    /// What is none of the others; its raw name is kept.
    Other,
}

/// What the counts of a day count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "account_usage::UsageUnit")]
pub(super) enum UsageUnit {
    /// Conversations of 24 hours, as providers billed before July 2025.
    Conversation,
    /// Messages, as providers bill since.
    Message,
}

/// Messages or conversations by what they are billed as. No two of the counts overlap.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct UsageCounts {
    /// Marketing.
    marketing: i32,
    /// Utility that is charged.
    utility: i32,
    /// Authentication.
    authentication: i32,
    /// Authentication to countries with an international rate.
    authentication_international: i32,
    /// Marketing through the API made for it.
    marketing_lite: i32,
    /// Service.
    service: i32,
    /// Utility within a customer service window, which is free.
    free_utility: i32,
    /// Free because an advertisement or a page's button opened the conversation.
    free_entry_point: i32,
    /// Free because of an allowance.
    free_tier: i32,
    /// What has another name at the provider.
    other: i32,
    /// All of them together.
    total: i32,
}

impl TryFrom<account_usage::UsageCounts> for UsageCounts {
    type Error = Fault;

    fn try_from(counts: account_usage::UsageCounts) -> Result<Self> {
        let total = counts.total().ok_or_else(|| Fault::internal("counts.total does not fit 64 bits"))?;
        Ok(Self {
            marketing: int("counts.marketing", counts.marketing)?,
            utility: int("counts.utility", counts.utility)?,
            authentication: int("counts.authentication", counts.authentication)?,
            authentication_international: int(
                "counts.authenticationInternational",
                counts.authentication_international,
            )?,
            marketing_lite: int("counts.marketingLite", counts.marketing_lite)?,
            service: int("counts.service", counts.service)?,
            free_utility: int("counts.freeUtility", counts.free_utility)?,
            free_entry_point: int("counts.freeEntryPoint", counts.free_entry_point)?,
            free_tier: int("counts.freeTier", counts.free_tier)?,
            other: int("counts.other", counts.other)?,
            total: int("counts.total", total)?,
        })
    }
}

/// Messages by direction and form, as the provider counts them.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct MessageCounts {
    /// Received.
    incoming: i32,
    /// Sent in a conversation.
    outgoing: i32,
    /// Sent in a conversation with a picture, document or sound.
    outgoing_media: i32,
    /// Sent as a template.
    template: i32,
    /// Sent as a template with a picture, document or sound.
    template_media: i32,
    /// All, as the provider says it, which need not be the sum of the others.
    total: i32,
}

impl TryFrom<account_usage::MessageCounts> for MessageCounts {
    type Error = Fault;

    fn try_from(counts: account_usage::MessageCounts) -> Result<Self> {
        Ok(Self {
            incoming: int("messages.incoming", counts.incoming)?,
            outgoing: int("messages.outgoing", counts.outgoing)?,
            outgoing_media: int("messages.outgoingMedia", counts.outgoing_media)?,
            template: int("messages.template", counts.template)?,
            template_media: int("messages.templateMedia", counts.template_media)?,
            total: int("messages.total", counts.total)?,
        })
    }
}

/// What a provider charged, as it says itself.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Fees {
    /// The amount, in units of the currency.
    amount: Decimal,
    /// The currency, as ISO 4217 codes it.
    currency: &'static str,
}

impl From<money::Fees> for Fees {
    fn from(fees: money::Fees) -> Self {
        Self { amount: fees.amount.into(), currency: fees.currency.code() }
    }
}

/// One line of a day: what was counted for a category, pricing type and country.
#[derive(Debug)]
pub(super) struct UsageDetail(account_usage::UsageDetail);

/// One line of a day: what was counted for a category, pricing type and country.
#[Object]
impl UsageDetail {
    /// The category.
    async fn category(&self) -> UsageCategory {
        self.0.category.into()
    }

    /// The category as the provider wrote it.
    async fn raw_category(&self) -> &str {
        &self.0.raw_category
    }

    /// The pricing type as the provider wrote it, such as `REGULAR` or `FREE_CUSTOMER_SERVICE`.
    async fn pricing_type(&self) -> Option<&str> {
        self.0.pricing_type.as_deref()
    }

    /// The country of the customers, as ISO 3166-1 codes it with two letters.
    async fn country(&self) -> Option<&str> {
        self.0.country.as_deref()
    }

    /// How many.
    async fn count(&self) -> Result<i32> {
        int("details.count", self.0.count)
    }

    /// What they cost, where the provider says so.
    async fn fees(&self) -> Option<Fees> {
        self.0.fees.map(Into::into)
    }
}

/// The answer of a provider that a figure was taken from.
#[derive(Debug)]
pub(super) struct UsageSource(PayloadFacts);

/// The answer of a provider that a figure was taken from.
#[Object]
impl UsageSource {
    /// The API and field that answered.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// The first day that was asked for.
    async fn from(&self) -> Date {
        self.0.range.from().into()
    }

    /// The last day that was asked for.
    async fn to(&self) -> Date {
        self.0.range.to().into()
    }

    /// SHA-256 of the body, in hexadecimal.
    async fn sha256(&self) -> String {
        hex::encode(self.0.sha256)
    }

    /// When it was received.
    async fn fetched_at(&self) -> DateTime {
        self.0.fetched_at.into()
    }

    /// The body as it was received; pages of one answer are joined by a line break. Null if retention removes it this moment.
    #[graphql(complexity = 100)]
    async fn body(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let found = async {
            let services = access::services(ctx)?;
            Ok(services.account_usage.payload(self.0.organisation_id, self.0.id).await?)
        };
        found.await.map(|payload| payload.map(|payload| payload.body)).transpose()
    }
}

/// A day of a channel.
#[derive(Debug)]
pub(super) struct DailyUsage(pub(super) DailyUsageView);

/// What a provider reports for a channel and a day.
#[Object]
impl DailyUsage {
    /// The channel.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Channel> {
        loader::channel(ctx, self.0.daily.channel_id).await.map(Channel)
    }

    /// The day, as the account at the provider cuts its days.
    async fn date(&self) -> Date {
        self.0.daily.figures.date.into()
    }

    /// What is counted.
    async fn unit(&self) -> UsageUnit {
        self.0.daily.figures.unit.into()
    }

    /// The counts of the day.
    async fn counts(&self) -> Result<UsageCounts> {
        self.0.daily.figures.counts.try_into()
    }

    /// Messages by direction and form, where the provider gives them.
    async fn messages(&self) -> Option<Result<MessageCounts>> {
        self.0.daily.figures.messages.map(TryInto::try_into)
    }

    /// What the day cost, where the provider says so.
    async fn fees(&self) -> Option<Fees> {
        self.0.daily.figures.fees.map(Into::into)
    }

    /// The counts of the channel's month up to and including this day.
    async fn month_to_date(&self) -> Result<UsageCounts> {
        self.0.month_to_date.try_into()
    }

    /// False while the day was still open when it was last asked for.
    async fn complete(&self) -> bool {
        self.0.daily.complete
    }

    /// How many times the provider changed its mind about the day; 0: never.
    async fn revision(&self) -> i32 {
        self.0.daily.revision
    }

    /// When the provider was last asked.
    async fn fetched_at(&self) -> DateTime {
        self.0.daily.fetched_at.into()
    }

    /// The lines that the counts are made of.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn details(&self, ctx: &Context<'_>) -> Result<Vec<UsageDetail>> {
        let details = loader::details(ctx, self.0.daily.channel_id, self.0.daily.figures.date).await?;
        Ok(details.into_iter().map(UsageDetail).collect())
    }

    /// The provider's answer that the day was taken from; null once retention removed it.
    async fn source(&self, ctx: &Context<'_>) -> Option<Result<UsageSource>> {
        let id = self.0.daily.payload_id?;
        let payload = loader::payload(ctx, id).await;
        payload.map(|payload| payload.map(UsageSource)).transpose()
    }
}

/// A month of a channel.
#[derive(Debug)]
pub(super) struct MonthlyUsage(pub(super) account_usage::MonthlyUsage);

/// A month of a channel, made of its days.
#[Object]
impl MonthlyUsage {
    /// The channel.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Channel> {
        loader::channel(ctx, self.0.channel_id).await.map(Channel)
    }

    /// The month.
    async fn month(&self) -> Month {
        self.0.month.into()
    }

    /// The counts of its days together.
    async fn counts(&self) -> Result<UsageCounts> {
        self.0.counts.try_into()
    }

    /// Messages by direction and form, where the provider gives them.
    async fn messages(&self) -> Option<Result<MessageCounts>> {
        self.0.messages.map(TryInto::try_into)
    }

    /// What its days cost together; null where no day has fees or their currencies differ.
    async fn fees(&self) -> Option<Fees> {
        self.0.fees.map(Into::into)
    }

    /// How many of its days have usage.
    async fn days(&self) -> i32 {
        self.0.days
    }
}

#[derive(Debug, Default)]
pub(super) struct AccountUsageMutation;

#[Object]
impl AccountUsageMutation {
    /// Makes sure that a month exists for every channel, with zeros where nothing is known; harmless twice. For admins.
    async fn create_monthly_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "The month; the present one without.")] month: Option<Month>,
    ) -> Result<Vec<MonthlyUsage>> {
        let access = access::admin(ctx)?;
        let organisation_id = OrganisationId::parse("organisationId", &organisation_id)?;
        let month = month.map(|month| month.read("month")).transpose()?;
        let months = access.services.account_usage.create_months(access.caller, organisation_id, month).await?;
        Ok(months.into_iter().map(MonthlyUsage).collect())
    }
}
