//! Answers that are kept: for how long, made how often, and dropped for whom.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::cache::LocalCache;
use crate::domain::clock::{Clock as _, ManualClock};

/// A cache that is down.
#[derive(Debug)]
struct Down;

#[async_trait]
impl Cache for Down {
    async fn get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn put(&self, _: &str, _: Vec<u8>, _: Duration) -> bool {
        false
    }

    async fn remove(&self, _: &str) -> bool {
        false
    }

    async fn remove_all(&self, _: &str) -> u64 {
        0
    }
}

const TTL: TimeDelta = TimeDelta::seconds(30);

struct Room {
    memo: Memo,
    clock: ManualClock,
    organisation: OrganisationId,
    loads: AtomicUsize,
    /// A load takes one to go on.
    gate: Semaphore,
}

impl Room {
    fn with(cache: Arc<dyn Cache>) -> Self {
        let clock = ManualClock::at("2026-06-05T06:00:00Z".parse().unwrap());
        Self {
            memo: Memo::new(cache, Arc::new(clock.clone())),
            organisation: OrganisationId::generate(clock.now()),
            clock,
            loads: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        }
    }

    fn new() -> Self {
        Self::with(Arc::new(LocalCache::default()))
    }

    fn open() -> Self {
        let room = Self::new();
        room.gate.add_permits(Semaphore::MAX_PERMITS);
        room
    }

    /// Answers how many loads there were with this one.
    async fn load(&self) -> Result<usize, ServiceError> {
        let number = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.acquire().await.expect("the gate is not taken away").forget();
        Ok(number)
    }

    async fn ask(&self) -> Result<Cached<usize>, ServiceError> {
        self.memo.get(self.organisation, Topic::Live, "question", TTL, self.load()).await
    }

