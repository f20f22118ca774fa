//! A node: a process of its own that runs the whole server by the cluster's clock, and what a story does to it.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::{shutdown, telemetry};

use crate::time;

/// The variable that makes this program a node: where the clock is.
pub(crate) const CLOCK: &str = "CLUSTER_CLOCK";

/// The test that this program runs as a node.
const ENTRY: &str = "a_node_of_a_cluster";

/// How long a node may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// So many lines of its log are kept, and shown when a story fails.
const LINES_MAX: usize = 200;

/// Runs as a node until it is asked to stop. In the process of the node.
pub(crate) fn serve(clock: &str) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let clock = time::follow(clock);
    let config = Config::load(None).expect("the settings of a node");
    telemetry::start_logging(&config.telemetry).expect("a log");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let wiring = Wiring { clock: Arc::new(clock), ..Wiring::default() };
        let app = App::start(config, wiring).await.expect("the node starts");
        tracing::info!(address = %app.address(), "ready");
        let signal = shutdown::requested().await.expect("signals can be heard");
        tracing::info!(signal, "stopping");
        app.stop().await;
    });
}

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Where its API is: `http://...`.
    pub(crate) url: String,
    child: Child,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Node {
    /// Starts a node with these settings alone in its environment; returns when it is ready.
    pub(crate) async fn start(name: &str, settings: &BTreeMap<String, String>) -> Self {
        let program = std::env::current_exe().expect("this program knows where it is");
        let mut command = Command::new(program);
        command.args([ENTRY, "--exact", "--nocapture", "--test-threads=1"]);
        command.env_clear().envs(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the node begins");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let (ready, is_ready) = oneshot::channel();
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            let mut ready = Some(ready);
            while let Ok(Some(line)) = lines.next_line().await {
                let entry: Option<Value> = serde_json::from_str(&line).ok().filter(|_| ready.is_some());
                if let Some(address) = entry.as_ref().and_then(|entry| entry["address"].as_str())
                    && let Some(ready) = ready.take()
                {
                    drop(ready.send(address.to_owned()));
                }
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(line);
                if kept.len() > LINES_MAX {
                    kept.pop_front();
                }
            }
        });
        let mut node = Self { name: name.to_owned(), url: String::new(), child, log };
        let address = tokio::time::timeout(PATIENCE, is_ready).await;
        let address = address.ok().and_then(Result::ok).unwrap_or_else(|| panic!("{name} does not become ready"));
        node.url = format!("http://{address}");
        node
    }

    /// Where the WebSocket of its API is.
    pub(crate) fn websocket_url(&self) -> String {
        format!("{}/graphql/ws", self.url.replacen("http", "ws", 1))
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the node runs").to_string();
        let sent = Command::new("kill").args([format!("-{name}"), id]).status().await;
        assert!(sent.expect("a command to send signals").success());
    }

    /// Ends it on the spot, in the middle of whatever it does.
    pub(crate) async fn kill(&mut self) {
        self.signal("KILL").await;
        self.ended().await;
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(&mut self) {
        self.signal("TERM").await;
        let status = self.ended().await;
        assert!(status.success(), "{} ends with {status}", self.name);
    }

    /// Lets no thread of it run any more.
    pub(crate) async fn stop(&self) {
        self.signal("STOP").await;
    }

    /// Lets it go on where it was stopped, as if no time had passed.
    pub(crate) async fn resume(&self) {
        self.signal("CONT").await;
    }

    async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{} does not end", self.name)).expect("its end can be waited for")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let lines: Vec<_> = log.iter().map(|line| format!("{} | {line}\n", self.name)).collect();
            // Nothing can be done about a standard error that is closed.
            drop(std::io::stderr().write_all(lines.concat().as_bytes()));
        }
    }
}
