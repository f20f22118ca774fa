//! A private PostgreSQL for tests: the installed program, on a free port, with its data in a folder that goes with it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

/// What to do when the program is missing.
const INSTALL: &str = "PostgreSQL is not installed: `apt-get install postgresql`, or leave its tests out with \
                       WABACUS_TEST_BACKENDS=sqlite";

/// The server that the tests of a process share, as long as one of them holds it.
static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// What it was started with.
    options: String,
    databases: AtomicU32,
}

impl Postgres {
    /// The server of this process, started if nobody holds it.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Starts a server of its own.
    pub(crate) fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("wabacus-postgres-").tempdir().expect("a temporary folder");
        if is_root() {
            // The server refuses to run as root.
            demand(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        let options = ["--auth=trust", "--username=wabacus", "--encoding=UTF8", "--locale=C", "--no-sync"];
        demand(as_plain_user(&programs.join("initdb")).arg("--pgdata").arg(&data).args(options));
        let server = Self { folder, programs, port: 0, options: String::new(), databases: AtomicU32::new(0) };
        server.listen()
    }

    /// A free port may be taken by another between asking for it and using it, hence several tries.
    fn listen(mut self) -> Self {
        let mut output = None;
        for _ in 0..5 {
            self.port = free_port();
            let sockets = self.folder.path().display();
            // Only who measures wants to wait for the disk.
            let fsync = std::env::var("WABACUS_POSTGRES_FSYNC").unwrap_or_else(|_| "off".to_owned());
            self.options =
                format!("-h 127.0.0.1 -p {} -k {sockets} -c fsync={fsync} -c max_connections=1000", self.port);
            let tried = self.control("start").output().expect("pg_ctl runs");
            if tried.status.success() {
                return self;
            }
            output = Some(tried);
        }
        panic!("PostgreSQL does not start: {output:?}");
    }

    /// `pg_ctl start` or `pg_ctl restart`.
    fn control(&self, what: &str) -> Command {
        let mut control = as_plain_user(&self.programs.join("pg_ctl"));
        control.arg(what).arg("--wait").arg("--silent").arg("--pgdata").arg(self.folder.path().join("data"));
        control.arg("--log").arg(self.folder.path().join("log")).arg("--options").arg(&self.options);
        control
    }

    /// Stops it and starts it anew on the same port: `fast`, which ends everybody's connections and says so, or `immediate`, as if it had died.
    pub(crate) fn restart(&self, mode: &str) {
        demand(self.control("restart").arg("--mode").arg(mode));
    }

    /// Stops it, ending everybody's connections.
    pub(crate) fn stop(&self) {
        let mut stop = as_plain_user(&self.programs.join("pg_ctl"));
        stop.arg("stop").arg("--mode=fast").arg("--silent").arg("--pgdata").arg(self.folder.path().join("data"));
        demand(&mut stop);
    }

    /// Starts it again where it was stopped.
    pub(crate) fn start_again(&self) {
        demand(&mut self.control("start"));
    }

    /// Ends the connections of everybody else; how many there were.
    pub(crate) async fn terminate(&self) -> i64 {
        let mut admin = PgConnection::connect(&self.url("postgres")).await.expect("the server answers");
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let ended: (i64,) = sqlx::query_as(others).fetch_one(&mut admin).await.expect("an answer");
        admin.close().await.expect("the connection ends");
        ended.0
    }

    /// The address of a new, empty database.
    pub(crate) async fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&self.url("postgres")).await.expect("the server answers");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        admin.execute(create).await.expect("a new database");
        admin.close().await.expect("the connection ends");
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://wabacus@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = as_plain_user(&self.programs.join("pg_ctl"));
        stop.arg("stop").arg("--mode=immediate").arg("--silent").arg("--pgdata").arg(self.folder.path().join("data"));
        // Nothing can be done about a server that is gone already.
        drop(stop.output());
    }
}

/// Where the programs are: on the path, or where Debian puts them, the newest version first.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    installed.sort();
    folders.extend(installed.into_iter().rev());
    folders.into_iter().find(|folder| folder.join("pg_ctl").exists() && folder.join("initdb").exists()).expect(INSTALL)
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.trim_ascii() == b"0"
}

/// The program, run as somebody who is not root, in a folder that they may enter.
fn as_plain_user(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn demand(command: &mut Command) {
    let output: Output = command.output().expect("the program runs");
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
