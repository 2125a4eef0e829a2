//! The project's own PostgreSQL: found, made, started, shared between commands, recovered, stopped when idle.
//!
//! A command first connects to the socket; only when nobody answers does it look for programs. Who may do what is
//! settled by four file locks that the kernel drops with their holder: `start.lock` (one starts at a time),
//! `users.lock` (shared by all users; who gets it alone may stop the server), `server.lock` (inherited by every process
//! of the server) and `watch.lock` (one watcher).

mod account;
mod cluster;
mod download;
mod lock;
mod place;
mod process;
mod programs;
mod supervisor;
mod watcher;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use watcher::{WATCH_COMMAND, watch};

use self::lock::{FileLock, Hold};
use self::place::{PORT, Place, cannot};
use self::process::PidFile;
use self::programs::Programs;
use super::{Connection, Session, SqlError, url};
use crate::diagnostic::Diagnostic;
use crate::project::profile::{Environment, Target, TargetKind};

/// Takes one line for the user at a time.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// The database and the role that owns it. The role may create roles and databases and is no superuser.
const NAME: &str = "assay";

/// How a command wants its local server.
#[derive(Clone, Debug)]
pub struct Options {
    pub environment: Environment,
    /// Stop the server with the last command that uses it.
    pub ephemeral: bool,
    /// Fetch PostgreSQL where there is none.
    pub download: bool,
    /// The program that becomes the watcher; `None` leaves the server running until it is stopped.
    pub watcher: Option<PathBuf>,
    /// How long nobody may have used the server before the watcher stops it.
    pub idle: Duration,
    /// Off only for throw-away clusters of tests.
    pub fsync: bool,
}

impl Options {
    /// As the environment says: `CI` or `ASSAY_EPHEMERAL`, `ASSAY_NO_DOWNLOAD`.
    #[must_use]
    pub fn of(environment: Environment) -> Self {
        let ephemeral = match environment.filled("ASSAY_EPHEMERAL") {
            Some(_) => environment.is_on("ASSAY_EPHEMERAL"),
            None => environment.is_on("CI"),
        };
        Self {
            ephemeral,
            download: !environment.is_on("ASSAY_NO_DOWNLOAD"),
            watcher: std::env::current_exe().ok().filter(|path| path.exists()),
            // An ephemeral server is watched too: its last user may be killed before it can stop it.
            idle: Duration::from_secs(if ephemeral { 10 } else { 15 * 60 }),
            fsync: true,
            environment,
        }
    }
}

/// A running server, held for one command. While any command holds it, neither the watcher nor another command's end
/// stops it.
#[derive(Debug)]
pub struct LocalServer {
    place: Place,
    socket: PathBuf,
    users: FileLock,
    ephemeral: bool,
    started: bool,
}

/// What there is of a project's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub running: bool,
    /// Whether the project has a data directory yet.
    pub created: bool,
    pub data: PathBuf,
    pub log: PathBuf,
    /// The user it runs as.
    pub user: String,
    /// Of the data directory.
    pub major: Option<u32>,
    pub pid: Option<i32>,
    pub socket: Option<PathBuf>,
    /// Whether a command or another client uses it now.
    pub in_use: bool,
}

enum Answer {
    Ready,
    /// It lacks our role or database.
    Empty,
    /// Nobody listens.
    Silent,
}

impl LocalServer {
    /// Connects to the project's server, starting and creating it where needed. Any number of commands may call this at
    /// the same time.
    pub async fn ensure(project: &Path, options: &Options, say: Say<'_>) -> Result<Self, Diagnostic> {
        let place = Place::of_project(project, &options.environment)?;
        if let Some(note) = &place.note {
            say(note);
        }
        let path = place.users_lock();
        // First, so that nobody stops the server between the connection and its use.
        let users = FileLock::wait(&path, Hold::Shared, || say("waiting for the local server to stop"))
            .await
            .map_err(|error| cannot("lock", &path, &error))?;
        users.touch();
        let (socket, started) = match connect(&place).await? {
            (Answer::Ready, Some(socket)) => (socket, false),
            _ => start(&place, options, say).await?,
        };
        watcher::ensure(&place, options);
        Ok(Self {
            place,
            socket,
            users,
            ephemeral: options.ephemeral,
            started,
        })
    }

    /// Whether this call started it.
    pub fn was_started(&self) -> bool {
        self.started
    }

    /// For psql and other clients of this machine.
    pub fn url(&self) -> String {
        url(&target_at(&self.socket))
    }

