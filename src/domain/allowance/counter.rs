//! One counter: what was used of a period, what is held, and what was promised and is not recorded yet.
//!
//! What is committed counts as used until the ledger's records take its place, those included that came since it was reserved; first come
//! first served: it does not matter whose records they are, for the sum is the same. What no record came for within a day counts no more,
//! so that sending that failed is given back.

use chrono::TimeDelta;

use crate::domain::money::Overflow;
use crate::domain::quantity::Quantity;

/// How long something that was committed counts without a record.
pub const COMMIT_LAPSES_AFTER: TimeDelta = TimeDelta::hours(24);

/// What is counted of a period of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counter {
    /// The sum of the ledger's records.
    pub used: Quantity,
    /// What open reservations hold.
    pub reserved: Quantity,
    /// How many reservations that is.
    pub reservations: i64,
    /// All that was ever committed in the period.
    pub committed: Quantity,
    /// How much of that was recorded or lapsed, from the first on; never more than that.
    pub settled: Quantity,
}

impl Counter {
    /// What was committed and is not recorded yet.
    pub fn pending(&self) -> Result<Quantity, Overflow> {
        self.committed.checked_sub(self.settled).ok_or(Overflow)
    }

    /// What counts as used: the ledger's sum and what is committed.
    pub fn spent(&self) -> Result<Quantity, Overflow> {
        self.used.checked_add(self.pending()?).ok_or(Overflow)
    }

    /// What counts as used, and what is held.
    pub fn taken(&self) -> Result<Quantity, Overflow> {
        self.spent()?.checked_add(self.reserved).ok_or(Overflow)
    }

    /// Counts a record of the ledger, or what takes one back.
    pub fn record(&mut self, quantity: Quantity) -> Result<(), Overflow> {
        self.used = self.used.checked_add(quantity).ok_or(Overflow)?;
        let settled = self.settled.checked_add(quantity.max(Quantity::ZERO)).ok_or(Overflow)?;
        self.settled = settled.min(self.committed);
        Ok(())
    }

    /// Holds what so many reservations are of together.
    pub fn reserve(&mut self, quantity: Quantity, count: i64) -> Result<(), Overflow> {
        self.reserved = self.reserved.checked_add(quantity).ok_or(Overflow)?;
        self.reservations = self.reservations.checked_add(count).ok_or(Overflow)?;
        Ok(())
    }

    /// Lets it go.
    pub fn release(&mut self, quantity: Quantity, count: i64) -> Result<(), Overflow> {
        self.reserved = self.reserved.checked_sub(quantity).ok_or(Overflow)?;
        self.reservations = self.reservations.checked_sub(count).ok_or(Overflow)?;
        Ok(())
    }

    /// What was recorded and took the place of nothing that was committed. How much more it is later is what was recorded since for those
    /// who commit later.
    pub fn mark(&self) -> Result<Quantity, Overflow> {
        self.used.checked_sub(self.settled).ok_or(Overflow)
    }

    /// Counts a part as used before it is recorded, but for what was recorded since `mark`; up to where has to be settled until it is.
    pub fn commit(&mut self, quantity: Quantity, mark: Quantity) -> Result<Quantity, Overflow> {
        let recorded = self.mark()?.checked_sub(mark).ok_or(Overflow)?.clamp(Quantity::ZERO, quantity);
        self.committed = self.committed.checked_add(quantity).ok_or(Overflow)?;
        self.settled = self.settled.checked_add(recorded).ok_or(Overflow)?;
        Ok(self.committed)
    }

    /// Waits no more for the records of what was committed up to `upto`.
    pub fn lapse(&mut self, upto: Quantity) {
        self.settled = self.settled.max(upto).min(self.committed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What may happen to a counter.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Record(i64),
        Commit(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![(1..1_000_i64).prop_map(Step::Record), (1..1_000_i64).prop_map(Step::Commit)];
        prop::collection::vec(step, 0..50)
    }

    fn units(count: i64) -> Quantity {
        Quantity::whole(count).unwrap()
    }

    proptest! {
        #[test]
        fn in_whatever_order_things_come_the_ledgers_sum_is_what_remains(steps in steps()) {
            let mut counter = Counter::default();
            let (mut recorded, mut last) = (0, Quantity::ZERO);
            for step in steps {
                match step {
                    Step::Record(count) => {
                        counter.record(units(count)).unwrap();
                        recorded += count;
                    }
                    Step::Commit(count) => last = counter.commit(units(count), counter.mark().unwrap()).unwrap(),
                }
                prop_assert!(counter.settled <= counter.committed);
                prop_assert!(counter.spent().unwrap() >= units(recorded));
            }
            counter.lapse(last);
            prop_assert_eq!(counter.spent().unwrap(), units(recorded));
        }

        #[test]
        fn what_is_recorded_before_and_after_its_commit_is_counted_once(
            counts in prop::collection::vec(1..1_000_i64, 1..30),
            committed_at in 0..30_usize,
            earlier in 0..1_000_i64,
        ) {
            let mut counter = Counter::default();
            counter.record(units(earlier)).unwrap();
            let whole: i64 = counts.iter().sum();
            let mark = counter.mark().unwrap();
            counter.reserve(units(whole), 1).unwrap();
            let committed_at = committed_at % counts.len();
            for (place, count) in counts.iter().enumerate() {
                if place == committed_at {
                    counter.release(units(whole), 1).unwrap();
                    counter.commit(units(whole), mark).unwrap();
                }
                counter.record(units(*count)).unwrap();
                if place >= committed_at {
                    prop_assert_eq!(counter.taken().unwrap(), units(earlier + whole));
                }
            }
            prop_assert_eq!(counter.pending().unwrap(), Quantity::ZERO);
        }

        #[test]
        fn no_record_takes_the_place_of_two(records in 0..100_i64, first in 1..100_i64, second in 1..100_i64) {
            let mut counter = Counter::default();
            let marks = [counter.mark().unwrap(); 2];
            counter.record(units(records)).unwrap();
            counter.commit(units(first), marks[0]).unwrap();
            counter.commit(units(second), marks[1]).unwrap();
            prop_assert_eq!(counter.spent().unwrap(), units(records.max(first + second)));
        }
    }

    #[test]
    fn what_lapses_is_given_back_and_no_more() {
        let mut counter = Counter::default();
        let first = counter.commit(units(100), Quantity::ZERO).unwrap();
        counter.commit(units(50), Quantity::ZERO).unwrap();
        counter.record(units(30)).unwrap();
        assert_eq!(counter.spent().unwrap(), units(150));
        counter.lapse(first);
        assert_eq!(counter.spent().unwrap(), units(80), "30 recorded, and the second commit");
        counter.lapse(first);
        assert_eq!(counter.spent().unwrap(), units(80), "once is enough");
        counter.record(units(-30)).unwrap();
        assert_eq!(counter.spent().unwrap(), units(50), "what is taken back does not come again as a promise");
    }

    #[test]
    fn a_sum_that_does_not_fit_is_said_so() {
        let mut counter = Counter { used: Quantity::from_micros(i64::MAX), ..Counter::default() };
        assert_eq!(counter.record(Quantity::ONE), Err(Overflow));
        assert_eq!(Counter { committed: Quantity::ONE, ..counter }.spent(), Err(Overflow));
    }
}
