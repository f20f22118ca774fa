//! A server with a schema of a few toy fields, for the tests of the transports; and node, to run other people's clients.
#![expect(dead_code, reason = "each test file uses a part of it")]

use async_graphql::{Context, Data, Executor, Object, Schema, Subscription};
use async_trait::async_trait;
use futures::stream::{self, Stream, StreamExt};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use wabacus::http::auth::{AuthFault, Authenticate};
use wabacus::http::health::{Part, Readiness};
use wabacus::http::server::{self, Handle, Options, Parts};

/// The token that the toy server knows until it is revoked.
pub(crate) const TOKEN: &str = "good";

pub(crate) struct Owner(String);

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
    async fn echo(&self, text: String) -> String {
        text
    }
    async fn whoami(&self, context: &Context<'_>) -> Option<String> {
        context.data_opt::<Owner>().map(|owner| owner.0.clone())
    }
    async fn again(&self) -> Self {
        Self
    }
    async fn panics(&self) -> i32 {
        panicking()
    }
    async fn broken(&self) -> Option<async_graphql::Result<i32>> {
        Some(Err("it is broken".into()))
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// How often it was called.
    async fn bump(&self, context: &Context<'_>) -> usize {
        context.data_unchecked::<Bumps>().0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[derive(Clone, Default)]
struct Bumps(Arc<AtomicUsize>);

pub(crate) struct Counts;

#[Subscription]
impl Counts {
    /// 1 to `to`, then the end.
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(1..=to)
    }
    /// 1, then silence.
    async fn endless(&self) -> impl Stream<Item = i32> {
        stream::iter([1]).chain(stream::pending())
    }
    /// Whose token it is, then the end.
    async fn owner(&self, context: &Context<'_>) -> impl Stream<Item = Option<String>> {
        let owner = context.data_opt::<Owner>().map(|owner| owner.0.clone());
        stream::iter([owner])
    }
}

#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) revoked: AtomicBool,
    pub(crate) unreadable: AtomicBool,
}

#[async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, secret: &str) -> Result<Option<Data>, AuthFault> {
        if self.unreadable.load(Ordering::SeqCst) {
            return Err(AuthFault::Unavailable("the table is locked by somebody".into()));
        }
        match secret {
            "hasty" => Err(AuthFault::RateLimited { retry_after_seconds: 7 }),
            TOKEN if !self.revoked.load(Ordering::SeqCst) => {
                let mut data = Data::default();
                data.insert(Owner(secret.to_owned()));
                Ok(Some(data))
            }
            _ => Ok(None),
        }
    }
}

#[derive(Default)]
pub(crate) struct Parlour {
    pub(crate) database_down: AtomicBool,
}

#[async_trait]
impl Readiness for Parlour {
    async fn check(&self) -> Vec<Part> {
        let down = self.database_down.load(Ordering::SeqCst);
        vec![
            Part { name: "database", ready: !down, detail: down.then(|| "no answer".to_owned()) },
            Part { name: "cache", ready: true, detail: None },
        ]
    }
}

pub(crate) struct Toy {
    pub(crate) handle: Handle,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) parlour: Arc<Parlour>,
}

impl Toy {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.handle.address())
    }
}

/// Options for a test: a free port of loopback, one worker, a short drain.
pub(crate) fn options() -> Options {
    Options {
        bind: ([127, 0, 0, 1], 0).into(),
        workers: std::num::NonZeroUsize::new(1),
        drain_timeout: std::time::Duration::from_secs(5),
        ..Options::default()
    }
}

pub(crate) fn start(options: Options) -> Toy {
    serve(Schema::build(Query, Mutation, Counts).data(Bumps::default()).limit_depth(20).finish(), options)
}

/// Serves any schema with the toy's tokens.
pub(crate) fn serve(schema: impl Executor, options: Options) -> Toy {
    let (tokens, parlour) = (Arc::new(Tokens::default()), Arc::new(Parlour::default()));
    let parts = Parts {
        schema,
        authenticate: tokens.clone(),
        services: None,
        readiness: parlour.clone(),
        metrics: Arc::new(|| "toy_figure 1\n".to_owned()),
    };
    let handle = server::start(options, parts).expect("the toy server starts");
    Toy { handle, tokens, parlour }
}

/// Runs a script of `tests/node` and returns what it printed; fails if it fails.
pub(crate) async fn node(script: &str, arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    assert!(
        folder.join("node_modules").exists(),
        "the npm clients are not installed; run: npm ci --ignore-scripts --prefix tests/node"
    );
    let run = tokio::process::Command::new("node").arg(folder.join(script)).args(arguments).kill_on_drop(true).output();
    let Output { status, stdout, stderr } = run.await.expect("node runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{script} ended with {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// A client of HTTP that follows no redirect.
pub(crate) fn http() -> reqwest::Client {
    // Several tests of one process come here; the first one installs.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client")
}

/// `levels` fragments, each spreading the previous one twice: few bytes, many selections.
pub(crate) fn fragment_bomb(levels: usize, operation: &str) -> String {
    let mut text = format!("{operation} {{ ...F{levels} }} fragment F0 on Query {{ __typename }}");
    for level in 1..=levels {
        let below = level - 1;
        write!(text, " fragment F{level} on Query {{ ...F{below} ...F{below} }}").expect("a string takes all");
    }
    text
}

/// Panics; its type says otherwise, so that nothing behind the call counts as unreachable.
fn panicking() -> i32 {
    panic!("a resolver panics, as the test wants")
}
