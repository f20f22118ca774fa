//! What every service stands on: the store, the clock, the bus, the keys; and the unit of work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;
use secrecy::SecretString;

use super::caller::Caller;
use super::credential::MasterKeys;
use super::lease::{Holdings, Lease, OneNode};
use super::memo::{Memo, Topic};
use super::price::PriceBooks;
use super::wake::Wake;
use super::{ServiceError, alarm};
use crate::bsp::Bsps;
use crate::bus::{Bus, LocalBus};
use crate::cache::{Cache, LocalCache};
use crate::catalog::Catalog;
use crate::domain::audit::AuditEntry;
use crate::domain::clock::{Instant, SharedClock};
use crate::domain::event::{Fact, FactKind, Hint, NewEvent};
use crate::domain::id::{AuditEntryId, OrganisationId};
use crate::domain::job::RetryPolicy;
use crate::domain::node::NodeId;
use crate::domain::shard::Term;
use crate::hook::Hooks;
use crate::store::{self, Store, Transaction};

/// How jobs are fired and tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulingOptions {
    /// Within how much time after 09:00 (or whatever the cron text says) the organisations' jobs are spread; zero: none.
    pub herd_window: TimeDelta,
    pub retry: RetryPolicy,
}

impl Default for SchedulingOptions {
    fn default() -> Self {
        Self { herd_window: TimeDelta::minutes(15), retry: RetryPolicy::default() }
    }
}

/// How months are invoiced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoicingOptions {
    /// For how many local days after its month's end a draft follows late usage.
    pub grace_days: u32,
    /// The lines of the sender's address; the first is the name.
    pub issuer: Vec<String>,
}

impl Default for InvoicingOptions {
    fn default() -> Self {
        Self { grace_days: 3, issuer: vec!["Wabacus".to_owned()] }
    }
}

/// How usage is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerOptions {
    /// How long after it happened usage may be recorded, but by a backfill.
    pub late_window: TimeDelta,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self { late_window: TimeDelta::days(34) }
    }
}

/// What Meta's webhooks are known by.
#[derive(Debug, Clone, Default)]
pub struct WebhookOptions {
    /// The app's secrets: more than one while it is changed. None: no webhook of Meta's is taken.
    pub meta_app_secrets: Vec<SecretString>,
    /// What Meta says when it asks whether it may send webhooks here. `None`: it may not.
    pub meta_verify_token: Option<SecretString>,
}

/// What is warmed for the first messages of a customer, and how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogOptions {
    pub ttl: TimeDelta,
    /// The ids of message templates by their names.
    pub templates: BTreeMap<String, String>,
}

impl Default for CatalogOptions {
    fn default() -> Self {
        Self { ttl: TimeDelta::seconds(180), templates: BTreeMap::new() }
    }
}

/// What a [`Core`] is made of.
#[derive(Debug)]
pub struct CoreParts {
    pub store: Store,
    pub clock: SharedClock,
    pub bus: Arc<dyn Bus>,
    pub cache: Arc<dyn Cache>,
    pub bsps: Bsps,
    pub hooks: Hooks,
    pub keys: MasterKeys,
    pub scheduling: SchedulingOptions,
    pub invoicing: InvoicingOptions,
    pub ledger: LedgerOptions,
    pub webhooks: WebhookOptions,
    /// `None`: no catalogue is set.
    pub catalog: Option<Arc<dyn Catalog>>,
    pub catalog_options: CatalogOptions,
    pub lease: Arc<dyn Lease>,
}

impl CoreParts {
    /// The parts of a node that is alone: cache and bus of its own, keys that go with it, and everything else as it is usual.
    pub fn alone(store: Store, clock: SharedClock, bsps: Bsps) -> Self {
        let node = NodeId::generate(clock.now());
        Self {
            store,
            clock,
            bus: Arc::new(LocalBus::default()),
            cache: Arc::new(LocalCache::default()),
            bsps,
            hooks: Hooks::new(crate::hook::Options::default()),
            keys: MasterKeys::ephemeral(),
            scheduling: SchedulingOptions::default(),
            invoicing: InvoicingOptions::default(),
            ledger: LedgerOptions::default(),
            webhooks: WebhookOptions::default(),
            catalog: None,
            catalog_options: CatalogOptions::default(),
            lease: Arc::new(OneNode::new(node)),
        }
    }
}

/// The parts that all services share.
#[derive(Debug)]
pub struct Core {
    parts: CoreParts,
    prices: PriceBooks,
    memo: Memo,
    wake: OnceLock<Arc<dyn Wake>>,
}

impl Core {
    /// Shares `parts`. Until [`Core::connect`] nobody is woken.
    pub fn new(parts: CoreParts) -> Arc<Self> {
        let memo = Memo::new(Arc::clone(&parts.cache), Arc::clone(&parts.clock));
        Arc::new(Self { parts, prices: PriceBooks::default(), memo, wake: OnceLock::new() })
    }

    /// Says who is woken; a second call changes nothing.
    pub fn connect(&self, wake: Arc<dyn Wake>) {
        let _ = self.wake.set(wake);
    }

    /// Makes the scheduler look at `organisation` again, whichever node's that is. Where no scheduler runs, it looks when it starts.
    pub(crate) fn wake(&self, organisation: OrganisationId) {
        match self.wake.get().filter(|_| self.holdings().term_of(organisation).is_some()) {
            Some(wake) => wake.wake(organisation),
            None => self.bus().wake(organisation),
        }
    }

    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    pub fn clock(&self) -> &SharedClock {
        &self.parts.clock
    }

