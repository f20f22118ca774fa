//! The threads on which the actors live, apart from those that serve HTTP.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use actix::{Actor, Addr, Arbiter, ArbiterHandle, AsyncContext, Context, System};

use crate::domain::id::OrganisationId;

use super::guardian::Guardian;
use super::message::{Adopt, Dismiss, Dispatch, Start};
use super::stage::Stage;

/// Organisations whose actors are started in one go, lest the arbiter be held up for long.
const ADOPTED_AT_ONCE: usize = 1_000;

/// Arbiters in an actix system of their own, so that neither the caller's system nor its runtime matters.
#[derive(Debug)]
pub(super) struct Arbiters {
    system: System,
    handles: Vec<ArbiterHandle>,
}

impl Arbiters {
    /// Starts `count` threads for actors, and one that holds their system. Blocks for as long as threads take to start.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("scheduler".to_owned()).spawn(move || {
            let runner = System::new();
            let arbiters: io::Result<Vec<Arbiter>> =
                runner.block_on(async { (0..count.max(1)).map(|_| Arbiter::try_new()).collect() });
            let handles = arbiters.map(|arbiters| arbiters.iter().map(Arbiter::handle).collect());
            drop(sender.send(handles.map(|handles| Self { system: System::current(), handles })));
            if let Err(error) = runner.run() {
                tracing::error!(%error, "the scheduler's threads ended badly");
            }
        })?;
        receiver.recv().map_err(io::Error::other)?
    }

    /// A guardian for each arbiter.
    pub(super) fn guardians(&self, stage: &Arc<Stage>) -> Guardians {
        let addresses = self.handles.iter().map(|handle| guardian(handle, stage)).collect();
        Guardians { addresses, arbiters: self.handles.clone(), stage: Arc::clone(stage) }
    }

    /// Ends the threads; what still runs on them is dropped.
    pub(super) fn stop(&self) {
        for handle in &self.handles {
            handle.stop();
        }
        self.system.stop();
    }
}

fn guardian(arbiter: &ArbiterHandle, stage: &Arc<Stage>) -> Addr<Guardian> {
    let stage = Arc::clone(stage);
    Guardian::start_in_arbiter(arbiter, move |context: &mut Context<Guardian>| Guardian::new(stage, context.address()))
}

/// The addresses of the guardians, and which organisation is whose.
#[derive(Debug)]
pub(super) struct Guardians {
    addresses: Vec<Addr<Guardian>>,
    arbiters: Vec<ArbiterHandle>,
    stage: Arc<Stage>,
}

impl Guardians {
    /// The low bits of an id are random, so they spread evenly.
    fn place(&self, organisation: OrganisationId) -> usize {
        let count = u128::try_from(self.addresses.len()).unwrap_or(1).max(1);
        usize::try_from(organisation.uuid().as_u128() % count).unwrap_or(0)
    }

    fn sorted<T>(&self, items: Vec<T>, organisation: impl Fn(&T) -> OrganisationId) -> Vec<Vec<T>> {
        let mut places: Vec<Vec<T>> = self.addresses.iter().map(|_| Vec::new()).collect();
        for item in items {
            let place = self.place(organisation(&item));
            places[place].push(item);
        }
        places
    }

    /// Has actors started for these organisations.
    pub(super) fn adopt(&self, organisations: Vec<OrganisationId>) {
        for (organisations, guardian) in self.sorted(organisations, |id| *id).iter().zip(&self.addresses) {
            for some in organisations.chunks(ADOPTED_AT_ONCE) {
                guardian.do_send(Adopt(some.to_vec()));
            }
        }
    }

    /// Has the actors of these organisations stop.
    pub(super) fn dismiss(&self, organisations: Vec<OrganisationId>) {
        for (organisations, guardian) in self.sorted(organisations, |id| *id).into_iter().zip(&self.addresses) {
            guardian.do_send(Dismiss(organisations));
        }
    }

    /// Has the organisations' actors start these runs.
    pub(super) fn dispatch(&self, starts: Vec<Start>) {
        let places = self.sorted(starts, |start| start.run.organisation_id);
        for (starts, guardian) in places.into_iter().zip(&self.addresses).filter(|(starts, _)| !starts.is_empty()) {
            guardian.do_send(Dispatch(starts));
        }
    }

    /// Replaces guardians that are gone, which no fault that we know of causes. True when there was one: its organisations'
    /// actors went with it.
    pub(super) fn replace_lost(&mut self) -> bool {
        let mut lost = false;
        for (address, arbiter) in self.addresses.iter_mut().zip(&self.arbiters) {
            if !address.connected() {
                *address = guardian(arbiter, &self.stage);
                lost = true;
            }
        }
        lost
    }
}