    /// The directory with the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Points a target of kind `Local` to this server.
    pub fn fill(&self, target: &mut Target) {
        target.host = self.socket.to_string_lossy().into_owned();
        target.port = PORT;
        NAME.clone_into(&mut target.user);
        NAME.clone_into(&mut target.dbname);
        target.kind = TargetKind::Local;
    }

    /// Whoever is the last to use an ephemeral server stops it. Without this call the server just goes on, or is told to
    /// stop without waiting for it.
    pub async fn leave(self) -> Result<(), Diagnostic> {
        if self.ephemeral && self.is_last() {
            supervisor::stop(&self.place).await?;
        }
        Ok(())
    }

    fn is_last(&self) -> bool {
        self.users.change(Hold::Exclusive).unwrap_or(false)
    }

    /// Stops the project's server. Where a command uses it: an error, unless `force`. Whether one was running.
    pub async fn stop(project: &Path, environment: &Environment, force: bool) -> Result<bool, Diagnostic> {
        let place = Place::of_project(project, environment)?;
        let path = place.users_lock();
        let alone = FileLock::attempt(&path, Hold::Exclusive).map_err(|error| cannot("lock", &path, &error))?;
        if alone.is_none() && !force {
            return Err(
                Diagnostic::error("local-server", "another command uses the local server")
                    .help("wait for it, or stop the server all the same with `assay db stop --force`"),
            );
        }
        supervisor::stop(&place).await
    }

    /// Starts nothing.
    pub async fn status(project: &Path, environment: &Environment) -> Result<Status, Diagnostic> {
        let place = Place::of_project(project, environment)?;
        let answer = connect(&place).await?;
        let running = !matches!(answer.0, Answer::Silent);
        let in_use =
            running && FileLock::attempt(&place.users_lock(), Hold::Exclusive).is_ok_and(|lock| lock.is_none());
        Ok(Status {
            running,
            created: place.data().exists(),
            major: cluster::major(&place)?,
            pid: PidFile::read(&place.data()).filter(|_| running).map(|file| file.pid),
            socket: answer.1,
            data: place.data(),
            log: place.log(),
            user: place.account.name.clone(),
            in_use,
        })
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.users.touch();
        if self.ephemeral
            && self.is_last()
            && let Some(file) = PidFile::read(&self.place.data())
            && process::in_directory(&self.place.data(), &self.place.account).contains(&file.pid)
        {
            process::signal(file.pid, rustix::process::Signal::INT);
        }
    }
}

/// Makes every commit before it durable, those of other sessions included: one commit that waits for the disk. A command
/// on the local server reports success only after this.
pub async fn flush(connection: &Connection) -> Result<(), SqlError> {
    // The message is there only because a transaction that writes nothing does not wait for anything.
    connection
        .batch(
            "begin; set local synchronous_commit = on; \
             select pg_catalog.pg_logical_emit_message(true, 'assay', 'flush'); commit",
        )
        .await
        .map(|_| ())
}

/// The programs of a client, such as `psql`.
#[must_use]
pub fn tool(environment: &Environment, name: &str) -> Option<PathBuf> {
    programs::find_tool(environment, name).or_else(|| {
        let path = download::cached(environment, &account::Account::own())?.path(name);
        path.is_file().then_some(path)
    })
}

fn target_at(socket: &Path) -> Target {
    let mut target = Target::local("local", "the local server");
    target.host = socket.to_string_lossy().into_owned();
    target.port = PORT;
    target
}

/// Asks whoever listens on the socket; waits while it is starting or stopping.
async fn connect(place: &Place) -> Result<(Answer, Option<PathBuf>), Diagnostic> {
    let started = Instant::now();
    loop {
        let Some(socket) = place.live_socket() else {
            return Ok((Answer::Silent, None));
        };
        let target = target_at(&socket);
        let Err(error) = Connection::attempt(&target, &Session::default()).await else {
            return Ok((Answer::Ready, Some(socket)));
        };
        match error.sqlstate.as_deref() {
            None => return Ok((Answer::Silent, None)),
            Some("3D000" | "28000") => return Ok((Answer::Empty, Some(socket))),
            // Starting, stopping, or going down under us.
            Some("57P03" | "57P01" | "57P02") if started.elapsed() < Duration::from_secs(300) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Some(_) => return Err(error.connecting(&target)),
        }
    }
}

