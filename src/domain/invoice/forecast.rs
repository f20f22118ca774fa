//! What the month that runs may come to at its end.

use super::LineSource;
use crate::domain::clock::Instant;
use crate::domain::invoice::InvoiceLine;
use crate::domain::money::{Money, Overflow};
use crate::domain::period::Period;

/// A guess, and how it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// What the invoice may come to.
    pub total: Money,
    /// What usage of the month may come to, before credits.
    pub usage: Money,
    /// The end of the month.
    pub until: Instant,
    /// How it was made, in words.
    pub basis: String,
}

/// What `charged` may have become by the end of `period`, if usage goes on as it did up to `now`: its amount so far, divided by the part
/// of the period that is over, in whole microseconds, rounded once to `digits`. The fee and adjustments stay as they are. `available`
/// credits pay for usage and adjustments.
pub fn forecast(
    charged: &[InvoiceLine],
    available: Money,
    period: Period,
    now: Instant,
    digits: u32,
) -> Result<Forecast, Overflow> {
    let sum = |source: LineSource| {
        let lines = charged.iter().filter(|line| line.source == source);
        Money::sum(lines.map(|line| line.amount)).ok_or(Overflow)
    };
    let whole = (period.end - period.start).num_microseconds().unwrap_or(i64::MAX).max(1);
    let elapsed = (now.min(period.end) - period.start).num_microseconds().unwrap_or(i64::MAX);
    let so_far = sum(LineSource::Usage)?;
    let usage = if elapsed > 0 { scaled(so_far, whole, elapsed)?.rounded(digits).ok_or(Overflow)? } else { so_far };
    let payable = usage.checked_add(sum(LineSource::Adjustment)?).ok_or(Overflow)?;
    let paid = available.cut(digits).ok_or(Overflow)?.min(payable).max(Money::ZERO);
    let owed = payable.checked_sub(paid).ok_or(Overflow)?;
    let total = sum(LineSource::Fee)?.checked_add(owed).ok_or(Overflow)?;
    let hours = |micros: i64| micros.max(0) / 3_600_000_000;
    let basis = format!(
        "linear: usage of the first {} of {} hours of the month goes on as it did; fee, adjustments and credits as they are now",
        hours(elapsed),
        hours(whole)
    );
    Ok(Forecast { total, usage, until: period.end, basis })
}

/// `amount * whole / elapsed`, rounded to 1e-9 half away from zero.
fn scaled(amount: Money, whole: i64, elapsed: i64) -> Result<Money, Overflow> {
    let product = i128::from(amount.nanos()) * i128::from(whole);
    let half = i128::from(elapsed) / 2 * product.signum();
    i64::try_from((product + half) / i128::from(elapsed)).map(Money::from_nanos).map_err(|_| Overflow)
}
