//! The mutations of the ledger: recording usage, correcting it, pricing what had no price.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use super::access;
use super::account_usage::UsageCategory;
use super::channel::ChannelKind;
use super::error::Result;
use super::loader;
use super::scalar::{DateTime, Decimal, int};
use super::usage_record::UsageRecord;
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::message;
use crate::domain::usage::{Draft, Outcome, Refusal};
use crate::service::ledger::{RECORDS_MAX, Window};

/// What became of a record that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum RecordOutcome {
    /// It is in the ledger now.
    Recorded,
    /// It was in the ledger already, with the same content.
    Duplicate,
    /// Its idempotency key is taken by a record with another content.
    Conflict,
    /// It is nothing that is counted; the reason says why.
    Skipped,
    /// It cannot be recorded; code and field say why.
    Rejected,
}

/// What became of a record that was handed in.
#[derive(Debug)]
pub(super) enum RecordResult {
    Usage(Outcome),
    Message(message::Outcome),
}

/// What became of a record that was handed in.
#[Object]
impl RecordResult {
    /// What became of it.
    async fn outcome(&self) -> RecordOutcome {
        match self {
            Self::Usage(Outcome::Recorded(_)) | Self::Message(message::Outcome::Recorded { .. }) => {
                RecordOutcome::Recorded
            }
            Self::Usage(Outcome::Duplicate(_)) | Self::Message(message::Outcome::Duplicate) => RecordOutcome::Duplicate,
            Self::Usage(Outcome::Conflict(_)) | Self::Message(message::Outcome::Conflict(_)) => RecordOutcome::Conflict,
            Self::Usage(Outcome::Skipped(_)) => RecordOutcome::Skipped,
            Self::Usage(Outcome::Rejected(_)) | Self::Message(message::Outcome::Rejected(_)) => RecordOutcome::Rejected,
        }
    }

    /// The record in the ledger: of a duplicate or a conflict the one that was there; of a message the one that it made or changed.
    async fn record(&self, ctx: &Context<'_>) -> Option<Result<UsageRecord>> {
        match self {
            Self::Usage(Outcome::Recorded(record))
            | Self::Message(message::Outcome::Recorded { usage: Some(record) }) => {
                Some(Ok(UsageRecord(record.as_ref().clone())))
            }
            Self::Usage(Outcome::Duplicate(id) | Outcome::Conflict(id)) => {
                Some(loader::usage_record(ctx, *id).await.map(UsageRecord))
            }
            Self::Usage(Outcome::Skipped(_) | Outcome::Rejected(_)) | Self::Message(_) => None,
        }
    }

    /// Why it was not recorded, for people.
    async fn reason(&self) -> Option<String> {
        match self {
            Self::Usage(Outcome::Conflict(_)) => {
                Some("another content was recorded under the same idempotency key".to_owned())
            }
            Self::Message(message::Outcome::Conflict(mismatch)) => {
                Some(format!("a message with the same externalId and another {} is known", mismatch.0))
            }
            Self::Usage(Outcome::Skipped(reason)) => Some(reason.clone()),
            Self::Usage(_) | Self::Message(_) => self.refusal().map(ToString::to_string),
        }
    }

    /// Why it cannot be recorded, for programs: a code as those of errors.
    async fn code(&self) -> Option<&'static str> {
        self.refusal().map(Refusal::code)
    }

    /// The field that is wrong, such as `records[3].quantity`.
    async fn field(&self) -> Option<&str> {
        self.refusal().map(Refusal::field)
    }
}

impl RecordResult {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Usage(Outcome::Rejected(refusal)) | Self::Message(message::Outcome::Rejected(refusal)) => {
                Some(refusal)
            }
            Self::Usage(_) | Self::Message(_) => None,
        }
    }
}

/// One billable event to record.
#[derive(Debug, InputObject)]
pub(super) struct UsageRecordInput {
    /// What tells it from every other record of the organisation, 1 to 255 characters; without it, kind, resource type and resource id.
    idempotency_key: Option<String>,
    /// What kind of channel it was used on.
    kind: ChannelKind,
    /// The channel that it was used on, which must be of that kind.
    channel_id: Option<ID>,
    /// What was used, such as `minute` or `message`: 1 to 50 lower-case letters, digits, dots, hyphens or underscores.
    resource_type: String,
    /// The id of what was used, as the sender knows it, 1 to 255 characters.
    resource_id: Option<String>,
    /// How much was used: above 0, at most 1000000000, with at most 6 digits after the point.
    #[graphql(default_with = "Decimal::one()")]
    quantity: Decimal,
    /// The category, where prices depend on one.
    category: Option<UsageCategory>,
    /// The country as ISO 3166-1 codes it with two letters, where prices depend on one.
    country: Option<String>,
    /// The customer that it was used for.
    customer_id: Option<ID>,
    /// When it was used; now without. At most 5 minutes ahead, and not older than the server's late window.
    occurred_at: Option<DateTime>,
    /// What else there is to say of it: an object of at most 8 KiB.
    metadata: Option<serde_json::Value>,
}

