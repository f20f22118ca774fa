//! The bus of a node that hears nothing of the others: now and then, its listeners look for themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::{Bus, Calls, Listening, LocalBus, Revocations, Wakes};
use crate::domain::event::Hint;
use crate::domain::id::{OrganisationId, TokenId};
use crate::domain::node::LiveNodes;

/// How often listeners look for themselves, at least, and how much later at most: so that nodes do not ask the database all at once.
const EVERY_MS: u64 = 4_500;
const LATER_MS: u64 = 1_000;

/// Gives the listeners of `bus` a gap every five seconds in which `is_deaf`, for ever.
pub(super) async fn gaps(bus: Arc<LocalBus>, is_deaf: impl Fn() -> bool) {
    loop {
        let later_ms = rand::random::<u64>() % (LATER_MS + 1);
        sleep(Duration::from_millis(EVERY_MS + later_ms)).await;
        if is_deaf() {
            bus.gap();
        }
    }
}

/// A bus that reaches the listeners of this process. As long as other nodes live, these look for themselves every five seconds.
#[derive(Debug)]
pub struct PollingBus {
    local: Arc<LocalBus>,
    _task: AbortOnDropHandle<()>,
}

impl PollingBus {
    /// Begins to count the seconds, on the tokio runtime that this is called on.
    pub fn new(live: LiveNodes) -> Self {
        let local = Arc::<LocalBus>::default();
        let task = tokio::spawn(gaps(Arc::clone(&local), move || live.count().get() > 1));
        Self { local, _task: AbortOnDropHandle::new(task) }
    }
}

impl Bus for PollingBus {
    fn publish(&self, hints: &[Hint]) {
        self.local.publish(hints);
    }

    fn listen(&self) -> Listening {
        self.local.listen()
    }

    fn listen_to(&self, organisation: OrganisationId) -> Calls {
        self.local.listen_to(organisation)
    }

    fn revoke(&self, token: TokenId) {
        self.local.revoke(token);
    }

    fn revocations(&self) -> Revocations {
        self.local.revocations()
    }

    fn wake(&self, organisation: OrganisationId) {
        self.local.wake(organisation);
    }

    fn wakes(&self) -> Wakes {
        self.local.wakes()
    }
}
