//! Snapshots: the figures of a period are counted, frozen and shown, and held against what is known since.
//!
//! Counting only reads, in one view of the database that has a number: the organisation's last event in it. So no recorder waits for it, and a
//! snapshot that was counted earlier never takes the place of one that knows more.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use serde_json::json;

use super::access::Caller;
use super::core::UnitOfWork;
use super::memo::{Topic, channel_name};
use super::metric::figures_within;
use super::{Core, ServiceError, dashboard};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::{ChannelId, OrganisationId, SnapshotId};
use crate::domain::input::BadInput;
use crate::domain::metric::Metrics;
use crate::domain::organisation::Organisation;
use crate::domain::period::DateRange;
use crate::domain::snapshot::{Change, Snapshot, SnapshotType, changes};
use crate::store::{self, Store};

/// The longest range of days that one question about snapshots may ask for.
pub const DAYS_MAX: i64 = 400;

/// How long a list of snapshots is kept.
const LIST_TTL: TimeDelta = TimeDelta::hours(1);

/// A snapshot held against what is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    pub snapshot: Snapshot,
    /// The organisation's last event in what is known now.
    pub sequence: i64,
    /// The same period, counted now.
    pub metrics: Metrics,
    pub changes: Vec<Change>,
}

/// Makes and shows snapshots.
#[derive(Debug, Clone)]
pub struct SnapshotService {
    core: Arc<Core>,
}

impl SnapshotService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes the snapshot of the period that `date` lies in, or makes it anew. One whose period still runs is of what is known by now.
    pub async fn generate(
        &self,
        caller: &Caller,
        organisation_id: OrganisationId,
        kind: SnapshotType,
        date: NaiveDate,
        channel: Option<ChannelId>,
    ) -> Result<Snapshot, ServiceError> {
        caller.require_admin()?;
        let read = self.core.store().read();
        let organisation = store::organisation::find(read, organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        if let Some(id) = channel {
            let channel = store::channel::find(read, organisation_id, id).await?;
            channel.ok_or(ServiceError::NotFound("channel"))?;
        }
        let (days, now) = (kind.days(date), self.core.now());
        let today = organisation.time_zone.date(now);
        if days.from() > today {
            let accepted =
                format!("expected a day of a period that has begun by today, {today} in the organisation's time zone");
            return Err(BadInput::new("date", date, accepted).into());
        }
        let counted = Box::pin(count(&self.core, &organisation, kind, days, &[channel], now)).await?;
        let mut work = self.core.begin().await?;
        let saved = save(&mut work, organisation_id, counted).await?;
        let snapshot = saved.into_iter().next().ok_or(ServiceError::NotFound("snapshot"))?;
        let details = json!({ "type": kind, "date": snapshot.date, "channelId": channel });
        let target = Some(snapshot.id.to_string());
        work.audit(caller, "generateSnapshot", Some(organisation_id), target, details).await?;
        work.commit().await?;
        Box::pin(after_snapshots(&self.core, organisation_id, std::slice::from_ref(&snapshot))).await;
        Ok(snapshot)
    }

    /// The snapshots of a channel, or of the organisation as a whole, whose periods begin on the days; the oldest first.
    pub async fn list(
        &self,
        organisation_id: OrganisationId,
        kind: SnapshotType,
        channel: Option<ChannelId>,
        range: DateRange,
    ) -> Result<Vec<Snapshot>, ServiceError> {
        let of = channel_name(channel);
        let question = format!("snapshots:{kind}:{}:{}:{of}", range.from(), range.to());
        let read = self.core.store().read();
        let load = Box::pin(async { Ok(store::snapshot::list(read, organisation_id, kind, channel, range).await?) });
        Ok(Box::pin(self.core.memo().get(organisation_id, Topic::Periods, &question, LIST_TTL, load)).await?.value)
    }

    /// The snapshot with this id, whosever it is.
    pub async fn find(&self, id: SnapshotId) -> Result<Option<Snapshot>, ServiceError> {
        Ok(store::snapshot::find_any(self.core.store().read(), id).await?)
    }

    /// Those of the snapshots that exist, whosever they are.
    pub async fn find_many(&self, ids: &[SnapshotId]) -> Result<HashMap<SnapshotId, Snapshot>, ServiceError> {
        let snapshots = store::snapshot::find_many(self.core.store().read(), ids).await?;
        Ok(snapshots.into_iter().map(|snapshot| (snapshot.id, snapshot)).collect())
    }

    /// Counts a snapshot's period again and says what late facts changed; the snapshot stays as it is.
    pub async fn drift(&self, snapshot: Snapshot) -> Result<Drift, ServiceError> {
        let now = self.core.now();
        let view = self.core.store().begin_reading().await?;
        let organisation = snapshot.organisation_id;
        let sequence = store::event::last_sequence(&view, organisation).await?;
        let (days, period) = (snapshot.days(), snapshot.period);
        let figures = figures_within(&view, organisation, snapshot.channel_id, days, period, now).await?;
        Store::commit(view).await?;
        let metrics = Metrics::of(&figures, period, now);
        let changes = changes(&snapshot.metrics(), &metrics);
        Ok(Drift { snapshot, sequence, metrics, changes })
    }
}

