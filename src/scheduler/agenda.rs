//! The delay queue and what the scheduler knows of each organisation: plain state, no waiting, so that every decision is a table test.
//!
//! An organisation is looked at only while its actor is up and nothing of it is being looked at, running or being recorded;
//! that is what keeps its jobs one at a time. Whatever comes in between is remembered and makes it due again. Of organisations whose shard
//! is not held, nothing is known.

mod tenure;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::Verdict;
use crate::domain::clock::Instant;
use crate::domain::id::{JobRunId, OrganisationId};
use crate::domain::job::JobRun;
use crate::domain::shard::Term;

use crate::service::dispatch::{Claim, Finished, Look};

use tenure::Tenures;

/// An organisation for which a look had neither run nor future time is not asked again sooner than this.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(1);

/// How an organisation's actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Asked for, not yet reported.
    Starting,
    Up,
    Down,
}

/// What is being done for an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occupation {
    Rest,
    /// The services are being asked for its work.
    Looking,
    /// It has a run that executes, or whose result is not recorded yet.
    Busy,
}

/// One per organisation, idle ones included: kept small.
#[derive(Debug)]
struct Entry {
    /// When to look next; while not at rest, nothing.
    due: Option<Instant>,
    /// Which start of an actor this is; what an earlier actor says is not believed.
    incarnation: u32,
    life: Life,
    occupation: Occupation,
    /// Woken while it could not be looked at.
    woken: bool,
}

impl Entry {
    fn is_idle(&self) -> bool {
        self.life == Life::Up && self.occupation == Occupation::Rest
    }
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) run: JobRun,
    /// Under what it was claimed.
    term: Term,
    /// Whose hands it is in.
    incarnation: u32,
    pub(super) cancel: CancellationToken,
    pub(super) since: Instant,
    /// The node lets go of it: a run that ends as cancelled was not cancelled by anybody's wish.
    released: bool,
}

/// A run that is over, until that is recorded.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) finished: Finished,
    pub(super) since: Instant,
    /// Not recorded before this; a past time unless recording it has failed.
    pub(super) record_at: Instant,
}

/// What an organisation's actor is to start, with what it takes to stop it again.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) run: JobRun,
    pub(super) term: Term,
    pub(super) cancel: CancellationToken,
    pub(super) incarnation: u32,
}

/// What is to be told of an organisation's actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// It died too often.
    Quarantined { organisation: OrganisationId, restarts: u32 },
    /// It is well again.
    LetGo { organisation: OrganisationId },
}

impl Alarm {
    const fn organisation(self) -> OrganisationId {
        match self {
            Self::Quarantined { organisation, .. } | Self::LetGo { organisation } => organisation,
        }
    }
}

/// Figures that only grow, and the last lateness.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) restarts: i64,
    pub(super) lag_ms_last: i64,
    pub(super) lag_ms_max: i64,
}

/// How far the scheduler is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Working,
    /// Nothing new is claimed; what runs is cancelled at the one time and given up at the other.
    Draining {
        cancel_at: Instant,
        give_up_at: Instant,
    },
    /// Nothing runs any more.
    Stopped,
    /// Another node has taken over: whatever ran here is void.
    Fenced,
}

#[derive(Debug)]
pub(super) struct Agenda {
    entries: HashMap<OrganisationId, Entry>,
    /// Exactly the idle entries that have a due time, earliest first.
    queue: BTreeSet<(Instant, OrganisationId)>,
    /// Known, but without an actor as yet.
    newcomers: Vec<OrganisationId>,
    /// Whose actor is down, until when if that is decided.
    down: BTreeMap<OrganisationId, Option<Instant>>,
    /// Those among them of which that was not decided at the last sweep, with the incarnation that died.
    undecided: BTreeMap<OrganisationId, u32>,
    running: HashMap<OrganisationId, Running>,
    ended: Vec<Ended>,
    /// Woken while they have a run: it may be that it is to be cancelled.
    asked: HashSet<OrganisationId>,
    alarms: Vec<Alarm>,
    quarantined: BTreeSet<OrganisationId>,
    /// Not this node's any more, and their actors not told yet.
    dismissed: Vec<OrganisationId>,
    tenures: Tenures,
    /// See [`Agenda::doubt`].
    doubtful: bool,
    /// Counts the starts of actors, all together, so that no two of one organisation have the same number.
    incarnations: u32,
    starting: usize,
    up: usize,
    pub(super) tally: Tally,
    pub(super) phase: Phase,
    /// The next search for what was forgotten.
    pub(super) sweep_at: Instant,
    /// A tick is in progress: something may be in nobody's list.
    pub(super) ticking: bool,
}

