//! Desks: where the day of an organisation, or of a channel, is counted for all who watch it together, as long as anybody does.
//!
//! A desk follows the event log. It counts when there is something new, but no sooner than a second after it counted last; what comes
//! meanwhile is in the next count, because a count knows the last event that is in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{TTL, count, question};
use crate::domain::clock::Instant;
use crate::domain::dashboard::Counted;
use crate::domain::event::{Event, Fact, FactKind};
use crate::domain::id::{ChannelId, OrganisationId};
use crate::service::event::{EventService, Follow};
use crate::service::memo::{Cached, Topic, shared};
use crate::service::{Core, ServiceError};
use crate::store;

/// How long after a count the next one is.
const PACE: TimeDelta = TimeDelta::seconds(1);

/// What is watched.
type Subject = (OrganisationId, Option<ChannelId>);

/// What a desk says last; `None`: it has not counted yet.
type Said = Option<Result<Cached<Counted>, Arc<ServiceError>>>;

/// The desks at which somebody watches.
#[derive(Debug)]
pub(super) struct Desks {
    core: Arc<Core>,
    events: EventService,
    runtime: Option<Handle>,
    open: Mutex<HashMap<Subject, Open>>,
}

/// A desk, and how many watch there.
#[derive(Debug)]
struct Open {
    said: watch::Receiver<Said>,
    watchers: usize,
    /// Tells it from an earlier one of the same subject.
    number: u64,
    task: JoinHandle<()>,
}

/// A seat at a desk; the last one who leaves closes it.
struct Seat {
    desks: Arc<Desks>,
    subject: Subject,
    number: u64,
    said: watch::Receiver<Said>,
    /// When this watcher was told something last.
    told_at: Option<Instant>,
}

impl Desks {
    pub(super) fn new(core: Arc<Core>, events: EventService) -> Arc<Self> {
        Arc::new(Self { core, events, runtime: Handle::try_current().ok(), open: Mutex::default() })
    }

    pub(super) fn watch(
        self: &Arc<Self>,
        organisation: OrganisationId,
        channel: Option<ChannelId>,
    ) -> impl Stream<Item = Result<Cached<Counted>, ServiceError>> + Send + use<> {
        let seat = self.sit((organisation, channel));
        stream::unfold(Some(seat), |seat| async { seat?.next().await })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Subject, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat, at a new desk where there is none that works.
    fn sit(self: &Arc<Self>, subject: Subject) -> Seat {
        let mut open = self.open();
        let before = open.get(&subject);
        let number = before.map_or(0, |desk| desk.number);
        let works = before.is_some_and(|desk| desk.said.has_changed().is_ok() && !desk.has_failed());
        if !works {
            let (sender, said) = watch::channel(None);
            let work = work(Arc::clone(&self.core), self.events.clone(), subject, sender);
            // The runtime of a watcher may end before that of the server does.
            let task = match &self.runtime {
                Some(runtime) => runtime.spawn(work),
                None => tokio::spawn(work),
            };
            // Those who sit at the one before hear of its end there.
            open.insert(subject, Open { said, watchers: 0, number: number + 1, task });
        }
        let desk = open.get_mut(&subject).expect("it was there, or was put there");
        desk.watchers += 1;
        let mut said = desk.said.clone();
        said.mark_changed();
        Seat { desks: Arc::clone(self), subject, number: desk.number, said, told_at: None }
    }
}

impl Open {
    fn has_failed(&self) -> bool {
        matches!(*self.said.borrow(), Some(Err(_)))
    }
}

impl Seat {
    /// What is said next, no sooner than a second after what was told last: of what was said meanwhile, the last.
    async fn next(mut self) -> Option<(Result<Cached<Counted>, ServiceError>, Option<Self>)> {
        loop {
            self.said.changed().await.ok()?;
            if let Some(told_at) = self.told_at {
                self.desks.core.clock().wait(told_at + PACE).await;
            }
            let said = self.said.borrow_and_update().clone();
            match said {
                None => {}
                Some(Ok(counted)) => {
                    self.told_at = Some(self.desks.core.now());
                    return Some((Ok(counted), Some(self)));
                }
                Some(Err(error)) => return Some((Err(shared(&error)), None)),
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.desks.open();
        let Some(desk) = open.get_mut(&self.subject).filter(|desk| desk.number == self.number) else { return };
        desk.watchers -= 1;
        if desk.watchers == 0 {
            desk.task.abort();
            open.remove(&self.subject);
        }
    }
}

/// Counts and says, until an error, which is said last.
async fn work(core: Arc<Core>, events: EventService, subject: Subject, sender: watch::Sender<Said>) {
    if let Err(error) = follow(&core, &events, subject, &sender).await {
        sender.send_replace(Some(Err(Arc::new(error))));
    }
}

async fn follow(
    core: &Core,
    events: &EventService,
    subject: Subject,
    sender: &watch::Sender<Said>,
) -> Result<(), ServiceError> {
    let (organisation_id, channel) = subject;
    let events = events.follow(Follow::Organisation(organisation_id), None, vec![FactKind::MessagesChanged]).await?;
    let mut events = Box::pin(events);
    loop {
        let read = core.store().read();
        // Asked before the count: what comes in between is in the count and is counted again, but never left out.
        let sequence = store::event::last_sequence(read, organisation_id).await?;
        let organisation = store::organisation::find(read, organisation_id).await?;
        let organisation = organisation.ok_or(ServiceError::NotFound("organisation"))?;
        let load = count(core, &organisation, channel);
        let question = question(core, &organisation, channel);
        let counted = core.memo().renew(organisation_id, Topic::Live, &question, TTL, load).await?;
        let (again_at, midnight) = (counted.at + PACE, counted.value.period.end);
        sender.send_replace(Some(Ok(counted)));
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = core.clock().wait(midnight) => break,
            };
            let Some(event) = event.transpose()? else { return Ok(()) };
            if event.sequence > sequence && concerns(&event, channel) {
                core.clock().wait(again_at).await;
                break;
            }
        }
    }
}

/// Whether the event changed what is counted of `channel`, or of all.
fn concerns(event: &Event, channel: Option<ChannelId>) -> bool {
    match (&event.fact, channel) {
        (Fact::MessagesChanged { channels, .. }, Some(channel)) => channels.contains(&channel),
        _ => true,
    }
}
