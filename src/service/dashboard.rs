//! The dashboard: the days up to yesterday and those before them, out of their snapshots, and what a new snapshot makes of it.

use chrono::{Days, NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::memo::{Cached, Topic, channel_name};
use super::metric::figures_within;
use super::{Core, ServiceError};
use crate::domain::clock::Instant;
use crate::domain::dashboard::{Counted, DAYS_MAX, DAYS_USUAL, Growth, together};
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::input::BadInput;
use crate::domain::metric::Figures;
use crate::domain::organisation::Organisation;
use crate::domain::period::DateRange;
use crate::domain::snapshot::{Snapshot, SnapshotType};
use crate::store::metric::Scope;
use crate::store::{self, Store, Transaction};

/// How long a dashboard is kept.
const TTL: TimeDelta = TimeDelta::minutes(5);

/// Some days, and as many before them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub days: u32,
    /// The days up to yesterday.
    pub current: Counted,
    /// As many days before them.
    pub previous: Counted,
    /// The snapshots that there are of the current days, oldest first.
    pub daily: Vec<Snapshot>,
}

impl Dashboard {
    /// How the days stand against those before.
    pub fn growth(&self) -> Growth {
        Growth::of(&self.current.figures, &self.previous.figures)
    }
}

/// How many days are asked for by `days`.
pub fn checked_days(days: Option<i32>) -> Result<u32, BadInput> {
    let Some(days) = days else { return Ok(DAYS_USUAL) };
    let checked = u32::try_from(days).ok().filter(|days| (1..=DAYS_MAX).contains(days));
    checked.ok_or_else(|| BadInput::new("days", days, format!("expected 1 to {DAYS_MAX}")))
}

/// The dashboard of a channel, or of the organisation as a whole.
pub(super) async fn dashboard(
    core: &Core,
    organisation: &Organisation,
    channel: Option<ChannelId>,
    days: u32,
) -> Result<Cached<Dashboard>, ServiceError> {
    let now = core.now();
    let question = question(organisation, channel, days, now);
    let load = Box::pin(async {
        let dashboard = load(core, organisation, channel, days, now).await?;
        if days == DAYS_USUAL {
            core.cache().put(&watched(organisation.id, channel), Vec::new(), TTL.to_std().unwrap_or_default()).await;
        }
        Ok(dashboard)
    });
    core.memo().get(organisation.id, Topic::Periods, &question, TTL, load).await
}

/// After snapshots of these channels, with whose commit what was kept of the organisation's periods was forgotten: makes at once those usual
/// dashboards anew that somebody looks at. A failure is not told: whoever asks next finds out.
pub(super) async fn renew(core: &Core, organisation_id: OrganisationId, channels: &[Option<ChannelId>]) {
    for channel in channels.iter().copied() {
        if core.cache().get(&watched(organisation_id, channel)).await.is_some()
            && let Err(error) = make(core, organisation_id, channel).await
        {
            tracing::warn!(organisation.id = %organisation_id, %error, "a dashboard was not made anew");
        }
    }
}

async fn make(core: &Core, organisation: OrganisationId, channel: Option<ChannelId>) -> Result<(), ServiceError> {
    let organisation = store::organisation::find(core.store().read(), organisation).await?;
    let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
    dashboard(core, &organisation, channel, DAYS_USUAL).await.map(drop)
}

/// What is in the cache as long as a usual dashboard is kept, whatever is forgotten meanwhile.
fn watched(organisation: OrganisationId, channel: Option<ChannelId>) -> String {
    format!("watched:{organisation}:{}", channel_name(channel))
}

/// The days are cut by the organisation's calendar, so another day or zone is another question.
fn question(organisation: &Organisation, channel: Option<ChannelId>, days: u32, now: Instant) -> String {
    let (zone, today) = (organisation.time_zone, organisation.time_zone.date(now));
    format!("dashboard:{zone}:{today}:{days}:{}", channel_name(channel))
}

async fn load(
    core: &Core,
    organisation: &Organisation,
    channel_id: Option<ChannelId>,
    days: u32,
    now: Instant,
) -> Result<Dashboard, ServiceError> {
    let scope = Scope { organisation_id: organisation.id, channel_id };
    let [current, previous] = ranges(organisation.time_zone.date(now), days);
    let both = DateRange::new(previous.from(), current.to()).unwrap_or(current);
    let view = core.store().begin_reading().await?;
    let list = store::snapshot::list(&view, organisation.id, SnapshotType::Daily, channel_id, both).await?;
    // What is frozen outweighs what is counted.
    let mut figures = store::metric::day::sums(&view, scope, both).await?;
    figures.extend(list.iter().map(|snapshot| (snapshot.date, snapshot.figures)));
    let of = |range: DateRange| {
        let days: Vec<Figures> = figures.range(range.from()..=range.to()).map(|(_, figures)| *figures).collect();
        counted(&view, organisation, scope, range, days, now)
    };
    let (current_counted, previous_counted) = (of(current).await?, of(previous).await?);
    Store::commit(view).await?;
    Ok(Dashboard {
        days,
        current: current_counted,
        previous: previous_counted,
        daily: list.into_iter().filter(|snapshot| current.contains(snapshot.date)).collect(),
    })
}

async fn counted(
    view: &Transaction,
    organisation: &Organisation,
    scope: Scope,
    range: DateRange,
    days: Vec<Figures>,
    now: Instant,
) -> Result<Counted, ServiceError> {
    let period = organisation.time_zone.range(range);
    let whole = figures_within(view, scope.organisation_id, scope.channel_id, range, period, now).await?;
    Ok(Counted { figures: together(days, whole), period, at: now })
}

/// The days up to yesterday, and as many before them.
fn ranges(today: NaiveDate, days: u32) -> [DateRange; 2] {
    let back = |count: u32| today.checked_sub_days(Days::new(u64::from(count))).unwrap_or(NaiveDate::MIN);
    let range = |first: u32, last: u32| DateRange::new(back(first), back(last)).unwrap_or(DateRange::day(back(last)));
    [range(days, 1), range(days.saturating_mul(2), days.saturating_add(1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_end_yesterday_and_those_before_touch_them() {
        let shown = |days| ranges("2026-03-02".parse().unwrap(), days).map(|range| range.to_string());
        assert_eq!(shown(1), ["2026-03-01 to 2026-03-01", "2026-02-28 to 2026-02-28"]);
        assert_eq!(shown(30), ["2026-01-31 to 2026-03-01", "2026-01-01 to 2026-01-30"]);
        assert_eq!(shown(365), ["2025-03-02 to 2026-03-01", "2024-03-02 to 2025-03-01"]);
    }

    #[test]
    fn a_dashboard_has_1_to_365_days() {
        assert_eq!([None, Some(1), Some(365)].map(|days| checked_days(days).unwrap()), [30, 1, 365]);
        for days in [0, 366, -1] {
            assert_eq!(checked_days(Some(days)).unwrap_err().field, "days");
        }
    }
}
