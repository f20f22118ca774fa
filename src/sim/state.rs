//! The state of the stand-in that its server and its holder share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use tokio::sync::watch;

use super::fault::{Asked, Fault, Faults};
use super::ledger::Book;
use crate::domain::clock::{Instant, SharedClock};

/// A request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    pub path: String,
    /// Decoded.
    pub query: String,
    /// By the stand-in's clock.
    pub at: Instant,
}

/// Requests of one account that are remembered.
const SEEN_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) book: Book,
    pub(super) faults: Faults,
    seen: VecDeque<SeenRequest>,
    seen_count: usize,
    is_held: bool,
    per_minute: Option<usize>,
}

/// How a request is to be answered.
#[derive(Debug)]
pub(super) enum Verdict {
    /// There is no such account.
    Unknown,
    /// More than the account's own limit allows.
    TooMany,
    Spoilt(Fault),
    /// Well, once the token is checked.
    Good,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) clock: SharedClock,
    desks: Mutex<HashMap<String, Desk>>,
    /// Told whenever a request arrives or a latch is moved.
    moved: watch::Sender<()>,
}

impl State {
    pub(super) fn new(seed: u64, clock: SharedClock) -> Self {
        Self { seed, clock, desks: Mutex::default(), moved: watch::Sender::new(()) }
    }

    fn desks(&self) -> MutexGuard<'_, HashMap<String, Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, book: Book) {
        let id = book.account.id.clone();
        let faults = Faults::default();
        let desk = Desk { book, faults, seen: VecDeque::new(), seen_count: 0, is_held: false, per_minute: None };
        self.desks().insert(id, desk);
    }

    /// Does something with an account's state; `None`: there is no such account.
    pub(super) fn with<T>(&self, account: &str, change: impl FnOnce(&mut Desk) -> T) -> Option<T> {
        self.desks().get_mut(account).map(change)
    }

    pub(super) fn seen(&self, account: &str) -> Vec<SeenRequest> {
        self.with(account, |desk| desk.seen.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn hold(&self, account: &str, is_held: bool) {
        self.with(account, |desk| desk.is_held = is_held);
        self.moved.send_replace(());
    }

    pub(super) fn limit(&self, account: &str, per_minute: Option<usize>) {
        self.with(account, |desk| desk.per_minute = per_minute);
    }

    /// Resolves once `count` requests of the account have arrived in all.
    pub(super) async fn arrived(&self, account: &str, count: usize) {
        self.until(|| self.with(account, |desk| desk.seen_count >= count).unwrap_or(false)).await;
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        let mut moved = self.moved.subscribe();
        while !condition() {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes the request down, parks it while the account is held, and says how to answer it.
    pub(super) async fn receive(&self, account: &str, path: &str, asked: Asked<'_>) -> Verdict {
        let now = self.clock.now();
        let request = SeenRequest { path: path.to_owned(), query: asked.query.to_owned(), at: now };
        let is_known = self.with(account, |desk| {
            desk.seen_count += 1;
            desk.seen.push_back(request);
            if desk.seen.len() > SEEN_MAX {
                desk.seen.pop_front();
            }
        });
        if is_known.is_none() {
            return Verdict::Unknown;
        }
        self.moved.send_replace(());
        self.until(|| self.with(account, |desk| !desk.is_held).unwrap_or(true)).await;
        let verdict = self.with(account, |desk| {
            let minute_ago = now - TimeDelta::minutes(1);
            let recent = desk.seen.iter().filter(|seen| seen.at > minute_ago).count();
            if desk.per_minute.is_some_and(|limit| recent > limit) {
                return Verdict::TooMany;
            }
            desk.faults.take(asked).map_or(Verdict::Good, Verdict::Spoilt)
        });
        verdict.unwrap_or(Verdict::Unknown)
    }
}
