//! The ledger: usage goes in, is corrected, and gets a price that came late.
//!
//! What is recorded at the same time shares a transaction, and each call is answered after its commit. A record is in once however often
//! it is sent, and its counters change in the transaction that writes it.

mod beside;
mod correction;
mod group;
mod pricing;
mod reprice;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::access::Caller;
use super::lane::Lanes;
use super::{Core, ServiceError};
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::input::BadInput;
use crate::domain::page::{Page, PageRequest};
use crate::domain::shard::Term;
use crate::domain::usage::{Draft, Outcome, Refusal, UsageRecord};
use crate::store;
pub use crate::store::usage::{Filter, Place};
pub(super) use beside::{Entered, Entry, enter};
use group::{Batch, Item};
pub use reprice::Repriced;

/// The most records of one call.
pub const RECORDS_MAX: usize = 1_000;

/// How old usage may be that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// As old as the setting `LATE_WINDOW_DAYS` says.
    Live,
    /// As old as it is.
    Backfill,
}

/// Records usage, corrects it, and shows it.
#[derive(Debug, Clone)]
pub struct LedgerService {
    core: Arc<Core>,
    lanes: Arc<Lanes<Batch>>,
    /// Under what is recorded; `None`: on somebody's behalf.
    term: Option<Term>,
}

impl LedgerService {
    /// A ledger with a queue of its own. What waits there is written on the runtime that this is called in, and outlives its caller.
    pub fn new(core: Arc<Core>) -> Self {
        let lanes = Arc::new(Lanes::new(core.store().backend()));
        Self { core, lanes, term: None }
    }

    /// The same for a job, which records nothing where its term is over.
    pub(crate) fn under(core: Arc<Core>, term: Term) -> Self {
        Self { term: Some(term), ..Self::new(core) }
    }

    /// Puts usage into the ledger; an outcome for each draft, in their order, after everything is committed.
    ///
    /// Fails as a whole where there are none or more than [`RECORDS_MAX`] drafts, or too much is waiting already. After any other error
    /// nothing or all of it may have been recorded: sending the same again is safe.
    pub async fn record(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        drafts: Vec<Draft>,
        window: Window,
    ) -> Result<Vec<Outcome>, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        if !(1..=RECORDS_MAX).contains(&drafts.len()) {
            let accepted = format!("expected 1 to {RECORDS_MAX} records");
            return Err(BadInput::new("records", drafts.len(), accepted).into());
        }
        let now = self.core.now();
        let oldest = match window {
            Window::Live => Some(now - self.core.ledger().late_window),
            Window::Backfill => None,
        };
        let mut items = Vec::with_capacity(drafts.len());
        // What was refused, and for what is not here the next answer is taken.
        let mut refused: Vec<Option<Refusal>> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let field = draft.field.clone();
            match draft.check(now, oldest) {
                Ok(usage) => {
                    items.push(Item { field, hash: usage.content_hash(), usage });
                    refused.push(None);
                }
                Err(bad) => refused.push(Some(bad.into())),
            }
        }
        let mut written = Vec::new();
        if !items.is_empty() {
            written = self.lanes.record(&self.core, Batch { organisation, items, term: self.term }).await?;
        }
        let mut written = written.into_iter();
        let outcomes = refused.into_iter().map(|refusal| match refusal {
            Some(refusal) => Some(Outcome::Rejected(refusal)),
            None => written.next(),
        });
        let outcomes: Option<Vec<_>> = outcomes.collect();
        outcomes.ok_or_else(|| ServiceError::Internal("a record has no outcome".into()))
    }

    /// The record with this id, whosever it is: the caller must look at its organisation.
    pub async fn find(&self, id: UsageRecordId) -> Result<Option<UsageRecord>, ServiceError> {
        Ok(store::usage::find_any(self.core.store().read(), id).await?)
    }

    /// Those of the ids that exist.
    pub async fn find_many(&self, ids: &[UsageRecordId]) -> Result<HashMap<UsageRecordId, UsageRecord>, ServiceError> {
        let found = store::usage::find_many(self.core.store().read(), ids).await?;
        Ok(found.into_iter().map(|record| (record.id, record)).collect())
    }

    /// Which of these records were taken away.
    pub async fn voided(&self, ids: &[UsageRecordId]) -> Result<HashSet<UsageRecordId>, ServiceError> {
        Ok(store::usage::voided(self.core.store().read(), ids).await?)
    }

    /// Which of these records went beyond an allowance that blocks.
    pub async fn over_allowance(&self, ids: &[UsageRecordId]) -> Result<HashSet<UsageRecordId>, ServiceError> {
        Ok(store::allowance::flagged(self.core.store().read(), ids).await?)
    }

    /// A page of an organisation's records, newest first.
    pub async fn page(
        &self,
        organisation: OrganisationId,
        filter: &Filter,
        request: &PageRequest<Place>,
    ) -> Result<Page<UsageRecord>, ServiceError> {
        Ok(store::usage::page(self.core.store().read(), organisation, filter, request).await?)
    }
}
