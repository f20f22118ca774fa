//! A look at organisations: what is due is fired, and each gets at most one run to do, in one transaction.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;

use super::firing::{Company, fired};
use super::{DispatchService, epoch_in};
use crate::domain::clock::Instant;
use crate::domain::event::Fact;
use crate::domain::id::OrganisationId;
use crate::domain::job::{JobRun, JobRunState};
use crate::domain::shard::{Shard, Term};
use crate::service::ServiceError;
use crate::service::core::UnitOfWork;
use crate::store;

/// A run that an organisation is to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub run: JobRun,
    /// Under what it is done.
    pub term: Term,
    /// How long after its time, herd offset included, it begins.
    pub lateness: TimeDelta,
}

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// At most one for each organisation.
    pub claims: Vec<Claim>,
    /// When the organisations that have nothing to do now are next due; `None`: when somebody wakes them.
    pub next: HashMap<OrganisationId, Option<Instant>>,
    /// Organisations that have something to do, but for which there was no place.
    pub left: Vec<OrganisationId>,
}

type RunsByOrganisation = HashMap<OrganisationId, Vec<JobRun>>;

impl DispatchService {
    /// Looks at organisations that have nothing running: fires what is due and claims at most one run for each, `slots` in all. Those that are
    /// not this node's are as those that have nothing to do. [`ServiceError::Fenced`]: some of them are another's meanwhile.
    pub async fn look(&self, idle: &[OrganisationId], slots: usize) -> Result<Look, ServiceError> {
        let terms: HashMap<_, _> =
            idle.iter().filter_map(|id| self.term_of(*id).map(|term| (term.shard, term))).collect();
        let held: Vec<_> = idle.iter().copied().filter(|id| terms.contains_key(&Shard::of(*id))).collect();
        let terms: Vec<_> = terms.into_values().collect();
        let mut look = Look::default();
        if !held.is_empty() {
            look = self.look_under(&terms, &held, slots).await?;
        }
        for id in idle {
            if look.claims.iter().all(|claim| claim.run.organisation_id != *id) && !look.left.contains(id) {
                look.next.entry(*id).or_insert(None);
            }
        }
        Ok(look)
    }

