//! The bus of a single process: a broadcast channel for each kind of signal, and a hub for who waits for one organisation.

use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::hub::Hub;
use super::{Bus, Calls, Heard, Listening, Revocations, Revoked, Wakes, Woken};
use crate::domain::event::Hint;
use crate::domain::id::{OrganisationId, TokenId};

/// How many hints a slow listener may be behind before it is told of a gap.
const BACKLOG_MAX: usize = 4_096;

/// The same of tokens, which are revoked by hand.
const REVOKED_MAX: usize = 256;

/// A bus that reaches the listeners of this process.
#[derive(Debug)]
pub struct LocalBus {
    sender: broadcast::Sender<Heard>,
    revoked: broadcast::Sender<Revoked>,
    woken: broadcast::Sender<Woken>,
    hub: Arc<Hub>,
}

impl LocalBus {
    /// Tells every listener that something was lost.
    pub(super) fn gap(&self) {
        // Errors say that nobody listens, which is as it may be.
        drop(self.sender.send(Heard::Gap));
        drop(self.revoked.send(Revoked::Gap));
        drop(self.woken.send(Woken::Gap));
        self.hub.gap();
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG_MAX),
            revoked: broadcast::Sender::new(REVOKED_MAX),
            woken: broadcast::Sender::new(BACKLOG_MAX),
            hub: Arc::default(),
        }
    }
}

impl Bus for LocalBus {
    fn publish(&self, hints: &[Hint]) {
        for hint in hints {
            // An error says that nobody listens, which is as it may be.
            drop(self.sender.send(Heard::Hint(*hint)));
        }
        self.hub.publish(hints);
    }

    fn listen(&self) -> Listening {
        let hints = BroadcastStream::new(self.sender.subscribe());
        Box::pin(hints.map(|hint| hint.unwrap_or(Heard::Gap)))
    }

    fn listen_to(&self, organisation: OrganisationId) -> Calls {
        self.hub.listen(organisation)
    }

    fn revoke(&self, token: TokenId) {
        // An error says that nobody listens, which is as it may be.
        drop(self.revoked.send(Revoked::Token(token)));
    }

    fn revocations(&self) -> Revocations {
        let revoked = BroadcastStream::new(self.revoked.subscribe());
        Box::pin(revoked.map(|token| token.unwrap_or(Revoked::Gap)))
    }

    fn wake(&self, organisation: OrganisationId) {
        // An error says that nobody listens, which is as it may be.
        drop(self.woken.send(Woken::Organisation(organisation)));
    }

    fn wakes(&self) -> Wakes {
        let woken = BroadcastStream::new(self.woken.subscribe());
        Box::pin(woken.map(|organisation| organisation.unwrap_or(Woken::Gap)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn hint(sequence: i64) -> Hint {
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        Hint { organisation_id: OrganisationId::generate(now), sequence }
    }

    #[tokio::test]
    async fn every_listener_hears_what_is_published_after_it_came() {
        let bus = LocalBus::default();
        bus.publish(&[hint(1)]);
        let (mut first, mut second) = (bus.listen(), bus.listen());
        let two = hint(2);
        bus.publish(&[two]);
        assert_eq!(first.next().await, Some(Heard::Hint(two)));
        assert_eq!(second.next().await, Some(Heard::Hint(two)));
    }

    #[tokio::test]
    async fn every_listener_hears_of_tokens_that_are_revoked_and_of_those_it_missed() {
        let bus = LocalBus::default();
        let mut revoked = bus.revocations();
        let tokens: Vec<_> = (0..=256).map(|_| TokenId::generate("2026-06-05T09:00:00Z".parse().unwrap())).collect();
        bus.revoke(tokens[0]);
        assert_eq!(revoked.next().await, Some(Revoked::Token(tokens[0])));
        for token in &tokens {
            bus.revoke(*token);
        }
        assert_eq!(revoked.next().await, Some(Revoked::Gap));
        assert_eq!(revoked.next().await, Some(Revoked::Token(tokens[1])));
    }

    #[tokio::test]
    async fn every_listener_hears_whose_jobs_are_to_be_looked_at_again() {
        let bus = LocalBus::default();
        let (mut first, mut second) = (bus.wakes(), bus.wakes());
        let organisation = hint(0).organisation_id;
        bus.wake(organisation);
        assert_eq!(first.next().await, Some(Woken::Organisation(organisation)));
        assert_eq!(second.next().await, Some(Woken::Organisation(organisation)));
    }

    #[tokio::test]
    async fn a_listener_that_fell_behind_is_told_of_the_gap() {
        let bus = LocalBus::default();
        let mut slow = bus.listen();
        let hints: Vec<_> = (0..=4_096).map(hint).collect();
        bus.publish(&hints);
        assert_eq!(slow.next().await, Some(Heard::Gap));
        assert_eq!(slow.next().await, Some(Heard::Hint(hints[1])));
    }
}
