//! Campaigns: what they are, what came of their messages, and the mutation that tells of them.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use super::access;
use super::channel::Channel;
use super::connection::{self, Connection, PageArguments};
use super::error::{Fault, Result};
use super::loader;
use super::scalar::{DateTime, Decimal, int};
use crate::domain::id::{CampaignId, OrganisationId};
use crate::domain::message::Counts;
use crate::domain::{campaign, metric};
use crate::service::campaign::CAMPAIGNS_MAX;

/// How far a campaign is; later ones never go back to earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "campaign::CampaignState")]
pub(super) enum CampaignState {
    /// It is being prepared.
    Draft,
    /// It is under way.
    Active,
    /// It is done.
    Completed,
    /// It was given up.
    Failed,
}

/// Messages sent for one purpose.
#[derive(Debug, Clone)]
pub(super) struct Campaign(pub(super) campaign::Campaign);

/// Messages sent for one purpose.
#[Object]
impl Campaign {
    /// The campaign's id, unique among everything. Messages name it as their `campaignId`.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The id that the outside world knows it by, unique within the organisation.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The channel that it goes through; null: none in particular.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Option<Channel>> {
        match self.0.channel_id {
            Some(id) => loader::channel(ctx, id).await.map(|channel| Some(Channel(channel))),
            None => Ok(None),
        }
    }

    /// How far it is.
    async fn state(&self) -> CampaignState {
        self.0.state.into()
    }

    /// How many people it is for.
    async fn recipients(&self) -> Result<i32> {
        int("recipients", self.0.recipients)
    }

    /// When it began, as far as that was told.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(Into::into)
    }

    /// When it ended, as far as that was told.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(Into::into)
    }

    /// When the organisation first told of it.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// What came of its messages so far.
    async fn messages(&self, ctx: &Context<'_>) -> Result<CampaignMessages> {
        self.counts(ctx).await?.try_into()
    }

    /// How well it went, 0 to 100: 0.3 of each of its delivery, read and reply rates less 0.1 of its failure rate.
    async fn score(&self, ctx: &Context<'_>) -> Result<Decimal> {
        let Counts { total, sent, delivered, read, failed, replied, .. } = self.counts(ctx).await?;
        let score = metric::campaign_score(
            metric::delivery_rate(delivered, sent),
            metric::read_rate(read, delivered),
            metric::reply_rate(replied, sent),
            metric::failure_rate(failed, total),
        );
        Ok(score.into())
    }
}

impl Campaign {
    async fn counts(&self, ctx: &Context<'_>) -> Result<Counts> {
        loader::campaign_counts(ctx, self.0.organisation_id, self.0.id).await
    }
}

/// The messages of a campaign, by how far they have come.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct CampaignMessages {
    /// All of them.
    total: i32,
    /// Those that were sent, as far as that is known.
    sent: i32,
    /// Those of them that reached the customer; what was read is one of them.
    delivered: i32,
    /// Those of them that were read.
    read: i32,
    /// Those that did not reach the customer.
    failed: i32,
    /// Those that the customer answered.
    replied: i32,
    /// Those that the customer read or answered.
    engaged: i32,
    /// Delivered of sent, in per cent.
    delivery_rate: Decimal,
    /// Read of delivered, in per cent.
    read_rate: Decimal,
    /// Replied of sent, in per cent.
    reply_rate: Decimal,
    /// Failed of total, in per cent.
    failure_rate: Decimal,
    /// Engaged of delivered, in per cent.
    engagement_rate: Decimal,
}

impl TryFrom<Counts> for CampaignMessages {
    type Error = Fault;

    fn try_from(counts: Counts) -> Result<Self> {
        let Counts { total, sent, delivered, read, failed, replied, engaged, .. } = counts;
        Ok(Self {
            total: int("messages.total", total)?,
            sent: int("messages.sent", sent)?,
            delivered: int("messages.delivered", delivered)?,
            read: int("messages.read", read)?,
            failed: int("messages.failed", failed)?,
            replied: int("messages.replied", replied)?,
            engaged: int("messages.engaged", engaged)?,
            delivery_rate: metric::delivery_rate(delivered, sent).into(),
            read_rate: metric::read_rate(read, delivered).into(),
            reply_rate: metric::reply_rate(replied, sent).into(),
            failure_rate: metric::failure_rate(failed, total).into(),
            engagement_rate: metric::engagement_rate(engaged, delivered).into(),
        })
    }
}

/// A campaign that is to be there: made, or changed where one with this id is there already.
#[derive(Debug, InputObject)]
pub(super) struct CampaignInput {
    /// The id that the outside world knows it by, 1 to 200 characters, unique within the organisation.
    external_id: String,
    /// What people call it, 1 to 200 characters; the later word holds.
    name: String,
    /// The channel that it goes through; the later word holds, and left out, it stays as it is.
    channel_id: Option<ID>,
    /// How far it is; it never goes back.
    state: CampaignState,
    /// How many people it is for; the largest number that was told holds.
    recipients: i32,
    /// When it began; the earliest time that was told holds.
    started_at: Option<DateTime>,
    /// When it ended; the latest time that was told holds.
    finished_at: Option<DateTime>,
}

impl From<CampaignInput> for campaign::CampaignDraft {
    fn from(input: CampaignInput) -> Self {
        Self {
            external_id: input.external_id,
            name: input.name,
            channel_id: input.channel_id.map(|id| id.to_string()),
            state: input.state.into(),
            recipients: input.recipients,
            started_at: input.started_at.map(DateTime::into_text),
            finished_at: input.finished_at.map(DateTime::into_text),
        }
    }
}

/// A page of an organisation's campaigns.
pub(super) async fn page(
    ctx: &Context<'_>,
    organisation: OrganisationId,
    arguments: PageArguments,
) -> Result<Connection<Campaign>> {
    let request = arguments.request(|text| CampaignId::parse("after", text).ok())?;
    let page = access::services(ctx)?.campaign.page(organisation, &request).await?;
    Ok(connection::connect(page, |campaign| campaign.id.to_string(), Campaign))
}

#[derive(Debug, Default)]
pub(super) struct CampaignMutation;

#[Object]
impl CampaignMutation {
    /// Makes campaigns, or changes those with the same external ids, all or none of them. What is told again, or in another order, changes
    /// nothing. For tokens with the scope RECORD.
    #[graphql(complexity = "CAMPAIGNS_MAX * child_complexity + 1")]
    async fn upsert_campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; a token of an organisation may leave out its own.")]
        organisation_id: Option<ID>,
        #[graphql(desc = "The campaigns, 1 to 1,000.")] campaigns: Vec<CampaignInput>,
    ) -> Result<Vec<Campaign>> {
        let access = access::recorder(ctx)?;
        let organisation = access.organisation_to_record("organisationId", organisation_id.as_ref())?;
        let drafts = campaigns.into_iter().map(Into::into).collect();
        let campaigns = access.services.campaign.upsert(access.caller, organisation, drafts).await?;
        Ok(campaigns.into_iter().map(Campaign).collect())
    }
}
