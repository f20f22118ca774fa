//! Live: the day under way, asked for or watched, the dashboard of the days before it, and the mutation that drops what is kept of them.

#![expect(
    clippy::unused_async,
    reason = "a resolver is asynchronous to its caller, whether it waits for something or not"
)]

use async_graphql::{Context, ID, Object, SimpleObject, Subscription};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::access;
use super::error::{Fault, Result};
use super::metric::Metrics;
use super::scalar::{DateTime, Decimal, int};
use super::snapshot::Snapshot;
use crate::domain::dashboard::{self, Counted};
use crate::domain::id::{ChannelId, OrganisationId};
use crate::service::{Cached, ServiceError, live};

/// The day under way.
#[derive(Debug, Clone)]
pub(super) struct LiveMetrics(pub(super) Cached<Counted>);

/// The metrics of the day under way, from midnight in the organisation's zone.
#[Object]
impl LiveMetrics {
    /// The metrics.
    async fn metrics(&self) -> Metrics {
        Metrics(self.0.value.metrics())
    }

    /// Since when this answer is kept; what was recorded later is not in it.
    async fn cached_at(&self) -> DateTime {
        self.0.at.into()
    }
}

/// Some days and as many before them.
#[derive(Debug, Clone)]
pub(super) struct Dashboard(pub(super) Cached<live::Dashboard>);

/// The days up to yesterday, and as many before them. What adds up is the sum of the days' snapshots, and of the counters where there is none;
/// what does not, such as people who were active, is counted of the days as a whole.
#[Object]
impl Dashboard {
    /// How many days.
    async fn days(&self) -> Result<i32> {
        int("days", i64::from(self.0.value.days))
    }

    /// The metrics of the days up to yesterday.
    async fn current(&self) -> Metrics {
        Metrics(self.0.value.current.metrics())
    }

    /// The metrics of as many days before them.
    async fn previous(&self) -> Metrics {
        Metrics(self.0.value.previous.metrics())
    }

    /// How the days stand against those before.
    async fn growth(&self) -> Growth {
        self.0.value.growth().into()
    }

    /// The daily snapshots that there are of these days, oldest first.
    async fn daily(&self) -> Vec<Snapshot> {
        self.0.value.daily.iter().cloned().map(Snapshot).collect()
    }

    /// Since when this answer is kept.
    async fn cached_at(&self) -> DateTime {
        self.0.at.into()
    }
}

/// By how many per cent figures are more than in the days before; 100 where there was nothing and now there is something.
#[derive(Debug, Clone, SimpleObject)]
pub(super) struct Growth {
    /// Messages in both directions.
    messages: Decimal,
    /// Messages delivered.
    delivered: Decimal,
    /// Messages read.
    read: Decimal,
    /// Messages answered.
    replied: Decimal,
    /// Contacts known by the end of the days.
    contacts: Decimal,
    /// Conversations.
    conversations: Decimal,
    /// Campaigns.
    campaigns: Decimal,
}

impl From<dashboard::Growth> for Growth {
    fn from(growth: dashboard::Growth) -> Self {
        Self {
            messages: growth.messages.into(),
            delivered: growth.delivered.into(),
            read: growth.read.into(),
            replied: growth.replied.into(),
            contacts: growth.contacts.into(),
            conversations: growth.conversations.into(),
            campaigns: growth.campaigns.into(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct LiveMutation;

#[Object]
impl LiveMutation {
    /// Drops what is kept of an organisation's metrics, dashboards, snapshots and catalogue; how many answers it was. For admins.
    async fn invalidate_cache(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation's id.")] organisation_id: ID,
    ) -> Result<i32> {
        let access = access::admin(ctx)?;
        let organisation = OrganisationId::parse("organisationId", &organisation_id)?;
        let dropped = access.services.live.invalidate(access.caller, organisation).await?;
        int("invalidateCache", i64::try_from(dropped).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Default)]
pub(super) struct LiveSubscription;

#[Subscription]
impl LiveSubscription {
    /// The day under way as it is, and then as messages change it, at most once a second; at midnight the new day begins.
    async fn real_time_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "Only of this channel.")] channel_id: Option<ID>,
    ) -> Result<BoxStream<'static, Result<LiveMetrics>>> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", organisation_id.as_ref()).await?;
        let channel = match channel_id {
            Some(id) => Some(own_channel(ctx, organisation.id, &id).await?),
            None => None,
        };
        let (services, caller) = (access.services.clone(), access.caller.clone());
        let told = access.services.live.watch(organisation.id, channel).then(move |told| {
            let (services, caller) = (services.clone(), caller.clone());
            async move {
                let told = told?;
                // A subscription may last longer than the token that opened it, so that is looked at before anything is told.
                if !services.access.still_valid(&caller).await? {
                    return Err(ServiceError::Unauthenticated.into());
                }
                Ok(LiveMetrics(told))
            }
        });
        // After a fault nothing is counted any more, and not only when the next change comes.
        let told = stream::unfold(Some(told.boxed()), |told| async move {
            let mut told = told?;
            let next: Result<LiveMetrics> = told.next().await?;
            let rest = next.is_ok().then_some(told);
            Some((next, rest))
        });
        Ok(told.boxed())
    }
}

/// The channel that `channelId` names, if it is one of this organisation; any other is as one that does not exist.
pub(super) async fn own_channel(ctx: &Context<'_>, organisation: OrganisationId, id: &ID) -> Result<ChannelId> {
    let id = ChannelId::parse("channelId", id)?;
    let channel = access::services(ctx)?.channel.find(id).await?;
    let own = channel.filter(|channel| channel.organisation_id == organisation);
    own.map(|channel| channel.id).ok_or_else(|| Fault::not_found("channel"))
}
