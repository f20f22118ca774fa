//! Which shards are looked after: those that arrive, those that are served, those that are left, and those that are lost.
//!
//! A shard that was won *arrives*: what was cut off there is put back first, and only then are its organisations known here. One that is
//! *left* has its runs end and be recorded, starts nothing new, and is *vacated* when it is empty. One that is *lost* is dropped with all
//! that runs there, and nothing of it is recorded, because another owns it already.

use std::collections::{BTreeMap, BTreeSet};

use super::{Agenda, Occupation, Phase};
use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::domain::shard::{Epoch, Shard, Term};

/// How a shard is held.
#[derive(Debug)]
enum Tenure {
    Served,
    /// These of its organisations still have something under way.
    Left(BTreeSet<OrganisationId>),
}

/// The shards of a node.
#[derive(Debug, Default)]
pub(super) struct Tenures {
    held: BTreeMap<Shard, (Epoch, Tenure)>,
    /// Won, and their organisations not all known yet.
    arriving: BTreeMap<Shard, Epoch>,
}

impl Tenures {
    pub(super) fn serves(&self, organisation: OrganisationId) -> bool {
        matches!(self.held.get(&Shard::of(organisation)), Some((_, Tenure::Served)))
    }

    /// Whether what was begun under this term still counts.
    pub(super) fn holds(&self, term: Term) -> bool {
        self.held.get(&term.shard).is_some_and(|(epoch, _)| *epoch == term.epoch)
    }

    fn is_left(&self, shard: Shard) -> bool {
        matches!(self.held.get(&shard), Some((_, Tenure::Left(_))))
    }

    /// Nothing is under way for this one any more.
    pub(super) fn forget(&mut self, organisation: OrganisationId) {
        if let Some((_, Tenure::Left(busy))) = self.held.get_mut(&Shard::of(organisation)) {
            busy.remove(&organisation);
        }
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.arriving.clear();
    }

    pub(super) fn is_settled(&self) -> bool {
        self.arriving.is_empty()
    }
}

impl Agenda {
    /// These were won.
    pub(in crate::scheduler) fn arrive(&mut self, won: &[Term]) {
        self.tenures.arriving.extend(won.iter().map(|term| (term.shard, term.epoch)));
    }

    /// Those that arrive.
    pub(in crate::scheduler) fn arriving(&self) -> Vec<Term> {
        self.tenures.arriving.iter().map(|(shard, epoch)| Term { shard: *shard, epoch: *epoch }).collect()
    }

    /// What was cut off in these shards is put back: from now on their organisations are known when they are named. What was lost
    /// meanwhile is not.
    pub(in crate::scheduler) fn serve(&mut self, terms: &[Term]) {
        for term in terms {
            if self.tenures.arriving.get(&term.shard) == Some(&term.epoch) {
                self.tenures.held.insert(term.shard, (term.epoch, Tenure::Served));
            }
        }
    }

    /// An active organisation of a shard that is served, and when it is due; `None`: when it is woken.
    pub(in crate::scheduler) fn learn(&mut self, organisation: OrganisationId, due: Option<Instant>) {
        self.enter(organisation);
        if let Some(due) = due {
            self.note(organisation, due);
        }
    }

    /// All of these shards' organisations are known.
    pub(in crate::scheduler) fn arrived(&mut self, terms: &[Term]) {
        for term in terms {
            if self.tenures.arriving.get(&term.shard) == Some(&term.epoch) {
                self.tenures.arriving.remove(&term.shard);
            }
        }
    }

    /// Gives up so many shards, those in which nothing is under way first.
    pub(in crate::scheduler) fn leave(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let busy: BTreeSet<_> = self.running.keys().map(|organisation| Shard::of(*organisation)).collect();
        let held = self.tenures.held.keys().copied().filter(|shard| !self.tenures.is_left(*shard));
        let all: BTreeSet<_> = held.chain(self.tenures.arriving.keys().copied()).collect();
        let (with_work, idle): (Vec<_>, Vec<_>) = all.into_iter().partition(|shard| busy.contains(shard));
        let leaving: BTreeSet<_> = idle.into_iter().chain(with_work).take(count).collect();
        let mut left: BTreeMap<Shard, BTreeSet<OrganisationId>> = BTreeMap::new();
        let mut idle = Vec::new();
        for (organisation, entry) in self.entries.iter().filter(|(id, _)| leaving.contains(&Shard::of(**id))) {
            match entry.occupation {
                Occupation::Rest => idle.push(*organisation),
                Occupation::Looking | Occupation::Busy => {
                    left.entry(Shard::of(*organisation)).or_default().insert(*organisation);
                }
            }
        }
        for shard in leaving {
            let arriving = self.tenures.arriving.remove(&shard);
            let held = self.tenures.held.get(&shard).map(|(epoch, _)| *epoch);
            if let Some(epoch) = held.or(arriving) {
                let busy = left.remove(&shard).unwrap_or_default();
                self.tenures.held.insert(shard, (epoch, Tenure::Left(busy)));
            }
        }
        self.forget(&idle);
    }

