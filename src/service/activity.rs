//! Activity: who is active, and how many conversations the months had.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Core, ServiceError};
use crate::domain::activity::{Activity, MonthlyActivity};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::domain::period::{Month, Zone};
use crate::store;

/// The most months of a history.
pub const MONTHS_MAX: u32 = 24;
/// The months of a history of which nobody said how long it is to be.
pub const MONTHS_USUAL: u32 = 6;

/// An organisation, and the zone in which its months are cut.
pub type Asked = (OrganisationId, Zone);

/// Shows the activity of organisations.
#[derive(Debug, Clone)]
pub struct ActivityService {
    core: Arc<Core>,
}

impl ActivityService {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// What happens at each of the organisations; a constant number of statements for as many as there are.
    pub async fn of(&self, asked: &[Asked]) -> Result<HashMap<Asked, Activity>, ServiceError> {
        let db = self.core.store().read();
        let ids: Vec<_> = asked.iter().map(|(organisation, _)| *organisation).collect();
        let spans = store::activity::spans(db, &ids).await?;
        let last = store::activity::last_conversations(db, &ids).await?;
        let now = self.core.now();
        let months: Vec<_> = asked.iter().map(|(id, zone)| (*id, *zone, this_month(*zone, now))).collect();
        let months = store::activity::months(db, &months).await?;
        let activity = asked.iter().zip(months).map(|((id, zone), month)| {
            let activity = Activity {
                conversations_this_month: month.conversations,
                last_conversation_at: last.get(id).copied(),
                span: spans.get(id).copied(),
            };
            ((*id, *zone), activity)
        });
        Ok(activity.collect())
    }

    /// The conversations of the month that runs and of those before it, `count` months in all, newest first.
    pub async fn history(
        &self,
        asked: &[Asked],
        count: u32,
    ) -> Result<HashMap<Asked, Vec<MonthlyActivity>>, ServiceError> {
        let now = self.core.now();
        let back = |month: &Month| Some(month.previous()).filter(|before| before < month);
        let months = |(id, zone): &Asked| {
            let (id, zone) = (*id, *zone);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            std::iter::successors(Some(this_month(zone, now)), back).take(count).map(move |month| (id, zone, month))
        };
        let wanted: Vec<_> = asked.iter().flat_map(months).collect();
        let found = store::activity::months(self.core.store().read(), &wanted).await?;
        let mut histories: HashMap<Asked, Vec<MonthlyActivity>> = HashMap::with_capacity(asked.len());
        for ((id, zone, _), month) in wanted.into_iter().zip(found) {
            histories.entry((id, zone)).or_default().push(month);
        }
        Ok(histories)
    }
}

fn this_month(zone: Zone, now: Instant) -> Month {
    Month::of(zone.date(now))
}

/// How many months a history is to have.
pub fn checked_months(months: Option<i32>) -> Result<u32, BadInput> {
    let Some(months) = months else { return Ok(MONTHS_USUAL) };
    u32::try_from(months)
        .ok()
        .filter(|count| (1..=MONTHS_MAX).contains(count))
        .ok_or_else(|| BadInput::new("months", months, format!("expected 1 to {MONTHS_MAX}")))
}
