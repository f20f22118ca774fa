//! Messages come in: joined with what is known of them, counted, and made usage, in one transaction.
//!
//! What is told at the same time shares a transaction, and each call is answered after its commit. Any order and any repetition of what is
//! told come to the same messages, counters and usage records.

mod backfill;
pub(super) mod contact;
mod conversation;
mod fact;
mod group;
mod intake;

use std::sync::Arc;

use super::access::Caller;
use super::lane::Lanes;
use super::{Core, ServiceError};
use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::domain::message::{Outcome, Update};
pub(super) use backfill::{MadeUp, make_up};
pub use conversation::CONVERSATIONS_MAX;
use intake::Batch;

/// The most messages, or updates of them, in one call.
pub const MESSAGES_MAX: usize = 1_000;

/// Takes in what is told of messages.
#[derive(Debug, Clone)]
pub struct MessageService {
    core: Arc<Core>,
    lanes: Arc<Lanes<Batch>>,
}

impl MessageService {
    /// Messages with a queue of their own. What waits there is written on the runtime that this is called in, and outlives its caller.
    pub fn new(core: Arc<Core>) -> Self {
        let lanes = Arc::new(Lanes::new(core.store().backend()));
        Self { core, lanes }
    }

    /// Takes in what a caller tells of messages; an outcome for each, in their order, after everything is committed. What could not be read
    /// is answered as rejected, in its place.
    ///
    /// Fails as a whole where there are none or more than [`MESSAGES_MAX`], or too much is waiting already. After any other error nothing or
    /// all of it may have been taken in: sending the same again is safe.
    pub async fn record(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        messages: Vec<Result<Update, BadInput>>,
    ) -> Result<Vec<Outcome>, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        self.take_in(organisation, messages).await
    }

    /// The same for updates whose signature says whose they are.
    pub async fn receive(
        &self,
        organisation: OrganisationId,
        updates: Vec<Update>,
    ) -> Result<Vec<Outcome>, ServiceError> {
        self.take_in(organisation, updates.into_iter().map(Ok).collect()).await
    }

    async fn take_in(
        &self,
        organisation: OrganisationId,
        told: Vec<Result<Update, BadInput>>,
    ) -> Result<Vec<Outcome>, ServiceError> {
        if !(1..=MESSAGES_MAX).contains(&told.len()) {
            let accepted = format!("expected 1 to {MESSAGES_MAX} messages");
            return Err(BadInput::new("messages", told.len(), accepted).into());
        }
        let now = self.core.now();
        let mut updates = Vec::with_capacity(told.len());
        // What was refused, and for what is not here the next answer is taken.
        let mut refused = Vec::with_capacity(told.len());
        for told in told {
            match told.and_then(|update| update.check(now)) {
                Ok(update) => {
                    updates.push(update);
                    refused.push(None);
                }
                Err(bad) => refused.push(Some(bad)),
            }
        }
        // Of an organisation that does not exist nothing is refused by its content.
        let mut written = self.lanes.record(&self.core, Batch { organisation, updates }).await?.into_iter();
        let outcomes = refused.into_iter().map(|bad| match bad {
            Some(bad) => Some(Outcome::Rejected(bad.into())),
            None => written.next(),
        });
        let outcomes: Option<Vec<_>> = outcomes.collect();
        outcomes.ok_or_else(|| ServiceError::Internal("a message has no outcome".into()))
    }
}
