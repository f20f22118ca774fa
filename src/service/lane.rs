//! The queues in which calls wait for each other, so that many share a transaction.
//!
//! A call is taken over by a task of its own when it begins to wait: a caller that goes away loses nothing, its own records neither.
//! While one transaction is under way the next one gathers, so that the more there is to do, the more is done at once.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Core, ServiceError};
use crate::domain::id::OrganisationId;
use crate::domain::money::Overflow;
use crate::store::StoreError;

/// What an organisation hands in at once, to be written together with what others do.
pub(super) trait Batch: Debug + Send + Sync + Sized + 'static {
    /// What becomes of one thing in it.
    type Outcome: Debug + Send + 'static;

    /// Whose it is.
    fn organisation(&self) -> OrganisationId;

    /// How many things are in it.
    fn size(&self) -> usize;

    /// Cuts it into batches of one thing each, in their order.
    fn singly(self) -> Vec<Self>;

    /// Writes batches down in one transaction; an answer for each, in their order, after the commit.
    fn write(core: &Core, batches: &[Self])
    -> impl Future<Output = Result<Vec<Answer<Self::Outcome>>, Failure>> + Send;

    /// What becomes of one thing with which a counter would no longer fit.
    fn too_much(core: &Core, single: Self) -> impl Future<Output = Answer<Self::Outcome>> + Send;
}

/// An outcome for each thing in a batch.
pub(super) type Answer<O> = Result<Vec<O>, ServiceError>;

/// Why a transaction was given up.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database did not even let it begin.
    NotBegun(ServiceError),
    /// A counter no longer fits.
    Overflow,
    Other(ServiceError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overflow => Self::Overflow,
            error @ (StoreError::Unique { .. }
            | StoreError::Unavailable(_)
            | StoreError::Fenced
            | StoreError::Corrupt { .. }
            | StoreError::Other(_)) => Self::Other(error.into()),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotBegun(error) | Failure::Other(error) => error,
            Failure::Overflow => StoreError::Overflow.into(),
        }
    }
}

impl From<Overflow> for Failure {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

/// How many records may wait, in all lanes together.
const WAITING_MAX: usize = 100_000;

/// How many records share a transaction, but that a single call always fits.
const GROUP_MAX: usize = 4_000;

/// How many transactions may write at the same time on PostgreSQL. SQLite has one writer.
const LANES_POSTGRES: usize = 4;

/// A call that waits.
#[derive(Debug)]
struct Call<B: Batch> {
    batch: B,
    answer: oneshot::Sender<Answer<B::Outcome>>,
    /// Its room in the queue.
    room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Waiting<B: Batch> {
    calls: VecDeque<Call<B>>,
    /// Somebody takes calls out until there are none.
    is_drained: bool,
}

/// Where calls of some organisations wait.
#[derive(Debug)]
struct Lane<B: Batch>(Mutex<Waiting<B>>);

/// All of the queues. An organisation's calls are in one, in the order of their coming.
#[derive(Debug)]
pub(super) struct Lanes<B: Batch> {
    all: Vec<Arc<Lane<B>>>,
    room: Arc<Semaphore>,
    runtime: Option<Handle>,
}

impl<B: Batch> Lanes<B> {
    pub(super) fn new(backend: &str) -> Self {
        let count = if backend == "sqlite" { 1 } else { LANES_POSTGRES };
        Self {
            all: (0..count).map(|_| Arc::new(Lane::new())).collect(),
            room: Arc::new(Semaphore::new(WAITING_MAX)),
            runtime: Handle::try_current().ok(),
        }
    }

    /// Waits until `batch` is committed.
    pub(super) async fn record(&self, core: &Arc<Core>, batch: B) -> Answer<B::Outcome> {
        let size = u32::try_from(batch.size()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size);
        let room = room.map_err(|_| ServiceError::Busy("too many records wait to be written, try again later"))?;
        let lane = self.lane(batch.organisation());
        let (answer, answered) = oneshot::channel();
        if lane.push(Call { batch, answer, room }) {
            let drain = drain(Arc::clone(lane), Arc::clone(core));
            // The runtime of a caller may end before that of the server does.
            match &self.runtime {
                Some(runtime) => drop(runtime.spawn(drain)),
                None => drop(tokio::spawn(drain)),
            }
        }
        answered.await.unwrap_or_else(|_| Err(ServiceError::Internal("the task that records came to an end".into())))
    }

