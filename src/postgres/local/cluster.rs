//! A new data directory.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::Options;
use super::place::{Place, cannot};
use super::programs::Programs;
use crate::diagnostic::Diagnostic;

/// What the server is told beyond PostgreSQL's defaults; the owner may edit it in `postgresql.conf`. fsync stays on.
const SETTINGS: &str = "
# The private server of one project. What follows may be changed; restart with `assay db stop` and `assay db start`.
shared_buffers = 256MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
# Each command ends with one synchronous commit, which makes all before it durable.
synchronous_commit = off
jit = off
log_timezone = 'UTC'
timezone = 'UTC'
";

/// Only on Linux: a killed client is noticed, and a restart after a crash syncs the file system once, not every file.
const SETTINGS_LINUX: &str = "client_connection_check_interval = 1s
recovery_init_sync_method = syncfs
";

/// The version that made the data directory; `None` where there is no directory yet.
pub(super) fn major(place: &Place) -> Result<Option<u32>, Diagnostic> {
    let path = place.data().join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            Diagnostic::error("local-server", format!("{} is damaged", place.data().display()))
                .because(format!("{} does not hold a version", path.display()))
                .help("remove the data directory and build again")
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !place.data().exists() => Ok(None),
        Err(error) => {
            Err(cannot("read", &path, &error).help(format!("remove {} and build again", place.data().display())))
        }
    }
}

/// Makes the data directory beside its place and moves it there when it is whole.
pub(super) fn create(place: &Place, programs: &Programs, options: &Options) -> Result<(), Diagnostic> {
    let unfinished = place.root.join("data.new");
    let mut outcome = Ok(());
    // Some systems do not know C.UTF-8; C orders the same way.
    for locale in ["C.UTF-8", "C"] {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(|error| cannot("remove", &unfinished, &error))?;
        }
        fs::create_dir(&unfinished).map_err(|error| cannot("create", &unfinished, &error))?;
        place
            .account
            .give(&unfinished)
            .map_err(|error| cannot("hand over", &unfinished, &error))?;
        outcome = initdb(place, programs, &unfinished, locale);
        match &outcome {
            Err(error) if error.cause.as_ref().is_some_and(|cause| cause.contains("locale")) => {}
            _ => break,
        }
    }
    outcome?;
    configure(&unfinished, options).map_err(|error| cannot("write in", &unfinished, &error))?;
    if options.fsync {
        sync(&unfinished).map_err(|error| cannot("save", &unfinished, &error))?;
    }
    fs::rename(&unfinished, place.data()).map_err(|error| cannot("rename", &unfinished, &error))
}

fn initdb(place: &Place, programs: &Programs, directory: &Path, locale: &str) -> Result<(), Diagnostic> {
    let program = programs.path("initdb");
    let mut command = Command::new(&program);
    command
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "-D"])
        .arg(directory)
        .arg(format!("--locale={locale}"))
        .current_dir("/")
        .env_remove("PGDATA")
        .stdin(Stdio::null());
    place.account.apply(&mut command);
    let output = command.output().map_err(|error| cannot("run", &program, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(
        Diagnostic::error("local-server", "the local database cannot be created")
            .because(format!("{} says:\n{}", program.display(), said.trim()))
            .help(format!(
                "mend this, or set {} to the directory of other programs",
                super::programs::VARIABLE
            )),
    )
}

fn configure(directory: &Path, options: &Options) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(directory.join("postgresql.conf"))?;
    file.write_all(SETTINGS.as_bytes())?;
    if cfg!(target_os = "linux") {
        file.write_all(SETTINGS_LINUX.as_bytes())?;
    }
    if !options.fsync {
        file.write_all(b"fsync = off\nfull_page_writes = off\nshared_buffers = 32MB\n")?;
    }
    Ok(())
}

/// initdb leaves its thousand files to the system's cache; one call brings them to disk.
#[cfg(target_os = "linux")]
fn sync(directory: &Path) -> io::Result<()> {
    let opened = fs::File::open(directory)?;
    Ok(rustix::fs::syncfs(&opened)?)
}

#[cfg(not(target_os = "linux"))]
fn sync(_directory: &Path) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}
