//! The rate of a BSP over all nodes: a GCRA in Redis, and without it each node's part of the rate.
//!
//! Redis counts by its own clock, so a turn that it promises is waited for in real time; a turn of this node's part is waited for by the injected
//! clock, as everything else is. The two are never mixed: whichever way a turn was refused, that is the clock by which it comes.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{Quota, RateLimiter};
use redis::Script;

use super::{GovernedClock, Rate, next_turn};
use crate::domain::channel::BspKind;
use crate::domain::clock::{Instant, SharedClock};
use crate::domain::node::LiveNodes;
use crate::remote::{Away, Remote};

/// With whom the limits are shared.
#[derive(Debug, Clone, Default)]
pub struct Share {
    /// Where nodes count together; `None`: nowhere.
    pub remote: Option<Remote>,
    /// Who shares where nobody counts together.
    pub live: LiveNodes,
}

/// The generic cell rate algorithm, of which one number is kept: when the next turn would be due if all had come evenly. Answers for how many
/// microseconds to wait, 0: the turn is taken. What is kept never lies further ahead than the burst, so that neither a clock of Redis that was
/// set back nor a rate that was changed shuts anybody out.
const TAKE_A_TURN: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
due = math.max(now, math.min(due, now + interval * burst))
local wait = due + interval - interval * burst - now
if wait > 0 then return wait end
local next_due = due + interval
redis.call('SET', KEYS[1], string.format('%.0f', next_due), 'PX', math.ceil((next_due - now) / 1000) + 1000)
return 0
";

/// Until when a turn is to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// By the injected clock.
    Until(Instant),
    /// In real time.
    For(Duration),
}

/// One BSP's rate over all nodes.
#[derive(Debug)]
pub(super) struct Together {
    bsp: BspKind,
    per_second: NonZeroU32,
    clock: SharedClock,
    share: Share,
    script: Script,
    /// This node's part, and among how many it was made.
    part: Mutex<(NonZeroU32, Arc<Rate>)>,
}

impl Together {
    pub(super) fn new(bsp: BspKind, per_second: NonZeroU32, clock: SharedClock, share: Share) -> Self {
        let nodes = share.live.count();
        let part = Mutex::new((nodes, part(per_second, nodes, &clock)));
        Self { bsp, per_second, clock, share, script: Script::new(TAKE_A_TURN), part }
    }

    /// Until when to wait; `None`: the turn is taken.
    pub(super) async fn take_a_turn(&self) -> Option<Wait> {
        if let Some(remote) = &self.share.remote
            && let Ok(wait) = self.ask(remote).await
        {
            return (!wait.is_zero()).then_some(Wait::For(wait));
        }
        next_turn(&self.part(), &self.clock).map(Wait::Until)
    }

    async fn ask(&self, remote: &Remote) -> Result<Duration, Away> {
        // The second's requests may come at once: the vendors' limits are per minute and hour, this one only evens out load.
        let interval_us = 1_000_000_u32.div_ceil(self.per_second.get());
        let mut invocation = self.script.key(remote.name(&format!("limit:{}", self.bsp.code())));
        invocation.arg(interval_us).arg(self.per_second.get());
        let wait_us: u64 =
            remote.ask(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await?;
        Ok(Duration::from_micros(wait_us))
    }

    /// This node's part of the rate, at least one a second; a new one where nodes came or went.
    fn part(&self) -> Arc<Rate> {
        let nodes = self.share.live.count();
        let mut present = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        if present.0 != nodes {
            *present = (nodes, part(self.per_second, nodes, &self.clock));
        }
        Arc::clone(&present.1)
    }
}

fn part(per_second: NonZeroU32, nodes: NonZeroU32, clock: &SharedClock) -> Arc<Rate> {
    let part = NonZeroU32::new(per_second.get() / nodes.get()).unwrap_or(NonZeroU32::MIN);
    Arc::new(RateLimiter::direct_with_clock(Quota::per_second(part), GovernedClock(clock.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::ManualClock;

    #[tokio::test]
    async fn without_redis_a_node_keeps_to_its_part() {
        let clock = ManualClock::at("2026-06-05T12:00:00Z".parse().unwrap());
        let live = LiveNodes::default();
        let share = Share { remote: None, live: live.clone() };
        let ten = NonZeroU32::new(10).unwrap();
        let together = Together::new(BspKind::Gupshup, ten, Arc::new(clock.clone()), share);
        for (nodes, turns) in [(1, 10), (3, 3), (10, 1), (40, 1), (2, 5)] {
            live.tell(nodes);
            let mut taken = 0;
            while together.take_a_turn().await.is_none() {
                taken += 1;
            }
            assert_eq!(taken, turns, "of {nodes} nodes");
            assert!(matches!(together.take_a_turn().await, Some(Wait::Until(_))));
        }
    }
}