    pub(crate) fn now(&self) -> Instant {
        self.parts.clock.now()
    }

    pub(crate) fn bus(&self) -> &dyn Bus {
        self.parts.bus.as_ref()
    }

    pub(crate) fn cache(&self) -> &dyn Cache {
        self.parts.cache.as_ref()
    }

    /// Answers that are kept for a while.
    pub(crate) fn memo(&self) -> &Memo {
        &self.memo
    }

    pub fn bsps(&self) -> &Bsps {
        &self.parts.bsps
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.parts.hooks
    }

    pub(crate) fn keys(&self) -> &MasterKeys {
        &self.parts.keys
    }

    pub(crate) fn prices(&self) -> &PriceBooks {
        &self.prices
    }

    pub(crate) fn ledger(&self) -> &LedgerOptions {
        &self.parts.ledger
    }

    pub(crate) fn webhooks(&self) -> &WebhookOptions {
        &self.parts.webhooks
    }

    /// `None`: no catalogue is set.
    pub(crate) fn catalog(&self) -> Option<&dyn Catalog> {
        self.parts.catalog.as_deref()
    }

    pub(crate) fn catalog_options(&self) -> &CatalogOptions {
        &self.parts.catalog_options
    }

    pub(crate) fn scheduling(&self) -> &SchedulingOptions {
        &self.parts.scheduling
    }

    pub(crate) fn invoicing(&self) -> &InvoicingOptions {
        &self.parts.invoicing
    }

    pub(crate) fn lease(&self) -> &dyn Lease {
        self.parts.lease.as_ref()
    }

    /// What this node holds, as far as it knows.
    pub(crate) fn holdings(&self) -> &Holdings {
        self.lease().holdings()
    }

    /// Begins a unit of work that fails where another node took the shard over since `term` began.
    pub(crate) async fn begin_as(&self, term: Term) -> Result<UnitOfWork<'_>, ServiceError> {
        self.begin_under(&[term]).await
    }

    /// Begins a unit of work that fails where any of the terms is over; with none, it is as any other.
    pub(crate) async fn begin_under(&self, terms: &[Term]) -> Result<UnitOfWork<'_>, ServiceError> {
        let work = self.begin().await?;
        if !terms.is_empty() {
            store::lease::check(work.tx(), terms).await?;
        }
        Ok(work)
    }

    /// Begins a unit of work at the present time.
    pub(crate) async fn begin(&self) -> Result<UnitOfWork<'_>, ServiceError> {
        let tx = self.parts.store.begin().await?;
        Ok(UnitOfWork { core: self, tx, now: self.now(), facts: Vec::new() })
    }
}

/// A transaction and what it has to say. Dropped without [`UnitOfWork::commit`], nothing of it happened.
#[derive(Debug)]
pub(crate) struct UnitOfWork<'a> {
    core: &'a Core,
    tx: Transaction,
    now: Instant,
    facts: Vec<NewEvent>,
}

impl<'a> UnitOfWork<'a> {
    /// What the services stand on.
    pub(crate) const fn core(&self) -> &'a Core {
        self.core
    }
}

impl UnitOfWork<'_> {
    pub(crate) fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// The one reading of time of this unit of work.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Notes a fact; it is written last, in this transaction, and told only after the commit.
    pub(crate) fn say(&mut self, organisation_id: OrganisationId, fact: Fact) {
        self.facts.push(NewEvent { organisation_id, fact });
    }

    /// Notes facts, in their order.
    pub(crate) fn say_all(&mut self, facts: Vec<NewEvent>) {
        self.facts.extend(facts);
    }

    /// Writes down what `caller` did. `details` must hold no secret.
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        action: &str,
        organisation_id: Option<OrganisationId>,
        target: Option<String>,
        details: serde_json::Value,
    ) -> Result<(), ServiceError> {
        let entry = AuditEntry {
            id: AuditEntryId::generate(self.now),
            organisation_id,
            token_id: caller.token_id(),
            actor: caller.name().to_owned(),
            action: action.to_owned(),
            target,
            details,
            at: self.now,
        };
        Ok(store::audit::insert(&self.tx, &entry).await?)
    }

    /// Commits everything, the alerts that its facts make included, forgets what is kept and stale by it, then tells the bus: whoever hears of
    /// it finds nothing older.
    pub(crate) async fn commit(mut self) -> Result<(), ServiceError> {
        let alerts = alarm::out_of(&self.tx, &self.facts, self.now).await?;
        self.facts.extend(alerts);
        let events = if self.facts.is_empty() {
            Vec::new()
        } else {
            store::event::append(&self.tx, &self.facts, self.now).await?
        };
        Store::commit(self.tx).await?;
        let stale = self.facts.iter().filter(|event| event.fact.kind() == FactKind::SnapshotGenerated);
        let stale: BTreeSet<OrganisationId> = stale.map(|event| event.organisation_id).collect();
        for organisation in stale {
            self.core.memo.forget(organisation, Topic::Periods).await;
        }
        let hints: Vec<_> = events
            .iter()
            .map(|event| Hint { organisation_id: event.organisation_id, sequence: event.sequence })
            .collect();
        self.core.bus().publish(&hints);
        Ok(())
    }
}
