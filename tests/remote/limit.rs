//! The limit of a BSP over all nodes: counted together in Redis, and by each node's part of it while Redis is away.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use wabacus::bsp::{Account, Bsps, Options, Share};
use wabacus::domain::channel::BspKind;
use wabacus::domain::clock::{Clock as _, ManualClock};
use wabacus::domain::node::LiveNodes;
use wabacus::domain::period::{DateRange, Zone};
use wabacus::sim::{Sim, SimAccount};

use crate::redis::{Redis, left_out};
use crate::remote;

/// Requests of all nodes in a second.
const PER_SECOND: u32 = 4;

/// A node that asks BSPs.
struct Node {
    bsps: Bsps,
    live: LiveNodes,
    remote: wabacus::remote::Remote,
}

/// Two nodes, the clock that stands still for both, and the BSPs that they ask.
struct Pair {
    redis: Redis,
    clock: ManualClock,
    _sim: Sim,
    nodes: [Node; 2],
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not zero")
}

fn zone() -> Zone {
    Zone::parse("zone", "Asia/Kolkata").expect("a zone")
}

impl Pair {
    fn begin() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let redis = Redis::start();
        let clock = ManualClock::at("2026-06-05T06:00:00Z".parse().expect("a time"));
        let sim = Sim::start(7, Arc::new(clock.clone())).expect("a free port");
        sim.add(SimAccount::gupshup("app", "secret", zone()));
        let nodes = [(); 2].map(|()| {
            let options = Options {
                gupshup_url: sim.gupshup_url(),
                interakt_url: sim.interakt_url(),
                gupshup_per_minute: number(10_000),
                bsp_per_second: number(PER_SECOND),
                ..Options::default()
            };
            let (remote, live) = (remote(&redis, "wabacus:"), LiveNodes::default());
            live.tell(2);
            let share = Share { remote: Some(remote.clone()), live: live.clone() };
            Node { bsps: Bsps::sharing(options, Arc::new(clock.clone()), share).expect("clients"), live, remote }
        });
        Self { redis, clock, _sim: sim, nodes }
    }
}

impl Node {
    async fn ask(&self) {
        let account = Account { id: "app".to_owned(), token: Some(SecretString::from("secret")), zone: zone() };
        let range = DateRange::day("2026-06-04".parse().expect("a day"));
        self.bsps.get(BspKind::Gupshup).account_usage(&account, range).await.expect("an answer");
    }

    /// How many of so many requests are answered though the clock stands still.
    async fn ask_while_time_stands_still(&self, requests: usize) -> usize {
        let mut answered = 0;
        for _ in 0..requests {
            answered += usize::from(tokio::time::timeout(Duration::from_millis(700), self.ask()).await.is_ok());
        }
        answered
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_keep_one_limit_between_them() {
    if left_out() {
        return;
    }
    let world = Pair::begin();
    let since = Instant::now();
    let asked = (0..16).map(|number| world.nodes[number % 2].ask());
    futures::future::join_all(asked).await;
    // Four at once, then four in each second, by the time of Redis: the injected clock stands still.
    let took = since.elapsed();
    assert!(took >= Duration::from_millis(2_900), "{took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let keys = world.redis.keys();
    let names: BTreeSet<_> = keys.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["wabacus:limit:GUPSHUP"]));
    assert!(keys.iter().all(|(_, left_ms)| (1..=3_000).contains(left_ms)), "{keys:?}");
    let states = world.nodes[0].bsps.limiter_states();
    assert!(states.iter().all(|state| state.waiting == 0 && state.closed_until.is_none()), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_keeps_to_its_part_and_they_count_together_again_when_it_is_back() {
    if left_out() {
        return;
    }
    let world = Pair::begin();
    let [one, other] = &world.nodes;
    one.ask().await;
    world.redis.end();
    for node in [one, other] {
        while node.remote.is_up() {
            tokio::task::yield_now().await;
        }
        assert_eq!(node.ask_while_time_stands_still(3).await, 2, "half of four");
        let (waiting, moved) = tokio::join!(node.ask(), async {
            // It waits by the clock that is moved by hand.
            while world.clock.next_waited_for().is_none() {
                tokio::task::yield_now().await;
            }
            world.clock.set(world.clock.next_waited_for().expect("somebody waits"));
        });
        let ((), ()) = (waiting, moved);
    }
    one.live.tell(40);
    assert_eq!(one.ask_while_time_stands_still(2).await, 1, "at least one");
    world.redis.begin();
    for node in [one, other] {
        tokio::time::timeout(Duration::from_secs(30), node.remote.up()).await.expect("Redis is found again");
    }
    let now = world.clock.now();
    assert_eq!(
        one.ask_while_time_stands_still(3).await + other.ask_while_time_stands_still(3).await,
        6,
        "in their time"
    );
    assert_eq!(world.clock.now(), now);
    assert_eq!(world.redis.keys().len(), 1);
}
