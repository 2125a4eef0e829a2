//! Stops a server that nobody has used for a while.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use std::os::unix::process::CommandExt;

use super::lock::{FileLock, Hold};
use super::place::Place;
use super::process::{self, PidFile};
use super::{Options, supervisor};
use crate::diagnostic::Diagnostic;
use crate::postgres::{Connection, Session};
use crate::project::profile::Environment;

/// The hidden command by which the program becomes a watcher: `assay __watch <root> <idle seconds>`.
pub const WATCH_COMMAND: &str = "__watch";

/// Starts a watcher in the background unless one is at work.
pub(super) fn ensure(place: &Place, options: &Options) {
    let Some(program) = &options.watcher else {
        return;
    };
    match FileLock::attempt(&place.watch_lock(), Hold::Exclusive) {
        Ok(Some(lock)) => drop(lock),
        _ => return,
    }
    let mut command = Command::new(program);
    command
        .arg(WATCH_COMMAND)
        .arg(&place.root)
        .arg(options.idle.as_secs().to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    // A watcher that cannot be started leaves a server running, which is no reason to fail.
    let _ = tokio::process::Command::from(command).spawn();
}

/// The watcher's whole life: returns once the server is gone, stopped by it after `idle` without use, or otherwise.
/// Returns at once where another watcher is at work.
pub async fn watch(root: &Path, idle: Duration) -> Result<(), Diagnostic> {
    let place = Place::of_root(root, &Environment::of_process())?;
    let Ok(Some(_lock)) = FileLock::attempt(&place.watch_lock(), Hold::Exclusive) else {
        return Ok(());
    };
    let pause = (idle / 10).clamp(Duration::from_millis(100), Duration::from_secs(30));
    let mut missing = 0;
    loop {
        tokio::time::sleep(pause).await;
        if !is_up(&place) {
            // A restart may be under way.
            missing += 1;
            if missing > 2 {
                return Ok(());
            }
            continue;
        }
        missing = 0;
        if last_use(&place).is_some_and(|age| age < idle) {
            continue;
        }
        let Ok(Some(alone)) = FileLock::attempt(&place.users_lock(), Hold::Exclusive) else {
            continue;
        };
        if has_other_clients(&place, idle).await {
            continue;
        }
        let stopped = supervisor::stop(&place).await;
        drop(alone);
        return stopped.map(|_| ());
    }
}

fn is_up(place: &Place) -> bool {
    PidFile::read(&place.data())
        .is_some_and(|file| process::in_directory(&place.data(), &place.account).contains(&file.pid))
}

/// How long ago a command began or ended to use the server.
fn last_use(place: &Place) -> Option<Duration> {
    let changed = std::fs::metadata(place.users_lock()).ok()?.modified().ok()?;
    SystemTime::now().duration_since(changed).ok()
}

/// A person with psql or a dashboard that did something of late keeps the server up too.
async fn has_other_clients(place: &Place, idle: Duration) -> bool {
    let Some(directory) = place.live_socket() else {
        return false;
    };
    let target = super::target_at(&directory);
    let Ok(connection) = Connection::attempt(&target, &Session::default()).await else {
        return false;
    };
    let seconds = idle.as_secs_f64();
    connection
        .query(
            "select 1 from pg_catalog.pg_stat_activity \
             where backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid() \
               and (state is distinct from 'idle' \
                    or state_change > pg_catalog.now() - pg_catalog.make_interval(secs => $1::float8)) \
             limit 1",
            &[&seconds],
        )
        .await
        .is_ok_and(|rows| !rows.is_empty())
}
