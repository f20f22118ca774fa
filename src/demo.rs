//! The demo: simulated BSPs, three organisations with their usage, traffic, messages, invoices, snapshots and limits, and webhooks while it runs.

mod allowance;
mod ledger;
mod live;
mod message;
mod seed;
mod text;
mod traffic;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use ledger::Trader;
use secrecy::{ExposeSecret as _, SecretString};
use seed::Seeded;

use crate::app::{App, AppError, Wiring};
use crate::config::{Config, Source};
use crate::domain::clock::{SharedClock, SystemClock};
use crate::domain::event::FactKind;
use crate::domain::id::{InvoiceId, OrganisationId};
use crate::domain::job::JobRunState;
use crate::domain::page::PageRequest;
use crate::http::health::RenderMetrics;
use crate::http::server::PortTaken;
use crate::service::access::{Caller, NewToken};
use crate::service::event::Follow;
use crate::service::job_run::Filter;
use crate::service::{MasterKeyError, MasterKeys, ServiceError, Services};
use crate::shutdown;
use crate::sim::{Receiver, Sim};

/// What the made-up usage grows from: the same on every machine.
const SEED: u64 = 2_026;

/// Seals the made-up credentials of the demo, and nothing else: everybody can read it here.
const DEMO_KEY: &[u8; 32] = b"wabacus demo key, never for real";

/// How long the demo waits for its usage before it says that it is ready all the same.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Key(#[from] MasterKeyError),
    #[error("the line for a script cannot be written")]
    Json(#[from] serde_json::Error),
    #[error("the demo needs a place for its files and a port for its BSPs")]
    Io(#[from] std::io::Error),
}

/// An organisation of the demo, as it is shown.
#[derive(Debug, serde::Serialize)]
struct Shown {
    id: OrganisationId,
    name: String,
    token: String,
    /// The newest invoice.
    invoice: Option<InvoiceId>,
}

/// The demo, ready to be shown.
struct Prepared {
    admin: String,
    organisations: Vec<Shown>,
    traders: Vec<Trader>,
}

/// Runs the demo until it is asked to stop. Where the database or the address was not set, a temporary file and any free port will do.
pub async fn run(mut config: Config, json: bool, metrics: RenderMetrics) -> Result<(), DemoError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let sim = Sim::start(SEED, Arc::clone(&clock))?;
    let receiver = Receiver::start()?;
    let folder = tempfile::tempdir()?;
    if is_default(&config, "DATABASE_URL") {
        config.store.url = format!("sqlite://{}", folder.path().join("demo.db").display());
    }
    if is_default(&config, "BIND") {
        config.http.port_taken = PortTaken::TakeFree;
    }
    simulate(&mut config, &sim);
    if config.keys.is_none() {
        config.keys = Some(demo_key()?);
    }
    let app_secret = app_secret();
    config.webhooks.meta_app_secrets.push(app_secret.clone());
    let wiring = Wiring { clock: Arc::clone(&clock), metrics, ..Wiring::default() };
    let app = App::start(config, wiring).await?;
    let stop = shutdown::requested();
    tokio::pin!(stop);
    let shown = tokio::select! {
        shown = prepare(app.services(), &sim, &receiver) => Some(shown?),
        _ = &mut stop => None,
    };
    if let Some(Prepared { admin, organisations, traders }) = shown {
        let url = format!("http://{}", app.address());
        let today = clock.now().date_naive();
        let text = if json {
            text::json(&url, &admin, &organisations)?
        } else {
            text::page(&url, &admin, &organisations, today)
        };
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        let (services, caller) = (app.services(), Caller::command_line());
        let lines = live::lines(services, &caller, app.address(), &traders, &app_secret, SEED).await?;
        let webhooks = tokio::spawn(live::send(lines, Arc::clone(&clock)));
        let newcomers = tokio::spawn(message::newcomers(services.clone(), traders.clone(), Arc::clone(&clock)));
        let trickle = tokio::spawn(ledger::trickle(services.clone(), traders, Arc::clone(&clock)));
        let signal = tokio::select! {
            signal = stop => signal?,
            never = allowance::stumble(&receiver, &clock) => match never {},
        };
        webhooks.abort();
        trickle.abort();
        newcomers.abort();
        tracing::info!(signal, "stopping the demo");
    }
    app.stop().await;
    sim.stop();
    Ok(())
}

