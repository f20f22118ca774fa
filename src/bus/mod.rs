//! The bus: hints that an organisation has new events, word of tokens that were revoked, and calls to look at an organisation's jobs again.
//!
//! What there is, the reader finds in the database. A hint may be lost, repeated or late: nothing depends on it but how soon somebody looks. In process it is a broadcast channel, and a place for
//! each organisation that somebody waits for; between nodes it is Redis.

mod hub;
mod local;
mod poll;
mod redis;
mod wire;

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Instant;

use futures_util::Stream;
use futures_util::future::{BoxFuture, ready};

use crate::domain::event::Hint;
use crate::domain::id::{OrganisationId, TokenId};

pub use local::LocalBus;
pub use poll::PollingBus;
pub use redis::RedisBus;

/// What a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An organisation has events up to here.
    Hint(Hint),
    /// Hints were lost: look everywhere that matters to you.
    Gap,
}

/// What a listener to one organisation hears: there may be news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Whatever is read from here on shows it.
    pub since: Instant,
    /// The newest event that is known of; `None`: hints were lost.
    pub upto: Option<i64>,
}

/// What a listener hears of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// This one was revoked.
    Token(TokenId),
    /// Word of some was lost: look at your own.
    Gap,
}

/// What a listener hears of organisations whose jobs changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Look at this one's schedules and runs again.
    Organisation(OrganisationId),
    /// Some calls were lost: look at all that are yours.
    Gap,
}

/// Calls to look again as they come; ends when the bus is gone.
pub type Wakes = Pin<Box<dyn Stream<Item = Woken> + Send>>;

/// Revocations as they come; ends when the bus is gone.
pub type Revocations = Pin<Box<dyn Stream<Item = Revoked> + Send>>;

/// Hints as they come; ends when the bus is gone.
pub type Listening = Pin<Box<dyn Stream<Item = Heard> + Send>>;

/// Calls as they come, those that were not waited for in one; ends when the bus is gone.
pub type Calls = Pin<Box<dyn Stream<Item = Call> + Send>>;

/// Carries hints from who wrote events to who waits for them.
pub trait Bus: Send + Sync + Debug {
    /// Tells every listener; never blocks and never fails, because nothing may depend on it.
    fn publish(&self, hints: &[Hint]);
    /// Hears every hint that is published from now on.
    fn listen(&self) -> Listening;
    /// Hears of one organisation's events from now on, and is woken by no other's.
    fn listen_to(&self, organisation: OrganisationId) -> Calls;
    /// Tells every listener that a token opens nothing any more; never blocks and never fails.
    fn revoke(&self, token: TokenId);
    /// Hears of every token that is revoked from now on.
    fn revocations(&self) -> Revocations;
    /// Tells every listener to look at an organisation's jobs again; never blocks and never fails.
    fn wake(&self, organisation: OrganisationId);
    /// Hears of every organisation that is to be looked at again from now on.
    fn wakes(&self) -> Wakes;
    /// Resolves once what was told before has left this process, or could not; after a second in any case.
    fn sent(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}
