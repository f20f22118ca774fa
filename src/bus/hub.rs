//! Hints by organisation: whoever waits for one organisation is not woken by the others, and hears only the newest.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::Instant;

use futures_util::stream;
use tokio::sync::watch;

use super::{Call, Calls};
use crate::domain::event::Hint;
use crate::domain::id::OrganisationId;

/// The newest that was said of an organisation.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: i64,
    /// When something was last said.
    since: Instant,
    /// How many gaps there were.
    gaps: u64,
}

/// Organisations that somebody waits for: as many as there are listeners at most.
#[derive(Debug, Default)]
pub(super) struct Hub {
    organisations: RwLock<HashMap<OrganisationId, watch::Sender<Newest>>>,
}

impl Hub {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<OrganisationId, watch::Sender<Newest>>> {
        self.organisations.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, hints: &[Hint]) {
        let organisations = self.read();
        for hint in hints {
            if let Some(newest) = organisations.get(&hint.organisation_id) {
                newest.send_if_modified(|newest| {
                    let is_news = hint.sequence > newest.sequence;
                    if is_news {
                        *newest = Newest { sequence: hint.sequence, since: Instant::now(), ..*newest };
                    }
                    is_news
                });
            }
        }
    }

    pub(super) fn gap(&self) {
        for newest in self.read().values() {
            newest.send_modify(|newest| *newest = Newest { since: Instant::now(), gaps: newest.gaps + 1, ..*newest });
        }
    }

    pub(super) fn listen(self: &Arc<Self>, organisation: OrganisationId) -> Calls {
        let receiver = {
            let mut organisations = self.organisations.write().unwrap_or_else(PoisonError::into_inner);
            let nothing = || watch::Sender::new(Newest { sequence: 0, since: Instant::now(), gaps: 0 });
            organisations.entry(organisation).or_insert_with(nothing).subscribe()
        };
        let gaps = receiver.borrow().gaps;
        let place = Place { hub: Arc::downgrade(self), organisation, receiver: Some(receiver), gaps };
        Box::pin(stream::unfold(place, Place::next))
    }
}

/// The place of one listener.
struct Place {
    hub: Weak<Hub>,
    organisation: OrganisationId,
    /// `None` only while it is dropped.
    receiver: Option<watch::Receiver<Newest>>,
    /// The gaps that were heard of.
    gaps: u64,
}

impl Place {
    async fn next(mut self) -> Option<(Call, Self)> {
        let receiver = self.receiver.as_mut()?;
        receiver.changed().await.ok()?;
        let newest = *receiver.borrow_and_update();
        let is_gap = std::mem::replace(&mut self.gaps, newest.gaps) != newest.gaps;
        Some((Call { since: newest.since, upto: (!is_gap).then_some(newest.sequence) }, self))
    }
}

impl Drop for Place {
    /// The last one to go takes the organisation along.
    fn drop(&mut self) {
        self.receiver = None;
        let Some(hub) = self.hub.upgrade() else { return };
        let mut organisations = hub.organisations.write().unwrap_or_else(PoisonError::into_inner);
        if organisations.get(&self.organisation).is_some_and(|newest| newest.receiver_count() == 0) {
            organisations.remove(&self.organisation);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    fn hint(organisation_id: OrganisationId, sequence: i64) -> Hint {
        Hint { organisation_id, sequence }
    }

    #[tokio::test]
    async fn a_listener_hears_the_newest_of_its_organisation_and_of_gaps() {
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        let (own, other) = (OrganisationId::generate(now), OrganisationId::generate(now));
        let hub = Arc::new(Hub::default());
        let (mut first, mut second) = (hub.listen(own), hub.listen(own));
        let before = Instant::now();
        hub.publish(&[hint(own, 1), hint(other, 9), hint(own, 3), hint(own, 2)]);
        let call = first.next().await.unwrap();
        assert!(call.upto == Some(3) && call.since >= before);
        assert_eq!(second.next().await, Some(call), "the same for both");
        hub.publish(&[hint(other, 10), hint(own, 3)]);
        assert_eq!(first.next().now_or_never(), None);
        hub.gap();
        hub.publish(&[hint(own, 4)]);
        assert_eq!(first.next().await.unwrap().upto, None, "a gap outweighs what came after it");
        hub.publish(&[hint(own, 5)]);
        assert_eq!(first.next().await.unwrap().upto, Some(5));
    }

    #[tokio::test]
    async fn nothing_is_left_of_who_went_and_listening_ends_with_the_hub() {
        let organisation = OrganisationId::generate("2026-06-05T09:00:00Z".parse().unwrap());
        let hub = Arc::new(Hub::default());
        let (first, mut second) = (hub.listen(organisation), hub.listen(organisation));
        drop(first);
        assert_eq!(hub.read().len(), 1);
        drop(hub.listen(organisation));
        drop(std::mem::replace(&mut second, Box::pin(stream::empty())));
        assert_eq!(hub.read().len(), 0);
        let mut last = hub.listen(organisation);
        drop(hub);
        assert_eq!(last.next().await, None);
    }
}
