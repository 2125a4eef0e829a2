//! The folder of installed packages, replaced as a whole: who looks sees the old one or the new one.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

use super::fetch::Fetch;
use super::lock::{Lock, Locked, Pin, same};
use crate::diagnostic::Diagnostic;

/// A copy of the lock file that the folder was made from; dbt passes over it.
const MARK: &str = ".package-lock.yml";

/// The folder that packages are installed into, and the one beside it where they are prepared. Nobody else works there
/// while this lives; dropped, it leaves nothing behind.
pub(super) struct Installation {
    folder: PathBuf,
    aside: PathBuf,
    /// As messages name it.
    shown: String,
    _lock: fs::File,
}

fn unwritable(what: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error("file-not-written", format!("cannot write {what}")).because(error.to_string())
}

impl Installation {
    /// Waits for another command that installs packages into the same project.
    pub(super) fn open(root: &Path, install_path: &str, sources: &[String]) -> Result<Self, Diagnostic> {
        let refused = |why: &str| {
            Diagnostic::error(
                "unsafe-install-path",
                format!("packages are not installed into `{install_path}`"),
            )
            .because(format!("{why}, and what is in the folder is replaced"))
            .help("give `packages-install-path` a folder of its own")
        };
        let folder = plain(&root.join(install_path));
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if root.starts_with(&folder) || root.starts_with(&real) {
            return Err(refused("it holds the project itself"));
        }
        let holds_sources = sources
            .iter()
            .map(|source| plain(&root.join(source)))
            .any(|source| source.starts_with(&folder) || folder.starts_with(&source) && source != root);
        if holds_sources || folder.starts_with(root.join(".git")) {
            return Err(refused("it holds what people write"));
        }
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let (Some(name), Some(parent)) = (name, real.parent()) else {
            return Err(refused("it has no name"));
        };
        let lock = fs::File::open(root).map_err(|error| unwritable(install_path, &error))?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| unwritable(install_path, &error.into()))?;
        let aside = parent.join(format!(".{name}.assay"));
        let opened = Self {
            folder: real.clone(),
            aside,
            shown: install_path.to_owned(),
            _lock: lock,
        };
        // What a killed command left.
        opened.sweep()?;
        Ok(opened)
    }

    /// A folder for what is fetched.
    pub(super) fn downloads(&self) -> Result<PathBuf, Diagnostic> {
        let path = self.aside.join("downloads");
        fs::create_dir_all(&path).map_err(|error| self.failed(&error))?;
        Ok(path)
    }

    /// Whether what is installed is what the lock says. Local packages are looked at, the others are as they were made.
    pub(super) fn is_current(&self, lock: &Lock, fetch: &Fetch) -> bool {
        let marked = fs::read_to_string(self.folder.join(MARK)).is_ok_and(|mark| same(&mark, &lock.text));
        marked
            && lock.packages.iter().all(|locked| {
                let path = self.folder.join(&locked.name);
                match &locked.pin {
                    Pin::Local { folder } => {
                        fs::read_link(&path).is_ok_and(|target| target == fetch.local(folder)) && path.is_dir()
                    }
                    _ => path.join("dbt_project.yml").is_file() || path.join("project.yml").is_file(),
                }
            })
    }

    /// Puts a package into the folder that is being prepared.
    pub(super) fn add(&self, locked: &Locked, fetch: &Fetch) -> Result<(), Diagnostic> {
        let tree = self.aside.join("packages");
        fs::create_dir_all(&tree).map_err(|error| self.failed(&error))?;
        let mut parts = Path::new(&locked.name).components();
        let one_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !one_name || locked.name.starts_with('.') {
            return Err(Diagnostic::error(
                "bad-name",
                format!("`{}` cannot be the name of a package's folder", locked.name),
            )
            .because(format!("it is what {} is called", locked.pin.shown()))
            .help("use letters, digits and underscores, and no digit first"));
        }
        let to = tree.join(&locked.name);
        let placed = |done: io::Result<()>| done.map_err(|error| self.failed(&error));
        match &locked.pin {
            Pin::Local { folder } => {
                let from = fetch.local(folder);
                if !from.is_dir() {
                    return Err(
                        Diagnostic::error("package-not-found", format!("there is no folder {folder}"))
                            .because(format!("it would be {}", from.display()))
                            .help("paths count from the project's folder"),
                    );
                }
                placed(std::os::unix::fs::symlink(from, to))
            }
            Pin::Hub { package, version } => {
                let listed = fetch.hub.package(package)?;
                let release = listed.release(version)?;
                placed(fs::rename(fetch.archive(release.tarball, package)?, to))
            }
            Pin::Git {
                url,
                revision,
                subdirectory,
                ..
            } => {
                let checkout = fetch.git(url, revision.as_deref(), subdirectory.as_deref())?;
                placed(fs::rename(checkout.folder, to))
            }
            Pin::Tarball { url, name, .. } => placed(fs::rename(fetch.archive(url, name)?, to)),
        }
    }

    /// Makes what was prepared the installed packages.
    pub(super) fn finish(&self, lock_text: &str) -> Result<(), Diagnostic> {
        let tree = self.aside.join("packages");
        let failed = |error: io::Error| self.failed(&error);
        fs::create_dir_all(&tree).map_err(failed)?;
        fs::write(tree.join(MARK), lock_text).map_err(failed)?;
        if fs::symlink_metadata(&self.folder).is_err() {
            return fs::rename(&tree, &self.folder).map_err(failed);
        }
        // In one step where the file system can.
        if renameat_with(CWD, &tree, CWD, &self.folder, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
        fs::rename(&self.folder, self.aside.join("old")).map_err(failed)?;
        fs::rename(&tree, &self.folder).map_err(failed)
    }

    fn sweep(&self) -> Result<(), Diagnostic> {
        match fs::remove_dir_all(&self.aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: &io::Error) -> Diagnostic {
        unwritable(&self.shown, error)
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // The next command sweeps what cannot be removed now.
        let _ = self.sweep();
    }
}

/// Without `.` and `..`, by the letters of the path.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_over_what_people_write() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let sources = ["models".to_owned(), "deep/macros".to_owned()];
        for refused in [".", "..", "/", "models", "models/packages", "deep", ".git/x", "a/.."] {
            let error = Installation::open(&root, refused, &sources).err();
            assert_eq!(error.map(|error| error.code), Some("unsafe-install-path"), "{refused}");
        }
        for allowed in ["dbt_packages", "./vendor/dbt", "../shared_packages"] {
            assert!(Installation::open(&root, allowed, &sources).is_ok(), "{allowed}");
        }
    }

    #[test]
    fn what_was_prepared_replaces_what_was_there() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("dbt_packages/old")).unwrap();
        fs::create_dir_all(root.join(".dbt_packages.assay/packages/half")).unwrap();
        let installation = Installation::open(&root, "dbt_packages", &[]).unwrap();
        assert!(!root.join(".dbt_packages.assay").exists());
        assert!(root.join("dbt_packages/old").exists());
        installation.finish("packages: []\n").unwrap();
        drop(installation);
        let left: Vec<_> = fs::read_dir(&root).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["dbt_packages"]);
        assert!(!root.join("dbt_packages/old").exists());
        assert!(root.join("dbt_packages").join(MARK).is_file());
    }
}
