//! The real binary as a child process, for what only a process can go through: signals, its exit code, its output.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;

/// How long a process may take to say what a story waits for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running child; it is killed when it is dropped.
pub struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    log: mpsc::UnboundedReceiver<String>,
}

/// The binary with nothing in its environment but what it is given.
fn command(settings: &BTreeMap<String, String>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wabacus"));
    command.args(arguments).env_clear().envs(settings).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the binary to its end and returns what it printed; fails if it fails.
pub async fn run(settings: &BTreeMap<String, String>, arguments: &[&str]) -> String {
    let output = command(settings, arguments).output().await.expect("the binary runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// Asks a server over HTTP; the data, or a failed story.
pub async fn ask(url: &str, token: &str, query: &str, variables: Value) -> Value {
    // Another story of this process may have installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let request = reqwest::Client::new().post(format!("{url}/graphql")).bearer_auth(token);
    let answer = request.json(&json!({ "query": query, "variables": variables })).send().await;
    let mut answer: Value = answer.expect("the server answers").json().await.expect("the answer is JSON");
    assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
    answer["data"].take()
}

/// Reads lines as they come, so that the writer is never held up.
fn lines(of: impl AsyncRead + Send + Unpin + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(of).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // A story that has heard enough no longer listens, but the pipe has to stay empty.
            drop(sender.send(line));
        }
    });
    receiver
}

impl Process {
    pub fn start(settings: &BTreeMap<String, String>, arguments: &[&str]) -> Self {
        let mut command = command(settings, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let log = lines(child.stderr.take().expect("standard error is piped"));
        Self { child, out, log }
    }

    /// Starts a server that logs as JSON, and returns it with its address once it is ready.
    pub async fn serve(settings: &BTreeMap<String, String>) -> (Self, String) {
        let mut process = Self::start(settings, &["serve"]);
        let address = process.logged(|entry| entry["address"].as_str().map(str::to_owned)).await;
        (process, format!("http://{address}"))
    }

    /// Passes over log entries until `wanted` finds something in one.
    pub async fn logged<T>(&mut self, wanted: impl Fn(&Value) -> Option<T>) -> T {
        let mut heard = Vec::new();
        loop {
            let line = tokio::time::timeout(PATIENCE, self.log.recv()).await.ok().flatten();
            let line = line.unwrap_or_else(|| panic!("the log does not go on after: {heard:#?}"));
            let entry: Option<Value> = serde_json::from_str(&line).ok();
            if let Some(found) = entry.as_ref().and_then(&wanted) {
                return found;
            }
            heard.push(line);
        }
    }

    /// The next line of standard output.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.out.read_line(&mut line)).await;
        read.expect("it prints in time").expect("it prints UTF-8");
        line
    }

    /// Sends a signal by its name, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("the process runs").to_string();
        let sent =
            Command::new("kill").args([format!("-{name}"), id]).status().await.expect("a command to send signals");
        assert!(sent.success());
    }

    /// Waits for its end: how it ended, and what it still printed.
    pub async fn end(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        let ended = tokio::time::timeout(PATIENCE, async {
            self.out.read_to_string(&mut rest).await.expect("it prints UTF-8");
            self.child.wait().await.expect("its end can be waited for")
        });
        let status = ended.await.expect("it ends in time");
        (status, rest)
    }
}

/// The settings of a server of its own: the database at `database`, any free port, and the BSPs at their addresses.
pub fn settings(database: &str, gupshup: &str, interakt: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("DATABASE_URL", database),
        ("BIND", "127.0.0.1:0"),
        ("MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("GUPSHUP_PARTNER_API", gupshup),
        ("INTERAKT_API", interakt),
        ("GUPSHUP_PER_MINUTE", "10000"),
        ("GRAPH_PER_HOUR", "100000"),
        ("BSP_PER_SECOND", "10000"),
        ("BSP_TIMEOUT_SECONDS", "600"),
        ("LEASE_TTL_SECONDS", "2"),
        ("LOG_FORMAT", "json"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
