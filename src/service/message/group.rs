//! One transaction for what many calls tell of messages.

use crate::domain::id::OrganisationId;
use crate::domain::message::{Outcome, Update};
use crate::service::lane::{self, Answer};
use crate::service::{Core, ServiceError};

/// The checked updates of a call.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) organisation: OrganisationId,
    pub(super) updates: Vec<Update>,
}

impl lane::Batch for Batch {
    type Outcome = Outcome;

    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn size(&self) -> usize {
        self.updates.len()
    }

    async fn write(_core: &Core, batches: Vec<Self>) -> Vec<Answer<Outcome>> {
        batches.iter().map(|_| Err(ServiceError::Busy("messages are not taken in yet"))).collect()
    }
}
