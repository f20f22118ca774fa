//! Which addresses have something to be sent: said by hints where somebody listens, and found by looking.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::ready;
use futures_util::stream::select;
use futures_util::{Stream, StreamExt as _};

use super::HookService;
use crate::bus::{Heard, Woken};
use crate::domain::hook::Endpoint;
use crate::domain::id::{EndpointId, OrganisationId};
use crate::domain::shard::Shard;
use crate::service::ServiceError;
use crate::store::hook::Behind;
use crate::store::{self};

/// Where something may be to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// At this organisation.
    Organisation(OrganisationId),
    /// Anywhere.
    Anywhere,
    /// At organisations that this node did not hold before, and of which it is not known whether they have addresses.
    Won,
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
    /// How far addresses have seen the log without anything of it being theirs: written down now and then, and not with each event.
    passed: HashMap<EndpointId, Passed>,
}

/// How far an address has seen the log, and at which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passed {
    organisation: OrganisationId,
    revision: i64,
    cursor: i64,
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
        self.known().passed.get(&id).filter(|passed| passed.revision == revision).map(|passed| passed.cursor)
    }

    pub(super) fn pass(&self, endpoint: &Endpoint, cursor: i64) {
        let passed = Passed { organisation: endpoint.organisation_id, revision: endpoint.revision, cursor };
        self.known().passed.insert(endpoint.id, passed);
    }
}

impl HookService {
    /// News of organisations that this node holds, as it comes. An address that was made on another node is heard of too.
    pub fn listen(&self) -> impl Stream<Item = News> + Send + use<> {
        let (watched, holdings) = (std::sync::Arc::clone(&self.watched), self.core.holdings().clone());
        let hints = self.core.bus().listen().filter_map(move |heard| {
            ready(match heard {
                Heard::Gap => Some(News::Anywhere),
                Heard::Hint(hint) => {
                    let is_watched = watched.known().organisations.contains(&hint.organisation_id);
                    let is_ours = is_watched && holdings.term_of(hint.organisation_id).is_some();
                    is_ours.then_some(News::Organisation(hint.organisation_id))
                }
            })
        });
        let holdings = self.core.holdings().clone();
        let wakes = self.core.bus().wakes().filter_map(move |woken| {
            ready(match woken {
                Woken::Gap => Some(News::Anywhere),
                Woken::Organisation(organisation) => {
                    holdings.term_of(organisation).map(|_| News::Organisation(organisation))
                }
            })
        });
        let wins = self.core.holdings().wins().map(|()| News::Won);
        select(select(hints, wakes), wins)
    }

    /// Whether it is this node that sends to the organisation's addresses.
    pub fn holds(&self, organisation: OrganisationId) -> bool {
        self.core.holdings().term_of(organisation).is_some()
    }

    /// Whether other nodes may have a share in the work, so that to lose some is not the end of all.
    pub fn shares(&self) -> bool {
        self.core.lease().lasts().is_some()
    }

    /// Learns anew whose news matters, and writes down how far the addresses have seen the log; to be called now and then.
    pub async fn refresh(&self) -> Result<(), ServiceError> {
        let holdings = self.core.holdings();
        let passed: Vec<_> = self.watched.known().passed.iter().map(|(id, passed)| (*id, *passed)).collect();
        let terms: HashSet<_> = passed.iter().filter_map(|(_, passed)| holdings.term_of(passed.organisation)).collect();
        if !terms.is_empty() {
            let shards: HashSet<_> = terms.iter().map(|term| term.shard).collect();
            let ours = passed.iter().filter(|(_, passed)| shards.contains(&Shard::of(passed.organisation)));
            let moves: Vec<_> = ours.map(|(id, passed)| (*id, passed.revision, passed.cursor)).collect();
            let work = self.core.begin_under(&terms.into_iter().collect::<Vec<_>>()).await?;
            store::hook::pass(work.tx(), &moves).await?;
            work.commit().await?;
        }
        let organisations = store::hook::organisations(self.core.store().read(), &holdings.shards(), None).await?;
        let mut known = self.watched.known();
        for (id, passed) in passed {
            // What was passed meanwhile is of a revision that is gone; it is looked at again.
            if known.passed.get(&id) == Some(&passed) {
                known.passed.remove(&id);
            }
        }
        known.organisations.retain(|organisation| holdings.term_of(*organisation).is_some());
        known.organisations.extend(organisations);
        Ok(())
    }

    /// The addresses of this node's organisations that have not seen all of the log, of some organisations or of all, in the order of their
    /// ids, at most [`LOOK_MAX`] after `after`.
    pub async fn behind(
        &self,
        of: Option<&[OrganisationId]>,
        after: Option<EndpointId>,
    ) -> Result<Vec<Behind>, ServiceError> {
        let (read, shards) = (self.core.store().read(), self.core.holdings().shards());
        let new: Vec<_> = {
            let known = self.watched.known();
            of.into_iter().flatten().filter(|id| !known.organisations.contains(id)).copied().collect()
        };
        if !new.is_empty() {
            let found = store::hook::organisations(read, &shards, Some(&new)).await?;
            self.watched.known().organisations.extend(found);
        }
        Ok(store::hook::behind(read, &shards, of, after, LOOK_MAX).await?)
    }
}
