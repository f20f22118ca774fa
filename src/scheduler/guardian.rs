//! The guardian of an arbiter's organisation actors: starts them, passes runs on to them, and starts them again when they die.

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler};

use crate::domain::clock::Instant;
use crate::domain::id::OrganisationId;

use super::backoff::{Plan, Trouble};
use super::message::{Adopt, Dismiss, Dispatch, Down, Retire};
use super::organisation::OrganisationActor;
use super::stage::{Post, Stage};

#[derive(Debug)]
struct Child {
    address: Addr<OrganisationActor>,
    incarnation: u32,
}

/// Owns the addresses of its actors; nobody else keeps one for longer than a job.
#[derive(Debug)]
pub(super) struct Guardian {
    post: Arc<Post>,
    children: HashMap<OrganisationId, Child>,
    /// Of those that died lately.
    trouble: HashMap<OrganisationId, Trouble>,
}

impl Guardian {
    pub(super) fn new(stage: Arc<Stage>, guardian: Addr<Self>) -> Self {
        Self {
            post: Arc::new(Post { stage, guardian: guardian.recipient() }),
            children: HashMap::new(),
            trouble: HashMap::new(),
        }
    }

    /// Starts the organisation's actor, whatever there was before. Its address replaces the old one, and an actor that nobody
    /// has the address of stops. `None`: the organisation is not this node's any more.
    fn launch(&mut self, organisation: OrganisationId, again: bool) -> Option<u32> {
        let incarnation = self.post.stage.desk.agenda().starting(organisation, again)?;
        let address = OrganisationActor::launch(Arc::clone(&self.post), organisation, incarnation);
        self.children.insert(organisation, Child { address, incarnation });
        Some(incarnation)
    }

    /// Does something once the time has come.
    fn at(
        context: &mut Context<Self>,
        stage: &Stage,
        at: Instant,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        let wait = actix::fut::wrap_future::<_, Self>(stage.desk.clock.wait(at));
        context.spawn(wait.map(move |(), guardian, context| then(guardian, context)));
    }

    fn is_alive(&self, organisation: OrganisationId, incarnation: u32) -> bool {
        self.children.get(&organisation).is_some_and(|child| child.incarnation == incarnation)
    }

    /// Starts the actor anew; one that was quarantined has to live through the window to be trusted again.
    fn revive(&mut self, organisation: OrganisationId, context: &mut Context<Self>) {
        if self.children.contains_key(&organisation) || self.post.stage.desk.agenda().is_over() {
            return;
        }
        let Some(incarnation) = self.launch(organisation, true) else { return };
        metrics::counter!("wabacus_scheduler_restarts_total").increment(1);
        if !self.trouble.get(&organisation).is_some_and(Trouble::is_quarantined) {
            return;
        }
        let stage = Arc::clone(&self.post.stage);
        let trusted_at = stage.desk.clock.now() + stage.options.quarantine_window;
        Self::at(context, &stage, trusted_at, move |guardian, _| {
            if guardian.is_alive(organisation, incarnation) {
                guardian.trouble.remove(&organisation);
                guardian.post.stage.desk.note(|agenda| agenda.end_quarantine(organisation));
                tracing::info!(organisation.id = %organisation, "the organisation's actor is well again, quarantine lifted");
            }
        });
    }
}

impl Actor for Guardian {
    type Context = Context<Self>;
}

impl Handler<Adopt> for Guardian {
    type Result = ();

    fn handle(&mut self, Adopt(organisations): Adopt, _context: &mut Self::Context) {
        for organisation in organisations {
            self.launch(organisation, false);
        }
    }
}

impl Handler<Dismiss> for Guardian {
    type Result = ();

    /// An actor that nobody has the address of stops. Its job has it too, for as long as that lasts.
    fn handle(&mut self, Dismiss(organisations): Dismiss, _context: &mut Self::Context) {
        for organisation in organisations {
            if let Some(child) = self.children.remove(&organisation) {
                child.address.do_send(Retire);
            }
            self.trouble.remove(&organisation);
        }
    }
}

impl Handler<Dispatch> for Guardian {
    type Result = ();

    fn handle(&mut self, Dispatch(starts): Dispatch, _context: &mut Self::Context) {
        for start in starts {
            // Without an actor, the start is dropped here, and its receipt says so.
            if let Some(child) = self.children.get(&start.run.organisation_id) {
                child.address.do_send(start);
            }
        }
    }
}

impl Handler<Down> for Guardian {
    type Result = ();

    fn handle(&mut self, down: Down, context: &mut Self::Context) {
        let Down { organisation, incarnation, panicked } = down;
        let over = self.post.stage.desk.agenda().is_over();
        if over || !self.is_alive(organisation, incarnation) {
            return;
        }
        self.children.remove(&organisation);
        let stage = Arc::clone(&self.post.stage);
        let now = stage.desk.clock.now();
        let trouble = self.trouble.entry(organisation).or_default();
        let at = match trouble.died(now, &stage.options, rand::random()) {
            Plan::Restart { at } => {
                let delay = at - now;
                tracing::warn!(organisation.id = %organisation, panicked, "the organisation's actor died, starts again in {delay}");
                at
            }
            Plan::Quarantine { at, fresh } => {
                let restarts = u32::try_from(trouble.restarts()).unwrap_or(u32::MAX);
                if fresh {
                    tracing::error!(
                        organisation.id = %organisation, restarts,
                        "the organisation's actor died too often and is quarantined, its jobs do not run"
                    );
                }
                stage.desk.note(|agenda| agenda.quarantine(organisation, restarts));
                at
            }
        };
        stage.desk.note(|agenda| agenda.down_until(organisation, at));
        Self::at(context, &stage, at, move |guardian, context| guardian.revive(organisation, context));
    }
}
