//! The composition root: puts the rooms together, starts them in order and stops them in reverse; the only room that knows every concrete type.

use std::any::TypeId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Data;
use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::bsp::{self, Bsps, Share};
use crate::bus::{Bus, LocalBus, PollingBus, RedisBus};
use crate::cache::{Cache, LocalCache, RedisCache};
use crate::catalog::{self, Catalog, HttpCatalog};
use crate::config::Config;
use crate::domain::clock::{SharedClock, SystemClock};
use crate::domain::input::BadInput;
use crate::domain::node::{LiveNodes, NodeId};
use crate::domain::snapshot::SnapshotType;
use crate::graphql::{self, Schema};
use crate::hook::{self, Hooks};
use crate::http::auth::{AuthFault, Authenticate};
pub use crate::http::health::RenderMetrics;
use crate::http::health::{Part, Readiness};
use crate::http::server;
use crate::remote::{self, Remote};
use crate::scheduler::{Courier, Faults, NoFaults, Scheduler, SchedulerError, Work};
use crate::service::access::{AccessService, Caller};
use crate::service::dispatch::DispatchService;
use crate::service::job::{
    Backfill, BootstrapOptions, DailyUsage, InvoiceClose, Registry, Retention, RetentionOptions, TakeSnapshots,
    WelcomeBootstrap,
};
use crate::service::{
    CatalogOptions, Core, CoreParts, InvoicingOptions, Lease, LedgerOptions, ManyNodes, MasterKeys, OneNode,
    SchedulingOptions, ServiceError, Services, WebhookOptions,
};
use crate::store::{self, Store, StoreError};

/// What a test may put in the place of the real thing.
#[derive(Clone)]
pub struct Wiring {
    pub clock: SharedClock,
    pub faults: Arc<dyn Faults>,
    /// `None`: the one that the settings ask for.
    pub cache: Option<Arc<dyn Cache>>,
    /// How many nodes live: told by whoever keeps the leases.
    pub live: LiveNodes,
    /// Renders `/metrics`.
    pub metrics: RenderMetrics,
}

