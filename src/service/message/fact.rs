//! What is told of messages that changed: which channels, and which days.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::domain::event::Fact;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::message::rollup::Deltas;
use crate::service::core::UnitOfWork;

/// Things of organisations that something changed about.
pub(super) type Touched<T> = BTreeMap<OrganisationId, BTreeSet<T>>;

/// Says which channels and days changed, once for each organisation.
pub(super) fn tell(
    work: &mut UnitOfWork<'_>,
    deltas: &Deltas,
    mut channels: Touched<ChannelId>,
    mut dates: Touched<NaiveDate>,
) {
    for key in deltas.days.keys() {
        channels.entry(key.organisation_id).or_default().extend(key.channel_id);
        dates.entry(key.organisation_id).or_default().insert(key.date);
    }
    for (organisation, channels) in channels {
        let dates = dates.remove(&organisation).unwrap_or_default().into_iter().collect();
        work.say(organisation, Fact::MessagesChanged { channels: channels.into_iter().collect(), dates });
    }
}