impl UsageRecordInput {
    fn draft(self, index: usize) -> Draft {
        Draft {
            field: format!("records[{index}]"),
            idempotency_key: self.idempotency_key,
            kind: self.kind.into(),
            channel_id: self.channel_id.map(|id| id.0),
            resource_type: self.resource_type,
            resource_id: self.resource_id,
            quantity: self.quantity.into_text(),
            category: self.category.map(Into::into),
            country: self.country,
            customer_id: self.customer_id.map(|id| id.0),
            occurred_at: self.occurred_at.map(DateTime::into_text),
            metadata: self.metadata,
        }
    }
}

/// What pricing records anew came to.
#[derive(Debug, SimpleObject)]
pub(super) struct RepriceResult {
    /// Records that got a price.
    priced: i32,
    /// Records for which there still is none.
    unpriced: i32,
}

#[derive(Debug, Default)]
pub(super) struct LedgerMutation;

#[Object]
impl LedgerMutation {
    /// Puts usage into the ledger: 1 to 1,000 records, each answered by itself and in order, so that what is wrong with one is no other's
    /// trouble. Sending the same again is safe. Needs the scope RECORD.
    #[graphql(complexity = "RECORDS_MAX * child_complexity + 1")]
    async fn record_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an admin must name one.")] organisation_id: Option<ID>,
        #[graphql(desc = "The records.")] records: Vec<UsageRecordInput>,
    ) -> Result<Vec<RecordResult>> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let drafts = records.into_iter().enumerate().map(|(index, record)| record.draft(index)).collect();
        let outcomes = access.services.ledger.record(access.caller, organisation, drafts, Window::Live).await?;
        Ok(outcomes.into_iter().map(RecordResult::Usage).collect())
    }

    /// Says what the quantity of a record should have been. The answer is a record that holds the difference, on the next invoice where
    /// that of its month is closed; said twice in a row, it is the same one. Needs the scope RECORD.
    async fn amend_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The record's id.")] id: ID,
        #[graphql(desc = "What its quantity should have been, above 0.")] quantity: Decimal,
        #[graphql(desc = "Why, 1 to 200 characters.")] reason: String,
    ) -> Result<UsageRecord> {
        let access = access::recorder(ctx)?;
        let id = UsageRecordId::parse("id", &id)?;
        let quantity = quantity.into_text();
        Ok(UsageRecord(access.services.ledger.amend(access.caller, id, &quantity, &reason).await?))
    }

    /// Takes a record away, with all that was amended of it. The answer is the record that does; said twice, it is the same one. Needs
    /// the scope RECORD.
    async fn void_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The record's id.")] id: ID,
        #[graphql(desc = "Why, 1 to 200 characters.")] reason: String,
    ) -> Result<UsageRecord> {
        let access = access::recorder(ctx)?;
        let id = UsageRecordId::parse("id", &id)?;
        Ok(UsageRecord(access.services.ledger.void(access.caller, id, &reason).await?))
    }

    /// Prices an organisation's records that had no price when they were written. For admins.
    async fn reprice_usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation.")] organisation_id: ID,
        #[graphql(desc = "Only what was used then or later.")] from: Option<DateTime>,
        #[graphql(desc = "Only what was used before.")] to: Option<DateTime>,
    ) -> Result<RepriceResult> {
        let access = access::admin(ctx)?;
        let organisation = OrganisationId::parse("organisationId", &organisation_id)?;
        let from = from.map(|from| from.read("from")).transpose()?;
        let to = to.map(|to| to.read("to")).transpose()?;
        let done = access.services.ledger.reprice(access.caller, organisation, from, to).await?;
        Ok(RepriceResult { priced: int("priced", done.priced)?, unpriced: int("unpriced", done.unpriced)? })
    }
}
