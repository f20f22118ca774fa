//! `DAILY_SNAPSHOT`, `WEEKLY_SNAPSHOT` and `MONTHLY_SNAPSHOT`: when a period is over, its figures are frozen.

use async_trait::async_trait;

use super::{Job, JobContext};
use crate::domain::attempt::Verdict;
use crate::domain::id::ChannelId;
use crate::domain::job::{JobKind, Progress};
use crate::domain::schedule::Cron;
use crate::domain::snapshot::SnapshotType;
use crate::service::{ServiceError, snapshot};
use crate::store;

/// How many snapshots are counted in one view of the database and written in one transaction.
const BATCH: usize = 50;

/// Makes the snapshots of one type, of the organisation and of each of its channels.
#[derive(Debug)]
pub struct TakeSnapshots {
    kind: SnapshotType,
    cron: Cron,
}

impl TakeSnapshots {
    /// Those of days at two in the night, of weeks on Mondays at three, of months on each first at four.
    ///
    /// # Panics
    ///
    /// Never: its own cron texts are such, as any test of it shows.
    pub fn new(kind: SnapshotType) -> Self {
        let cron = match kind {
            SnapshotType::Daily => "0 2 * * *",
            SnapshotType::Weekly => "0 3 * * 1",
            SnapshotType::Monthly => "0 4 1 * *",
        };
        Self { kind, cron: Cron::parse("cron", cron).expect("each of the three is a cron text") }
    }
}

#[async_trait]
impl Job for TakeSnapshots {
    fn kind(&self) -> JobKind {
        match self.kind {
            SnapshotType::Daily => JobKind::DailySnapshot,
            SnapshotType::Weekly => JobKind::WeeklySnapshot,
            SnapshotType::Monthly => JobKind::MonthlySnapshot,
        }
    }

    fn default_cron(&self) -> Option<Cron> {
        Some(self.cron.clone())
    }

    /// The period is the last one that was over when the run came due, so a run that is late, or repeated, is of the same one.
    async fn run(&self, context: &JobContext) -> Result<Verdict, ServiceError> {
        let (core, run) = (context.core(), context.run());
        let read = core.store().read();
        let organisation = store::organisation::find(read, run.organisation_id).await?;
        let Some(organisation) = organisation else { return Ok(Verdict::Done) };
        let days = self.kind.closed(organisation.time_zone.date(run.scheduled_for));
        let channels = store::channel::list(read, organisation.id, None, None).await?;
        let scopes: Vec<Option<ChannelId>> =
            std::iter::once(None).chain(channels.iter().map(|channel| Some(channel.id))).collect();
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut progress = Progress { done: 0, total: number(scopes.len()) };
        for batch in scopes.chunks(BATCH) {
            let counted = snapshot::count(core, &organisation, self.kind, days, batch, core.now()).await?;
            let mut work = context.begin().await?;
            let saved = snapshot::save(&mut work, organisation.id, counted).await?;
            progress.done += number(batch.len());
            context.note_progress(&mut work, progress).await?;
            work.commit().await?;
            snapshot::after_snapshots(core, organisation.id, &saved).await;
        }
        tracing::info!(
            organisation.id = %organisation.id,
            from = %days.from(),
            to = %days.to(),
            "took {} {} snapshots",
            scopes.len(),
            self.kind
        );
        Ok(Verdict::Done)
    }
}
