//! When an actor that died is started again: later each time, and hardly ever once it dies too often.

use std::collections::VecDeque;

use chrono::TimeDelta;

use crate::domain::clock::Instant;

use super::Options;

/// What is done about an actor that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// It is started again then.
    Restart { at: Instant },
    /// It has died too often: an alarm is raised once (`fresh`), and a probe starts it then.
    Quarantine { at: Instant, fresh: bool },
}

/// The deaths of one organisation's actor, as far back as they matter.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// The restarts of the window, oldest first; at most as many as lead to quarantine.
    restarts: VecDeque<Instant>,
    /// Deaths in a row, each within the window after the one before.
    streak: u32,
    last_death: Option<Instant>,
    quarantined: bool,
}

impl Trouble {
    /// Records a death at `now` and says what to do. `random` is uniform over its type and spreads the restarts, so that a fault
    /// that many actors share does not bring them all back in one instant.
    pub(super) fn died(&mut self, now: Instant, options: &Options, random: u32) -> Plan {
        let window = options.quarantine_window;
        if self.last_death.is_none_or(|last| now - last > window) {
            self.streak = 0;
        }
        self.last_death = Some(now);
        self.streak = self.streak.saturating_add(1);
        if self.quarantined {
            return Plan::Quarantine { at: now + options.probe, fresh: false };
        }
        while self.restarts.front().is_some_and(|at| now - *at > window) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= options.quarantine_restarts {
            self.quarantined = true;
            return Plan::Quarantine { at: now + options.probe, fresh: true };
        }
        self.restarts.push_back(now);
        Plan::Restart { at: now + delay(self.streak, options, random) }
    }

    /// Restarts within the window that led to quarantine.
    pub(super) fn restarts(&self) -> usize {
        self.restarts.len()
    }

    /// Whether the actor only lives on probation.
    pub(super) fn is_quarantined(&self) -> bool {
        self.quarantined
    }
}

/// Doubles with each death of a streak, from `restart_backoff_min` to `restart_backoff_max`; the upper half of it is jitter.
fn delay(streak: u32, options: &Options, random: u32) -> TimeDelta {
    let doublings = streak.min(20);
    let ceiling_ms = options
        .restart_backoff_min
        .num_milliseconds()
        .saturating_mul(1_i64 << doublings)
        .min(options.restart_backoff_max.num_milliseconds());
    let share = i128::from(ceiling_ms / 2) * i128::from(random) / i128::from(u32::MAX);
    TimeDelta::milliseconds(ceiling_ms / 2 + i64::try_from(share).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Instant {
        "2026-06-05T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_delay_starts_at_a_second_doubles_and_ends_at_five_minutes() {
        let options = Options::default();
        assert_eq!(delay(1, &options, 0), TimeDelta::seconds(1));
        assert_eq!(delay(1, &options, u32::MAX), TimeDelta::seconds(2));
        assert_eq!(delay(3, &options, u32::MAX), TimeDelta::seconds(8));
        assert_eq!(delay(u32::MAX, &options, u32::MAX), TimeDelta::minutes(5));
    }

    #[test]
    fn five_restarts_in_ten_minutes_lead_to_quarantine_and_one_alarm() {
        let options = Options::default();
        let mut trouble = Trouble::default();
        for minute in 0..5 {
            let plan = trouble.died(noon() + TimeDelta::minutes(minute), &options, 0);
            assert!(matches!(plan, Plan::Restart { .. }), "death {minute}: {plan:?}");
        }
        let sixth = noon() + TimeDelta::minutes(5);
        assert_eq!(trouble.died(sixth, &options, 0), Plan::Quarantine { at: sixth + TimeDelta::hours(1), fresh: true });
        assert!(trouble.is_quarantined());
        let probe = sixth + TimeDelta::hours(1);
        assert_eq!(
            trouble.died(probe, &options, 0),
            Plan::Quarantine { at: probe + TimeDelta::hours(1), fresh: false }
        );
    }

    #[test]
    fn deaths_far_apart_never_lead_to_quarantine() {
        let options = Options::default();
        let mut trouble = Trouble::default();
        for hour in 0..50 {
            let now = noon() + TimeDelta::hours(hour);
            assert_eq!(trouble.died(now, &options, 0), Plan::Restart { at: now + TimeDelta::seconds(1) });
        }
    }
}
