//! Who may ask a BSP when: rates per account and per BSP, a number of requests under way, and gates that the BSP's answers close.

mod together;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::together::Share;
use self::together::{Together, Wait};
use super::error::{Advice, Complaint, name};
use crate::domain::channel::BspKind;
use crate::domain::clock::{Instant, SharedClock};

/// How one BSP, or one account at it, stands with its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimiterState {
    pub bsp: BspKind,
    /// `None`: the BSP as a whole.
    pub account: Option<String>,
    /// Nothing is sent before this time.
    pub closed_until: Option<Instant>,
    /// What closed the gate.
    pub reason: Option<String>,
    /// Calls that wait for their turn.
    pub waiting: u32,
}

/// The rates of one BSP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// The vendor's limit: so many requests of one account within `window`.
    pub(super) account_max: NonZeroU32,
    pub(super) window: Duration,
    /// Ours: requests per second of all accounts together, over all nodes.
    pub(super) per_second: NonZeroU32,
    /// Ours: requests under way.
    pub(super) concurrent_max: NonZeroU32,
}

/// A turn that is due within this time is waited for; a later one is told to the caller.
const PATIENCE: TimeDelta = TimeDelta::seconds(60);

/// The first wait when a BSP says "too many" and not for how long; it doubles with each repetition.
const BACKOFF_BASE: TimeDelta = TimeDelta::seconds(60);
const BACKOFF_MAX: TimeDelta = TimeDelta::hours(1);

/// The longest wait that a BSP can impose: an absurd Retry-After must not stop a channel for a year.
pub(super) const WAIT_MAX: TimeDelta = TimeDelta::hours(24);

/// Accounts that are remembered. One is forgotten once its window is over and its gate open; were this many asked within
/// one window, further ones wait.
const ACCOUNTS_MAX: usize = 200_000;
/// Below this many accounts nothing is swept.
const SWEEP_FROM: usize = 1_024;

/// Shows the injected clock to governor.
#[derive(Debug, Clone)]
struct GovernedClock(SharedClock);

impl GovernorClock for GovernedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self.0.now().timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok());
        Nanos::new(nanos.unwrap_or_default())
    }
}

type Rate = RateLimiter<NotKeyed, InMemoryState, GovernedClock, NoOpMiddleware<Nanos>>;

/// When `rate` lets the next one through; `None`: it just did.
fn next_turn(rate: &Rate, clock: &SharedClock) -> Option<Instant> {
    let refusal = rate.check().err()?;
    let now = clock.now();
    let wait = refusal.wait_time_from(GovernedClock(clock.clone()).now());
    // A microsecond more than governor says, as the clock shows no finer times.
    let wait = TimeDelta::from_std(wait).unwrap_or(WAIT_MAX) + TimeDelta::microseconds(1);
    Some(now + wait)
}

/// Half of what the vendor allows in a window at once, the other half spread over the window: so no window, wherever it
/// begins, sees more than the vendor allows. (A burst of all of it, refilled at the same rate, would allow nearly twice.)
fn account_quota(max: NonZeroU32, window: Duration) -> Quota {
    let burst = NonZeroU32::new(max.get().div_ceil(2)).unwrap_or(NonZeroU32::MIN);
    let spread = (max.get() - burst.get()).max(1);
    let period = (window / spread).max(Duration::from_nanos(1));
    Quota::with_period(period).expect("the period is not zero").allow_burst(burst)
}

#[derive(Debug, Default)]
struct Gate {
    closed_until: Option<Instant>,
    reason: Option<String>,
    /// How many times in a row the BSP said "too many" without a time.
    strikes: u32,
}

#[derive(Debug)]
struct Entry {
    rate: Rate,
    gate: Mutex<Gate>,
    last_used: Mutex<Instant>,
    waiting: AtomicU32,
}

