//! Where the local server's files are.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use crate::diagnostic::Diagnostic;
use crate::project::profile::Environment;

/// The port is only part of the socket's name; nothing listens on the network.
pub(super) const PORT: u16 = 5432;

/// The directories of one local server and the user that runs it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Holds `data`, the log and the locks.
    pub(super) root: PathBuf,
    pub(super) account: Account,
    /// Where the socket may be, best first; all of them derive from `root`, so that every command looks in the same.
    sockets: Vec<PathBuf>,
    /// Said once, where the files are not in the project.
    pub(super) note: Option<String>,
}

impl Place {
    /// Creates the directories that lead to the data, but not the data.
    pub(super) fn of_project(project: &Path, environment: &Environment) -> Result<Self, Diagnostic> {
        let project = project
            .canonicalize()
            .map_err(|error| cannot("find", project, &error))?;
        let hidden = project.join(".assay");
        let inside = hidden.join("pg");
        let own = Account::own();
        if own.uid != 0 {
            let place = Self::at(inside, own, environment);
            place.refuse_strangers_data()?;
            make_hidden(&hidden)?;
            make(&place.root, 0o700)?;
            return Ok(place);
        }
        let outside = PathBuf::from(format!("/var/tmp/assay-{}", short_hash(&project.to_string_lossy())));
        if let Some(account) = owner_of_data(&inside) {
            return Ok(Self::at(inside, account, environment));
        }
        let account = Account::unprivileged()?;
        if account.can_walk(&project) && !outside.join("data").exists() {
            make_hidden(&hidden)?;
            make(&inside, 0o755)?;
            return Ok(Self::at(inside, account, environment));
        }
        make(&outside, 0o755)?;
        refuse_others_directory(&outside)?;
        let account = owner_of_data(&outside).unwrap_or(account);
        let note = format!(
            "the local server runs as `{}`, who cannot reach {}: its data is in {}",
            account.name,
            project.display(),
            outside.display()
        );
        Ok(Self {
            note: Some(note),
            ..Self::at(outside, account, environment)
        })
    }

    /// The place whose files are below `root`, which must hold data already.
    pub(super) fn of_root(root: &Path, environment: &Environment) -> Result<Self, Diagnostic> {
        let root = root.canonicalize().map_err(|error| cannot("find", root, &error))?;
        let account = owner_of_data(&root).unwrap_or_else(Account::own);
        Ok(Self::at(root, account, environment))
    }

    fn at(root: PathBuf, account: Account, environment: &Environment) -> Self {
        let name = format!("assay-{}", short_hash(&format!("{} {}", root.display(), account.uid)));
        let mut sockets = vec![Path::new("/tmp").join(&name)];
        if let Some(runtime) = environment.filled("XDG_RUNTIME_DIR").filter(|_| !account.foreign) {
            sockets.push(Path::new(runtime).join(&name));
        }
        sockets.push(root.join("socket"));
        // The system's limit for the path of a socket is 104 to 108 bytes.
        sockets.retain(|directory| directory.join(".s.PGSQL.5432.lock").as_os_str().len() < 100);
        Self {
            root,
            account,
            sockets,
            note: None,
        }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Held while a server is being started.
    pub(super) fn start_lock(&self) -> PathBuf {
        self.root.join("start.lock")
    }

    /// Shared by every command that uses the server; whoever gets it alone may stop the server.
    pub(super) fn users_lock(&self) -> PathBuf {
        self.root.join("users.lock")
    }

    /// Held by the server's own processes, all of them.
    pub(super) fn server_lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }

    /// Held by the watcher.
    pub(super) fn watch_lock(&self) -> PathBuf {
        self.root.join("watch.lock")
    }

    /// The directory in which a socket is to be found, if there is one that nobody else can have put there.
    pub(super) fn live_socket(&self) -> Option<PathBuf> {
        self.sockets
            .iter()
            .find(|directory| {
                self.is_private(directory)
                    && fs::symlink_metadata(directory.join(socket_name()))
                        .is_ok_and(|metadata| metadata.file_type().is_socket())
            })
            .cloned()
    }