impl Agenda {
    pub(super) fn new(sweep_at: Instant) -> Self {
        Self {
            entries: HashMap::new(),
            queue: BTreeSet::new(),
            newcomers: Vec::new(),
            down: BTreeMap::new(),
            undecided: BTreeMap::new(),
            running: HashMap::new(),
            ended: Vec::new(),
            asked: HashSet::new(),
            alarms: Vec::new(),
            quarantined: BTreeSet::new(),
            dismissed: Vec::new(),
            tenures: Tenures::default(),
            doubtful: false,
            incarnations: 0,
            starting: 0,
            up: 0,
            tally: Tally::default(),
            phase: Phase::Working,
            sweep_at,
            ticking: false,
        }
    }

    /// Changes an entry and keeps the queue and the counts true to it. `None` when the organisation is unknown.
    fn change<T>(&mut self, organisation: OrganisationId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let entry = self.entries.get_mut(&organisation)?;
        let queued = |entry: &Entry| entry.due.filter(|_| entry.is_idle());
        let (before, life_before) = (queued(entry), entry.life);
        let result = change(entry);
        let (after, life_after) = (queued(entry), entry.life);
        if before != after {
            if let Some(due) = before {
                self.queue.remove(&(due, organisation));
            }
            if let Some(due) = after {
                self.queue.insert((due, organisation));
            }
        }
        if life_before != life_after {
            match life_before {
                Life::Starting => self.starting -= 1,
                Life::Up => self.up -= 1,
                Life::Down => {
                    self.down.remove(&organisation);
                }
            }
            match life_after {
                Life::Starting => self.starting += 1,
                Life::Up => self.up += 1,
                Life::Down => {
                    self.down.insert(organisation, None);
                }
            }
        }
        Some(result)
    }

    /// Makes the organisation known, if its shard is served; an actor will be started for it.
    pub(super) fn enter(&mut self, organisation: OrganisationId) {
        if !self.tenures.serves(organisation) || self.entries.contains_key(&organisation) {
            return;
        }
        let entry =
            Entry { due: None, incarnation: 0, life: Life::Starting, occupation: Occupation::Rest, woken: false };
        self.entries.insert(organisation, entry);
        self.starting += 1;
        self.newcomers.push(organisation);
    }

    /// The organisation is to be looked at by `at`, or sooner if that was so already.
    pub(super) fn note(&mut self, organisation: OrganisationId, at: Instant) {
        self.enter(organisation);
        self.change(organisation, |entry| match entry.occupation {
            Occupation::Rest => entry.due = Some(entry.due.map_or(at, |due| due.min(at))),
            // Both are followed by a look at everything, or by the answer of one that is under way.
            Occupation::Looking | Occupation::Busy => {}
        });
    }

    /// Something about the organisation has changed: look again.
    pub(super) fn wake(&mut self, organisation: OrganisationId, now: Instant) {
        self.note(organisation, now);
        let occupation = self.change(organisation, |entry| {
            entry.woken = entry.occupation != Occupation::Rest;
            entry.occupation
        });
        if occupation == Some(Occupation::Busy) && self.running.contains_key(&organisation) {
            self.asked.insert(organisation);
        }
    }

    /// Those that need an actor.
    pub(super) fn take_newcomers(&mut self) -> Vec<OrganisationId> {
        std::mem::take(&mut self.newcomers)
    }

    /// Counts a new start of the actor and says which one it is; `None`: the organisation is not this node's any more.
    pub(super) fn starting(&mut self, organisation: OrganisationId, again: bool) -> Option<u32> {
        let incarnation = self.incarnations.wrapping_add(1);
        self.change(organisation, |entry| {
            entry.incarnation = incarnation;
            entry.life = Life::Starting;
        })?;
        self.incarnations = incarnation;
        self.tally.restarts += i64::from(again);
        Some(incarnation)
    }

