//! Tells the guardian that an actor is gone, however it went: by then nothing else of the actor can speak.

use std::sync::Arc;

use crate::domain::id::OrganisationId;

use super::message::Down;
use super::stage::Post;

/// Held by an actor and dropped with it. `actix::Supervisor` starts an actor again only after it stopped in order; after a panic
/// it is dropped together with the actor, and only this notices. Even `stopped` is no sign of order: actix calls it on the way
/// out of a panic too. An actor that was replaced tells nobody anything new, as the incarnation is not the present one.
#[derive(Debug)]
pub(super) struct Sentinel {
    pub(super) post: Arc<Post>,
    pub(super) organisation: OrganisationId,
    pub(super) incarnation: u32,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let Self { organisation, incarnation, .. } = *self;
        // The agenda first: from now on nothing is claimed for the organisation.
        self.post.stage.desk.note(|agenda| agenda.down(organisation, incarnation));
        self.post.guardian.do_send(Down { organisation, incarnation, panicked: std::thread::panicking() });
    }
}
