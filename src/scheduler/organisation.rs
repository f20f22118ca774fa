//! The actor of one organisation: starts its jobs one at a time and keeps the handle of the one that runs.

use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Supervised, Supervisor};
use tokio::task::AbortHandle;

use crate::domain::id::OrganisationId;

use super::fault::FaultPoint;
use super::job;
use super::message::{Over, Retire, Start};
use super::sentinel::Sentinel;
use super::stage::Post;

/// A claimed run at most is on its way in, and its result on its way back.
const MAILBOX_MAX: usize = 2;

/// There is one per organisation, so it holds nothing that can be asked for: what an idle organisation costs is mostly this
/// actor's context and mailbox.
#[derive(Debug)]
pub(super) struct OrganisationActor {
    sentinel: Sentinel,
    job: Option<JobTask>,
}

/// The job's task; to drop it is to abort the job, so that a job never outlives its actor by more than one step.
#[derive(Debug)]
struct JobTask(AbortHandle);

impl Drop for JobTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl OrganisationActor {
    /// Starts the actor on the current arbiter.
    pub(super) fn launch(post: Arc<Post>, organisation: OrganisationId, incarnation: u32) -> Addr<Self> {
        Supervisor::start(move |context: &mut Context<Self>| {
            context.set_mailbox_capacity(MAILBOX_MAX);
            Self { sentinel: Sentinel { post, organisation, incarnation }, job: None }
        })
    }

    fn strike(&self, point: FaultPoint) {
        self.sentinel.post.stage.faults.strike(point, self.sentinel.organisation);
    }
}

impl Actor for OrganisationActor {
    type Context = Context<Self>;

    fn started(&mut self, _context: &mut Self::Context) {
        self.strike(FaultPoint::ActorStart);
        let Sentinel { organisation, incarnation, .. } = self.sentinel;
        self.sentinel.post.stage.desk.note(|agenda| agenda.up(organisation, incarnation));
    }
}

impl Supervised for OrganisationActor {}

impl Handler<Start> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, start: Start, context: &mut Self::Context) {
        self.strike(FaultPoint::ActorHandle);
        let stage = Arc::clone(&self.sentinel.post.stage);
        let runtime = stage.runtime.clone();
        let task = runtime.spawn(job::perform(start, stage, context.address().recipient()));
        self.job = Some(JobTask(task.abort_handle()));
    }
}

impl Handler<Retire> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, _: Retire, _context: &mut Self::Context) {
        self.job = None;
    }
}

impl Handler<Over> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, over: Over, _context: &mut Self::Context) {
        self.strike(FaultPoint::ActorHandle);
        self.job = None;
        over.0.hand_in();
    }
}