    fn forget_one(&mut self, organisation: OrganisationId) {
        self.change(organisation, |entry| entry.due = None);
        let Some(entry) = self.entries.remove(&organisation) else { return };
        match entry.life {
            Life::Starting => self.starting -= 1,
            Life::Up => self.up -= 1,
            Life::Down => {}
        }
        self.down.remove(&organisation);
        self.undecided.remove(&organisation);
        self.asked.remove(&organisation);
        self.quarantined.remove(&organisation);
        self.tenures.forget(organisation);
        self.dismissed.push(organisation);
    }

    /// Forgets one of a shard that is being left, now that nothing is under way for it. False: it stays.
    fn has_left(&mut self, organisation: OrganisationId) -> bool {
        let stays = self.tenures.serves(organisation);
        if !stays {
            self.forget(&[organisation]);
        }
        !stays
    }

    /// The actor has started.
    pub(super) fn up(&mut self, organisation: OrganisationId, incarnation: u32) {
        self.change(organisation, |entry| {
            if entry.incarnation == incarnation {
                entry.life = Life::Up;
            }
        });
    }

    /// The actor has died.
    pub(super) fn down(&mut self, organisation: OrganisationId, incarnation: u32) {
        self.change(organisation, |entry| {
            if entry.incarnation == incarnation {
                entry.life = Life::Down;
            }
        });
    }

    /// When the actor that died is started again.
    pub(super) fn down_until(&mut self, organisation: OrganisationId, at: Instant) {
        if let Some(until) = self.down.get_mut(&organisation) {
            *until = Some(at);
        }
    }

    /// Dead since the last time this was asked, and still nobody has said when they are started again. A death of just now is
    /// on its way to the guardian.
    pub(super) fn abandoned(&mut self) -> Vec<OrganisationId> {
        let undecided = self.down.iter().filter(|(_, until)| until.is_none());
        let undecided: BTreeMap<_, _> = undecided
            .filter_map(|(organisation, _)| Some((*organisation, self.entries.get(organisation)?.incarnation)))
            .collect();
        let before = std::mem::replace(&mut self.undecided, undecided);
        let still = self.undecided.iter().filter(|(organisation, death)| before.get(organisation) == Some(death));
        still.map(|(organisation, _)| *organisation).collect()
    }

    /// Everybody's actor is to be started again, as when its guardian is lost.
    pub(super) fn enter_all_again(&mut self) {
        self.newcomers = self.entries.keys().copied().collect();
    }

    pub(super) fn quarantine(&mut self, organisation: OrganisationId, restarts: u32) {
        if self.quarantined.insert(organisation) {
            self.alarms.push(Alarm::Quarantined { organisation, restarts });
        }
    }

    pub(super) fn end_quarantine(&mut self, organisation: OrganisationId) {
        if self.quarantined.remove(&organisation) {
            self.alarms.push(Alarm::LetGo { organisation });
        }
    }

    /// The alarm to raise or to end next; it stays until [`Agenda::alarm_raised`].
    pub(super) fn alarm(&self) -> Option<Alarm> {
        self.alarms.first().copied()
    }

    pub(super) fn alarm_raised(&mut self, alarm: Alarm) {
        // It went with its organisation, if that was lost meanwhile.
        if self.alarms.first() == Some(&alarm) {
            self.alarms.remove(0);
        }
    }

    /// Takes up to `count` organisations that are due, longest due first, to be looked at.
    pub(super) fn take_due(&mut self, now: Instant, count: usize) -> Vec<OrganisationId> {
        let due: Vec<_> = self
            .queue
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(count)
            .map(|(_, organisation)| *organisation)
            .collect();
        for organisation in &due {
            self.change(*organisation, |entry| {
                entry.due = None;
                entry.occupation = Occupation::Looking;
            });
        }
        due
    }

    /// Ends the look at an organisation that got no run; `next` is when to look again.
    pub(super) fn looked(&mut self, organisation: OrganisationId, next: Option<Instant>, now: Instant) {
        let ended = self.change(organisation, |entry| {
            let was_looked_at = entry.occupation == Occupation::Looking;
            if was_looked_at {
                entry.occupation = Occupation::Rest;
                entry.due = if std::mem::take(&mut entry.woken) { Some(now) } else { next };
            }
            was_looked_at
        });
        if ended == Some(true) {
            self.has_left(organisation);
        }
    }

