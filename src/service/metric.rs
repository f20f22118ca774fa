//! The figures of a period, out of the counters beside the messages: what snapshots freeze and live metrics show.

use super::ServiceError;
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::metric::Figures;
use crate::domain::organisation::Organisation;
use crate::domain::period::{DateRange, Period};
use crate::store::metric::Scope;
use crate::store::{self, Db};

/// What the organisation's local days `range` hold, of one channel or of all. `now` decides which conversations of a period that still runs
/// are open.
///
/// On a connection outside of a transaction its parts may be of states a moment apart.
pub async fn figures(
    db: &impl Db,
    organisation: &Organisation,
    channel: Option<ChannelId>,
    range: DateRange,
    now: Instant,
) -> Result<Figures, ServiceError> {
    figures_within(db, organisation.id, channel, range, organisation.time_zone.range(range), now).await
}

/// The same for days that are cut as they once were: `period` is what they were when the zone was another.
pub(super) async fn figures_within(
    db: &impl Db,
    organisation_id: OrganisationId,
    channel_id: Option<ChannelId>,
    range: DateRange,
    period: Period,
    now: Instant,
) -> Result<Figures, ServiceError> {
    let scope = Scope { organisation_id, channel_id };
    Ok(Figures {
        messages: store::metric::messages(db, scope, range).await?,
        campaigns: store::metric::campaigns(db, scope, range, period).await?,
        contacts: store::metric::contacts(db, scope, range).await?,
        conversations: store::metric::conversations(db, scope, range, period.end.min(now)).await?,
    })
}