    async fn look_under(&self, terms: &[Term], idle: &[OrganisationId], slots: usize) -> Result<Look, ServiceError> {
        let epochs: HashMap<_, _> = terms.iter().map(|term| (term.shard, *term)).collect();
        let mut work = self.core.begin_under(terms).await?;
        let found = store::organisation::find_many(work.tx(), idle).await?;
        let active: Vec<_> = found.iter().filter(|found| found.active).map(|found| found.id).collect();
        let mut waiting = self.waiting(&work, &active).await?;
        let queued = self.fire_due(&mut work, terms, &active, &mut waiting).await?;

        let mut look = Look::default();
        let mut claimed = Vec::new();
        for id in &active {
            let now = work.now();
            let ready = waiting.get(id).and_then(|runs| runs.iter().find(|run| ready_at(run) <= now));
            match ready {
                Some(run) if claimed.len() < slots => {
                    let Some(term) = epochs.get(&Shard::of(*id)).copied() else { continue };
                    let lateness = self.lateness(run, now);
                    look.claims.push(Claim { lateness, run: begun(run.clone(), now), term });
                    claimed.push(begun(run.clone(), now));
                }
                Some(_) => look.left.push(*id),
                None => {
                    look.next.insert(*id, None);
                }
            }
        }
        // A run that begins at once is told of as running; one that has to wait, as queued.
        let waits = |run: &&JobRun| claimed.iter().all(|claimed| claimed.id != run.id);
        for run in queued.iter().filter(waits).chain(&claimed) {
            work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run.clone()) });
        }
        store::job_run::save_under(work.tx(), &claimed, epoch_in(terms), work.now()).await?;
        self.note_next(&work, &waiting, &mut look).await?;
        work.commit().await?;
        Ok(look)
    }

    /// The runs that wait in each organisation, in their order. One that is marked as running although nothing runs there was claimed by a
    /// look whose answer got lost: it is taken as waiting.
    async fn waiting(
        &self,
        work: &UnitOfWork<'_>,
        organisations: &[OrganisationId],
    ) -> Result<RunsByOrganisation, ServiceError> {
        let mut waiting = RunsByOrganisation::new();
        for mut run in store::job_run::unfinished(work.tx(), organisations).await? {
            if run.state == JobRunState::Running {
                run.state = JobRunState::Queued;
                run.attempt = (run.attempt - 1).max(0);
            }
            waiting.entry(run.organisation_id).or_default().push(run);
        }
        Ok(waiting)
    }

    /// Fires the due schedules of the organisations and adds the runs that came of it to `waiting`; returns those that are queued.
    async fn fire_due(
        &self,
        work: &mut UnitOfWork<'_>,
        terms: &[Term],
        organisations: &[OrganisationId],
        waiting: &mut RunsByOrganisation,
    ) -> Result<Vec<JobRun>, ServiceError> {
        let now = work.now();
        let mut schedules = Vec::new();
        let mut runs = Vec::new();
        let due = store::schedule::due(work.tx(), organisations, now).await?;
        let due: Vec<_> = due
            .into_iter()
            .filter_map(|schedule| self.fires_at(&schedule).filter(|at| *at <= now).map(|at| (schedule, at)))
            .collect();
        let ids: Vec<_> = due.iter().map(|(schedule, _)| schedule.id).collect();
        let last = store::job_run::last_of_schedules(work.tx(), &ids).await?;
        for (schedule, at) in due {
            let unfinished = waiting.get(&schedule.organisation_id).map_or(&[][..], Vec::as_slice);
            let policy = self.jobs.retry(schedule.kind, &self.core.scheduling().retry);
            let company = Company { unfinished, last: last.get(&schedule.id) };
            if let Some((moved, mut made)) = fired(&schedule, at, &company, &policy, now) {
                schedules.push(moved);
                runs.append(&mut made);
            }
        }
        if schedules.is_empty() {
            return Ok(Vec::new());
        }
        store::schedule::save_next(work.tx(), &schedules, now).await?;
        let inserted = store::job_run::insert_under(work.tx(), &runs, epoch_in(terms), now).await?;
        if usize::try_from(inserted).ok() != Some(runs.len()) {
            // An occurrence that has its run already, because the wall clock was set back: the run that is there stands.
            let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
            let there: HashSet<_> =
                store::job_run::find_many(work.tx(), &ids).await?.into_iter().map(|run| run.id).collect();
            runs.retain(|run| there.contains(&run.id));
        }
        let (queued, skipped): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.state == JobRunState::Queued);
        for run in skipped {
            work.say(run.organisation_id, Fact::JobRunChanged { run: Box::new(run) });
        }
        for run in &queued {
            waiting.entry(run.organisation_id).or_default().push(run.clone());
        }
        Ok(queued)
    }

    /// Says of each organisation without work when it is next due.
    async fn note_next(
        &self,
        work: &UnitOfWork<'_>,
        waiting: &RunsByOrganisation,
        look: &mut Look,
    ) -> Result<(), ServiceError> {
        let idle: Vec<_> = look.next.keys().copied().collect();
        if idle.is_empty() {
            return Ok(());
        }
        let mut earlier = |id: OrganisationId, at: Instant| {
            let next = look.next.entry(id).or_default();
            *next = Some(next.map_or(at, |next| next.min(at)));
        };
        for schedule in store::schedule::list_of(work.tx(), &idle).await? {
            if let Some(at) = self.fires_at(&schedule) {
                earlier(schedule.organisation_id, at);
            }
        }
        for id in &idle {
            for run in waiting.get(id).into_iter().flatten() {
                earlier(*id, ready_at(run));
            }
        }
        Ok(())
    }

    fn lateness(&self, run: &JobRun, now: Instant) -> TimeDelta {
        let offset = match run.schedule_id {
            Some(_) if run.attempt == 0 => self.offset(run.organisation_id, run.kind.code()),
            _ => TimeDelta::zero(),
        };
        let due = run.next_attempt_at.unwrap_or(run.scheduled_for + offset);
        (now - due).max(TimeDelta::zero())
    }
}

/// From when on a waiting run may begin. What is queued may at once: a schedule's herd offset is over when it is fired.
fn ready_at(run: &JobRun) -> Instant {
    run.next_attempt_at.unwrap_or(Instant::MIN_UTC)
}

/// The run as its attempt begins.
fn begun(run: JobRun, now: Instant) -> JobRun {
    JobRun {
        state: JobRunState::Running,
        attempt: run.attempt + 1,
        started_at: Some(run.started_at.unwrap_or(now)),
        next_attempt_at: None,
        ..run
    }
}