    /// The directory for a new server's socket: made, or found to be ours alone.
    pub(super) fn make_socket_directory(&self) -> Result<PathBuf, Diagnostic> {
        for directory in &self.sockets {
            let made = fs::DirBuilder::new().mode(0o700).create(directory);
            if made.is_ok() {
                self.account
                    .give(directory)
                    .map_err(|error| cannot("hand over", directory, &error))?;
            }
            if self.is_private(directory) {
                return Ok(directory.clone());
            }
        }
        let tried: Vec<String> = self.sockets.iter().map(|path| path.display().to_string()).collect();
        Err(
            Diagnostic::error("local-server", "there is no private directory for the server's socket")
                .because(format!(
                    "tried {}; each must belong to `{}` with mode 0700 and not be a link",
                    tried.join(", "),
                    self.account.name
                ))
                .help("remove what stands at one of these paths"),
        )
    }

    /// Removes the socket's directory, which is empty once the server has stopped.
    pub(super) fn remove_socket_directories(&self) {
        for directory in &self.sockets {
            if self.is_private(directory) {
                let _ = fs::remove_dir(directory);
            }
        }
    }

    fn is_private(&self, directory: &Path) -> bool {
        fs::symlink_metadata(directory).is_ok_and(|metadata| {
            metadata.is_dir() && metadata.uid() == self.account.uid && metadata.mode() & 0o7777 == 0o700
        })
    }

    fn refuse_strangers_data(&self) -> Result<(), Diagnostic> {
        match owner_of_data(&self.root) {
            Some(owner) if owner.foreign => Err(Diagnostic::error(
                "local-server",
                format!("the local server of this project belongs to `{}`", owner.name),
            )
            .because(format!("{} is theirs", self.data().display()))
            .help("run the command as that user or as root; or remove the directory and build again")),
            _ => Ok(()),
        }
    }
}

/// Removes what a dead server left beside its socket, so that a stranger's process number there is not believed.
pub(super) fn clear_socket(directory: &Path) {
    for name in [socket_name(), format!("{}.lock", socket_name())] {
        let _ = fs::remove_file(directory.join(name));
    }
}

fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

fn owner_of_data(root: &Path) -> Option<Account> {
    let metadata = fs::metadata(root.join("data")).ok()?;
    let owner = Account::owner_of(&metadata);
    (owner.uid != 0).then_some(owner)
}

/// `.assay`, which keeps itself out of version control.
fn make_hidden(directory: &Path) -> Result<(), Diagnostic> {
    make(directory, 0o755)?;
    let ignore = directory.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(|error| cannot("write", &ignore, &error))?;
    }
    Ok(())
}

/// With the mode exactly, whatever the process's mask says.
fn make(directory: &Path, mode: u32) -> Result<(), Diagnostic> {
    match fs::create_dir(directory) {
        Ok(()) => fs::set_permissions(directory, fs::Permissions::from_mode(mode))
            .map_err(|error| cannot("open up", directory, &error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot("create", directory, &error)),
    }
}

/// For root, in a directory where anybody can put things.
fn refuse_others_directory(directory: &Path) -> Result<(), Diagnostic> {
    let metadata = fs::symlink_metadata(directory).map_err(|error| cannot("read", directory, &error))?;
    if metadata.is_dir() && metadata.uid() == 0 && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Diagnostic::error(
        "local-server",
        format!("{} is not root's own directory", directory.display()),
    )
    .because("somebody else has put something at this path")
    .help("look at it and remove it, then run the command again"))
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("local-server", format!("cannot {what} {}", path.display())).because(error.to_string())
}

fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex(&digest[..6])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_out_of_version_control_and_finds_no_socket() {
        let project = tempfile::tempdir().expect("a directory");
        let place = Place::of_project(project.path(), &Environment::default()).expect("a place");
        assert!(place.live_socket().is_none());
        if place.note.is_none() {
            let ignore = fs::read_to_string(project.path().join(".assay/.gitignore")).expect("written");
            assert_eq!(ignore, "*\n");
        } else {
            fs::remove_dir_all(&place.root).expect("removed");
        }
    }

    #[test]
    fn a_directory_that_others_can_enter_is_not_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut place = Place::at(directory.path().to_owned(), Account::own(), &Environment::default());
        let open = directory.path().join("open");
        fs::create_dir(&open).expect("created");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("opened");
        place.sockets = vec![open];
        assert!(place.make_socket_directory().is_err());
        place.sockets.push(directory.path().join("new"));
        assert_eq!(
            place.make_socket_directory().expect("made"),
            directory.path().join("new")
        );
    }
}