/// Counts a period for each of `channels` (`None`: the organisation as a whole), all in one view of the database.
pub(super) async fn count(
    core: &Core,
    organisation: &Organisation,
    kind: SnapshotType,
    days: DateRange,
    channels: &[Option<ChannelId>],
    now: Instant,
) -> Result<Vec<Snapshot>, ServiceError> {
    let period = organisation.time_zone.range(days);
    let view = core.store().begin_reading().await?;
    let sequence = store::event::last_sequence(&view, organisation.id).await?;
    let mut snapshots = Vec::with_capacity(channels.len());
    for channel_id in channels.iter().copied() {
        snapshots.push(Snapshot {
            id: SnapshotId::generate(now),
            organisation_id: organisation.id,
            channel_id,
            kind,
            date: days.from(),
            period,
            figures: figures_within(&view, organisation.id, channel_id, days, period, now).await?,
            sequence,
            created_at: now,
            generated_at: now,
        });
    }
    Store::commit(view).await?;
    Ok(snapshots)
}

/// Writes down snapshots of one period that were counted, and says which are new or have other figures; all of them as they are then.
pub(super) async fn save(
    work: &mut UnitOfWork<'_>,
    organisation: OrganisationId,
    counted: Vec<Snapshot>,
) -> Result<Vec<Snapshot>, ServiceError> {
    let Some((kind, date)) = counted.first().map(|first| (first.kind, first.date)) else { return Ok(Vec::new()) };
    let by_channel = |snapshots: Vec<Snapshot>| -> HashMap<Option<ChannelId>, Snapshot> {
        snapshots.into_iter().map(|snapshot| (snapshot.channel_id, snapshot)).collect()
    };
    let before = by_channel(store::snapshot::of_period(work.tx(), organisation, kind, date).await?);
    store::snapshot::upsert(work.tx(), &counted).await?;
    let mut after = by_channel(store::snapshot::of_period(work.tx(), organisation, kind, date).await?);
    let saved: Vec<_> = counted.iter().filter_map(|counted| after.remove(&counted.channel_id)).collect();
    for snapshot in &saved {
        let same = before.get(&snapshot.channel_id).is_some_and(|before| before.figures == snapshot.figures);
        if !same {
            work.say(organisation, Fact::SnapshotGenerated { snapshot_id: snapshot.id });
        }
    }
    Ok(saved)
}

/// What follows once snapshots are committed: what was forgotten of their periods is made anew where somebody looks at it.
pub(super) async fn after_snapshots(core: &Core, organisation: OrganisationId, snapshots: &[Snapshot]) {
    let channels: Vec<_> = snapshots.iter().map(|snapshot| snapshot.channel_id).collect();
    dashboard::renew(core, organisation, &channels).await;
}
