//! The courier: sends webhooks out, woken by hints of new events, by tries that come due, and by a sweep for what was forgotten.
//!
//! One supervised task keeps ids and times, and each visit to an address runs in a task of its own, so that a slow receiver holds up
//! nobody and a panic ends one visit. What is to be sent is in the database; what is here can be lost at any time and is found again by
//! the next sweep. It is a plain task and no actor: there is one, it is asked nothing but to stop, and no organisation owns it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Instant, SharedClock};
use crate::domain::id::{EndpointId, OrganisationId};
use crate::service::ServiceError;
use crate::service::hook::{Behind, HookService, News, Visit};

use super::fault::{FaultPoint, Faults};

/// Visits at the same time.
const VISITS_MAX: usize = 64;

/// Addresses that wait for a visit before no more are looked for.
const QUEUE_MAX: usize = 500;

/// Organisations with news that are remembered by their ids; of more, all are looked at.
const NEWS_MAX: usize = 1_000;

/// How often everything is looked at, and how long what went wrong in ourselves is left alone.
const SWEEP: TimeDelta = TimeDelta::minutes(1);

/// How long a courier that died waits before it begins anew.
const RESTART: TimeDelta = TimeDelta::seconds(1);

/// What a stop gives visits that run. A webhook that was cut off is sent again under the same id.
const DRAIN: Duration = Duration::from_secs(5);

/// The running courier.
pub struct Courier {
    stop: CancellationToken,
    askers: mpsc::Sender<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").finish_non_exhaustive()
    }
}

/// What a courier needs, whether it is the first or begins anew.
#[derive(Clone)]
struct Parts {
    hooks: HookService,
    clock: SharedClock,
    faults: Arc<dyn Faults>,
    stop: CancellationToken,
    askers: Arc<Mutex<mpsc::Receiver<oneshot::Sender<()>>>>,
}

impl Courier {
    /// Begins to send, on the tokio runtime that this is called on, to the addresses of the organisations that this node holds. Nothing is
    /// written of those that another node took over.
    pub fn start(hooks: HookService, clock: SharedClock, faults: Arc<dyn Faults>) -> Self {
        let stop = CancellationToken::new();
        let (askers, asked) = mpsc::channel(16);
        let parts = Parts { hooks, clock, faults, stop: stop.clone(), askers: Arc::new(Mutex::new(asked)) };
        Self { stop, askers, task: tokio::spawn(supervise(parts)) }
    }

    /// Resolves once nothing that is due at the clock's present time is left to be sent, and nothing is being sent.
    pub async fn settled(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.askers.send(sender).await.is_ok() {
            // A courier that stops before it has settled never will.
            drop(receiver.await);
        }
    }

    /// Sends nothing more, and returns when nothing is being sent any more.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the courier ended badly");
        }
    }
}

async fn supervise(parts: Parts) {
    loop {
        let Err(error) = tokio::spawn(Round::new(parts.clone()).run()).await else { return };
        tracing::error!(%error, "the courier of webhooks died and begins anew");
        let again_at = parts.clock.now() + RESTART;
        tokio::select! {
            () = parts.clock.wait(again_at) => {}
            () = parts.stop.cancelled() => return,
        }
    }
}

/// Who is visited, and whose the address is.
type Stop = (EndpointId, OrganisationId);

/// How far everything was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    /// It is to be looked at from the beginning.
    Begin,
    /// Up to here.
    After(EndpointId),
    /// To the end.
    Done,
}

/// Everything the courier remembers.
struct Round {
    parts: Parts,
    visits: JoinSet<Result<Visit, ServiceError>>,
    running: HashMap<Id, Stop>,
    /// Those that are visited, and whether there was news since the visit began.
    visited: HashMap<EndpointId, bool>,
    queue: VecDeque<Stop>,
    queued: HashSet<EndpointId>,
    /// When those that rest are visited again.
    resting: BTreeMap<(Instant, EndpointId), OrganisationId>,
    news: HashSet<OrganisationId>,
    walk: Walk,
    sweep_at: Instant,
    /// Who waits until it has settled.
    askers: Vec<oneshot::Sender<()>>,
}

