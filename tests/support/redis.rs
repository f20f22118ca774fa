//! A private Redis for tests: the installed program on a free port, which can be stopped, paused and started again where it was.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What to do when the program is missing.
const INSTALL: &str =
    "Redis is not installed: `apt-get install redis-server`, or leave its tests out with WABACUS_TEST_BACKENDS=sqlite";

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether this run leaves out everything that needs another server; it says so.
pub fn left_out() -> bool {
    let left_out = std::env::var("WABACUS_TEST_BACKENDS").as_deref() == Ok("sqlite");
    if left_out {
        writeln!(std::io::stderr(), "WABACUS_TEST_BACKENDS=sqlite: left out, because it needs Redis")
            .expect("stderr is open");
    }
    left_out
}

/// A Redis, which forgets everything when it stops. It stops when this is dropped.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Redis {
    /// Starts one.
    pub fn start() -> Self {
        let redis = Self::absent();
        redis.begin();
        redis
    }

    /// One that is not there yet; its address is known.
    pub fn absent() -> Self {
        let folder = tempfile::Builder::new().prefix("wabacus-redis-").tempdir().expect("a temporary folder");
        Self { folder, port: free_port(), process: Mutex::new(None) }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it on its port, with nothing in it, and waits until it answers.
    pub fn begin(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(process.is_none(), "it runs");
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        *process = Some(command.spawn().expect(INSTALL));
        drop(process);
        let since = Instant::now();
        while self.connect().is_none() {
            assert!(since.elapsed() < PATIENCE, "Redis does not answer");
            std::thread::yield_now();
        }
    }

    /// Ends it at once, and all connections with it.
    pub fn end(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = process.take() {
            // Nothing can be done about one that is gone already.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Makes it stand still: connections stay, nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let id = process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    fn connect(&self) -> Option<redis::Connection> {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_connection_with_timeout(PATIENCE).ok()?;
        redis::cmd("PING").exec(&mut connection).ok()?;
        Some(connection)
    }

    /// Asks it directly.
    pub fn ask<T: redis::FromRedisValue>(&self, command: &str, arguments: &[&str]) -> T {
        let mut connection = self.connect().expect("it runs");
        redis::cmd(command).arg(arguments).query(&mut connection).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Every key that there is, with how long it is still kept in milliseconds; negative: for ever.
    pub fn keys(&self) -> Vec<(String, i64)> {
        let keys: Vec<String> = self.ask("KEYS", &["*"]);
        keys.into_iter().map(|key| (key.clone(), self.ask("PTTL", &[&key]))).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
