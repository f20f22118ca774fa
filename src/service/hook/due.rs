//! Which addresses have something to be sent: said by hints where somebody listens, and found by looking.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::ready;
use futures_util::{Stream, StreamExt as _};

use super::HookService;
use crate::bus::Heard;
use crate::domain::id::{EndpointId, OrganisationId};
use crate::service::ServiceError;
use crate::service::lease::Epoch;
use crate::store::hook::Behind;
use crate::store::{self};

/// Where something may be to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// At this organisation.
    Organisation(OrganisationId),
    /// Anywhere.
    Anywhere,
}

/// How many addresses one look finds at most.
pub const LOOK_MAX: u64 = 500;

/// What is known between looks; all of it can be lost.
#[derive(Debug, Default)]
pub(super) struct Watched {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Who has addresses; everybody else's hints are passed over.
    organisations: HashSet<OrganisationId>,
    /// How far addresses have seen the log without anything of it being theirs, and at which revision: written down now and then, and
    /// not with each event.
    passed: HashMap<EndpointId, (i64, i64)>,
}

impl Watched {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, organisation: OrganisationId) {
        self.known().organisations.insert(organisation);
    }

    /// How far the address of this revision has seen the log, if further than its row says.
    pub(super) fn passed(&self, id: EndpointId, revision: i64) -> Option<i64> {
        self.known().passed.get(&id).filter(|(at, _)| *at == revision).map(|(_, cursor)| *cursor)
    }

    pub(super) fn pass(&self, id: EndpointId, revision: i64, cursor: i64) {
        self.known().passed.insert(id, (revision, cursor));
    }
}

impl HookService {
    /// News as it comes; ends with the bus. An address that was made on another node is heard of from the next look at all of them on.
    pub fn listen(&self) -> impl Stream<Item = News> + Send + use<> {
        let watched = std::sync::Arc::clone(&self.watched);
        self.core.bus().listen().filter_map(move |heard| {
            ready(match heard {
                Heard::Gap => Some(News::Anywhere),
                Heard::Hint(hint) => {
                    let is_watched = watched.known().organisations.contains(&hint.organisation_id);
                    is_watched.then_some(News::Organisation(hint.organisation_id))
                }
            })
        })
    }

    /// Learns anew whose news matters, and writes down how far the addresses have seen the log; to be called now and then.
    pub async fn refresh(&self, epoch: Epoch) -> Result<(), ServiceError> {
        let passed: Vec<_> = {
            let known = self.watched.known();
            known.passed.iter().map(|(id, (revision, cursor))| (*id, *revision, *cursor)).collect()
        };
        if !passed.is_empty() {
            let work = self.core.begin_as(epoch).await?;
            store::hook::pass(work.tx(), &passed).await?;
            work.commit().await?;
        }
        let organisations = store::hook::organisations(self.core.store().read()).await?;
        let mut known = self.watched.known();
        for (id, revision, cursor) in passed {
            // What was passed meanwhile is of a revision that is gone; it is looked at again.
            if known.passed.get(&id) == Some(&(revision, cursor)) {
                known.passed.remove(&id);
            }
        }
        known.organisations.extend(organisations);
        Ok(())
    }

    /// The addresses that have not seen all of the log, of some organisations or of all, in the order of their ids, at most [`LOOK_MAX`]
    /// after `after`.
    pub async fn behind(
        &self,
        of: Option<&[OrganisationId]>,
        after: Option<EndpointId>,
    ) -> Result<Vec<Behind>, ServiceError> {
        Ok(store::hook::behind(self.core.store().read(), of, after, LOOK_MAX).await?)
    }
}
