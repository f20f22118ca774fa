//! Answers that are kept for a while: looked up in the cache, and made once where many ask for the same at the same time.
//!
//! What was begun before a drop is never seen after it: the name under which an answer is kept holds the generation of its organisation
//! and topic, a random number that a drop replaces. Without a cache every answer comes from its source, and those who ask at the same time
//! still share one.

mod generation;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use moka::Expiry;
use moka::future::Cache as Moka;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::generation::{Generation, Generations};
use super::ServiceError;
use crate::cache::Cache;
use crate::domain::clock::{self, SharedClock};
use crate::domain::id::{ChannelId, OrganisationId};

/// How many answers may be on their way at the same time before some are asked for twice.
const FLIGHTS_MAX: u64 = 10_000;

/// What is dropped together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The day that is under way.
    Live,
    /// Snapshots, and what is made of them.
    Periods,
    /// What merchants' catalogues have.
    Catalog,
}

impl Topic {
    pub(crate) const ALL: [Self; 3] = [Self::Live, Self::Periods, Self::Catalog];

    const fn code(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Periods => "periods",
            Self::Catalog => "catalog",
        }
    }
}

/// What a question calls a channel; without one, the organisation as a whole.
pub(super) fn channel_name(channel: Option<ChannelId>) -> String {
    channel.map_or_else(|| "all".to_owned(), |channel| channel.to_string())
}

/// An answer, and since when it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached<T> {
    pub value: T,
    /// When it was asked of its source: nothing that was committed before is missing.
    pub at: clock::Instant,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was kept already.
    Kept,
    /// It was asked of its source, by this one or by another who asked at the same time.
    Made,
}

/// An answer as it is kept.
type Kept = Arc<Vec<u8>>;

/// Nothing stays: those who wait for the same flight are all that is wanted.
#[derive(Debug)]
struct AtOnce;

