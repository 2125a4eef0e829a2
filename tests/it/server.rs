//! A project with its own throw-away server, shared by the tests.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use assay::diagnostic::Diagnostic;
use assay::postgres::local::{LocalServer, Options};
use assay::postgres::{Connection, Session};
use assay::project::profile::{Environment, Target};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::wait_until;

/// A project in a temporary directory that every user can walk through. Its server is stopped at the end.
pub struct Project {
    directory: TempDir,
    pub options: Options,
}

impl Project {
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("assay-test-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .expect("a directory");
        Self {
            directory,
            options: options(),
        }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join(".assay/pg/data")
    }

    pub async fn ensure(&self) -> LocalServer {
        ensure(self.path(), &self.options).await.expect("a server")
    }

    /// The number of the server's first process.
    pub fn pid(&self) -> i32 {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).expect("a pid file");
        text.lines().next().expect("a line").trim().parse().expect("a number")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if let Ok(text) = fs::read_to_string(self.data().join("postmaster.pid"))
            && let Some(pid) = text.lines().next().and_then(|line| line.trim().parse().ok())
            && in_directory(pid, &self.data())
        {
            kill(pid, Signal::QUIT);
            wait_until("the server has ended", || processes(&self.data()).is_empty());
            if let Some(socket) = text.lines().nth(4) {
                let _ = fs::remove_dir(socket);
            }
        }
    }
}

pub fn options() -> Options {
    Options {
        ephemeral: false,
        watcher: None,
        fsync: false,
        ..Options::of(Environment::of_process())
    }
}

pub async fn ensure(project: &Path, options: &Options) -> Result<LocalServer, Diagnostic> {
    LocalServer::ensure(project, options, &|line| eprintln!("{line}")).await
}

pub fn target(server: &LocalServer) -> Target {
    let mut target = Target::local("test", "the test");
    server.fill(&mut target);
    target
}

pub async fn connect(server: &LocalServer) -> Connection {
    Connection::open(&target(server), &Session::default())
        .await
        .expect("a connection")
}

/// The one `bigint` that a query answers with.
pub async fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query(sql, &[]).await.expect("a result")[0].get(0)
}

pub fn kill(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).expect("a pid"), signal);
}

pub fn in_directory(pid: i32, data: &Path) -> bool {
    match (fs::metadata(format!("/proc/{pid}/cwd")), fs::metadata(data)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

/// The live processes of a server.
pub fn processes(data: &Path) -> Vec<i32> {
    fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| in_directory(*pid, data))
        .collect()
}
