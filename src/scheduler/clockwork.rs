//! The clockwork: wakes when something is due or has happened, asks the services for work, and records what became of it.
//!
//! One tick, in order, with one reading of the time:
//! 1. newcomers get their actors, alarms are raised, cancellations are passed on;
//! 2. runs that are over are recorded, all in one transaction;
//! 3. once a minute, the sweep looks for what was forgotten;
//! 4. what is due is looked at, in one transaction, and what that claims goes to the actors.
//!
//! When the store is not available, nothing is lost and nothing is tried until a pause, which doubles, is over. It is one per
//! node rather than one per arbiter: it holds no actor up, and fewer, larger transactions serve the store better.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;

use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;
use crate::service::dispatch::Look;

use super::agenda::{Agenda, Alarm, Ended, Phase};
use super::arbiter::Guardians;
use super::job;
use super::message::{Receipt, Start};
use super::stage::Stage;
use super::status;
use super::work::WorkError;

/// Organisations looked at for each free slot: most that are woken have nothing to run, most that are due have.
const LOOKED_AT_PER_SLOT: usize = 4;
/// An organisation whose look fails by itself is not looked at again sooner.
const FAILED_LOOK_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// The end of a run that cannot be recorded is tried again after this.
const FAILED_RECORD_PAUSE: TimeDelta = TimeDelta::seconds(30);
const PAUSE_MIN: TimeDelta = TimeDelta::seconds(1);

/// Why a tick ended early. A request that failed for a reason of its own is no such reason: it must hold up nothing else.
enum Halt {
    /// Another node has taken over some of the work, or all.
    Fenced(WorkError),
    /// Try again later.
    Pause(WorkError),
}

impl From<WorkError> for Halt {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Fenced(_) => Self::Fenced(error),
            WorkError::Unavailable(_) | WorkError::Failed(_) => Self::Pause(error),
        }
    }
}

