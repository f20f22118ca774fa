//! What every bus promises, held against that of one process, that of a node that hears nothing of others, and the one in Redis.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;
use wabacus::bus::{
    Bus, Call, Calls, Heard, Listening, LocalBus, PollingBus, RedisBus, Revocations, Revoked, Wakes, Woken,
};
use wabacus::domain::event::Hint;
use wabacus::domain::id::{OrganisationId, TokenId};
use wabacus::domain::node::LiveNodes;

use crate::proxy::Proxy;
use crate::redis::{Redis, left_out};
use crate::{remote, way};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

fn organisation() -> OrganisationId {
    OrganisationId::generate("2026-06-05T09:00:00Z".parse().expect("a time"))
}

fn token() -> TokenId {
    TokenId::generate("2026-06-05T09:00:00Z".parse().expect("a time"))
}

fn hint(organisation_id: OrganisationId, sequence: i64) -> Hint {
    Hint { organisation_id, sequence }
}

/// One that listens to everything.
struct Ears {
    hints: Listening,
    own: Calls,
    revocations: Revocations,
    wakes: Wakes,
}

async fn soon<T>(next: impl Future<Output = T>) -> T {
    timeout(PATIENCE, next).await.expect("it is heard")
}

impl Ears {
    fn of(bus: &dyn Bus, own: OrganisationId) -> Self {
        Self { hints: bus.listen(), own: bus.listen_to(own), revocations: bus.revocations(), wakes: bus.wakes() }
    }

    async fn hint(&mut self) -> Heard {
        soon(self.hints.next()).await.expect("the bus lives")
    }

    async fn call(&mut self) -> Call {
        soon(self.own.next()).await.expect("the bus lives")
    }

    async fn revoked(&mut self) -> Revoked {
        soon(self.revocations.next()).await.expect("the bus lives")
    }

    async fn woken(&mut self) -> Woken {
        soon(self.wakes.next()).await.expect("the bus lives")
    }

    /// Hears of a gap, in every way.
    async fn gap(&mut self) {
        while self.hint().await != Heard::Gap {}
        while self.revoked().await != Revoked::Gap {}
        while self.woken().await != Woken::Gap {}
        while self.call().await.upto.is_some() {}
    }

    /// Whether there is nothing to be heard.
    fn hear_nothing(&mut self) -> bool {
        self.hints.next().now_or_never().is_none()
            && self.own.next().now_or_never().is_none()
            && self.revocations.next().now_or_never().is_none()
            && self.wakes.next().now_or_never().is_none()
    }
}

/// What is told on `here` is heard `there`, each thing once.
async fn carries(here: &dyn Bus, there: &dyn Bus) {
    let (own, other) = (organisation(), organisation());
    let mut ears = Ears::of(there, own);
    here.publish(&[hint(own, 1)]);
    assert_eq!(ears.hint().await, Heard::Hint(hint(own, 1)));
    assert_eq!(ears.call().await.upto, Some(1));
    here.publish(&[hint(other, 5)]);
    assert_eq!(ears.hint().await, Heard::Hint(hint(other, 5)));
    let token = token();
    here.revoke(token);
    assert_eq!(ears.revoked().await, Revoked::Token(token));
    here.wake(own);
    assert_eq!(ears.woken().await, Woken::Organisation(own));
    here.publish(&[]);
    here.sent().await;
    // Whatever came twice would have come before this.
    here.publish(&[hint(own, 2)]);
    assert_eq!(ears.hint().await, Heard::Hint(hint(own, 2)));
    assert_eq!(ears.call().await.upto, Some(2), "another's hint wakes nobody here");
    assert!(ears.hear_nothing());
}

/// However much is told at once, a listener is at the end, or hears that it missed something.
async fn ends_at_the_newest(here: &dyn Bus, there: &dyn Bus) {
    let own = organisation();
    let mut ears = Ears::of(there, own);
    for sequence in 1..=20_000 {
        here.publish(&[hint(own, sequence)]);
    }
    while ears.call().await.upto.is_some_and(|upto| upto < 20_000) {}
    loop {
        match ears.hint().await {
            Heard::Hint(hint) if hint.sequence == 20_000 => break,
            Heard::Hint(_) | Heard::Gap => {}
        }
    }
}

async fn conforms(here: &dyn Bus, there: &dyn Bus) {
    carries(here, there).await;
    ends_at_the_newest(here, there).await;
}

#[tokio::test]
async fn the_bus_of_one_process_conforms() {
    let bus = LocalBus::default();
    conforms(&bus, &bus).await;
}

#[tokio::test]
async fn the_bus_of_a_node_that_looks_for_itself_conforms_and_gives_gaps_as_long_as_others_live() {
    let live = LiveNodes::default();
    let bus = PollingBus::new(live.clone());
    conforms(&bus, &bus).await;
    let mut ears = Ears::of(&bus, organisation());
    live.tell(2);
    ears.gap().await;
}

/// A bus that hears the others.
async fn hearing(remote: wabacus::remote::Remote, live: LiveNodes) -> RedisBus {
    let bus = RedisBus::new(remote, live);
    soon(bus.hears()).await;
    bus
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_in_redis_conforms_on_one_node_and_between_two() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let here = hearing(remote(&redis, "wabacus:"), LiveNodes::default()).await;
    let there = hearing(remote(&redis, "wabacus:"), LiveNodes::default()).await;
    let stranger = hearing(remote(&redis, "other:"), LiveNodes::default()).await;
    let mut strange = Ears::of(&stranger, organisation());
    conforms(&here, &here).await;
    conforms(&here, &there).await;
    conforms(&there, &here).await;
    assert!(strange.hear_nothing(), "under another prefix");
    assert_eq!(redis.keys(), [], "a bus leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_node_hears_itself_at_once_and_of_others_by_gaps() {
    if left_out() {
        return;
    }
    let redis = Redis::absent();
    let live = LiveNodes::default();
    let here = RedisBus::new(remote(&redis, "wabacus:"), live.clone());
    conforms(&here, &here).await;
    live.tell(2);
    let mut ears = Ears::of(&here, organisation());
    ears.gap().await;
    ears.gap().await;
    redis.begin();
    soon(here.hears()).await;
    let there = hearing(remote(&redis, "wabacus:"), live).await;
    soon(async {
        // The gaps of the beginning may come late.
        while !Ears::of(&here, organisation()).hear_nothing() {}
    })
    .await;
    conforms(&here, &there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_while_the_way_was_cut_both_hear_of_as_a_gap() {
    if left_out() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port()).await;
    let here = hearing(way(&proxy.redis_url(), "wabacus:"), LiveNodes::default()).await;
    let there = hearing(remote(&redis, "wabacus:"), LiveNodes::default()).await;
    let own = organisation();
    carries(&here, &there).await;
    let (mut here_ears, mut there_ears) = (Ears::of(&here, own), Ears::of(&there, own));
    proxy.cut();
    here.publish(&[hint(own, 1)]);
    assert_eq!(here_ears.hint().await, Heard::Hint(hint(own, 1)), "one's own news needs no Redis");
    assert_eq!(here_ears.call().await.upto, Some(1));
    here.revoke(token());
    here.sent().await;
    proxy.mend();
    there_ears.gap().await;
    here_ears.gap().await;
}