impl Round {
    fn new(parts: Parts) -> Self {
        let sweep_at = parts.clock.now();
        Self {
            parts,
            visits: JoinSet::new(),
            running: HashMap::new(),
            visited: HashMap::new(),
            queue: VecDeque::new(),
            queued: HashSet::new(),
            resting: BTreeMap::new(),
            news: HashSet::new(),
            walk: Walk::Done,
            sweep_at,
            askers: Vec::new(),
        }
    }

    async fn run(mut self) {
        let askers = Arc::clone(&self.parts.askers);
        let mut askers = askers.lock().await;
        let (stop, clock) = (self.parts.stop.clone(), Arc::clone(&self.parts.clock));
        // Listening begins before anything is looked at, so that what is written in between is heard.
        let mut news = Box::pin(self.parts.hooks.listen());
        loop {
            if !self.look().await {
                break;
            }
            self.set_out();
            if self.has_settled() {
                for asker in self.askers.drain(..) {
                    // Whoever stopped waiting has gone.
                    let _ = asker.send(());
                }
            }
            let wake_at = self.resting.keys().next().map_or(self.sweep_at, |(at, _)| self.sweep_at.min(*at));
            tokio::select! {
                () = stop.cancelled() => break,
                heard = news.next() => match heard {
                    Some(heard) => self.hear(heard),
                    None => break,
                },
                Some(ended) = self.visits.join_next_with_id() => if !self.end(ended) {
                    break;
                },
                Some(asker) = askers.recv() => {
                    self.askers.push(asker);
                    self.walk = Walk::Begin;
                }
                () = clock.wait(wake_at) => {}
            }
        }
        self.finish().await;
    }

    /// Finds out who has something to be sent, as far as there is room to remember it; false: another node took over.
    async fn look(&mut self) -> bool {
        let now = self.parts.clock.now();
        while let Some(due) = self.resting.first_entry().filter(|due| due.key().0 <= now) {
            let ((_, id), organisation) = due.remove_entry();
            self.note(id, organisation);
        }
        if self.sweep_at <= now {
            self.sweep_at = now + SWEEP;
            self.walk = Walk::Begin;
            // What rests of others' is theirs to come back to.
            let hooks = &self.parts.hooks;
            self.resting.retain(|_, organisation| hooks.holds(*organisation));
            if let Err(error) = self.parts.hooks.refresh().await
                && !self.bear(&error)
            {
                return false;
            }
        }
        if !self.news.is_empty() && self.queue.len() < QUEUE_MAX {
            let organisations: Vec<_> = self.news.drain().collect();
            match self.parts.hooks.behind(Some(&organisations), None).await {
                Ok(found) => {
                    self.note_all(&found);
                    // More were behind than one look shows.
                    if is_full(&found) {
                        self.walk = Walk::Begin;
                    }
                }
                // The next sweep looks again.
                Err(error) => {
                    self.bear(&error);
                }
            }
        }
        while self.walk != Walk::Done && self.queue.len() < QUEUE_MAX {
            let after = if let Walk::After(id) = self.walk { Some(id) } else { None };
            match self.parts.hooks.behind(None, after).await {
                Ok(found) => {
                    let last = found.last().filter(|_| is_full(&found));
                    self.walk = last.map_or(Walk::Done, |last| Walk::After(last.id));
                    self.note_all(&found);
                }
                Err(error) => {
                    self.bear(&error);
                    self.walk = Walk::Done;
                }
            }
        }
        true
    }

    fn note_all(&mut self, found: &[Behind]) {
        let now = self.parts.clock.now();
        for behind in found {
            match behind.next_attempt_at.filter(|at| *at > now) {
                Some(at) => {
                    self.resting.insert((at, behind.id), behind.organisation_id);
                }
                None => self.note(behind.id, behind.organisation_id),
            }
        }
    }

