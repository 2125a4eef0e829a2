//! Packages brought onto this machine, each once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::archive;
use super::git::{self, Checkout};
use super::http::Client;
use super::hub::Hub;
use super::mask::Mask;
use crate::diagnostic::Diagnostic;
use crate::project::profile::Environment;

/// Where packages are fetched to, and what has been fetched.
pub(super) struct Fetch<'a> {
    pub hub: Hub<'a>,
    pub mask: &'a Mask,
    client: &'a Client,
    root: PathBuf,
    home: Option<PathBuf>,
    downloads: PathBuf,
    checkouts: RefCell<HashMap<[String; 3], Checkout>>,
    archives: RefCell<HashMap<String, PathBuf>>,
    count: RefCell<usize>,
}

impl<'a> Fetch<'a> {
    pub(super) fn new(
        client: &'a Client,
        mask: &'a Mask,
        environment: &Environment,
        root: &Path,
        downloads: PathBuf,
    ) -> Self {
        let base = environment
            .filled("ASSAY_PACKAGE_HUB_URL")
            .or_else(|| environment.filled("DBT_PACKAGE_HUB_URL"));
        Self {
            hub: Hub::new(client, base),
            mask,
            client,
            root: root.to_owned(),
            home: environment.home(),
            downloads,
            checkouts: RefCell::default(),
            archives: RefCell::default(),
            count: RefCell::new(0),
        }
    }

    /// The folder of a local package: from the project's root, whoever asks for it.
    pub(super) fn local(&self, folder: &str) -> PathBuf {
        let path = match (folder.strip_prefix('~'), &self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => self.root.join(folder),
        };
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    plain.pop();
                }
                other => plain.push(other),
            }
        }
        plain
    }

    /// A revision of a repository; the folder is the subdirectory, where one is asked for.
    pub(super) fn git(
        &self,
        url: &str,
        revision: Option<&str>,
        subdirectory: Option<&str>,
    ) -> Result<Checkout, Diagnostic> {
        let key = |revision: &str| [url, revision, subdirectory.unwrap_or("")].map(str::to_owned);
        let wanted = key(revision.unwrap_or("HEAD"));
        if let Some(known) = self.checkouts.borrow().get(&wanted) {
            return Ok(known.clone());
        }
        let mut found = git::checkout(url, revision, &self.fresh("git"), self.mask)?;
        if let Some(inside) = subdirectory {
            let whole = found.folder.canonicalize().ok();
            let folder = found.folder.join(inside).canonicalize().ok();
            found.folder = folder
                .filter(|folder| whole.is_some_and(|whole| folder.starts_with(whole)) && folder.is_dir())
                .ok_or_else(|| {
                    Diagnostic::error(
                        "package-git",
                        format!("{} has no folder `{inside}`", self.mask.all(url)),
                    )
                    .help("correct `subdirectory`")
                })?;
        }
        let mut checkouts = self.checkouts.borrow_mut();
        checkouts.insert(key(&found.commit), found.clone());
        checkouts.insert(wanted, found.clone());
        Ok(found)
    }

    /// The one folder in an archive.
    pub(super) fn archive(&self, url: &str, shown: &str) -> Result<PathBuf, Diagnostic> {
        if let Some(known) = self.archives.borrow().get(url) {
            return Ok(known.clone());
        }
        let file = self.fresh("archive");
        let folder = file.with_extension("unpacked");
        let prepared = std::fs::create_dir_all(&folder);
        prepared.map_err(|error| {
            Diagnostic::error("file-not-written", format!("cannot make {}", folder.display()))
                .because(error.to_string())
        })?;
        self.client.download(url, &file)?;
        let top = archive::unpack(&file, &folder, shown)?;
        self.archives.borrow_mut().insert(url.to_owned(), top.clone());
        Ok(top)
    }

    fn fresh(&self, kind: &str) -> PathBuf {
        let mut count = self.count.borrow_mut();
        *count += 1;
        self.downloads.join(format!("{kind}-{count}"))
    }
}
