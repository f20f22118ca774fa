//! Live: the day under way, kept for half a minute for who asks and pushed to who watches; and what is kept is dropped by hand.

mod desk;

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::Stream;
use serde_json::json;

use super::access::Caller;
pub use super::dashboard::{Dashboard, checked_days};
use super::event::EventService;
use super::memo::{Cached, Topic, channel_name};
use super::metric::figures_within;
use super::{Core, ServiceError, dashboard};
use crate::domain::dashboard::Counted;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::organisation::Organisation;
use crate::domain::period::DateRange;
use crate::store::{self, Store};
use desk::Desks;

/// How long the day under way is kept.
const TTL: TimeDelta = TimeDelta::seconds(30);

/// Shows what is going on.
#[derive(Debug, Clone)]
pub struct LiveService {
    core: Arc<Core>,
    desks: Arc<Desks>,
}

impl LiveService {
    /// What is watched is counted on the runtime that this is called in.
    pub(super) fn new(core: &Arc<Core>, events: EventService) -> Self {
        Self { core: Arc::clone(core), desks: Desks::new(Arc::clone(core), events) }
    }

    /// The organisation's day so far, of a channel or of all, at most half a minute old.
    pub async fn today(
        &self,
        organisation: &Organisation,
        channel: Option<ChannelId>,
    ) -> Result<Cached<Counted>, ServiceError> {
        let load = Box::pin(count(&self.core, organisation, channel));
        let question = question(&self.core, organisation, channel);
        Box::pin(self.core.memo().get(organisation.id, Topic::Live, &question, TTL, load)).await
    }

    /// The day so far as it is now, then as messages change it, at most once a second, without end; at midnight the new day begins. However many
    /// watch the same, it is counted once. After an error there is nothing more.
    pub fn watch(
        &self,
        organisation: OrganisationId,
        channel: Option<ChannelId>,
    ) -> impl Stream<Item = Result<Cached<Counted>, ServiceError>> + Send + use<> {
        self.desks.watch(organisation, channel)
    }

    /// The days up to yesterday and as many before them, at most five minutes old.
    pub async fn dashboard(
        &self,
        organisation: &Organisation,
        channel: Option<ChannelId>,
        days: u32,
    ) -> Result<Cached<Dashboard>, ServiceError> {
        Box::pin(dashboard::dashboard(&self.core, organisation, channel, days)).await
    }

    /// Drops what is kept of an organisation; how many answers it was.
    pub async fn invalidate(&self, caller: &Caller, organisation: OrganisationId) -> Result<u64, ServiceError> {
        caller.require_admin()?;
        let found = store::organisation::find(self.core.store().read(), organisation).await?;
        found.ok_or(ServiceError::NotFound("organisation"))?;
        let mut dropped = 0;
        for topic in Topic::ALL {
            dropped += self.core.memo().drop_all(organisation, topic).await;
        }
        let work = self.core.begin().await?;
        let details = json!({ "dropped": dropped });
        work.audit(caller, "invalidateCache", Some(organisation), Some(organisation.to_string()), details).await?;
        work.commit().await?;
        Ok(dropped)
    }
}

/// Another day or another zone is another question.
fn question(core: &Core, organisation: &Organisation, channel: Option<ChannelId>) -> String {
    let (zone, today) = (organisation.time_zone, organisation.time_zone.date(core.now()));
    let channel = channel_name(channel);
    format!("today:{zone}:{today}:{channel}")
}

/// Counts the day so far in one view of the database.
async fn count(core: &Core, organisation: &Organisation, channel: Option<ChannelId>) -> Result<Counted, ServiceError> {
    let at = core.now();
    let today = organisation.time_zone.date(at);
    let (range, period) = (DateRange::day(today), organisation.time_zone.day(today));
    let view = core.store().begin_reading().await?;
    let figures = figures_within(&view, organisation.id, channel, range, period, at).await?;
    Store::commit(view).await?;
    Ok(Counted { figures, period, at })
}