impl Expiry<String, Kept> for AtOnce {
    fn expire_after_create(&self, _: &String, _: &Kept, _: Instant) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn expire_after_update(&self, _: &String, _: &Kept, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// Keeps answers.
#[derive(Debug)]
pub(crate) struct Memo {
    cache: Arc<dyn Cache>,
    clock: SharedClock,
    flights: Moka<String, Kept>,
    generations: Generations,
}

impl Memo {
    pub(super) fn new(cache: Arc<dyn Cache>, clock: SharedClock) -> Self {
        Self {
            generations: Generations::new(Arc::clone(&cache)),
            cache,
            clock,
            flights: Moka::builder().max_capacity(FLIGHTS_MAX).expire_after(AtOnce).build(),
        }
    }

    /// The answer to `question` of the organisation, at most `ttl` old; `load` is asked where none is kept, once for all who ask at the
    /// same time. When it fails, they all hear of it and nothing is kept. When its asker goes away or it panics, the next one loads.
    pub(crate) async fn get<T: Serialize + DeserializeOwned>(
        &self,
        organisation: OrganisationId,
        topic: Topic,
        question: &str,
        ttl: TimeDelta,
        load: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<Cached<T>, ServiceError> {
        Ok(self.look(organisation, topic, question, ttl, load).await?.0)
    }

    /// The same, and where the answer came from.
    pub(crate) async fn look<T: Serialize + DeserializeOwned>(
        &self,
        organisation: OrganisationId,
        topic: Topic,
        question: &str,
        ttl: TimeDelta,
        load: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<(Cached<T>, Found), ServiceError> {
        let (name, kept) = self.find(organisation, topic, question).await;
        if let Some(cached) = kept.and_then(|bytes| self.read(&bytes, ttl)) {
            return Ok((cached, Found::Kept));
        }
        // However large the loading is, it is not carried along by all that waits for it.
        let load = Box::pin(load);
        let flight = async {
            // Another may have landed since.
            if let Some(bytes) = self.cache.get(&name.key).await
                && self.read::<T>(&bytes, ttl).is_some()
            {
                return Ok(Arc::new(bytes));
            }
            let bytes = self.load(&name, ttl, load).await?;
            Ok(Arc::new(bytes))
        };
        let landed = self.flights.try_get_with_by_ref(&name.key, flight).await;
        let bytes = landed.map_err(|error: Arc<ServiceError>| shared(&error))?;
        Ok((serde_json::from_slice(&bytes).map_err(internal)?, Found::Made))
    }

    /// The answer, asked of its source in any case; it is kept for those who come later.
    pub(crate) async fn renew<T: Serialize + DeserializeOwned>(
        &self,
        organisation: OrganisationId,
        topic: Topic,
        question: &str,
        ttl: TimeDelta,
        load: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<Cached<T>, ServiceError> {
        let name = self.name(organisation, topic, question).await;
        let bytes = self.load(&name, ttl, load).await?;
        serde_json::from_slice(&bytes).map_err(internal)
    }

    /// Forgets what is kept of the organisation under `topic`, also what is on its way. The room is given back when its time is over.
    pub(crate) async fn forget(&self, organisation: OrganisationId, topic: Topic) {
        self.generations.replace(&generation_key(organisation, topic)).await;
    }

    /// The same, and gives the room back at once, for which all that is kept of anybody is looked at; how many answers there were.
    pub(crate) async fn drop_all(&self, organisation: OrganisationId, topic: Topic) -> u64 {
        let present = self.name(organisation, topic, "").await;
        self.forget(organisation, topic).await;
        let dropped = self.cache.remove_all(&present.key).await;
        // What was forgotten before, and nobody could see any more.
        self.cache.remove_all(&prefix(organisation, topic)).await;
        dropped
    }

    async fn load<T: Serialize>(
        &self,
        name: &Name,
        ttl: TimeDelta,
        load: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<Vec<u8>, ServiceError> {
        let at = self.clock.now();
        let bytes = serde_json::to_vec(&Cached { value: load.await?, at }).map_err(internal)?;
        if name.may_be_kept {
            self.cache.put(&name.key, bytes.clone(), ttl.to_std().unwrap_or_default()).await;
        }
        Ok(bytes)
    }

    /// What was written by another version of the program is as nothing, and so is what is too old by the clock that answers are dated by.
    fn read<T: DeserializeOwned>(&self, bytes: &[u8], ttl: TimeDelta) -> Option<Cached<T>> {
        let cached: Cached<T> = serde_json::from_slice(bytes).ok()?;
        (self.clock.now() - cached.at < ttl).then_some(cached)
    }

    /// What the answer is called at present, and what is kept under it. The generation that this process knows is very likely the cache's, so the
    /// cache is asked for both at once.
    async fn find(&self, organisation: OrganisationId, topic: Topic, question: &str) -> (Name, Option<Vec<u8>>) {
        let generation_key = generation_key(organisation, topic);
        let Some(likely) = self.generations.likely(&generation_key).await else {
            let name = self.name(organisation, topic, question).await;
            let kept = self.cache.get(&name.key).await;
            return (name, kept);
        };
        let name = Name::new(organisation, topic, question, likely);
        let asked_at = Instant::now();
        let [found, kept] = self.cache.get_both(&generation_key, &name.key).await;
        let present = self.generations.settle(&generation_key, found, asked_at).await;
        if present.number == likely.number {
            return (name, kept);
        }
        let name = Name::new(organisation, topic, question, present);
        let kept = self.cache.get(&name.key).await;
        (name, kept)
    }

    async fn name(&self, organisation: OrganisationId, topic: Topic, question: &str) -> Name {
        let generation = self.generations.present(&generation_key(organisation, topic)).await;
        Name::new(organisation, topic, question, generation)
    }
}

/// What an answer is called.
#[derive(Debug)]
struct Name {
    key: String,
    /// Whether others know the generation in it.
    may_be_kept: bool,
}

impl Name {
    fn new(organisation: OrganisationId, topic: Topic, question: &str, generation: Generation) -> Self {
        let key = format!("{}{:016x}:{question}", prefix(organisation, topic), generation.number);
        Self { key, may_be_kept: generation.is_told() }
    }
}

fn prefix(organisation: OrganisationId, topic: Topic) -> String {
    format!("memo:{organisation}:{}:", topic.code())
}

fn generation_key(organisation: OrganisationId, topic: Topic) -> String {
    format!("generation:{organisation}:{}", topic.code())
}

fn internal(error: serde_json::Error) -> ServiceError {
    ServiceError::Internal(error.into())
}

/// Why a flight failed, for one of those who waited for it.
#[derive(Debug)]
struct Cause(Arc<ServiceError>);

impl Cause {
    fn inner(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner() {
            Some(inner) => fmt::Display::fmt(inner, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner()?.source()
    }
}

/// The same error once more.
pub(super) fn shared(error: &Arc<ServiceError>) -> ServiceError {
    match &**error {
        ServiceError::BadInput(bad) => ServiceError::BadInput(bad.clone()),
        ServiceError::Unauthenticated => ServiceError::Unauthenticated,
        ServiceError::Forbidden(why) => ServiceError::Forbidden(why.clone()),
        ServiceError::NotFound(what) => ServiceError::NotFound(what),
        ServiceError::Conflict(why) => ServiceError::Conflict(why.clone()),
        ServiceError::Fenced => ServiceError::Fenced,
        ServiceError::Upstream(why) => ServiceError::Upstream(why.clone()),
        ServiceError::Busy(why) => ServiceError::Busy(why),
        ServiceError::Unavailable(_) => ServiceError::Unavailable(Box::new(Cause(Arc::clone(error)))),
        ServiceError::Internal(_) => ServiceError::Internal(Box::new(Cause(Arc::clone(error)))),
    }
}

#[cfg(test)]
mod tests;
