//! Calls from other nodes to look at an organisation again.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, future};

use super::DispatchService;
use crate::bus::Woken;
use crate::domain::id::OrganisationId;

/// Whose jobs are to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// This organisation's.
    Organisation(OrganisationId),
    /// Anybody's: some calls were lost.
    Anybody,
}

impl DispatchService {
    /// Calls as they come, for organisations that this node holds; ends with the bus. One that is lost costs a while.
    pub fn calls(&self) -> BoxStream<'static, Call> {
        let holdings = self.core.holdings().clone();
        let calls = self.core.bus().wakes().filter_map(move |woken| {
            future::ready(match woken {
                Woken::Organisation(organisation) => {
                    holdings.term_of(organisation).map(|_| Call::Organisation(organisation))
                }
                Woken::Gap => Some(Call::Anybody),
            })
        });
        calls.boxed()
    }
}