    /// Takes over what a look at `looked` answered; what is to be started comes back.
    pub(super) fn apply(&mut self, asked: &[OrganisationId], look: Look, now: Instant) -> Vec<Assignment> {
        let assignments = look.claims.into_iter().filter_map(|claim| self.claim(claim, now)).collect();
        for organisation in look.left {
            self.looked(organisation, Some(now), now);
        }
        for (organisation, next) in look.next {
            // A time that has passed although there was nothing to claim would have the clockwork spin.
            let next = next.map(|next| if next > now { next } else { now + LOOK_AGAIN });
            self.looked(organisation, next, now);
        }
        // Whoever was forgotten in the answer is found by the sweep.
        for organisation in asked {
            self.looked(*organisation, None, now);
        }
        assignments
    }

    fn claim(&mut self, claim: Claim, now: Instant) -> Option<Assignment> {
        let Claim { run, term, lateness } = claim;
        let organisation = run.organisation_id;
        if !self.tenures.holds(term) {
            // Lost while it was looked at: whoever owns it now puts the run back.
            return None;
        }
        let lag_ms = lateness.num_milliseconds().max(0);
        self.tally.lag_ms_last = lag_ms;
        self.tally.lag_ms_max = self.tally.lag_ms_max.max(lag_ms);
        let (incarnation, woken) = self.change(organisation, |entry| {
            entry.occupation = Occupation::Busy;
            (entry.incarnation, std::mem::take(&mut entry.woken))
        })?;
        let cancel = CancellationToken::new();
        let running =
            Running { run: run.clone(), term, incarnation, cancel: cancel.clone(), since: now, released: false };
        self.running.insert(organisation, running);
        if woken {
            self.asked.insert(organisation);
        }
        if self.phase != Phase::Working || !self.tenures.serves(organisation) {
            self.over(&run, incarnation, Verdict::Released);
            return None;
        }
        Some(Assignment { run, term, cancel, incarnation })
    }

    /// A run is over in the hands of this incarnation. What is no longer waited for is not heard: it was given up, or it was lost with its shard,
    /// even though the same run may have been won back and begun anew meanwhile.
    pub(super) fn over(&mut self, run: &JobRun, incarnation: u32, verdict: Verdict) {
        let organisation = run.organisation_id;
        let is_it = |running: &Running| running.run.id == run.id && running.incarnation == incarnation;
        if !self.running.get(&organisation).is_some_and(is_it) {
            return;
        }
        self.asked.remove(&organisation);
        if let Some(Running { run, term, since, released, .. }) = self.running.remove(&organisation) {
            let verdict = if released && verdict == Verdict::Cancelled { Verdict::Released } else { verdict };
            self.ended.push(Ended { finished: Finished { run, term, verdict }, since, record_at: since });
        }
    }

    /// An actor died with a run in its hands.
    pub(super) fn lost(&mut self, organisation: OrganisationId, incarnation: u32) {
        self.down(organisation, incarnation);
    }

    /// Takes up to `count` runs that are over, to be recorded.
    pub(super) fn take_ended(&mut self, now: Instant, count: usize) -> Vec<Ended> {
        // Those whose recording failed are few, and move to the end.
        self.ended.sort_by_key(|ended| ended.record_at > now);
        let ready = self.ended.partition_point(|ended| ended.record_at <= now);
        self.ended.drain(..ready.min(count)).collect()
    }

    /// They could not be recorded: they stay to be, but what was lost meanwhile.
    pub(super) fn put_back(&mut self, ended: Vec<Ended>) {
        let tenures = &self.tenures;
        self.ended.extend(ended.into_iter().filter(|ended| tenures.holds(ended.finished.term)));
    }

    /// The end of the organisation's run is recorded; whatever comes next for it is unknown, so it is due.
    pub(super) fn recorded(&mut self, organisation: OrganisationId, now: Instant) {
        self.change(organisation, |entry| {
            entry.occupation = Occupation::Rest;
            entry.woken = false;
            entry.due = Some(now);
        });
        self.has_left(organisation);
    }

