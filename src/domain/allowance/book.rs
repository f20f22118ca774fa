//! Counters in the hand, and what reservations do to them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{Allowance, COMMIT_LAPSES_AFTER, Counter, CounterKey, Refused, Rule, Scope};
use crate::domain::clock::Instant;
use crate::domain::code::coded;
use crate::domain::id::ReservationId;
use crate::domain::money::Overflow;
use crate::domain::period::Month;
use crate::domain::quantity::Quantity;

coded! {
    /// What became of a reservation.
    ReservationState {
        /// It is held.
        Open = "OPEN",
        /// It is used.
        Committed = "COMMITTED",
        /// It was given back.
        Released = "RELEASED",
        /// Its time was up.
        Expired = "EXPIRED",
    }
}

/// A part of one allowance that is held for somebody. What is reserved for a channel is held of the channel's allowance and of the
/// organisation's, as two of these with one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub id: ReservationId,
    pub scope: Scope,
    pub quantity: Quantity,
    pub state: ReservationState,
    /// The local day on which it counts, and in whose month.
    pub day: NaiveDate,
    pub expires_at: Instant,
    /// When an open one expires or a committed one lapses; `None`: nothing more is to be done with it.
    pub due_at: Option<Instant>,
    /// What its counters of the day and of the month had recorded when it began to be held in them, see [`Counter::mark`].
    pub marks: (Quantity, Quantity),
    /// Of a committed one: up to where the counters of the day and of the month have to settle until it is recorded.
    pub upto: Option<(Quantity, Quantity)>,
    pub created_at: Instant,
}

/// Reservations to which the same happens, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    pub scope: Scope,
    pub state: ReservationState,
    pub day: NaiveDate,
    /// Their time is up; else their day is over and they are still open.
    pub is_due: bool,
    pub quantity: Quantity,
    pub count: i64,
    /// The furthest.
    pub upto: Option<(Quantity, Quantity)>,
}

impl Reservation {
    /// The counters that it is held in or counts in.
    pub fn counters(&self) -> [CounterKey; 2] {
        CounterKey::both(self.scope, self.day)
    }

    /// Lets time do to it what it does: it expires, it lapses, or it goes on to the present day. What that does to the counters, if anything.
    pub fn age(&mut self, now: Instant, today: NaiveDate) -> Option<Lot> {
        let is_due = self.due_at.is_some_and(|due_at| due_at <= now);
        let is_carried = self.state == ReservationState::Open && self.day != today;
        if !is_due && !is_carried {
            return None;
        }
        let (scope, state, day) = (self.scope, self.state, self.day);
        if is_due {
            self.due_at = None;
            if state == ReservationState::Open {
                self.state = ReservationState::Expired;
            }
        } else {
            // A counter begins with nothing, and with it what is recorded while this is held.
            self.marks.0 = Quantity::ZERO;
            if Month::of(day) != Month::of(today) {
                self.marks.1 = Quantity::ZERO;
            }
            self.day = today;
        }
        Some(Lot { scope, state, day, is_due, quantity: self.quantity, count: 1, upto: self.upto })
    }
}

/// Some counters, each as it is or as it is going to be.
#[derive(Debug, Clone, Default)]
pub struct Book {
    counters: BTreeMap<CounterKey, Counter>,
    changed: BTreeSet<CounterKey>,
}

impl Book {
    /// The counters as they are; one that is not here counts nothing.
    pub fn new(counters: impl IntoIterator<Item = (CounterKey, Counter)>) -> Self {
        Self { counters: counters.into_iter().collect(), changed: BTreeSet::new() }
    }

    /// The counter under a key.
    pub fn counter(&self, key: CounterKey) -> Counter {
        self.counters.get(&key).copied().unwrap_or_default()
    }

    /// What was changed, in order.
    pub fn changed(&self) -> impl Iterator<Item = (CounterKey, Counter)> {
        self.changed.iter().map(|key| (*key, self.counter(*key)))
    }

    fn change<T>(
        &mut self,
        key: CounterKey,
        change: impl FnOnce(&mut Counter) -> Result<T, Overflow>,
    ) -> Result<T, Overflow> {
        let mut counter = self.counter(key);
        let outcome = change(&mut counter)?;
        self.counters.insert(key, counter);
        self.changed.insert(key);
        Ok(outcome)
    }