    /// Puts an address at the end of the queue, or remembers to come back to it.
    fn note(&mut self, id: EndpointId, organisation: OrganisationId) {
        if let Some(again) = self.visited.get_mut(&id) {
            *again = true;
        } else if self.queued.insert(id) {
            self.queue.push_back((id, organisation));
        }
    }

    /// Begins visits while there is room for more.
    fn set_out(&mut self) {
        while self.visits.len() < VISITS_MAX {
            let Some(stop) = self.queue.pop_front() else { break };
            let (id, organisation) = stop;
            self.queued.remove(&id);
            if !self.parts.hooks.holds(organisation) {
                continue;
            }
            self.visited.insert(id, false);
            let Parts { hooks, faults, .. } = self.parts.clone();
            let visit = self.visits.spawn(async move {
                faults.strike(FaultPoint::HookVisit, organisation);
                hooks.deliver(organisation, id).await
            });
            self.running.insert(visit.id(), stop);
        }
        metrics::gauge!("wabacus_webhook_visits").set(u32::try_from(self.visits.len()).unwrap_or(u32::MAX));
    }

    fn hear(&mut self, heard: News) {
        match heard {
            News::Organisation(organisation) if self.news.len() < NEWS_MAX => {
                self.news.insert(organisation);
            }
            News::Organisation(_) | News::Anywhere => {
                self.news.clear();
                self.walk = Walk::Begin;
            }
            News::Won => self.sweep_at = self.parts.clock.now(),
        }
    }

    /// Takes note of a visit that ended; false: another node took over.
    fn end(&mut self, ended: Result<(Id, Result<Visit, ServiceError>), JoinError>) -> bool {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some((id, organisation)) = self.running.remove(&task) else { return true };
        let again = self.visited.remove(&id).unwrap_or(false);
        let later = self.parts.clock.now() + SWEEP;
        match ended.map(|(_, visit)| visit) {
            Ok(Ok(Visit::More)) => self.note(id, organisation),
            Ok(Ok(Visit::CaughtUp)) if again => self.note(id, organisation),
            Ok(Ok(Visit::CaughtUp)) => {}
            Ok(Ok(Visit::Rests { until })) => {
                self.resting.insert((until, id), organisation);
            }
            Ok(Err(error)) => {
                self.resting.insert((later, id), organisation);
                return self.bear(&error);
            }
            Err(error) => {
                tracing::error!(endpoint.id = %id, organisation.id = %organisation, %error, "a visit of the courier died");
                self.resting.insert((later, id), organisation);
            }
        }
        true
    }

    /// Whether to go on after an error.
    fn bear(&self, error: &ServiceError) -> bool {
        if !matches!(error, ServiceError::Fenced) {
            tracing::warn!(%error, "the courier of webhooks found something unavailable, and looks again in a while");
            return true;
        }
        let goes_on = self.parts.hooks.shares();
        if goes_on {
            tracing::info!("another node took over some addresses, and sends to them from now on");
        } else {
            tracing::warn!("another node took over, and this one's courier of webhooks stops");
        }
        goes_on
    }

    fn has_settled(&self) -> bool {
        let now = self.parts.clock.now();
        let rests = self.resting.keys().next().is_none_or(|(at, _)| *at > now);
        self.visits.is_empty() && self.queue.is_empty() && self.news.is_empty() && self.walk == Walk::Done && rests
    }

    /// Waits for what runs, and writes down what was only remembered.
    async fn finish(mut self) {
        let ended = async { while self.visits.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            self.visits.shutdown().await;
        }
        if let Err(error) = self.parts.hooks.refresh().await {
            tracing::debug!(%error, "what the courier of webhooks remembered was not written down");
        }
    }
}

/// Whether there may be more than a look found.
fn is_full(found: &[Behind]) -> bool {
    u64::try_from(found.len()).is_ok_and(|count| count >= crate::service::hook::LOOK_MAX)
}