/// Puts what is simulated in the place of the BSPs, the catalogue, and those who receive webhooks.
fn simulate(config: &mut Config, sim: &Sim) {
    config.bsp.gupshup_url = sim.gupshup_url();
    config.bsp.interakt_url = sim.interakt_url();
    config.catalog.base = Some(sim.catalog().url());
    config.catalog.key = Some(SecretString::from(sim.catalog().key()));
    let templates = &mut config.catalog_options.templates;
    if templates.is_empty() {
        templates.extend([("WELCOME", "1001"), ("MENU", "1002")].map(|(name, id)| (name.to_owned(), id.to_owned())));
    }
    config.hook.allow_private = true;
}

fn is_default(config: &Config, name: &str) -> bool {
    config.listed.iter().any(|setting| setting.name == name && setting.source == Source::Default)
}

fn demo_key() -> Result<MasterKeys, MasterKeyError> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(DEMO_KEY);
    MasterKeys::parse(&SecretString::from(text))
}

/// What the simulated Meta signs with: another one each time, so that nobody else's webhooks are taken.
fn app_secret() -> SecretString {
    SecretString::from(hex::encode(rand::random::<[u8; 32]>()))
}

/// Makes the organisations, has their usage pulled while their traffic is recorded and invoiced, and makes tokens to look at it with.
async fn prepare(services: &Services, sim: &Sim, receiver: &Receiver) -> Result<Prepared, ServiceError> {
    let caller = Caller::command_line();
    ledger::publish_prices(services, &caller).await?;
    let seeded = seed::organisations(services, sim, &caller).await?;
    let mut traders = Vec::new();
    let mut invoices = Vec::new();
    for Seeded { organisation, shop } in &seeded {
        let trader = ledger::fill(services, &caller, organisation, *shop).await?;
        message::fill(services, &caller, organisation, &trader).await?;
        traders.push(trader);
        invoices.push(ledger::invoice(services, &caller, organisation).await?);
    }
    allowance::listen(services, &caller, &seeded, receiver).await?;
    allowance::limit(services, &caller, &seeded).await?;
    if tokio::time::timeout(READY_WITHIN, all_settled(services)).await.is_err() {
        tracing::warn!("not everything is pulled yet; it goes on");
    }
    let admin = token(services, &caller, "demo admin", None).await?;
    let mut organisations = Vec::new();
    for (Seeded { organisation, .. }, invoice) in seeded.into_iter().zip(invoices) {
        let token = token(services, &caller, &format!("demo {}", organisation.name), Some(organisation.id)).await?;
        organisations.push(Shown { id: organisation.id, name: organisation.name, token, invoice });
    }
    Ok(Prepared { admin, organisations, traders })
}

async fn token(
    services: &Services,
    caller: &Caller,
    name: &str,
    organisation_id: Option<OrganisationId>,
) -> Result<String, ServiceError> {
    let new = NewToken { name: name.to_owned(), organisation_id, scopes: None, expires_at: None };
    let (_, secret) = services.access.create_token(caller, new).await?;
    Ok(secret.expose_secret().to_owned())
}

/// Resolves when no run is under way or waiting.
async fn all_settled(services: &Services) -> Result<(), ServiceError> {
    let changes = services.event.follow(Follow::All, None, vec![FactKind::JobRunChanged]).await?;
    tokio::pin!(changes);
    let unfinished = vec![JobRunState::Queued, JobRunState::Running, JobRunState::Retrying];
    let filter = Filter { states: Some(unfinished), ..Filter::default() };
    loop {
        if services.job_run.page(&filter, &PageRequest::first(1)).await?.items.is_empty() {
            return Ok(());
        }
        if let Some(change) = changes.next().await {
            change?;
        }
    }
}
