//! What an allowance says: its limits, what becomes of use beyond them, and what counts.

use std::fmt;

use super::{AllowancePeriod, Counted, Counter, CounterKey, EnforcementPolicy, Scope, Standing};
use crate::domain::channel::ChannelKind;
use crate::domain::clock::Instant;
use crate::domain::money::Overflow;
use crate::domain::period::Zone;
use crate::domain::quantity::Quantity;

/// Where a limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of the plan; for a channel there is none.
    Plan,
    /// Its own, in whole units; `None`: no limit.
    Own(Option<i32>),
}

/// What was said of an allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub daily: Limit,
    pub monthly: Limit,
    pub policy: EnforcementPolicy,
    /// By how many per cent use may go beyond a limit before it is blocked, 0 to 100.
    pub grace_percent: u8,
    pub counted: Counted,
}

impl Terms {
    /// What holds for an organisation of which nothing was said.
    pub fn of_plan() -> Self {
        Self {
            daily: Limit::Plan,
            monthly: Limit::Plan,
            policy: EnforcementPolicy::Allow,
            grace_percent: 0,
            counted: Counted::usual(ChannelKind::Whatsapp),
        }
    }

    /// What a channel's own allowance begins as.
    pub fn of_channel(kind: ChannelKind) -> Self {
        let none = Limit::Own(None);
        Self { daily: none, monthly: none, counted: Counted::usual(kind), ..Self::of_plan() }
    }
}

/// The terms of an allowance together with what they stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub scope: Scope,
    pub zone: Zone,
    pub terms: Terms,
    /// The limits of the plan, daily and monthly.
    pub plan: (Option<i32>, Option<i32>),
}

impl Rule {
    /// The limit in force, in whole units; `None`: none.
    pub fn limit(&self, period: AllowancePeriod) -> Option<i32> {
        let (limit, plan) = match period {
            AllowancePeriod::Day => (self.terms.daily, self.plan.0),
            AllowancePeriod::Month => (self.terms.monthly, self.plan.1),
        };
        match limit {
            Limit::Own(own) => own,
            Limit::Plan if self.scope.channel_id.is_none() => plan,
            Limit::Plan => None,
        }
    }

    /// The same as a quantity.
    pub fn limit_quantity(&self, period: AllowancePeriod) -> Option<Quantity> {
        self.limit(period).map(whole)
    }

    /// Up to where use is granted; `None`: without bound.
    pub fn bound(&self, period: AllowancePeriod) -> Option<Quantity> {
        let limit = self.limit_quantity(period)?;
        match self.terms.policy {
            EnforcementPolicy::Allow => None,
            EnforcementPolicy::Block => {
                let percent = 100 + i128::from(self.terms.grace_percent);
                // A limit has 31 bits, so that twice as many millionths of it have less than 63.
                let micros = i128::from(limit.micros()) * percent / 100;
                Some(Quantity::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
            }
        }
    }

    /// Whether `quantity` more may be taken of a counter.
    pub(super) fn admit(
        &self,
        key: CounterKey,
        counter: &Counter,
        quantity: Quantity,
    ) -> Result<Option<Refused>, Overflow> {
        let Some(bound) = self.bound(key.period) else { return Ok(None) };
        let taken = counter.taken()?;
        if taken.checked_add(quantity).ok_or(Overflow)? <= bound {
            return Ok(None);
        }
        Ok(Some(Refused {
            period: key.period,
            of_channel: self.scope.channel_id.is_some(),
            limit: self.limit(key.period).unwrap_or_default(),
            grace_percent: self.terms.grace_percent,
            left: left(bound, taken)?,
            resets_at: key.period.ends_at(self.zone, key.start),
        }))
    }

    /// Where a counter stands that was changed.
    pub fn standing(&self, key: CounterKey, used_before: Quantity, used: Quantity, limit_changed: bool) -> Standing {
        Standing {
            organisation_id: self.scope.organisation_id,
            channel_id: self.scope.channel_id,
            period: key.period,
            start: key.start,
            ends_at: key.period.ends_at(self.zone, key.start),
            limit: self.limit_quantity(key.period),
            used_before,
            used,
            limit_changed,
        }
    }
}

fn whole(count: i32) -> Quantity {
    // 31 bits of units are 51 bits of millionths.
    Quantity::whole(count.into()).unwrap_or_default()
}

/// How many whole units are left up to `bound`; never below zero.
pub(super) fn left(bound: Quantity, taken: Quantity) -> Result<i64, Overflow> {
    let left = bound.checked_sub(taken).ok_or(Overflow)?;
    Ok(left.micros().max(0) / Quantity::ONE.micros())
}

/// Why a part of an allowance was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub period: AllowancePeriod,
    /// It is the channel's allowance that has too little, not the organisation's.
    pub of_channel: bool,
    pub limit: i32,
    pub grace_percent: u8,
    /// What is left, in whole units.
    pub left: i64,
    pub resets_at: Instant,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.of_channel { "channel" } else { "organisation" };
        write!(f, "the {} limit of the {whose} is {}", self.period.adjective(), self.limit)?;
        if self.grace_percent > 0 {
            write!(f, " with {} per cent of grace", self.grace_percent)?;
        }
        let at = self.resets_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        write!(f, ", of which {} are left; it begins anew at {at}", self.left)
    }
}