    /// Lets everybody come as far as they can.
    async fn gather(&self) {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time_and_says_since_when() {
    let room = Room::open();
    let begun = room.clock.now();
    assert_eq!(room.ask().await.unwrap(), Cached { value: 1, at: begun });
    room.clock.advance(TimeDelta::seconds(29));
    assert_eq!(room.ask().await.unwrap(), Cached { value: 1, at: begun });
    room.clock.advance(TimeDelta::seconds(1));
    assert_eq!(room.ask().await.unwrap(), Cached { value: 2, at: begun + TTL });
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_share_a_load_with_a_cache_and_without() {
    for room in [Room::new(), Room::with(Arc::new(Down))] {
        let asking = join_all((0..100).map(|_| room.ask()));
        let (answers, ()) = tokio::join!(asking, async {
            room.gather().await;
            room.gate.add_permits(1);
        });
        assert!(answers.into_iter().all(|answer| answer.unwrap().value == 1));
        assert_eq!(room.loads.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn without_a_cache_the_next_one_asks_again() {
    let room = Room::with(Arc::new(Down));
    room.gate.add_permits(2);
    assert_eq!(room.ask().await.unwrap().value, 1);
    assert_eq!(room.ask().await.unwrap().value, 2);
}

#[tokio::test]
async fn a_failure_reaches_all_who_wait_and_is_not_kept() {
    let room = Room::open();
    let failing = || async {
        tokio::task::yield_now().await;
        Err::<usize, _>(ServiceError::Unavailable("the database is away".into()))
    };
    let asks = (0..5).map(|_| room.memo.get(room.organisation, Topic::Live, "question", TTL, failing()));
    for answer in join_all(asks).await {
        let error = answer.unwrap_err();
        assert_eq!(error.code(), "UNAVAILABLE");
        let cause = std::error::Error::source(&error).expect("a cause");
        assert_eq!(cause.to_string(), "the database is away");
    }
    assert_eq!(room.ask().await.unwrap().value, 1);
}

#[tokio::test]
async fn whoever_goes_away_or_panics_while_loading_leaves_it_to_the_next() {
    let room = Room::new();
    let mut gone = Box::pin(room.ask());
    assert!(futures::poll!(&mut gone).is_pending());
    let asking = async { room.ask().await.unwrap().value };
    let (answer, ()) = tokio::join!(asking, async {
        room.gather().await;
        drop(gone);
        room.gate.add_permits(1);
    });
    assert_eq!(answer, 2, "the second load");

    let room = Room::open();
    let load = async {
        assert!(room.gate.is_closed(), "a panic");
        Ok(0)
    };
    let panicking = room.memo.get(room.organisation, Topic::Live, "question", TTL, load);
    assert!(std::panic::AssertUnwindSafe(panicking).catch_unwind().await.is_err());
    assert_eq!(room.ask().await.unwrap().value, 1);
}

#[tokio::test]
async fn what_was_begun_before_a_drop_is_not_seen_after_it() {
    for room in [Room::new(), Room::with(Arc::new(Down))] {
        let early = room.ask();
        let late = async {
            room.gather().await;
            room.memo.forget(room.organisation, Topic::Live).await;
            let late = room.ask();
            let (late, ()) = tokio::join!(late, async {
                room.gather().await;
                room.gate.add_permits(2);
            });
            late.unwrap().value
        };
        let (early, late) = tokio::join!(early, late);
        assert_eq!((early.unwrap().value, late), (1, 2));
    }
}

#[tokio::test]
async fn a_drop_is_of_one_organisation_and_topic_and_counts_what_was_there() {
    let room = Room::open();
    let stranger = OrganisationId::generate(room.clock.now());
    let ask = async |organisation, topic, question| {
        room.memo.get(organisation, topic, question, TTL, room.load()).await.unwrap().value
    };
    let all = [
        (room.organisation, Topic::Live, "one"),
        (room.organisation, Topic::Live, "two"),
        (room.organisation, Topic::Periods, "one"),
        (stranger, Topic::Live, "one"),
    ];
    for (number, (organisation, topic, question)) in (1..).zip(all) {
        assert_eq!(ask(organisation, topic, question).await, number);
    }
    assert_eq!(room.memo.drop_all(room.organisation, Topic::Live).await, 2);
    assert_eq!(room.memo.drop_all(room.organisation, Topic::Live).await, 0);
    let mut seen = Vec::new();
    for (organisation, topic, question) in all {
        seen.push(ask(organisation, topic, question).await);
    }
    assert_eq!(seen, [5, 6, 3, 4]);
}

#[tokio::test]
async fn a_renewed_answer_is_the_one_that_is_kept() {
    let room = Room::open();
    assert_eq!(room.ask().await.unwrap().value, 1);
    let renewed = room.memo.renew(room.organisation, Topic::Live, "question", TTL, room.load()).await.unwrap();
    assert_eq!(renewed.value, 2);
    assert_eq!(room.ask().await.unwrap().value, 2);
}

#[tokio::test]
async fn two_nodes_with_one_cache_share_answers_and_drops() {
    let cache: Arc<dyn Cache> = Arc::new(LocalCache::default());
    let (here, there) = (Room::with(Arc::clone(&cache)), Room::with(cache));
    here.gate.add_permits(10);
    there.gate.add_permits(10);
    let ask = async |room: &Room| {
        room.memo.get(here.organisation, Topic::Live, "question", TTL, room.load()).await.unwrap().value
    };
    assert_eq!((ask(&here).await, ask(&there).await), (1, 1));
    assert_eq!(there.loads.load(Ordering::SeqCst), 0);
    assert_eq!(there.memo.drop_all(here.organisation, Topic::Live).await, 1);
    assert_eq!((ask(&here).await, ask(&there).await), (2, 2));
}

/// The way of one node to the cache that all share.
#[derive(Debug)]
struct Way {
    shared: Arc<LocalCache>,
    is_cut: AtomicBool,
}

impl Way {
    fn to(shared: &Arc<LocalCache>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::clone(shared), is_cut: AtomicBool::new(false) })
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    fn cache(&self) -> Option<&LocalCache> {
        (!self.is_cut.load(Ordering::SeqCst)).then_some(&*self.shared)
    }
}

#[async_trait]
impl Cache for Way {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.cache()?.get(key).await
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> bool {
        match self.cache() {
            Some(cache) => cache.put(key, value, ttl).await,
            None => false,
        }
    }

    async fn remove(&self, key: &str) -> bool {
        match self.cache() {
            Some(cache) => cache.remove(key).await,
            None => false,
        }
    }

    async fn remove_all(&self, prefix: &str) -> u64 {
        match self.cache() {
            Some(cache) => cache.remove_all(prefix).await,
            None => 0,
        }
    }
}

/// Two nodes, each with its own way to the cache, that ask about the same organisation; each counts its own loads.
struct Nodes {
    cache: Arc<LocalCache>,
    ways: [Arc<Way>; 2],
    rooms: [Room; 2],
}

impl Nodes {
    fn new() -> Self {
        let cache = Arc::<LocalCache>::default();
        let ways = [Way::to(&cache), Way::to(&cache)];
        let rooms = [0, 1].map(|node| Room::with(Arc::<Way>::clone(&ways[node])));
        for room in &rooms {
            room.gate.add_permits(Semaphore::MAX_PERMITS);
        }
        Self { cache, ways, rooms }
    }

    /// What a node shows: whose load it was, and which.
    async fn ask(&self, node: usize) -> (usize, usize) {
        let (organisation, room) = (self.rooms[0].organisation, &self.rooms[node]);
        let load = async { Ok((node, room.load().await?)) };
        room.memo.get(organisation, Topic::Live, "question", TTL, load).await.unwrap().value
    }

    async fn forget(&self, node: usize) {
        self.rooms[node].memo.forget(self.rooms[0].organisation, Topic::Live).await;
    }
}

#[tokio::test]
async fn what_was_dropped_while_the_cache_was_out_of_reach_is_not_seen_here_again_and_soon_nowhere() {
    let nodes = Nodes::new();
    assert_eq!((nodes.ask(0).await, nodes.ask(1).await), ((0, 1), (0, 1)));
    nodes.ways[0].cut(true);
    nodes.forget(0).await;
    assert_eq!((nodes.ask(0).await, nodes.ask(0).await), ((0, 2), (0, 3)), "nothing is kept out of reach");
    nodes.ways[0].cut(false);
    assert_eq!(nodes.ask(0).await, (0, 4), "not what the cache has");
    assert_eq!((nodes.ask(0).await, nodes.ask(1).await), ((0, 4), (0, 4)), "and now all know");
}

#[tokio::test]
async fn a_node_that_was_cut_off_shows_nothing_that_others_dropped_meanwhile() {
    let nodes = Nodes::new();
    assert_eq!((nodes.ask(0).await, nodes.ask(1).await), ((0, 1), (0, 1)));
    nodes.ways[1].cut(true);
    nodes.forget(0).await;
    assert_eq!(nodes.ask(0).await, (0, 2));
    assert_eq!(nodes.ask(1).await, (1, 1), "from its source");
    nodes.ways[1].cut(false);
    let seen = nodes.ask(1).await;
    assert_ne!(seen, (0, 1), "what was dropped");
    assert_eq!(nodes.ask(0).await, seen, "both see the same again");
}

#[tokio::test]
async fn what_was_begun_out_of_reach_before_another_dropped_is_not_shown_to_anybody_after_it() {
    let nodes = Nodes::new();
    assert_eq!(nodes.ask(1).await, (1, 1));
    nodes.ways[0].cut(true);
    nodes.forget(0).await;
    // Begun now, and over when the cache is back and the other has dropped what there was.
    let room = &nodes.rooms[0];
    let (gate, organisation) = (Semaphore::new(0), room.organisation);
    let slow = async {
        gate.acquire().await.expect("the gate is not taken away").forget();
        Ok((9, 9))
    };
    let slow = room.memo.get(organisation, Topic::Live, "question", TTL, slow);
    let (slow, ()) = tokio::join!(slow, async {
        room.gather().await;
        nodes.ways[0].cut(false);
        nodes.forget(1).await;
        gate.add_permits(1);
    });
    assert_eq!(slow.unwrap().value, (9, 9), "who asked before is answered");
    let seen = nodes.ask(0).await;
    assert_ne!(seen, (9, 9));
    assert_eq!(nodes.ask(1).await, seen);
}

#[tokio::test]
async fn a_cache_that_forgot_everything_shows_nothing_that_was_dropped_before() {
    let nodes = Nodes::new();
    assert_eq!((nodes.ask(0).await, nodes.ask(1).await), ((0, 1), (0, 1)));
    let key = {
        let known = &nodes.rooms[1].memo.generations;
        let generation = known.likely(&generation_key(nodes.rooms[0].organisation, Topic::Live)).await.unwrap();
        Name::new(nodes.rooms[0].organisation, Topic::Live, "question", generation).key
    };
    let old = nodes.cache.get(&key).await.unwrap();
    nodes.forget(0).await;
    nodes.cache.remove_all("").await;
    // What the other node still had on its way arrives afterwards.
    nodes.cache.put(&key, old, Duration::from_secs(60)).await;
    assert_eq!(nodes.ask(1).await, (1, 1), "not what was dropped");
    assert_eq!(nodes.ask(0).await, (1, 1));
}