/// Goes on without the answer to a request that failed for a reason of its own.
fn tolerate<T>(intention: &str, answer: Result<T, WorkError>) -> Result<Option<T>, Halt> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ WorkError::Failed(_)) => {
            tracing::error!(error = chain(&error), "could not {intention}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) struct Clockwork {
    stage: Arc<Stage>,
    guardians: Guardians,
    /// Failures in a row.
    failures: u32,
    /// Nothing is asked of the services before.
    paused_until: Option<Instant>,
    gauges: status::Gauges,
}

impl Clockwork {
    pub(super) fn new(stage: Arc<Stage>, guardians: Guardians) -> Self {
        Self { stage, guardians, failures: 0, paused_until: None, gauges: status::Gauges::default() }
    }

    /// Runs until drained, fenced or told to stop.
    pub(super) async fn run(mut self) {
        loop {
            let now = self.stage.desk.clock.now();
            self.stage.desk.agenda().ticking = true;
            let outcome = self.tick(now).await;
            match outcome {
                Ok(()) => self.failures = if self.paused_until.is_none() { 0 } else { self.failures },
                Err(Halt::Pause(error)) => self.pause(now, &error),
                Err(Halt::Fenced(error)) => {
                    tracing::warn!(error = chain(&error), "some of the work is another node's meanwhile, asking what");
                    self.stage.desk.agenda().doubt();
                    self.stage.desk.beat_wanted.notify_one();
                }
            }
            let next = self.rest(now);
            self.stage.desk.rested();
            let Some(next) = next else { return };
            // Lets others run even when nothing in a tick had to be waited for.
            tokio::task::yield_now().await;
            tokio::select! {
                () = self.stage.desk.news() => {}
                () = self.stage.desk.clock.wait(next) => {}
            }
        }
    }

    /// Ends a tick: says when the next is due, `None` for never.
    fn rest(&mut self, now: Instant) -> Option<Instant> {
        let options = &self.stage.options;
        let mut agenda = self.stage.desk.agenda();
        agenda.ticking = false;
        self.gauges.publish(&agenda, now);
        if let Phase::Draining { give_up_at, .. } = agenda.phase {
            let unrecorded = agenda.unrecorded();
            if agenda.running() == 0 && unrecorded == 0 {
                agenda.phase = Phase::Stopped;
            } else if now >= give_up_at && unrecorded > 0 {
                tracing::error!(
                    runs = unrecorded,
                    "stopping without having recorded how runs ended, they are rescued at the next start"
                );
                agenda.phase = Phase::Stopped;
            }
        }
        let slots = options.jobs_max.saturating_sub(agenda.running());
        // Whoever is in doubt waits for the keeper to ring.
        let next = if agenda.is_doubtful() { now + options.sleep_max } else { agenda.next(slots) };
        let next = self.paused_until.map_or(next, |until| next.max(until));
        match agenda.phase {
            Phase::Stopped | Phase::Fenced => None,
            Phase::Working => Some(next.min(now + options.sleep_max)),
            Phase::Draining { give_up_at, .. } => Some(next.min(now + options.sleep_max).min(give_up_at)),
        }
    }

    fn pause(&mut self, now: Instant, error: &WorkError) {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(1).min(10);
        let pause = (PAUSE_MIN * (1_i32 << doublings)).min(self.stage.options.sleep_max);
        tracing::warn!(
            error = chain(error),
            failures = self.failures,
            "the services cannot be reached, trying again in {pause}"
        );
        self.paused_until = Some(now + pause);
    }

    async fn tick(&mut self, now: Instant) -> Result<(), Halt> {
        self.hire();
        self.drain(now);
        if self.paused_until.is_some_and(|until| until > now) || self.stage.desk.agenda().is_doubtful() {
            return Ok(());
        }
        self.paused_until = None;
        self.raise_alarms().await?;
        self.pass_on_cancellations().await?;
        self.record(now).await?;
        let (phase, sweep_at) = {
            let agenda = self.stage.desk.agenda();
            (agenda.phase, agenda.sweep_at)
        };
        match phase {
            Phase::Working => {}
            Phase::Draining { .. } | Phase::Stopped | Phase::Fenced => return Ok(()),
        }
        if sweep_at <= now {
            self.sweep(now).await?;
            self.hire();
        }
        self.look(now).await
    }

    /// Has actors stop that are not needed any more, and then others start: one that was lost and won again is in both.
    fn hire(&self) {
        let dismissed = self.stage.desk.agenda().take_dismissed();
        if !dismissed.is_empty() {
            self.guardians.dismiss(dismissed);
        }
        let newcomers = self.stage.desk.agenda().take_newcomers();
        if !newcomers.is_empty() {
            self.guardians.adopt(newcomers);
        }
    }

    fn drain(&self, now: Instant) {
        let mut agenda = self.stage.desk.agenda();
        if let Phase::Draining { cancel_at, give_up_at } = agenda.phase {
            if now >= cancel_at {
                agenda.release_all();
            }
            if now >= give_up_at {
                let runs = agenda.give_up();
                if runs > 0 {
                    tracing::warn!(runs, "put runs back that did not end although they were cancelled");
                }
            }
        }
    }

    async fn raise_alarms(&self) -> Result<(), Halt> {
        loop {
            let Some(alarm) = self.stage.desk.agenda().alarm() else { return Ok(()) };
            let work = &self.stage.work;
            let told = match alarm {
                Alarm::Quarantined { organisation, restarts } => {
                    guarded(work.quarantined(organisation, restarts)).await
                }
                Alarm::LetGo { organisation } => guarded(work.let_go(organisation)).await,
            };
            tolerate("raise or end an alarm", told)?;
            self.stage.desk.agenda().alarm_raised(alarm);
        }
    }

    async fn pass_on_cancellations(&self) -> Result<(), Halt> {
        let asked = self.stage.desk.agenda().take_asked();
        if asked.is_empty() {
            return Ok(());
        }
        // Were the answer lost here, the sweep would ask again.
        let answer = guarded(self.stage.work.cancel_requested(&asked)).await;
        let runs = tolerate("learn what is to be cancelled", answer)?.unwrap_or_default();
        self.stage.desk.agenda().cancel(&runs);
        Ok(())
    }

    /// Records what is over. A batch that fails is recorded one by one, so that a run that cannot be recorded holds up no other;
    /// it is tried again for ever.
    async fn record(&self, now: Instant) -> Result<(), Halt> {
        let mut batch = self.stage.desk.agenda().take_ended(now, self.stage.options.batch_max);
        if batch.is_empty() {
            return Ok(());
        }
        match self.record_all(&batch, now).await {
            Ok(()) => return Ok(()),
            Err(WorkError::Failed(_)) => {}
            Err(error) => {
                self.stage.desk.agenda().put_back(batch);
                return Err(error.into());
            }
        }
        while let Some(mut ended) = batch.pop() {
            let Err(error) = self.record_all(std::slice::from_ref(&ended), now).await else { continue };
            let halt = match error {
                WorkError::Failed(_) => {
                    tracing::error!(job.id = %ended.finished.run.id, error = chain(&error), "the end of a run cannot be recorded");
                    ended.record_at = now + FAILED_RECORD_PAUSE;
                    None
                }
                WorkError::Fenced(_) | WorkError::Unavailable(_) => Some(error),
            };
            let mut agenda = self.stage.desk.agenda();
            agenda.put_back(vec![ended]);
            if let Some(error) = halt {
                agenda.put_back(batch);
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn record_all(&self, batch: &[Ended], now: Instant) -> Result<(), WorkError> {
        let finished = batch.iter().map(|ended| ended.finished.clone()).collect();
        guarded(self.stage.work.finish(finished)).await?;
        let mut agenda = self.stage.desk.agenda();
        for ended in batch {
            agenda.recorded(ended.finished.run.organisation_id, now);
        }
        drop(agenda);
        for ended in batch {
            status::finished(ended, now);
        }
        Ok(())
    }

    /// Finds what no wake and no due time led to: what is overdue in the store, actors that nobody starts again, and
    /// cancellations of which the wake was lost.
    async fn sweep(&mut self, now: Instant) -> Result<(), Halt> {
        // A node that is alone hears of everything; among several, a word may get lost on its way.
        let overdue_after =
            if self.stage.work.lasts().is_some() { TimeDelta::zero() } else { self.stage.options.overdue };
        let before = now - overdue_after;
        let desk = Arc::clone(&self.stage.desk);
        let mut overdue: Vec<OrganisationId> = Vec::new();
        let mut each = |organisation, at: Instant| {
            if at <= before {
                overdue.push(organisation);
            }
        };
        tolerate("search for what is overdue", guarded(self.stage.work.for_each_due(Some(before), &mut each)).await)?;
        let lost = self.guardians.replace_lost();
        let mut agenda = desk.agenda();
        for organisation in overdue {
            agenda.note(organisation, now);
        }
        if lost {
            tracing::error!("a guardian was lost and is replaced, every actor is started again");
            agenda.enter_all_again();
        }
        let abandoned = agenda.abandoned();
        agenda.ask_all();
        agenda.sweep_at = now + self.stage.options.sweep;
        drop(agenda);
        self.guardians.adopt(abandoned);
        Ok(())
    }

    async fn look(&self, now: Instant) -> Result<(), Halt> {
        let options = &self.stage.options;
        let (due, slots) = {
            let mut agenda = self.stage.desk.agenda();
            let slots = options.jobs_max.saturating_sub(agenda.running());
            (agenda.take_due(now, slots.saturating_mul(LOOKED_AT_PER_SLOT).min(options.batch_max)), slots)
        };
        if due.is_empty() {
            return Ok(());
        }
        match guarded(self.stage.work.look(&due, slots)).await {
            Ok(look) => {
                self.dispatch(&due, look, now);
                Ok(())
            }
            Err(WorkError::Failed(_)) => self.look_one_by_one(due, now).await,
            Err(error) => {
                looked(&mut self.stage.desk.agenda(), &due, now, now);
                Err(error.into())
            }
        }
    }

    /// After a look has failed: finds the organisation that it failed for, and puts that aside for a while.
    async fn look_one_by_one(&self, due: Vec<OrganisationId>, now: Instant) -> Result<(), Halt> {
        for (index, organisation) in due.iter().enumerate() {
            let slots = self.stage.options.jobs_max.saturating_sub(self.stage.desk.agenda().running());
            if slots == 0 {
                looked(&mut self.stage.desk.agenda(), &due[index..], now, now);
                return Ok(());
            }
            let one = std::slice::from_ref(organisation);
            match guarded(self.stage.work.look(one, 1)).await {
                Ok(look) => self.dispatch(one, look, now),
                Err(error @ WorkError::Failed(_)) => {
                    tracing::error!(organisation.id = %organisation, error = chain(&error), "the organisation's schedules cannot be read");
                    looked(&mut self.stage.desk.agenda(), one, now + FAILED_LOOK_PAUSE, now);
                }
                Err(error) => {
                    looked(&mut self.stage.desk.agenda(), &due[index..], now, now);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn dispatch(&self, due: &[OrganisationId], look: Look, now: Instant) {
        for claim in &look.claims {
            status::claimed(claim);
        }
        let assignments = self.stage.desk.agenda().apply(due, look, now);
        let starts = assignments.into_iter().map(|assignment| {
            let receipt = Receipt::new(Arc::clone(&self.stage.desk), assignment.run.clone(), assignment.incarnation);
            Start { run: assignment.run, term: assignment.term, cancel: assignment.cancel, receipt }
        });
        self.guardians.dispatch(starts.collect());
    }
}

/// Ends the look at organisations of which nothing was learnt.
fn looked(agenda: &mut Agenda, organisations: &[OrganisationId], again_at: Instant, now: Instant) {
    for organisation in organisations {
        agenda.looked(*organisation, Some(again_at), now);
    }
}

/// A panic in the services is a failure of the request, and not the end of the clockwork.
pub(super) async fn guarded<T>(request: impl Future<Output = Result<T, WorkError>>) -> Result<T, WorkError> {
    AssertUnwindSafe(request)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(WorkError::Failed(format!("panicked: {}", job::said(panic.as_ref())).into())))
}

/// The error and what caused it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
