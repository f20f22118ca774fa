//! The bus between nodes: what is said here is heard here at once, and elsewhere through Redis.
//!
//! One task says and one hears, so nobody who publishes waits. What could not be said is told as a gap as soon as Redis is back; who was cut off
//! gives its own listeners one when it hears again, and until then, as long as other nodes live, every few seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::wire::Said;
use super::{Bus, Calls, Listening, LocalBus, Revocations, Wakes, poll};
use crate::domain::event::Hint;
use crate::domain::id::{OrganisationId, TokenId};
use crate::domain::node::LiveNodes;
use crate::remote::Remote;

/// The channel that all nodes share.
const CHANNEL: &str = "bus";

/// How much may wait to be said; of more, the others are told that they missed something.
const OUTBOX_MAX: usize = 4_096;

/// How long is waited after a failure, so that a Redis that refuses is not asked without end.
const RETRY: Duration = Duration::from_millis(500);

/// How often the connection that hears is asked whether it is there, and how long its answer may take.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_WITHIN: Duration = Duration::from_secs(1);

/// How long [`Bus::sent`] waits at most.
const SENT_WITHIN: Duration = Duration::from_secs(1);

/// A bus that reaches the listeners of all nodes.
#[derive(Debug)]
pub struct RedisBus {
    desk: Arc<Desk>,
    _tasks: [AbortOnDropHandle<()>; 3],
}

#[derive(Debug)]
struct Desk {
    local: Arc<LocalBus>,
    remote: Remote,
    /// By which one's own words are known when they come back.
    instance: Uuid,
    outbox: Mutex<Said>,
    filled: Notify,
    /// Whether nothing waits to be said.
    idle: watch::Sender<bool>,
    /// Whether what others say is heard.
    hears: AtomicBool,
    /// Whether something was heard that was not understood.
    puzzled: AtomicBool,
}

impl RedisBus {
    /// Begins to hear and to say, on the tokio runtime that this is called on.
    pub fn new(remote: Remote, live: LiveNodes) -> Self {
        let desk = Arc::new(Desk {
            local: Arc::default(),
            remote,
            instance: Uuid::from_u128(rand::random()),
            outbox: Mutex::default(),
            filled: Notify::new(),
            idle: watch::Sender::new(true),
            hears: AtomicBool::new(false),
            puzzled: AtomicBool::new(false),
        });
        let deaf = Arc::clone(&desk);
        let is_deaf = move || {
            let is_cut_off = !deaf.hears.load(Ordering::Relaxed) && live.count().get() > 1;
            deaf.puzzled.swap(false, Ordering::Relaxed) || is_cut_off
        };
        let tasks = [
            tokio::spawn(Arc::clone(&desk).say_all()),
            tokio::spawn(Arc::clone(&desk).hear_all()),
            tokio::spawn(poll::gaps(Arc::clone(&desk.local), is_deaf)),
        ];
        Self { desk, _tasks: tasks.map(AbortOnDropHandle::new) }
    }

    /// Resolves once what others say is heard.
    pub async fn hears(&self) {
        let mut states = self.desk.idle.subscribe();
        while !self.desk.hears.load(Ordering::Relaxed) {
            // Looked at again with whatever happens, and now and then.
            drop(timeout(Duration::from_millis(10), states.changed()).await);
        }
    }
}

impl Desk {
    fn say(&self, add: impl FnOnce(&mut Said)) {
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut outbox);
        if outbox.len() > OUTBOX_MAX {
            *outbox = Said::missed();
        }
        self.idle.send_replace(false);
        drop(outbox);
        self.filled.notify_one();
    }

    /// What waits to be said; nothing waits any more.
    fn take(&self) -> Said {
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        let said = std::mem::take(&mut *outbox);
        if said.len() == 0 {
            self.idle.send_replace(true);
        }
        said
    }

    async fn say_all(self: Arc<Self>) {
        loop {
            let said = self.take();
            if said.len() == 0 {
                self.filled.notified().await;
                continue;
            }
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(self.remote.name(CHANNEL)).arg(said.encode(self.instance));
            let told = self.remote.ask(|mut connection| async move { publish.exec_async(&mut connection).await });
            if told.await.is_err() {
                self.say(|outbox| *outbox = Said::missed());
                self.idle.send_replace(true);
                sleep(RETRY).await;
                self.remote.up().await;
            }
        }
    }

    async fn hear_all(self: Arc<Self>) {
        loop {
            self.remote.up().await;
            self.hear_while_connected().await;
            self.hears.store(false, Ordering::Relaxed);
            sleep(RETRY).await;
        }
    }

    async fn hear_while_connected(&self) {
        let Ok(connection) = self.remote.subscribe(CHANNEL).await else { return };
        let (mut sink, mut stream) = connection.split();
        self.hears.store(true, Ordering::Relaxed);
        // What was said meanwhile nobody here heard.
        self.local.gap();
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.hear(message.get_payload_bytes()),
                    None => return,
                },
                _ = pings.tick() => {
                    let answer = timeout(PING_WITHIN, sink.ping::<redis::Value>()).await;
                    if !matches!(answer, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&self, bytes: &[u8]) {
        match Said::decode(bytes) {
            Some((sender, _)) if sender == self.instance => {}
            Some((_, said)) => {
                self.local.publish(&said.hints());
                said.revoked.iter().for_each(|token| self.local.revoke(*token));
                said.woken.iter().for_each(|organisation| self.local.wake(*organisation));
                if said.gap {
                    self.local.gap();
                }
            }
            // Of a version that says things otherwise: a gap follows, though not one for each.
            None => self.puzzled.store(true, Ordering::Relaxed),
        }
    }
}

impl Bus for RedisBus {
    fn publish(&self, hints: &[Hint]) {
        self.desk.local.publish(hints);
        if !hints.is_empty() {
            self.desk.say(|said| hints.iter().for_each(|hint| said.add(hint)));
        }
    }

    fn listen(&self) -> Listening {
        self.desk.local.listen()
    }

    fn listen_to(&self, organisation: OrganisationId) -> Calls {
        self.desk.local.listen_to(organisation)
    }

    fn revoke(&self, token: TokenId) {
        self.desk.local.revoke(token);
        self.desk.say(|said| said.revoked.extend([token]));
    }

    fn revocations(&self) -> Revocations {
        self.desk.local.revocations()
    }

    fn wake(&self, organisation: OrganisationId) {
        self.desk.local.wake(organisation);
        self.desk.say(|said| said.woken.extend([organisation]));
    }

    fn wakes(&self) -> Wakes {
        self.desk.local.wakes()
    }

    fn sent(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut idle = self.desk.idle.subscribe();
            // Whoever did not hear it in time hears of a gap.
            drop(timeout(SENT_WITHIN, idle.wait_for(|idle| *idle)).await);
        })
    }
}
