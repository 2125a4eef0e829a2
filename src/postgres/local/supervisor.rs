//! Starts, stops and recovers the server of one place.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::lock::{FileLock, Hold};
use super::place::{PORT, Place, cannot, clear_socket};
use super::process::{self, PidFile};
use super::programs::Programs;
use super::{Options, Say};
use crate::diagnostic::Diagnostic;

/// How long a stopping server may take to write its last checkpoint before it is stopped the hard way.
const PATIENCE: Duration = Duration::from_secs(60);

/// The log is begun anew when it has grown to this many bytes.
const LOG_LIMIT: u64 = 4 << 20;

/// What is known of a server without asking it.
pub(super) enum State {
    /// No process of it is left; the lock proves that until it is dropped.
    Down(FileLock),
    /// Its first process runs.
    Up(PidFile),
    /// Its first process has died, others go on.
    Orphans(Vec<i32>),
}

/// Only under the start lock, or with the users' lock held alone.
pub(super) async fn state(place: &Place) -> Result<State, Diagnostic> {
    let path = place.server_lock();
    let started = Instant::now();
    loop {
        let lock = FileLock::attempt(&path, Hold::Exclusive).map_err(|error| cannot("lock", &path, &error))?;
        let processes = process::in_directory(&place.data(), &place.account);
        let file = PidFile::read(&place.data());
        if let Some(file) = file
            && processes.contains(&file.pid)
        {
            return Ok(State::Up(file));
        }
        match lock {
            Some(lock) if processes.is_empty() => return Ok(State::Down(lock)),
            _ if !processes.is_empty() => return Ok(State::Orphans(processes)),
            // Held by a process that is not seen: one that is just going, or one in another container.
            _ if started.elapsed() > Duration::from_secs(5) => {
                return Err(Diagnostic::error(
                    "local-server",
                    "the local server runs where this command cannot see it",
                )
                .because(format!(
                    "a process holds {}, perhaps in another container",
                    path.display()
                ))
                .help("run the command there, or stop the server there with `assay db stop`"));
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Gets whatever is left of a dead or deaf server out of the way. The answer proves that nothing runs.
pub(super) async fn clear(place: &Place, say: Say<'_>) -> Result<FileLock, Diagnostic> {
    loop {
        match state(place).await? {
            State::Down(lock) => {
                forget(place)?;
                return Ok(lock);
            }
            State::Up(file) => {
                say("the local server no longer has its socket; starting it again");
                stop_process(place, file.pid).await?;
            }
            State::Orphans(processes) => {
                say("the local server has died; ending what it left running");
                end_orphans(place, &processes).await?;
            }
        }
    }
}

/// A dead server's number may by now be a stranger's or a zombie's, and PostgreSQL would believe it alive. It never
/// minds its parent's number, which ours will be.
fn forget(place: &Place) -> Result<(), Diagnostic> {
    let data = place.data();
    if PidFile::read(&data).is_some() {
        PidFile::replace_pid(&data, std::process::id()).map_err(|error| cannot("write", &data, &error))?;
    } else {
        // Empty or half-written: PostgreSQL would refuse it for good.
        let _ = fs::remove_file(data.join("postmaster.pid"));
    }
    Ok(())
}

/// Starts the server; nothing of it may be running, as `nothing_runs` proves. Ready for connections on return. Answers
/// with the directory of its socket.
pub(super) async fn start(
    place: &Place,
    programs: &Programs,
    options: &Options,
    nothing_runs: FileLock,
    say: Say<'_>,
) -> Result<std::path::PathBuf, Diagnostic> {
    let sockets = place.make_socket_directory()?;
    clear_socket(&sockets);
    let log_path = place.log();
    if fs::metadata(&log_path).is_ok_and(|metadata| metadata.len() > LOG_LIMIT) {
        let _ = fs::rename(&log_path, place.root.join("log.old"));
    }
    let mut log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(&log_path)
        .map_err(|error| cannot("write", &log_path, &error))?;
    let log_start = log.seek(SeekFrom::End(0)).unwrap_or(0);
    let program = programs.path("postgres");
    let copy = |file: &fs::File| file.try_clone().map_err(|error| cannot("open", &log_path, &error));
    let lock_path = place.server_lock();
    let inherited = nothing_runs
        .inherit()
        .map_err(|error| cannot("open", &lock_path, &error))?;
    let mut command = std::process::Command::new(&program);
    command
        .arg("-D")
        .arg(place.data())
        .args(["-p", &PORT.to_string()])
        .args(["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"])
        .args(["-c", "logging_collector=off", "-c", "log_destination=stderr"])
        .arg("-c")
        .arg(format!("unix_socket_directories={}", quoted_list_item(&sockets)))
        .current_dir("/")
        // All of the server's processes keep this open, and with it the lock: the kernel tells when the last is gone.
        .stdin(Stdio::from(inherited))
        .stdout(Stdio::from(copy(&log)?))
        .stderr(Stdio::from(copy(&log)?))
        // Ctrl-C in the terminal is meant for the command, not for the server.
        .process_group(0);
    if !options.fsync {
        command.arg("-F");
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    place.account.apply(&mut command);
    // The runtime's own kind of child, so that a server that dies while we run leaves no zombie.
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .map_err(|error| cannot("run", &program, &error))?;
    drop(nothing_runs);
    let started = Instant::now();
    let mut told = false;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            let said = tail(&mut log, log_start);
            return Err(Diagnostic::error("local-server", "the local server does not start")
                .because(format!("{} ended with {status}; it says:\n{said}", program.display()))
                .help(format!("the whole log is {}", log_path.display())));
        }
        // A dead server's file says `ready` too, until the new one has replaced it.
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        if PidFile::read(&place.data()).is_some_and(|file| Some(file.pid) == pid && file.status == "ready") {
            return Ok(sockets);
        }
        if !told && started.elapsed() > Duration::from_secs(5) {
            told = true;
            say("the local server is still starting; after a crash it first has to recover");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ends the server in an orderly way, its sessions included. Does nothing where none runs.
pub(super) async fn stop(place: &Place) -> Result<bool, Diagnostic> {
    if !place.data().exists() {
        return Ok(false);
    }
    let mut stopped = false;
    loop {
        match state(place).await? {
            State::Down(_) => {
                place.remove_socket_directories();
                return Ok(stopped);
            }
            State::Up(file) => stop_process(place, file.pid).await?,
            State::Orphans(processes) => end_orphans(place, &processes).await?,
        }
        stopped = true;
    }
}

/// SIGINT is PostgreSQL's fast stop, SIGQUIT its immediate one.
async fn stop_process(place: &Place, pid: i32) -> Result<(), Diagnostic> {
    let patience = Duration::from_secs(10);
    for (signal, patience) in [
        (Signal::INT, PATIENCE),
        (Signal::QUIT, patience),
        (Signal::KILL, patience),
    ] {
        process::signal(pid, signal);
        if gone(place, &[pid], patience).await {
            return Ok(());
        }
    }
    Err(Diagnostic::error(
        "local-server",
        format!("the local server (process {pid}) cannot be stopped"),
    ))
}

async fn end_orphans(place: &Place, processes: &[i32]) -> Result<(), Diagnostic> {
    for signal in [Signal::TERM, Signal::QUIT, Signal::KILL] {
        for pid in processes {
            process::signal(*pid, signal);
        }
        if gone(place, processes, Duration::from_secs(5)).await {
            return Ok(());
        }
    }
    Err(Diagnostic::error(
        "local-server",
        format!("processes {processes:?} of the dead local server cannot be ended"),
    ))
}

async fn gone(place: &Place, processes: &[i32], patience: Duration) -> bool {
    let started = Instant::now();
    loop {
        let left = process::in_directory(&place.data(), &place.account);
        if !processes.iter().any(|pid| left.contains(pid)) {
            return true;
        }
        if started.elapsed() > patience {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// As an item of a list in a setting.
fn quoted_list_item(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('"', "\"\""))
}

/// The last lines of the log since a place in it.
fn tail(log: &mut fs::File, start: u64) -> String {
    let mut bytes = Vec::new();
    if log.seek(SeekFrom::Start(start)).is_ok() {
        let _ = log.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