impl Entry {
    fn closed(&self, now: Instant) -> Option<(Instant, String)> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let until = gate.closed_until.filter(|until| now < *until)?;
        Some((until, gate.reason.clone().unwrap_or_default()))
    }

    /// Whether a fresh entry would behave the same.
    fn is_idle(&self, now: Instant, window: TimeDelta) -> bool {
        let last_used = *self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        // Strikes are remembered as long as the longest back-off.
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let gate_rests = gate.closed_until.is_none_or(|until| until + BACKOFF_MAX <= now);
        gate_rests && last_used + window * 2 <= now
    }
}

/// The limits of one BSP: an account's for this process, which owns it, and one over all accounts and nodes.
#[derive(Debug)]
pub(super) struct Limiter {
    bsp: BspKind,
    clock: SharedClock,
    rates: Rates,
    accounts: Mutex<Accounts>,
    together: Together,
    process_slots: Arc<Semaphore>,
    process_waiting: AtomicU32,
}

#[derive(Debug, Default)]
struct Accounts {
    entries: HashMap<String, Arc<Entry>>,
    /// The size at which idle entries are looked for; doubled after each sweep, so that sweeping costs a constant per call.
    sweep_at: usize,
}

/// The right to send one request; to be held until it is answered.
#[derive(Debug)]
pub(super) struct Turn {
    _slot: OwnedSemaphorePermit,
}

