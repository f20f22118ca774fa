//! Snapshots: the metrics of days, weeks and months as they were frozen, what changed since, and how one is made by hand.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Subscription};
use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt as _};

use super::access;
use super::channel::Channel;
use super::error::{Fault, Result};
use super::loader;
use super::metric::Metrics;
use super::scalar::{Date, DateTime, Decimal};
use super::subscription::{Place, watch};
use crate::domain::event::{Cursor, Event, Fact, FactKind, Log};
use crate::domain::id::{ChannelId, OrganisationId, SnapshotId};
use crate::domain::snapshot;
use crate::service;
use crate::service::event::Follow;

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "snapshot::SnapshotType")]
pub(super) enum SnapshotType {
    /// A day.
    Daily,
    /// A week, Monday to Sunday.
    Weekly,
    /// A month.
    Monthly,
}

/// The metrics of a day, week or month, frozen.
#[derive(Debug, Clone)]
pub(super) struct Snapshot(pub(super) snapshot::Snapshot);

/// The metrics of a day, week or month, frozen. Made anew, it is the same snapshot with what is known by then.
#[Object]
impl Snapshot {
    /// The snapshot's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is of.
    #[graphql(name = "type")]
    async fn kind(&self) -> SnapshotType {
        self.0.kind.into()
    }

    /// The first day of its period.
    async fn date(&self) -> Date {
        self.0.date.into()
    }

    /// The channel that it is of; null: the organisation as a whole.
    async fn channel(&self, ctx: &Context<'_>) -> Result<Option<Channel>> {
        match self.0.channel_id {
            Some(id) => loader::channel(ctx, id).await.map(|channel| Some(Channel(channel))),
            None => Ok(None),
        }
    }

    /// Its metrics.
    async fn metrics(&self) -> Metrics {
        Metrics(self.0.metrics())
    }

    /// The last event of the organisation that is in it, as a cursor: a subscription with it as `after` tells what came since.
    async fn event_cursor(&self) -> String {
        cursor(self.0.sequence)
    }

    /// When it was first made; `metrics.generatedAt` says when it was made as it is.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

fn cursor(sequence: i64) -> String {
    Cursor { log: Log::Organisation, after: sequence }.to_string()
}

/// A figure of a snapshot that is no longer what it was.
#[derive(Debug, SimpleObject)]
pub(super) struct FigureDrift {
    /// Its name among the metrics, such as `messages.delivered`.
    figure: &'static str,
    /// What the snapshot says.
    before: Decimal,
    /// What is known now.
    after: Decimal,
}

impl From<snapshot::Change> for FigureDrift {
    fn from(change: snapshot::Change) -> Self {
        Self { figure: change.figure, before: change.before.into(), after: change.after.into() }
    }
}

/// A snapshot held against what is known now.
#[derive(Debug)]
pub(super) struct SnapshotDrift(service::snapshot::Drift);

/// A snapshot held against what is known now: what late facts changed. The snapshot itself stays as it is until it is made anew.
#[Object]
impl SnapshotDrift {
    /// The snapshot.
    async fn snapshot(&self) -> Snapshot {
        Snapshot(self.0.snapshot.clone())
    }

    /// The last event of the organisation that is in what is known now.
    async fn event_cursor(&self) -> String {
        cursor(self.0.sequence)
    }

    /// The metrics of the same period now.
    async fn metrics(&self) -> Metrics {
        Metrics(self.0.metrics)
    }

    /// The figures that changed; empty when nothing did.
    #[graphql(complexity = "30 * child_complexity + 1")]
    async fn changes(&self) -> Vec<FigureDrift> {
        self.0.changes.iter().copied().map(Into::into).collect()
    }
}

#[derive(Debug, Default)]
pub(super) struct SnapshotQuery;

#[Object]
impl SnapshotQuery {
    /// Counts a snapshot's period again and shows what late facts changed.
    async fn snapshot_drift(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The snapshot's id.")] id: ID,
    ) -> Result<SnapshotDrift> {
        let access = access::reader(ctx)?;
        let found = access.services.snapshot.find(SnapshotId::parse("id", &id)?).await?;
        let snapshot = access.seen("snapshot", found, |found| found.organisation_id)?;
        Ok(SnapshotDrift(access.services.snapshot.drift(snapshot).await?))
    }
}

#[derive(Debug, Default)]
pub(super) struct SnapshotMutation;

#[Object]
impl SnapshotMutation {
    /// Makes the snapshot of a period, or makes it anew with what is known by now. For admins.
    async fn generate_snapshot(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation's id.")] organisation_id: ID,
        #[graphql(name = "type", desc = "What it is of.")] kind: SnapshotType,
        #[graphql(desc = "A day of the period, which must have begun.")] date: Date,
        #[graphql(desc = "The channel; without one, the organisation as a whole.")] channel_id: Option<ID>,
    ) -> Result<Snapshot> {
        let access = access::admin(ctx)?;
        let organisation = OrganisationId::parse("organisationId", &organisation_id)?;
        let channel = channel_id.map(|id| ChannelId::parse("channelId", &id)).transpose()?;
        let date = date.read("date")?;
        let made = access.services.snapshot.generate(access.caller, organisation, kind.into(), date, channel).await?;
        Ok(Snapshot(made))
    }
}

/// A snapshot that was made.
#[derive(Debug)]
pub(super) struct SnapshotGenerated {
    place: Place,
    snapshot_id: SnapshotId,
}

/// A snapshot was made, or made anew with other figures.
#[Object]
impl SnapshotGenerated {
    /// The place of this event; give it as `after` to go on from here.
    async fn cursor(&self) -> String {
        self.place.cursor.to_string()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.place.at.into()
    }

    /// The snapshot as it is now.
    async fn snapshot(&self, ctx: &Context<'_>) -> Result<Snapshot> {
        let found = access::services(ctx)?.snapshot.find(self.snapshot_id).await?;
        found.map(Snapshot).ok_or_else(|| Fault::not_found("snapshot"))
    }
}

#[derive(Debug, Default)]
pub(super) struct SnapshotSubscription;

#[Subscription]
impl SnapshotSubscription {
    /// Tells when snapshots are made, or made anew with other figures.
    async fn snapshot_generated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organisation; an organisation's own token may leave it out.")] organisation_id: Option<
            ID,
        >,
        #[graphql(desc = "The cursor of the last event seen: what came since is sent first.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<SnapshotGenerated>>> {
        let access = access::reader(ctx)?;
        let organisation = access.organisation("organisationId", organisation_id.as_ref()).await?;
        let follow = Follow::Organisation(organisation.id);
        let events = watch(access, follow, after.as_deref(), FactKind::SnapshotGenerated).await?;
        let made = events.filter_map(|event| {
            ready(match event {
                Ok((place, Event { fact: Fact::SnapshotGenerated { snapshot_id }, .. })) => {
                    Some(Ok(SnapshotGenerated { place, snapshot_id }))
                }
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            })
        });
        Ok(made.boxed())
    }
}