/// Alone, under the start lock: whoever waited for it most often finds the server up.
async fn start(place: &Place, options: &Options, say: Say<'_>) -> Result<(PathBuf, bool), Diagnostic> {
    let path = place.start_lock();
    let alone = FileLock::wait(&path, Hold::Exclusive, || {
        say("waiting for another command to start the local server");
    })
    .await
    .map_err(|error| cannot("lock", &path, &error))?;
    let mut answer = connect(place).await?;
    if matches!(answer.0, Answer::Silent) {
        answer = wait_for_ready(place).await?;
    }
    let mut started = false;
    let socket = match answer {
        (Answer::Ready, Some(socket)) => socket,
        (Answer::Empty, Some(socket)) => {
            furnish(&socket).await?;
            socket
        }
        _ => {
            let major = cluster::major(place)?;
            let programs = programs(place, options, major, say)?;
            if major.is_none() {
                say(&format!(
                    "no database configured: creating a private PostgreSQL {} in {}",
                    programs.major,
                    place.data().display()
                ));
                cluster::create(place, &programs, options)?;
            }
            let nothing_runs = supervisor::clear(place, say).await?;
            let socket = supervisor::start(place, &programs, options, nothing_runs, say).await?;
            started = true;
            match connect(place).await?.0 {
                Answer::Ready => {}
                Answer::Empty => furnish(&socket).await?,
                Answer::Silent => {
                    return Err(
                        Diagnostic::error("local-server", "the local server has started but does not answer")
                            .help(format!("its log is {}", place.log().display())),
                    );
                }
            }
            socket
        }
    };
    drop(alone);
    Ok((socket, started))
}

/// A server that another program started moments ago may not listen yet, and one that is stopping no longer does.
async fn wait_for_ready(place: &Place) -> Result<(Answer, Option<PathBuf>), Diagnostic> {
    let started = Instant::now();
    while place.data().exists()
        && started.elapsed() < Duration::from_secs(300)
        && PidFile::read(&place.data()).is_some_and(|file| {
            matches!(file.status.as_str(), "starting" | "stopping" | "")
                && process::in_directory(&place.data(), &place.account).contains(&file.pid)
        })
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    connect(place).await
}

/// The role and the database, where they are missing.
async fn furnish(socket: &Path) -> Result<(), Diagnostic> {
    let mut target = target_at(socket);
    "postgres".clone_into(&mut target.user);
    "postgres".clone_into(&mut target.dbname);
    let connection = Connection::open(&target, &Session::default()).await?;
    let exists = |table: &str, column: &str| format!("select 1 from pg_catalog.{table} where {column} = '{NAME}'");
    if connection.query(&exists("pg_roles", "rolname"), &[]).await?.is_empty() {
        connection
            .batch(&format!("create role {NAME} login createdb createrole"))
            .await?;
    }
    if connection
        .query(&exists("pg_database", "datname"), &[])
        .await?
        .is_empty()
    {
        connection
            .batch(&format!("create database {NAME} owner {NAME}"))
            .await?;
    }
    flush(&connection).await?;
    Ok(())
}

fn programs(place: &Place, options: &Options, major: Option<u32>, say: Say<'_>) -> Result<Programs, Diagnostic> {
    if let Some(found) = programs::find(&options.environment, major)? {
        return Ok(found);
    }
    let usable = major.is_none_or(|major| major == download::MAJOR);
    if usable {
        if let Some(found) = download::cached(&options.environment, &place.account) {
            return Ok(found);
        }
        if options.download && download::is_possible() {
            return download::fetch(&options.environment, &place.account, say)
                .map_err(|error| error.help(advice(&options.environment, None)));
        }
    }
    let error = match major {
        Some(major) => Diagnostic::error(
            "no-postgres",
            format!("the local database was made by PostgreSQL {major}, which is not installed any more"),
        )
        .because(format!("{} can be read by that version only", place.data().display())),
        None => Diagnostic::error(
            "no-postgres",
            "no database is configured and no PostgreSQL is installed",
        )
        .because(format!(
            "no directory with the programs of PostgreSQL {} or newer was found{}",
            programs::OLDEST,
            if options.download {
                ""
            } else {
                ", and downloading them was refused"
            }
        )),
    };
    Err(error.help(advice(&options.environment, major.map(|_| place.root.as_path()))))
}

fn advice(environment: &Environment, made: Option<&Path>) -> String {
    let install = programs::install_line(environment);
    let point = "or point at a server: a profile in profiles.yml, or DATABASE_URL=postgresql://user@host/database";
    match made {
        Some(root) => format!(
            "install that version; or remove {} and build again from the sources with the version at hand\n{point}",
            root.display()
        ),
        None => format!("{install}\n{point}"),
    }
}
