//! Settings of the HTTP server, its start and its graceful stop.

use super::api::Api;
use super::auth::{self, Authenticate};
use super::guard::Guarded;
use super::health::{self, Readiness, RenderMetrics};
pub use super::limit::Limits;
use super::websocket;
use super::{asset, graphiql, graphql, media::Media, response, rest, route, trace};
use crate::service::Services;
use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use async_graphql::Executor;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

/// Settings of this room.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// What to do if the port is in use.
    pub port_taken: PortTaken,
    /// Largest body of a request, in bytes.
    pub body_bytes_max: usize,
    /// Origins whose pages may call the API, such as `https://app.example.com`. None by default; `*` is not special.
    pub cors_origins: Vec<String>,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// Whether `/graphiql` and its assets are served.
    pub graphiql: bool,
    /// Threads that serve HTTP; one per core by default.
    pub workers: Option<NonZeroUsize>,
    /// Selections of a document, fragments expanded.
    pub selections_max: u64,
    /// What one WebSocket connection may cost.
    pub websocket: Limits,
    /// How long requests that run may take to finish once the server stops.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            port_taken: PortTaken::Fail,
            body_bytes_max: 1024 * 1024,
            cors_origins: Vec::new(),
            introspection: true,
            graphiql: true,
            workers: None,
            selections_max: 5_000,
            websocket: Limits::default(),
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// What to do if the port is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortTaken {
    /// A server must be where it was told to be.
    Fail,
    /// The demo takes any free port of the same address.
    TakeFree,
}

/// What the server is made of; the composition root puts it together.
pub struct Parts<E> {
    /// The schema, with its own limits on depth, complexity and aliases.
    pub schema: E,
    /// Knows the tokens.
    pub authenticate: Arc<dyn Authenticate>,
    /// What is served beside the API, under `/v1` and `/webhooks`; `None`: nothing.
    pub services: Option<Services>,
    /// Knows whether the parts behind are ready.
    pub readiness: Arc<dyn Readiness>,
    /// Renders `/metrics`.
    pub metrics: RenderMetrics,
}

impl<E> std::fmt::Debug for Parts<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing could listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The listener works, the server on it does not.
    #[error("cannot serve HTTP")]
    Serve(#[source] io::Error),
}

/// A server that runs. Dropping the handle leaves it running.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    server: ServerHandle,
    draining: CancellationToken,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

impl Handle {
    /// Where the server listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking connections, closes every WebSocket (1001) and event stream, waits for requests that run, up to the
    /// drain time-out, and returns when the workers have ended.
    pub async fn stop(self) {
        self.draining.cancel();
        self.server.stop(true).await;
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the HTTP server ended with an error"),
            Err(error) => tracing::error!(%error, "the HTTP server's task failed"),
        }
    }
}

/// Starts serving on workers of its own.
///
/// # Panics
///
/// Outside a Tokio runtime, which it needs to supervise them.
pub fn start<E: Executor>(options: Options, parts: Parts<E>) -> Result<Handle, StartError> {
    let listener = listen(options.bind, options.port_taken)?;
    let address = listener.local_addr().map_err(StartError::Serve)?;
    let draining = CancellationToken::new();
    let authenticate: web::Data<dyn Authenticate> = web::Data::from(Arc::clone(&parts.authenticate));
    let services = parts.services.map(web::Data::new);
    let body_limit = web::Data::new(rest::BodyLimit { bytes_max: options.body_bytes_max });
    let api = web::Data::new(Api {
        schema: Guarded::new(parts.schema, options.selections_max, options.introspection),
        authenticate: parts.authenticate,
        body_bytes_max: options.body_bytes_max,
        websocket: options.websocket.clone(),
        draining: draining.clone(),
    });
    let readiness: web::Data<dyn Readiness> = web::Data::from(parts.readiness);
    let metrics = web::Data::new(parts.metrics);
    let drain_seconds = options.drain_timeout.as_secs();
    let workers = options.workers;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(api.clone())
            .app_data(authenticate.clone())
            .app_data(readiness.clone())
            .app_data(metrics.clone())
            .configure(|routes| configure::<E>(routes, options.graphiql))
            .configure(|routes| route::configure(routes, services.as_ref(), &body_limit))
            .default_service(web::to(not_found))
            .wrap(Compress::default())
            .wrap(cors(&options.cors_origins))
            .wrap(
                DefaultHeaders::new()
                    .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                    .add((header::REFERRER_POLICY, "no-referrer")),
            )
            .wrap(from_fn(trace::observe))
    });
    let server = match workers {
        Some(workers) => server.workers(workers.get()),
        None => server,
    };
    // Signals are the composition root's: it also has a scheduler to drain.
    let server = server.disable_signals().shutdown_timeout(drain_seconds).listen(listener);
    let server = server.map_err(StartError::Serve)?.run();
    let handle = server.handle();
    Ok(Handle { address, server: handle, draining, task: tokio::spawn(server) })
}

fn configure<E: Executor>(routes: &mut web::ServiceConfig, with_graphiql: bool) {
    routes
        .route("/graphql", web::to(graphql::handle::<E>))
        .route("/graphql/ws", web::get().to(websocket::connect::<E>))
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::figures));
    if with_graphiql {
        routes
            .route("/", web::get().to(graphiql::redirect))
            .route("/graphiql", web::get().to(graphiql::page))
            .route("/assets/{name}", web::get().to(asset::serve));
    }
}

fn cors(origins: &[String]) -> Cors {
    let allowed = Cors::default()
        .allowed_methods([Method::GET, Method::POST])
        .allowed_headers([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE])
        .allowed_header("x-request-id")
        .allowed_header(auth::API_KEY)
        .allowed_header(auth::ORGANISATION_ID)
        .expose_headers(["x-request-id", "retry-after"])
        .max_age(3600);
    // An origin has no path, but people write "https://app.example.com/". What has no host would serialise to "null".
    let origins = origins.iter().filter_map(|origin| Some(url::Url::parse(origin).ok()?.origin()));
    let origins = origins.filter(url::Origin::is_tuple).map(|origin| origin.ascii_serialization());
    origins.fold(allowed, |allowed, origin| allowed.allowed_origin(&origin))
}

async fn not_found() -> HttpResponse {
    response::refusal(StatusCode::NOT_FOUND, Media::Json, "NOT_FOUND", "There is nothing at this address.")
}

fn listen(address: SocketAddr, port_taken: PortTaken) -> Result<TcpListener, StartError> {
    let bound = listen_on(address).or_else(|error| {
        if error.kind() == io::ErrorKind::AddrInUse && port_taken == PortTaken::TakeFree {
            tracing::info!(%address, "the port is in use, another is taken");
            listen_on(SocketAddr::new(address.ip(), 0))
        } else {
            Err(error)
        }
    });
    bound.map_err(|source| StartError::Listen { address, source })
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: u32 = 1024;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for connections of the previous process to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}