    fn lane(&self, organisation: OrganisationId) -> &Arc<Lane<B>> {
        let (_, random) = organisation.uuid().as_u64_pair();
        let lanes = u64::try_from(self.all.len()).unwrap_or(1);
        let index = usize::try_from(random % lanes).unwrap_or(0);
        &self.all[index]
    }
}

impl<B: Batch> Lane<B> {
    const fn new() -> Self {
        Self(Mutex::new(Waiting { calls: VecDeque::new(), is_drained: false }))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call; whether somebody has to begin taking them out.
    fn push(&self, call: Call<B>) -> bool {
        let mut waiting = self.waiting();
        waiting.calls.push_back(call);
        !std::mem::replace(&mut waiting.is_drained, true)
    }

    /// The calls of the next transaction; none: the taking out is over.
    fn take(&self) -> Vec<Call<B>> {
        let mut waiting = self.waiting();
        let mut taken = Vec::new();
        let mut records = 0;
        while let Some(call) = waiting.calls.pop_front() {
            records += call.batch.size();
            if records > GROUP_MAX && !taken.is_empty() {
                waiting.calls.push_front(call);
                break;
            }
            taken.push(call);
        }
        waiting.is_drained = !taken.is_empty();
        taken
    }
}

/// Ends the taking out where it does not end by itself: who waits hears of it, and the next call begins anew.
struct Guard<B: Batch> {
    lane: Arc<Lane<B>>,
    is_done: bool,
}

impl<B: Batch> Drop for Guard<B> {
    fn drop(&mut self) {
        if !self.is_done {
            let mut waiting = self.lane.waiting();
            waiting.calls.clear();
            waiting.is_drained = false;
        }
    }
}

async fn drain<B: Batch>(lane: Arc<Lane<B>>, core: Arc<Core>) {
    let mut guard = Guard { lane, is_done: false };
    loop {
        let calls = guard.lane.take();
        if calls.is_empty() {
            guard.is_done = true;
            return;
        }
        let (batches, callers): (Vec<_>, Vec<_>) =
            calls.into_iter().map(|call| (call.batch, (call.answer, call.room))).unzip();
        let answers = together(&core, batches).await;
        for ((caller, room), answer) in callers.into_iter().zip(answers) {
            drop(room);
            // One that went away has its records all the same.
            drop(caller.send(answer));
        }
    }
}

/// Writes the batches together; an answer for each, in their order. Where that fails, each is tried once more alone, so that what is wrong
/// with one is no other's trouble.
///
/// Where the database is what was wrong (a deadlock, a connection that was lost), they are tried once more together. Should the first try
/// have been committed without a word, the second finds all of it there already: each record is known by its key.
async fn together<B: Batch>(core: &Core, batches: Vec<B>) -> Vec<Answer<B::Outcome>> {
    let mut written = B::write(core, &batches).await;
    if let Err(Failure::Other(error @ ServiceError::Unavailable(_))) = &written {
        tracing::warn!(%error, calls = batches.len(), "a transaction was given up by the database, it is tried again");
        written = B::write(core, &batches).await;
    }
    match written {
        Ok(answers) => answers,
        Err(Failure::NotBegun(error) | Failure::Other(error @ ServiceError::Unavailable(_))) => {
            let reason = error.to_string();
            tracing::warn!(%error, calls = batches.len(), "nothing can be recorded");
            batches.iter().map(|_| Err(ServiceError::Unavailable(reason.clone().into()))).collect()
        }
        Err(failure @ (Failure::Overflow | Failure::Other(_))) => {
            if batches.len() > 1 {
                tracing::warn!(?failure, calls = batches.len(), "a shared transaction failed, its calls go alone");
            }
            let mut answers = Vec::with_capacity(batches.len());
            for batch in batches {
                answers.push(alone(core, batch).await);
            }
            answers
        }
    }
}

async fn alone<B: Batch>(core: &Core, batch: B) -> Answer<B::Outcome> {
    match B::write(core, std::slice::from_ref(&batch)).await {
        Ok(mut answers) => answers.pop().unwrap_or_else(|| Ok(Vec::new())),
        Err(Failure::NotBegun(error) | Failure::Other(error)) => Err(error),
        // Somewhere in it is too much. Its things go one by one.
        Err(Failure::Overflow) => {
            let mut outcomes = Vec::with_capacity(batch.size());
            for single in batch.singly() {
                match B::write(core, std::slice::from_ref(&single)).await {
                    Ok(answers) => {
                        for answer in answers {
                            outcomes.extend(answer?);
                        }
                    }
                    Err(Failure::NotBegun(error) | Failure::Other(error)) => return Err(error),
                    Err(Failure::Overflow) => outcomes.extend(B::too_much(core, single).await?),
                }
            }
            Ok(outcomes)
        }
    }
}