impl Default for Wiring {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            faults: Arc::new(NoFaults),
            cache: None,
            live: LiveNodes::default(),
            metrics: Arc::new(String::new),
        }
    }
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wiring").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(
        "MASTER_KEY is not set; make one with `openssl rand -base64 32` and keep it: without it, stored BSP credentials cannot be read again"
    )]
    NoMasterKey,
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("Redis cannot be used")]
    Redis(#[from] BadInput),
    #[error("the BSP clients cannot be made")]
    Bsp(#[from] bsp::BuildError),
    #[error("the catalogue's client cannot be made")]
    Catalog(#[from] catalog::BuildError),
    #[error("the scheduler cannot start")]
    Scheduler(#[from] SchedulerError),
    #[error(transparent)]
    Http(#[from] server::StartError),
}

/// What a core needs besides the store.
struct Foundation {
    bsp: bsp::Options,
    hook: hook::Options,
    keys: MasterKeys,
    scheduling: SchedulingOptions,
    invoicing: InvoicingOptions,
    ledger: LedgerOptions,
    webhooks: WebhookOptions,
    catalog: catalog::Options,
    catalog_options: CatalogOptions,
    lease_ttl: Duration,
    redis: Option<remote::Options>,
}

impl Foundation {
    /// What `config` says, with its keys taken out of it.
    fn of(config: &Config, keys: MasterKeys) -> Self {
        Self {
            bsp: config.bsp.clone(),
            hook: config.hook.clone(),
            keys,
            scheduling: config.scheduling.clone(),
            invoicing: config.invoicing.clone(),
            ledger: config.ledger.clone(),
            webhooks: config.webhooks.clone(),
            catalog: config.catalog.clone(),
            catalog_options: config.catalog_options.clone(),
            lease_ttl: config.lease_ttl,
            redis: config.redis.clone(),
        }
    }
}

/// A running server.
pub struct App {
    services: Services,
    schema: Schema,
    scheduler: Scheduler,
    courier: Courier,
    http: server::Handle,
    store: Store,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("address", &self.http.address()).finish_non_exhaustive()
    }
}

impl App {
    /// Opens and migrates the database, takes over the work, and serves.
    pub async fn start(mut config: Config, wiring: Wiring) -> Result<Self, AppError> {
        // Asked for before the database is touched: who forgot the key has changed nothing.
        let Some(keys) = config.keys.take() else { return Err(AppError::NoMasterKey) };
        let store = open_store(&config).await?;
        make_months(&store, &wiring.clock).await;
        let foundation = Foundation::of(&config, keys);
        let core = core(store.clone(), foundation, &wiring.clock, &wiring.live, wiring.cache)?;
        let jobs = Arc::new(jobs(config.usage_lookback_days, config.retention, config.bootstrap));
        let dispatch: Arc<dyn Work> = Arc::new(DispatchService::new(Arc::clone(&core), Arc::clone(&jobs)));
        let limited = Arc::clone(&core);
        let scheduler = Scheduler::start(
            config.scheduler,
            dispatch,
            Arc::clone(&wiring.clock),
            config.node_name,
            Arc::new(move || limited.bsps().limiter_states()),
            Arc::clone(&wiring.faults),
        )
        .await?;
        core.connect(Arc::new(scheduler.clone()));
        let services = Services::new(&core, jobs, Arc::new(scheduler.clone()));
        let schema = graphql::build(services.clone(), config.graphql);
        let courier = Courier::start(services.hook.clone(), wiring.clock, wiring.faults);
        let parts = server::Parts {
            schema: schema.clone(),
            authenticate: Arc::new(Tokens(services.access.clone())),
            services: Some(services.clone()),
            readiness: Arc::new(Parts { store: store.clone(), scheduler: scheduler.clone() }),
            metrics: wiring.metrics,
        };
        let http = server::start(config.http, parts)?;
        Ok(Self { services, schema, scheduler, courier, http, store })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The use cases.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// The API, for calling without HTTP.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The scheduler.
    pub const fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Whoever sends webhooks.
    pub const fn courier(&self) -> &Courier {
        &self.courier
    }

    /// Stops cleanly: jobs and webhooks first, so that what they end with is still seen, and other nodes take over; then requests; then the
    /// database.
    pub async fn stop(self) {
        tokio::join!(self.scheduler.drain(), self.courier.stop());
        self.scheduler.leave().await;
        self.http.stop().await;
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

/// Brings the tables of `config`'s database up to date; the names of the migrations that were applied.
pub async fn migrate(config: &Config) -> Result<Vec<String>, AppError> {
    Ok(Store::open(&config.store).await?.migrate().await?)
}

/// Opens the database of `config` and brings its tables up to date.
pub async fn open_store(config: &Config) -> Result<Store, AppError> {
    let store = Store::open(&config.store).await?;
    let applied = store.migrate().await?;
    if !applied.is_empty() {
        tracing::info!(migrations = applied.len(), backend = store.backend(), "brought the database up to date");
    }
    Ok(store)
}

/// Makes the months that the database will need. Without them everything works all the same, so that it is no reason not to start.
async fn make_months(store: &Store, clock: &SharedClock) {
    match store::partition::make_ahead(store, clock.now()).await {
        Ok(0) => {}
        Ok(months) => tracing::info!(months, "made the months that the database will need"),
        Err(error) => tracing::warn!(%error, "the months of the database could not be made; retention tries again"),
    }
}

/// Tokens without a server, for the command line.
pub async fn open_access(mut config: Config) -> Result<AccessService, AppError> {
    let store = open_store(&config).await?;
    let keys = config.keys.take().unwrap_or_else(MasterKeys::ephemeral);
    let foundation = Foundation::of(&config, keys);
    let clock: SharedClock = Arc::new(SystemClock);
    Ok(AccessService::new(core(store, foundation, &clock, &LiveNodes::default(), None)?))
}

fn core(
    store: Store,
    foundation: Foundation,
    clock: &SharedClock,
    live: &LiveNodes,
    cache: Option<Arc<dyn Cache>>,
) -> Result<Arc<Core>, AppError> {
    let remote = foundation.redis.as_ref().map(Remote::new).transpose()?;
    let cache = cache.unwrap_or_else(|| match &remote {
        Some(remote) => Arc::new(RedisCache::new(remote.clone())),
        None => Arc::new(LocalCache::default()),
    });
    let bus: Arc<dyn Bus> = match &remote {
        Some(remote) => Arc::new(RedisBus::new(remote.clone(), live.clone())),
        // Whoever hears nothing of the others looks for themselves.
        None if store.backend() == "postgres" => Arc::new(PollingBus::new(live.clone())),
        None => Arc::new(LocalBus::default()),
    };
    let share = Share { remote, live: live.clone() };
    let catalog = HttpCatalog::new(&foundation.catalog)?;
    let lease = lease(&store, foundation.lease_ttl, NodeId::generate(clock.now()), live.clone());
    Ok(Core::new(CoreParts {
        store,
        clock: Arc::clone(clock),
        bus,
        cache,
        bsps: Bsps::sharing(foundation.bsp, Arc::clone(clock), share)?,
        hooks: Hooks::new(foundation.hook),
        keys: foundation.keys,
        scheduling: foundation.scheduling,
        invoicing: foundation.invoicing,
        ledger: foundation.ledger,
        webhooks: foundation.webhooks,
        catalog: catalog.map(|catalog| -> Arc<dyn Catalog> { Arc::new(catalog) }),
        catalog_options: foundation.catalog_options,
        lease,
    }))
}

/// Several nodes share a PostgreSQL database; a SQLite file has one.
fn lease(store: &Store, ttl: Duration, node: NodeId, live: LiveNodes) -> Arc<dyn Lease> {
    match store.backend() {
        "sqlite" => Arc::new(OneNode::new(node)),
        _ => Arc::new(ManyNodes::new(node, ttl, live)),
    }
}

/// The kinds of jobs that this program can run; a new kind is a file in `service::job` and a line here.
fn jobs(usage_lookback_days: u32, retention: RetentionOptions, bootstrap: BootstrapOptions) -> Registry {
    let registry = Registry::default().with(DailyUsage::new(usage_lookback_days)).with(Backfill);
    let registry = registry.with(Retention::new(retention)).with(InvoiceClose::default());
    let registry = registry.with(WelcomeBootstrap::new(bootstrap));
    SnapshotType::ALL.iter().fold(registry, |registry, kind| registry.with(TakeSnapshots::new(*kind)))
}

/// Tells `http` whose token it is.
struct Tokens(AccessService);

#[async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, secret: &str) -> Result<Option<Data>, AuthFault> {
        let caller = self.0.authenticate(secret).await.map_err(|error| AuthFault::Unavailable(Box::new(error)))?;
        Ok(caller.map(|caller| {
            let mut data = Data::default();
            data.insert(caller);
            data
        }))
    }

    fn ended(&self, caller: &Data) -> BoxFuture<'static, ()> {
        let caller = caller.get(&TypeId::of::<Caller>()).and_then(|caller| caller.downcast_ref::<Caller>());
        match caller {
            Some(caller) => Box::pin(self.0.ended(caller)),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// How long a part may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// Tells `http` which part is not ready.
struct Parts {
    store: Store,
    scheduler: Scheduler,
}

#[async_trait]
impl Readiness for Parts {
    async fn check(&self) -> Vec<Part> {
        let database = match tokio::time::timeout(READY_WITHIN, self.store.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer within a second".to_owned()),
        };
        let scheduler = match (self.scheduler.is_draining(), self.scheduler.is_renewed()) {
            (true, _) => Some("takes no more work".to_owned()),
            (false, false) => Some("the leases could not be renewed in time".to_owned()),
            (false, true) => None,
        };
        [("database", database), ("scheduler", scheduler)]
            .into_iter()
            .map(|(name, detail)| Part { name, ready: detail.is_none(), detail })
            .collect()
    }
}