    fn change_both(
        &mut self,
        (scope, day): (Scope, NaiveDate),
        change: impl Fn(&mut Counter) -> Result<(), Overflow>,
    ) -> Result<(), Overflow> {
        CounterKey::both(scope, day).into_iter().try_for_each(|key| self.change(key, &change))
    }

    /// Lets time do to the counters what it did to reservations: what expired is given back, what waited for its records too long counts no
    /// more, and what is still open goes on to the present day.
    pub fn pass(&mut self, lot: &Lot, today: NaiveDate) -> Result<(), Overflow> {
        let Lot { scope, quantity, count, .. } = *lot;
        match (lot.state, lot.is_due) {
            (ReservationState::Open, true) => {
                self.change_both((scope, lot.day), |counter| counter.release(quantity, count))
            }
            (ReservationState::Open, false) => {
                self.change_both((scope, lot.day), |counter| counter.release(quantity, count))?;
                self.change_both((scope, today), |counter| counter.reserve(quantity, count))
            }
            (ReservationState::Committed, true) => {
                let Some((day, month)) = lot.upto else { return Ok(()) };
                for (key, upto) in CounterKey::both(scope, lot.day).into_iter().zip([day, month]) {
                    self.change(key, |counter| {
                        counter.lapse(upto);
                        Ok(())
                    })?;
                }
                Ok(())
            }
            (ReservationState::Committed, false) | (ReservationState::Released | ReservationState::Expired, _) => {
                Ok(())
            }
        }
    }

    /// Why `quantity` is not to be had of the allowances under `rules` on the present day of each, if it is not.
    pub fn refuse(&self, rules: &[&Rule], now: Instant, quantity: Quantity) -> Result<Option<Refused>, Overflow> {
        for rule in rules {
            for key in CounterKey::both(rule.scope, rule.zone.date(now)) {
                if let Some(refused) = rule.admit(key, &self.counter(key), quantity)? {
                    return Ok(Some(refused));
                }
            }
        }
        Ok(None)
    }

    /// How many reservations are open of an allowance.
    pub fn open(&self, rule: &Rule, now: Instant) -> i64 {
        let [_, month] = CounterKey::both(rule.scope, rule.zone.date(now));
        self.counter(month).reservations
    }

    /// Holds what a new reservation is of.
    pub fn reserve(&mut self, reservation: &mut Reservation) -> Result<(), Overflow> {
        let quantity = reservation.quantity;
        let [day, month] = reservation.counters().map(|key| self.counter(key).mark());
        reservation.marks = (day?, month?);
        self.change_both((reservation.scope, reservation.day), |counter| counter.reserve(quantity, 1))
    }

    /// Counts an open reservation of the present day as used, and what was recorded while it was open as a part of that.
    pub fn commit(&mut self, reservation: &mut Reservation, now: Instant) -> Result<(), Overflow> {
        let quantity = reservation.quantity;
        let [day, month] = reservation.counters();
        let mut commit = |key, mark| {
            self.change(key, |counter| {
                counter.release(quantity, 1)?;
                counter.commit(quantity, mark)
            })
        };
        reservation.upto = Some((commit(day, reservation.marks.0)?, commit(month, reservation.marks.1)?));
        reservation.state = ReservationState::Committed;
        reservation.due_at = Some(now + COMMIT_LAPSES_AFTER);
        Ok(())
    }

    /// Gives an open reservation back.
    pub fn release(&mut self, reservation: &mut Reservation) -> Result<(), Overflow> {
        let quantity = reservation.quantity;
        self.change_both((reservation.scope, reservation.day), |counter| counter.release(quantity, 1))?;
        reservation.state = ReservationState::Released;
        reservation.due_at = None;
        Ok(())
    }

    /// What an allowance is now.
    pub fn allowance(&self, rule: &Rule, now: Instant) -> Result<Allowance, Overflow> {
        let [day, month] = CounterKey::both(rule.scope, rule.zone.date(now)).map(|key| self.counter(key));
        Allowance::new(rule, now, [&day, &month])
    }
}