    /// Those that may have a run to cancel.
    pub(super) fn take_asked(&mut self) -> Vec<OrganisationId> {
        self.asked.drain().collect()
    }

    pub(super) fn ask_all(&mut self) {
        self.asked.extend(self.running.keys().copied());
    }

    /// Tells the runs that they are to end, because somebody wished so.
    pub(super) fn cancel(&mut self, runs: &[JobRunId]) {
        for running in self.running.values_mut().filter(|running| runs.contains(&running.run.id)) {
            running.run.cancel_requested = true;
            running.cancel.cancel();
        }
    }

    /// Tells every run to end, because the node goes away.
    pub(super) fn release_all(&mut self) {
        for running in self.running.values_mut() {
            running.released = !running.run.cancel_requested;
            running.cancel.cancel();
        }
    }

    /// Stops waiting for the runs that have not ended: they are put back.
    pub(super) fn give_up(&mut self) -> usize {
        let runs: Vec<_> = self.running.values().map(|running| (running.run.clone(), running.incarnation)).collect();
        for (run, incarnation) in &runs {
            self.over(run, *incarnation, Verdict::Released);
        }
        runs.len()
    }

    /// Another node took over: nothing that ran here counts.
    pub(super) fn fence(&mut self) {
        self.release_all();
        self.phase = Phase::Fenced;
        self.running.clear();
        self.ended.clear();
        self.asked.clear();
        self.alarms.clear();
        self.newcomers.clear();
        self.tenures.clear();
        self.doubtful = false;
    }

    /// Whether another node took over for good.
    pub(super) fn is_fenced(&self) -> bool {
        self.phase == Phase::Fenced
    }

    /// Whether nothing more is taken on.
    pub(super) fn is_draining(&self) -> bool {
        match self.phase {
            Phase::Working => false,
            Phase::Draining { .. } | Phase::Stopped | Phase::Fenced => true,
        }
    }

    /// Whether nothing is to be started any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Stopped | Phase::Fenced)
    }

    /// Runs that execute.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Runs whose end is not recorded.
    pub(super) fn unrecorded(&self) -> usize {
        self.ended.len()
    }

    /// Actors that are up.
    pub(super) fn actors(&self) -> usize {
        self.up
    }

    pub(super) fn organisations(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn quarantined(&self) -> Vec<OrganisationId> {
        self.quarantined.iter().copied().collect()
    }

    /// Organisations whose time has come and that nobody has looked at yet. Costs a step for each.
    pub(super) fn queued(&self, now: Instant) -> usize {
        self.queue.iter().take_while(|(due, _)| *due <= now).count()
    }

    /// When there is something to do without anybody ringing; `slots` is how many more runs may execute.
    pub(super) fn next(&self, slots: usize) -> Instant {
        let is_idle =
            self.newcomers.is_empty() && self.dismissed.is_empty() && self.asked.is_empty() && self.alarms.is_empty();
        let ripe = if is_idle { None } else { Some(Instant::MIN_UTC) };
        let record_at = self.ended.iter().map(|ended| ended.record_at).min();
        let phase = match self.phase {
            Phase::Working => {
                let due = self.queue.first().map(|(due, _)| *due).filter(|_| slots > 0);
                due.map_or(self.sweep_at, |due| due.min(self.sweep_at))
            }
            Phase::Draining { cancel_at, .. }
                if self.running.values().any(|running| !running.cancel.is_cancelled()) =>
            {
                cancel_at
            }
            Phase::Draining { give_up_at, .. } => give_up_at,
            Phase::Stopped | Phase::Fenced => Instant::MIN_UTC,
        };
        [ripe, record_at].into_iter().flatten().fold(phase, Instant::min)
    }

    /// Whether nothing is left to do until time moves on.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        if self.is_over() {
            return true;
        }
        let starts_due = || self.down.values().any(|until| until.is_none_or(|until| until <= now));
        !self.ticking
            && self.starting == 0
            && self.running.is_empty()
            && self.ended.is_empty()
            && self.newcomers.is_empty()
            && self.alarms.is_empty()
            && self.tenures.is_settled()
            && !self.doubtful
            && self.sweep_at > now
            && self.queue.first().is_none_or(|(due, _)| *due > now)
            && !starts_due()
    }
}
