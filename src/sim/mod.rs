//! A stand-in for Gupshup, the Graph API and the merchants' catalogue on loopback, with faults on demand, a sender of their webhooks and a receiver of ours; for the demo and the tests.

mod answer;
mod catalog;
mod courier;
mod fault;
mod graph;
mod gupshup;
mod ledger;
mod message;
mod point;
mod receiver;
mod server;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web;
use chrono::NaiveDate;
use url::Url;

use crate::domain::clock::SharedClock;
use crate::domain::money::Money;
use server::{Port, Server};

pub use catalog::{CatalogFault, SimCatalog, SimMerchant};
pub use courier::{Courier, CourierError, SimSender};
pub use fault::{EmptyShape, Fault, Often};
pub use ledger::{SimAccount, SimDay, SimLine};
pub use message::{SimEvent, SimMessage, SimNotice, SimPerson, SimTraffic};
pub use receiver::{Received, Receiver, ReceiverFault};
pub use state::SeenRequest;

/// A running stand-in. It ends with [`Sim::stop`] or when it is dropped.
#[derive(Debug)]
pub struct Sim {
    state: Arc<state::State>,
    catalog: SimCatalog,
    server: Server,
}

impl Sim {
    /// Starts on a free port of 127.0.0.1, in a thread of its own, so that any runtime can talk to it. It knows no account
    /// yet. `seed` decides what usage is made up; the clock decides what day it is.
    pub fn start(seed: u64, clock: SharedClock) -> io::Result<Self> {
        let port = Port::free()?;
        let catalog = SimCatalog::new(at(port.address(), "/catalog"), SharedClock::clone(&clock));
        let state = Arc::new(state::State::new(seed, clock));
        let (shared, merchants) = (web::Data::from(state.clone()), web::Data::new(catalog.clone()));
        let server = port.serve("sim", move |app| {
            app.app_data(shared.clone())
                .app_data(merchants.clone())
                .route("/catalog/merchants/{merchant}/{part}", web::get().to(catalog::part))
                .route("/partner/app/{app}/usage", web::get().to(gupshup::usage))
                .route("/{version}/{waba}", web::get().to(graph::node))
                .route("/{version}/{waba}/{field}", web::get().to(graph::edge));
        })?;
        Ok(Self { state, catalog, server })
    }

    /// What to set as Gupshup's address.
    pub fn gupshup_url(&self) -> Url {
        at(self.server.address(), "")
    }

    /// What to set as Interakt's address.
    pub fn interakt_url(&self) -> Url {
        at(self.server.address(), "/v23.0")
    }

    /// The merchants' catalogue.
    pub const fn catalog(&self) -> &SimCatalog {
        &self.catalog
    }

    /// Opens an account, with usage made up for every day until now. One of the same id is replaced.
    pub fn add(&self, account: SimAccount) {
        self.state.add(ledger::Book::new(account));
    }

    /// Changes an account, such as its token or zone. Nothing happens where there is none of this id; so with all below.
    pub fn change(&self, account: &str, change: impl FnOnce(&mut SimAccount)) {
        self.state.with(account, |desk| change(&mut desk.book.account));
    }

    /// Says what was used on a day, which is then given whole, even today.
    pub fn set_day(&self, account: &str, date: NaiveDate, day: SimDay) {
        self.state.with(account, |desk| desk.book.set(date, day));
    }

    /// Says other figures of a day from now on.
    pub fn revise(&self, account: &str, date: NaiveDate) {
        self.state.with(account, |desk| desk.book.revise(date));
    }

    /// Says nothing of a day from now on.
    pub fn vanish(&self, account: &str, date: NaiveDate) {
        self.state.with(account, |desk| desk.book.vanish(date));
    }

    /// What the account would be told of a day now: what a test may expect to find.
    pub fn day(&self, account: &str, date: NaiveDate) -> Option<SimDay> {
        let (seed, now) = (self.state.seed, self.state.clock.now());
        self.state.with(account, |desk| desk.book.day(seed, date, now)).flatten()
    }

    /// Spoils requests of an account. Faults are used up in the order in which they came.
    pub fn fault(&self, account: &str, fault: Fault, often: Often) {
        self.state.with(account, |desk| desk.faults.add(fault, often));
    }

    /// Forgets the faults that are still in store for an account.
    pub fn clear(&self, account: &str) {
        self.state.with(account, |desk| desk.faults.clear());
    }

    /// Answers 429 beyond so many requests of an account in a minute, by the stand-in's clock.
    pub fn limit(&self, account: &str, per_minute: Option<usize>) {
        self.state.limit(account, per_minute);
    }

    /// Requests of an account in the order of their arrival, parked ones included; the last ten thousand.
    pub fn requests(&self, account: &str) -> Vec<SeenRequest> {
        self.state.seen(account)
    }

    /// Resolves once so many requests of an account have arrived in all.
    pub async fn arrived(&self, account: &str, count: usize) {
        self.state.arrived(account, count).await;
    }

    /// Parks requests of an account until [`Sim::release`].
    pub fn hold(&self, account: &str) {
        self.state.hold(account, true);
    }

    /// Answers the parked requests, and further ones at once.
    pub fn release(&self, account: &str) {
        self.state.hold(account, false);
    }

    /// Ends the server and cuts what is under way.
    pub fn stop(mut self) {
        self.server.stop();
    }
}

/// The address of a path.
fn at(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).expect("a socket address makes a URL")
}

/// What a made-up day of an account cost in all; `None` beyond 64 bits.
pub fn cost_of(day: &SimDay) -> Option<Money> {
    day.lines.iter().try_fold(Money::ZERO, |sum, line| sum.checked_add(line.cost))
}
