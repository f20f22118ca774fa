//! What the actors tell each other, and the receipt that makes sure that no run is forgotten.

use std::sync::Arc;

use actix::Message;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::Verdict;
use crate::domain::id::OrganisationId;
use crate::domain::job::JobRun;
use crate::domain::shard::Term;

use super::desk::Desk;

/// To the guardian: these organisations need an actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Adopt(pub(super) Vec<OrganisationId>);

/// To the guardian: these organisations are another node's, and need no actor here.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Dismiss(pub(super) Vec<OrganisationId>);

/// To an organisation's actor: its organisation is another node's, so that its job ends at once.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Retire;

/// To the guardian: have these organisations' actors start these runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Dispatch(pub(super) Vec<Start>);

/// To the guardian, from a sentinel: an actor is no more, and was not asked to stop.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Down {
    pub(super) organisation: OrganisationId,
    pub(super) incarnation: u32,
    pub(super) panicked: bool,
}

/// To an organisation's actor: run this.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Start {
    pub(super) run: JobRun,
    /// Under what it was claimed.
    pub(super) term: Term,
    pub(super) cancel: CancellationToken,
    pub(super) receipt: Receipt,
}

/// To an organisation's actor, from its job's task: the job is over, and the receipt says how.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Over(pub(super) Receipt);

/// Stands for a claimed run on its way through the actors. Wherever it is dropped, the clockwork hears what became of the
/// run: what the job came to, or that it was let go before it came to anything. The clockwork keeps the claim until then, and
/// the job's task drops its receipt last, so that a second job never starts beside one whose actor has died.
#[derive(Debug)]
pub(super) struct Receipt {
    desk: Arc<Desk>,
    /// Boxed, as it waits in idle mailboxes; `None` once it is handed in.
    claim: Option<Box<JobRun>>,
    incarnation: u32,
    verdict: Verdict,
}

impl Receipt {
    pub(super) fn new(desk: Arc<Desk>, run: JobRun, incarnation: u32) -> Self {
        Self { desk, claim: Some(Box::new(run)), incarnation, verdict: Verdict::Released }
    }

    /// Writes down what the job came to.
    pub(super) fn came_to(&mut self, verdict: Verdict) {
        self.verdict = verdict;
    }

    /// The actor hands it in, and thereby shows that it is alive.
    pub(super) fn hand_in(mut self) {
        self.report(false);
    }

    fn report(&mut self, lost: bool) {
        let Some(run) = self.claim.take() else { return };
        let verdict = std::mem::replace(&mut self.verdict, Verdict::Released);
        let incarnation = self.incarnation;
        self.desk.note(|agenda| {
            if lost {
                agenda.lost(run.organisation_id, incarnation);
            }
            agenda.over(&run, incarnation, verdict);
        });
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.report(true);
    }
}