    /// How many shards are being left.
    pub(in crate::scheduler) fn leaving(&self) -> usize {
        self.tenures.held.values().filter(|(_, tenure)| matches!(tenure, Tenure::Left(_))).count()
    }

    /// Those that were left and in which nothing is under way any more; nothing is known of them from now on.
    pub(in crate::scheduler) fn take_vacated(&mut self) -> Vec<Shard> {
        let is_empty = |tenure: &Tenure| matches!(tenure, Tenure::Left(busy) if busy.is_empty());
        let vacated = self.tenures.held.iter().filter(|(_, (_, tenure))| is_empty(tenure));
        let vacated: Vec<_> = vacated.map(|(shard, _)| *shard).collect();
        for shard in &vacated {
            self.tenures.held.remove(shard);
        }
        vacated
    }

    /// Another owns these, or may do so: what runs there is told to end, and whatever it comes to is not heard. How many runs that were.
    pub(in crate::scheduler) fn lose(&mut self, shards: &[Shard]) -> usize {
        if shards.is_empty() {
            return 0;
        }
        let lost: BTreeSet<_> = shards.iter().copied().collect();
        let is_lost = |organisation: OrganisationId| lost.contains(&Shard::of(organisation));
        for shard in &lost {
            self.tenures.held.remove(shard);
            self.tenures.arriving.remove(shard);
        }
        let mut runs = 0;
        self.running.retain(|organisation, running| {
            let is_lost = is_lost(*organisation);
            if is_lost {
                running.cancel.cancel();
                runs += 1;
            }
            !is_lost
        });
        self.ended.retain(|ended| !is_lost(ended.finished.run.organisation_id));
        let theirs: Vec<_> = self.entries.keys().copied().filter(|organisation| is_lost(*organisation)).collect();
        self.forget(&theirs);
        runs
    }

    /// The same of everything.
    pub(in crate::scheduler) fn lose_all(&mut self) -> usize {
        let all: Vec<_> = self.tenures.held.keys().chain(self.tenures.arriving.keys()).copied().collect();
        self.lose(&all)
    }

    /// Shards that are held, and the greatest epoch among theirs.
    pub(in crate::scheduler) fn shards(&self) -> (usize, i64) {
        let arriving = self.tenures.arriving.iter().filter(|(shard, _)| !self.tenures.held.contains_key(shard));
        let epochs = self.tenures.held.values().map(|(epoch, _)| *epoch).chain(arriving.map(|(_, epoch)| *epoch));
        epochs.fold((0, 0), |(count, max), epoch| (count + 1, epoch.0.max(max)))
    }

    /// Something was refused because another node took over: nothing is asked for or written until it is known what.
    pub(in crate::scheduler) fn doubt(&mut self) {
        if self.phase != Phase::Fenced {
            self.doubtful = true;
        }
    }

    /// It is known what is held.
    pub(in crate::scheduler) fn trust(&mut self) {
        self.doubtful = false;
    }

    pub(in crate::scheduler) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Those whose actors are to stop.
    pub(in crate::scheduler) fn take_dismissed(&mut self) -> Vec<OrganisationId> {
        std::mem::take(&mut self.dismissed)
    }

    /// These are not this node's any more.
    pub(super) fn forget(&mut self, organisations: &[OrganisationId]) {
        if organisations.is_empty() {
            return;
        }
        let gone: BTreeSet<_> = organisations.iter().copied().collect();
        self.newcomers.retain(|organisation| !gone.contains(organisation));
        self.alarms.retain(|alarm| !gone.contains(&alarm.organisation()));
        for organisation in gone {
            self.forget_one(organisation);
        }
    }
}
