//! What the actors share: the desk, the work, the settings, and the way to their guardian.

use std::sync::Arc;

use actix::Recipient;
use tokio::runtime;

use super::Options;
use super::desk::Desk;
use super::fault::Faults;
use super::message::Down;
use super::work::Work;

/// What all actors of a node share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) desk: Arc<Desk>,
    pub(super) work: Arc<dyn Work>,
    pub(super) options: Options,
    pub(super) faults: Arc<dyn Faults>,
    /// Where jobs run, so that none holds up an arbiter.
    pub(super) runtime: runtime::Handle,
}

/// What the actors of one arbiter share. An address of its own for each would cost more than the actor itself.
pub(super) struct Post {
    pub(super) stage: Arc<Stage>,
    pub(super) guardian: Recipient<Down>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("stage", &self.stage).finish_non_exhaustive()
    }
}
