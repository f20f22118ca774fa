//! An allowance as it is shown, and whether something would fit.

use super::rule::left;
use super::{AllowancePeriod, Counted, Counter, EnforcementPolicy, Rule, Scope};
use crate::domain::clock::Instant;
use crate::domain::money::Overflow;
use crate::domain::quantity::Quantity;

/// The daily or the monthly part of an allowance; whole units, never below zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// `None`: no limit.
    pub limit: Option<i64>,
    /// What the ledger holds and what is committed, a begun unit as a whole one.
    pub used: i64,
    /// What open reservations hold.
    pub reserved: i64,
    /// What is left of the limit; `None`: no limit.
    pub remaining: Option<i64>,
    pub resets_at: Instant,
}

impl Share {
    fn new(rule: &Rule, period: AllowancePeriod, counter: &Counter, resets_at: Instant) -> Result<Self, Overflow> {
        let limit = rule.limit_quantity(period);
        let taken = counter.taken()?;
        Ok(Self {
            limit: rule.limit(period).map(i64::from),
            used: begun(counter.spent()?),
            reserved: begun(counter.reserved),
            remaining: limit.map(|limit| left(limit, taken)).transpose()?,
            resets_at,
        })
    }

    /// What was used beyond the limit.
    fn overage(&self) -> i64 {
        self.limit.map_or(0, |limit| (self.used - limit).max(0))
    }
}

/// Whole units, of which the last may only be begun; never below zero.
fn begun(quantity: Quantity) -> i64 {
    let (micros, one) = (quantity.micros().max(0), Quantity::ONE.micros());
    micros / one + i64::from(micros % one > 0)
}

/// What an organisation or a channel may use, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    pub scope: Scope,
    pub daily: Share,
    pub monthly: Share,
    pub policy: EnforcementPolicy,
    pub grace_percent: u8,
    pub counted: Counted,
}

impl Allowance {
    /// Out of the counters of the local day and month of `now`.
    pub fn new(rule: &Rule, now: Instant, [day, month]: [&Counter; 2]) -> Result<Self, Overflow> {
        let date = rule.zone.date(now);
        let share = |period: AllowancePeriod, counter| {
            Share::new(rule, period, counter, period.ends_at(rule.zone, period.start(date)))
        };
        Ok(Self {
            scope: rule.scope,
            daily: share(AllowancePeriod::Day, day)?,
            monthly: share(AllowancePeriod::Month, month)?,
            policy: rule.terms.policy,
            grace_percent: rule.terms.grace_percent,
            counted: rule.terms.counted.clone(),
        })
    }

    /// What was used beyond the limits: the larger of what is beyond the daily and beyond the monthly one.
    pub fn overage(&self) -> i64 {
        self.daily.overage().max(self.monthly.overage())
    }

    /// The limit that leaves least; of two that leave the same, the one that does so for longer.
    fn tightest(&self) -> Option<(i64, AllowancePeriod, Instant)> {
        let shares = [(AllowancePeriod::Month, &self.monthly), (AllowancePeriod::Day, &self.daily)];
        let limited =
            shares.into_iter().filter_map(|(period, share)| Some((share.remaining?, period, share.resets_at)));
        limited.min_by_key(|(remaining, ..)| *remaining)
    }
}

/// Whether a quantity would fit now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A reservation of it would be granted.
    pub allowed: bool,
    /// It fits without going beyond any limit.
    pub within_limits: bool,
    /// What is left within the limits; `None`: there is no limit.
    pub available: Option<i64>,
    /// The limit that leaves so little.
    pub limited_by: Option<AllowancePeriod>,
    /// When that limit begins anew.
    pub resets_at: Option<Instant>,
}

impl Check {
    /// Of all allowances that it would be taken from, with what would be refused of them.
    pub fn new(allowances: &[Allowance], quantity: Quantity, allowed: bool) -> Self {
        let tightest = allowances.iter().filter_map(Allowance::tightest).min_by_key(|(remaining, ..)| *remaining);
        let (available, limited_by, resets_at) = match tightest {
            Some((remaining, period, resets_at)) => (Some(remaining), Some(period), Some(resets_at)),
            None => (None, None, None),
        };
        let within_limits = available.is_none_or(|available| begun(quantity) <= available);
        Self { allowed, within_limits, available, limited_by, resets_at }
    }
}
