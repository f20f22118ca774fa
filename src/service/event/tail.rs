//! The end of an organisation's log, read once for all who follow it and stand there.
//!
//! News wakes all followers of an organisation at once. The first of them reads, the others wait for it and take what it found: a reading serves
//! everybody whose news had been said when it began. Whoever is further behind reads on their own until they are there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::{BATCH, Core, ServiceError};
use crate::domain::event::{Event, FactKind};
use crate::domain::id::OrganisationId;
use crate::service::memo::shared;
use crate::store;

/// How many events are kept for those who come a little later.
const EVENTS_MAX: usize = 64;

/// What is followed.
type Key = (OrganisationId, Vec<FactKind>);

/// The ends of all logs that are followed.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<HashMap<Key, Weak<Tail>>>);

impl Tails {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Weak<Tail>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end that all share who follow these kinds of events of the organisation.
    pub(super) fn of(self: &Arc<Self>, organisation: OrganisationId, kinds: &[FactKind]) -> Arc<Tail> {
        let key = (organisation, kinds.to_vec());
        let mut tails = self.lock();
        let present = tails.get(&key).and_then(Weak::upgrade);
        present.unwrap_or_else(|| {
            let tail = Tail { key: key.clone(), tails: Arc::downgrade(self), seen: tokio::sync::Mutex::default() };
            let tail = Arc::new(tail);
            tails.insert(key, Arc::downgrade(&tail));
            tail
        })
    }
}

/// The end of one log.
#[derive(Debug)]
pub(super) struct Tail {
    key: Key,
    tails: Weak<Tails>,
    seen: tokio::sync::Mutex<Seen>,
}

impl Drop for Tail {
    fn drop(&mut self) {
        let Some(tails) = self.tails.upgrade() else { return };
        let mut tails = tails.lock();
        // Another may have taken the place meanwhile.
        if tails.get(&self.key).is_some_and(|tail| tail.strong_count() == 0) {
            tails.remove(&self.key);
        }
    }
}

/// What was read.
#[derive(Debug, Default)]
struct Seen {
    /// Every event after this one and up to `upto` is here.
    after: i64,
    upto: i64,
    events: VecDeque<Event>,
    reading: Option<Reading>,
}

/// How the last reading went.
#[derive(Debug)]
struct Reading {
    began_at: Instant,
    /// Whether it came to the end of the log.
    ended: Result<bool, Arc<ServiceError>>,
}

/// Some events, and whether there may be more.
pub(super) type Batch = (Vec<Event>, bool);

/// What a tail has for a follower.
#[derive(Debug)]
pub(super) enum Found {
    Events(Batch),
    /// Only what comes after this event, which was in the log before it was asked.
    Only(i64),
}

impl Tail {
    /// The events after `after` that were there at `since`.
    pub(super) async fn after(
        self: &Arc<Self>,
        core: &Core,
        after: i64,
        since: Instant,
    ) -> Result<Found, ServiceError> {
        let mut seen = self.seen.lock().await;
        if seen.reading.is_none() {
            *seen = Seen { after, upto: after, ..Seen::default() };
        }
        if after < seen.after {
            return Ok(Found::Only(seen.after));
        }
        let served = seen.reading.as_ref().filter(|reading| reading.began_at >= since);
        match served.map(|reading| &reading.ended) {
            Some(Err(error)) => return Err(shared(error)),
            Some(Ok(true)) => {}
            Some(Ok(false)) | None => self.read(core, &mut seen).await?,
        }
        let events: Vec<Event> = seen.events.iter().filter(|event| event.sequence > after).cloned().collect();
        let is_end = seen.reading.as_ref().is_some_and(|reading| matches!(reading.ended, Ok(true)));
        // Who is alone with it keeps nothing for others.
        let kept_max = if Arc::strong_count(self) > 1 { EVENTS_MAX } else { 0 };
        while seen.events.len() > kept_max {
            if let Some(oldest) = seen.events.pop_front() {
                seen.after = oldest.sequence;
            }
        }
        Ok(Found::Events((events, !is_end)))
    }

    async fn read(&self, core: &Core, seen: &mut Seen) -> Result<(), ServiceError> {
        let began_at = Instant::now();
        let (organisation, kinds) = &self.key;
        match store::event::after(core.store().read(), *organisation, seen.upto, kinds, BATCH).await {
            Ok(events) => {
                let is_end = !u64::try_from(events.len()).is_ok_and(|count| count >= BATCH);
                seen.upto = events.last().map_or(seen.upto, |last| last.sequence);
                seen.events.extend(events);
                seen.reading = Some(Reading { began_at, ended: Ok(is_end) });
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(ServiceError::from(error));
                seen.reading = Some(Reading { began_at, ended: Err(Arc::clone(&error)) });
                Err(shared(&error))
            }
        }
    }
}