/// Counts one who waits, as long as it lives.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn at(counter: &'a AtomicU32) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    pub(super) fn new(bsp: BspKind, rates: Rates, clock: SharedClock, share: Share) -> Self {
        let slots = usize::try_from(rates.concurrent_max.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            bsp,
            rates,
            accounts: Mutex::default(),
            together: Together::new(bsp, rates.per_second, clock.clone(), share),
            process_slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            process_waiting: AtomicU32::new(0),
            clock,
        }
    }

    /// Waits until `account` may send a request. A closed gate, or a turn that is more than [`PATIENCE`] away, is an error
    /// at once that says until when.
    pub(super) async fn turn(&self, account: &str) -> Result<Turn, Complaint> {
        let entry = self.entry(account)?;
        let patience_ends = self.clock.now() + PATIENCE;
        {
            let _waiting = Waiting::at(&entry.waiting);
            self.pass(&entry.rate, &entry, account, patience_ends).await?;
        }
        let _waiting = Waiting::at(&self.process_waiting);
        let slots = self.process_slots.clone();
        let slot = slots.acquire_owned().await.expect("the semaphore of a BSP is never closed");
        // Waiting for a slot does not use up patience: requests under way end by their own time-outs.
        self.pass_together(&entry, account).await?;
        Ok(Turn { _slot: slot })
    }

    /// Waits for `rate`, and looks at the account's gate before and after.
    async fn pass(&self, rate: &Rate, entry: &Entry, account: &str, patience_ends: Instant) -> Result<(), Complaint> {
        loop {
            self.refuse_closed(entry, account)?;
            let Some(turn) = next_turn(rate, &self.clock) else {
                return Ok(());
            };
            self.wait(turn, account, patience_ends).await?;
        }
    }

    /// Waits for the rate of all accounts and nodes, and looks at the account's gate before and after.
    async fn pass_together(&self, entry: &Entry, account: &str) -> Result<(), Complaint> {
        let patience_ends = self.clock.now() + PATIENCE;
        let mut patience = PATIENCE;
        loop {
            self.refuse_closed(entry, account)?;
            match self.together.take_a_turn().await {
                None => return Ok(()),
                Some(Wait::Until(turn)) => self.wait(turn, account, patience_ends).await?,
                Some(Wait::For(wait)) => {
                    let whole = TimeDelta::from_std(wait).unwrap_or(WAIT_MAX);
                    patience -= whole;
                    if patience < TimeDelta::zero() {
                        return Err(self.too_late(account, self.clock.now() + whole));
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn refuse_closed(&self, entry: &Entry, account: &str) -> Result<(), Complaint> {
        let Some((until, reason)) = entry.closed(self.clock.now()) else { return Ok(()) };
        let message = format!("{} is not asked for {account} before {until}: {reason}", name(self.bsp));
        Err(Complaint::new(Advice::WaitUntil(until), message))
    }

    async fn wait(&self, turn: Instant, account: &str, patience_ends: Instant) -> Result<(), Complaint> {
        if turn > patience_ends {
            return Err(self.too_late(account, turn));
        }
        self.clock.wait(turn).await;
        Ok(())
    }

    fn too_late(&self, account: &str, turn: Instant) -> Complaint {
        let message = format!("the limit for {account} at {} leaves no request before {turn}", name(self.bsp));
        Complaint::new(Advice::WaitUntil(turn), message)
    }

    /// Closes the gate of `account` for as long as the BSP said, or else for a time that grows with each repetition. A gate
    /// that is closed for longer stays so. Returns until when it is closed.
    pub(super) fn close(&self, account: &str, wait: Option<TimeDelta>, reason: &str) -> Instant {
        let now = self.clock.now();
        let Ok(entry) = self.entry(account) else {
            return now + BACKOFF_BASE;
        };
        let mut gate = entry.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = wait.unwrap_or_else(|| {
            gate.strikes = gate.strikes.saturating_add(1);
            backoff(gate.strikes, rand::random())
        });
        let until = now + wait.clamp(TimeDelta::seconds(1), WAIT_MAX);
        if gate.closed_until.is_none_or(|earlier| earlier < until) {
            gate.closed_until = Some(until);
            gate.reason = Some(reason.to_owned());
        }
        gate.closed_until.unwrap_or(until)
    }

    /// `account` got a good answer: the next "too many" starts from the shortest wait again.
    pub(super) fn forgive(&self, account: &str) {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = accounts.entries.get(account) {
            entry.gate.lock().unwrap_or_else(PoisonError::into_inner).strikes = 0;
        }
    }

    /// The BSP as a whole first, then the accounts that wait or are shut out, by id.
    pub(super) fn states(&self) -> Vec<LimiterState> {
        let now = self.clock.now();
        let state = |account, closed: Option<(Instant, String)>, waiting: &AtomicU32| {
            let (closed_until, reason) = closed.unzip();
            LimiterState { bsp: self.bsp, account, closed_until, reason, waiting: waiting.load(Ordering::Relaxed) }
        };
        let mut states = Vec::new();
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for (account, entry) in &accounts.entries {
            states.push(state(Some(account.clone()), entry.closed(now), &entry.waiting));
        }
        drop(accounts);
        states.retain(|state| state.waiting > 0 || state.closed_until.is_some());
        states.sort_by(|one, other| one.account.cmp(&other.account));
        states.insert(0, state(None, None, &self.process_waiting));
        states
    }

    fn entry(&self, account: &str) -> Result<Arc<Entry>, Complaint> {
        let now = self.clock.now();
        let window = TimeDelta::from_std(self.rates.window).unwrap_or(WAIT_MAX);
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = accounts.entries.get(account) {
            *entry.last_used.lock().unwrap_or_else(PoisonError::into_inner) = now;
            return Ok(entry.clone());
        }
        if accounts.entries.len() >= accounts.sweep_at.max(SWEEP_FROM) {
            accounts.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || !entry.is_idle(now, window));
            accounts.sweep_at = (accounts.entries.len() * 2).min(ACCOUNTS_MAX);
        }
        if accounts.entries.len() >= ACCOUNTS_MAX {
            let message = format!("too many accounts of {} were asked within one window", name(self.bsp));
            return Err(Complaint::new(Advice::WaitUntil(now + PATIENCE), message));
        }
        let quota = account_quota(self.rates.account_max, self.rates.window);
        let entry = Arc::new(Entry {
            rate: RateLimiter::direct_with_clock(quota, GovernedClock(self.clock.clone())),
            gate: Mutex::default(),
            last_used: Mutex::new(now),
            waiting: AtomicU32::new(0),
        });
        accounts.entries.insert(account.to_owned(), entry.clone());
        Ok(entry)
    }
}

/// The wait after the `strikes`-th "too many" in a row: doubled each time, and spread over its upper half, so that accounts
/// that were refused together do not come back together.
fn backoff(strikes: u32, random: u32) -> TimeDelta {
    let doublings = strikes.saturating_sub(1).min(16);
    let ceiling = BACKOFF_BASE.checked_mul(1_i32 << doublings).map_or(BACKOFF_MAX, |wait| wait.min(BACKOFF_MAX));
    let half_ms = ceiling.num_milliseconds() / 2;
    let share_ms = half_ms.saturating_mul(i64::from(random)) / i64::from(u32::MAX);
    TimeDelta::milliseconds(half_ms + share_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock as _, ManualClock};

    const MINUTE: Duration = Duration::from_secs(60);

    fn number(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).unwrap()
    }

    fn start() -> Instant {
        "2026-06-05T12:00:00Z".parse().unwrap()
    }

    fn limiter(account_max: u32, per_second: u32, concurrent_max: u32) -> (Arc<Limiter>, ManualClock) {
        let clock = ManualClock::at(start());
        let rates = Rates {
            account_max: number(account_max),
            window: MINUTE,
            per_second: number(per_second),
            concurrent_max: number(concurrent_max),
        };
        (Arc::new(Limiter::new(BspKind::Gupshup, rates, Arc::new(clock.clone()), Share::default())), clock)
    }

    /// Sends whenever it is allowed to, for `seconds`, and says when it was.
    async fn greedy(limiter: &Limiter, clock: &ManualClock, seconds: i64) -> Vec<Instant> {
        let end = clock.now() + TimeDelta::seconds(seconds);
        let mut sent = Vec::new();
        while clock.now() < end {
            let mut turn = Box::pin(limiter.turn("app"));
            match futures::poll!(&mut turn) {
                std::task::Poll::Ready(Ok(_)) => sent.push(clock.now()),
                std::task::Poll::Ready(Err(_)) | std::task::Poll::Pending => {
                    drop(turn);
                    clock.advance(TimeDelta::seconds(1));
                }
            }
        }
        sent
    }

    #[tokio::test]
    async fn no_window_sees_more_than_the_vendor_allows_and_a_long_run_is_not_starved() {
        for max in [1, 2, 3, 10] {
            let (limiter, clock) = limiter(max, 1_000, 1);
            let sent = greedy(&limiter, &clock, 600).await;
            for first in &sent {
                let in_window = sent.iter().filter(|at| *first <= **at && **at < *first + TimeDelta::seconds(60));
                assert!(in_window.count() <= usize::try_from(max).unwrap(), "{max}: {sent:?}");
            }
            assert!(sent.len() >= usize::try_from(max * 10 / 3).unwrap(), "{max}: {}", sent.len());
        }
    }

    #[tokio::test]
    async fn a_turn_within_a_minute_is_waited_for() {
        let (limiter, clock) = limiter(3, 1_000, 1);
        drop(limiter.turn("app").await.unwrap());
        drop(limiter.turn("app").await.unwrap());
        clock.advance(TimeDelta::seconds(5));
        let mut third = Box::pin(limiter.turn("app"));
        assert!(futures::poll!(&mut third).is_pending());
        assert_eq!(limiter.states()[1].waiting, 1);
        clock.set(clock.next_waited_for().unwrap());
        assert!(third.await.is_ok());
        assert_eq!(limiter.states().len(), 1, "nobody waits any more");
    }

    #[tokio::test]
    async fn a_turn_further_away_is_told_at_once() {
        let clock = ManualClock::at(start());
        let rates =
            Rates { account_max: number(1), window: MINUTE * 60, per_second: number(10), concurrent_max: number(1) };
        let limiter = Limiter::new(BspKind::Interakt, rates, Arc::new(clock.clone()), Share::default());
        drop(limiter.turn("waba").await.unwrap());
        let Advice::WaitUntil(until) = limiter.turn("waba").await.unwrap_err().advice else { panic!("no wait") };
        assert!(until >= start() + TimeDelta::hours(1) && until < start() + TimeDelta::minutes(61));
        assert!(limiter.turn("another").await.is_ok(), "another account has its own limit");
    }

    #[tokio::test]
    async fn a_closed_gate_turns_everyone_away_until_it_opens() {
        let (limiter, clock) = limiter(100, 1_000, 1);
        let until = limiter.close("app", Some(TimeDelta::minutes(7)), "429");
        assert_eq!(until, start() + TimeDelta::minutes(7));
        let complaint = limiter.turn("app").await.unwrap_err();
        assert_eq!(complaint.advice, Advice::WaitUntil(until));
        assert_eq!(limiter.states()[1].closed_until, Some(until));
        assert_eq!(limiter.states()[1].reason.as_deref(), Some("429"));
        assert_eq!(limiter.close("app", Some(TimeDelta::minutes(1)), "shorter"), until);
        clock.set(until);
        assert!(limiter.turn("app").await.is_ok());
    }

    #[tokio::test]
    async fn an_absurd_wait_is_cut_to_a_day() {
        let (limiter, _) = limiter(100, 1_000, 1);
        assert_eq!(limiter.close("app", Some(TimeDelta::days(365)), "429"), start() + WAIT_MAX);
    }

    #[test]
    fn waits_without_a_time_grow_to_an_hour_and_start_again_after_a_good_answer() {
        assert_eq!(backoff(1, 0), TimeDelta::seconds(30));
        assert_eq!(backoff(1, u32::MAX), TimeDelta::seconds(60));
        assert_eq!(backoff(3, u32::MAX), TimeDelta::minutes(4));
        assert_eq!(backoff(u32::MAX, u32::MAX), BACKOFF_MAX);
        let (limiter, clock) = limiter(100, 1_000, 1);
        for _ in 0..5 {
            clock.set(limiter.close("app", None, "429"));
        }
        limiter.forgive("app");
        assert!(limiter.close("app", None, "429") <= clock.now() + BACKOFF_BASE);
    }

    #[tokio::test]
    async fn so_many_requests_are_under_way_and_no_more() {
        let (limiter, _) = limiter(100, 1_000, 2);
        let first = limiter.turn("a").await.unwrap();
        let _second = limiter.turn("b").await.unwrap();
        let mut third = Box::pin(limiter.turn("c"));
        assert!(futures::poll!(&mut third).is_pending());
        assert_eq!(limiter.states()[0].waiting, 1);
        drop(first);
        assert!(third.await.is_ok());
    }

    #[tokio::test]
    async fn all_accounts_together_keep_the_rate_of_the_process() {
        let (limiter, clock) = limiter(100, 2, 10);
        for account in ["a", "b"] {
            drop(limiter.turn(account).await.unwrap());
        }
        let mut third = Box::pin(limiter.turn("c"));
        assert!(futures::poll!(&mut third).is_pending());
        clock.advance(TimeDelta::milliseconds(501));
        assert!(third.await.is_ok());
    }

    #[tokio::test]
    async fn accounts_that_rest_are_forgotten_and_those_shut_out_are_not() {
        let (limiter, clock) = limiter(10, 1_000, 1);
        limiter.close("shut", Some(TimeDelta::hours(20)), "429");
        for account in 1..SWEEP_FROM {
            limiter.entry(&account.to_string()).unwrap();
        }
        clock.advance(TimeDelta::hours(2));
        limiter.entry("new").unwrap();
        let accounts = limiter.accounts.lock().unwrap();
        let mut left: Vec<&str> = accounts.entries.keys().map(String::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["new", "shut"]);
    }
}
