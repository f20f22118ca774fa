//! The gate before the catalogue: so many runs at once and so many in a minute on this node; who finds no room is told when to come again.
//!
//! A run that is told a time has its place in the minute kept, so that many who wait come one after the other and not all at once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::clock::Instant;
use crate::domain::id::JobRunId;

/// The time in which starts are counted.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// When to come again where only the runs that are under way are in the way.
const SOON: TimeDelta = TimeDelta::seconds(2);

#[derive(Debug)]
pub(super) struct Gate {
    at_once: usize,
    per_minute: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// Starts of the last minute, oldest first.
    starts: VecDeque<Instant>,
    /// The times that runs were told, in their order, and by run.
    kept: BTreeSet<(Instant, JobRunId)>,
    of_run: HashMap<JobRunId, Instant>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Gate);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}

impl Gate {
    pub(super) fn new(at_once: usize, per_minute: usize) -> Self {
        Self { at_once: at_once.max(1), per_minute: per_minute.max(1), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the run in, or says when to come again.
    pub(super) fn enter(&self, run: JobRunId, now: Instant) -> Result<Turn<'_>, Instant> {
        let mut state = self.state();
        state.forget(now - WINDOW);
        let told = state.of_run.get(&run).copied();
        let at = told.unwrap_or_else(|| state.room(self.per_minute, now));
        if at > now {
            state.keep(run, at);
            return Err(at);
        }
        // Runs that came later than they were told may have filled the minute.
        let oldest = state.starts.front().filter(|_| state.starts.len() >= self.per_minute).copied();
        if let Some(oldest) = oldest {
            let again = (oldest + WINDOW).max(now + SOON);
            state.keep(run, again);
            return Err(again);
        }
        if state.running >= self.at_once {
            state.keep(run, at);
            return Err(now + SOON);
        }
        state.release(run);
        state.starts.push_back(now);
        state.running += 1;
        Ok(Turn(self))
    }
}

impl State {
    /// Forgets starts that no longer count, and places that nobody came for.
    fn forget(&mut self, before: Instant) {
        while self.starts.front().is_some_and(|start| *start <= before) {
            self.starts.pop_front();
        }
        while let Some((at, run)) = self.kept.first().copied().filter(|(at, _)| *at <= before) {
            self.kept.remove(&(at, run));
            self.of_run.remove(&run);
        }
    }

    /// The next time at which a run may start, after all that have started or were told a time.
    fn room(&self, per_minute: usize, now: Instant) -> Instant {
        let latest_first = self.kept.iter().rev().map(|(at, _)| *at).chain(self.starts.iter().rev().copied());
        latest_first.take(per_minute).nth(per_minute - 1).map_or(now, |earlier| (earlier + WINDOW).max(now))
    }

    fn keep(&mut self, run: JobRunId, at: Instant) {
        self.release(run);
        self.kept.insert((at, run));
        self.of_run.insert(run, at);
    }

    fn release(&mut self, run: JobRunId) {
        if let Some(at) = self.of_run.remove(&run) {
            self.kept.remove(&(at, run));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        "2026-06-05T06:00:00Z".parse().unwrap()
    }

    fn runs(count: usize) -> Vec<JobRunId> {
        (0..count).map(|_| JobRunId::generate(start())).collect()
    }

    #[test]
    fn no_more_than_the_limit_are_in_at_once_and_a_place_is_free_when_its_holder_goes() {
        let gate = Gate::new(2, 20);
        let runs = runs(3);
        let first = gate.enter(runs[0], start()).unwrap();
        let _second = gate.enter(runs[1], start()).unwrap();
        let again = gate.enter(runs[2], start()).unwrap_err();
        assert_eq!(again, start() + SOON);
        drop(first);
        assert!(gate.enter(runs[2], again).is_ok());
    }

    #[test]
    fn the_starts_of_any_minute_are_limited_and_who_waits_is_told_the_time_once() {
        let gate = Gate::new(100, 3);
        let runs = runs(8);
        let mut told = Vec::new();
        for run in &runs {
            match gate.enter(*run, start()) {
                Ok(turn) => drop(turn),
                Err(at) => told.push((*run, at)),
            }
        }
        let minutes: Vec<_> = told.iter().map(|(_, at)| (*at - start()).num_minutes()).collect();
        assert_eq!(minutes, [1, 1, 1, 2, 2]);
        let (run, at) = told[0];
        assert_eq!(gate.enter(run, at - TimeDelta::seconds(1)).unwrap_err(), at, "too early is told the same");
        for (run, at) in told {
            assert!(gate.enter(run, at).is_ok(), "who comes in time finds room");
        }
    }

    #[test]
    fn who_comes_late_makes_no_minute_too_full() {
        let gate = Gate::new(100, 1);
        let runs = runs(3);
        drop(gate.enter(runs[0], start()));
        let second = gate.enter(runs[1], start()).unwrap_err();
        let third = gate.enter(runs[2], start()).unwrap_err();
        assert_eq!((second, third), (start() + WINDOW, start() + WINDOW * 2));
        let late = third - TimeDelta::seconds(1);
        drop(gate.enter(runs[1], late).unwrap());
        assert_eq!(gate.enter(runs[2], third).unwrap_err(), late + WINDOW);
    }

    #[test]
    fn a_place_that_nobody_comes_for_is_forgotten() {
        let gate = Gate::new(100, 1);
        let runs = runs(3);
        drop(gate.enter(runs[0], start()));
        let at = gate.enter(runs[1], start()).unwrap_err();
        assert!(gate.enter(runs[2], at + WINDOW).is_ok());
        assert!(gate.state().of_run.is_empty() && gate.state().kept.is_empty());
    }
}
