//! Packages that a project uses: what it asks for, which versions that means, and bringing them here.
//!
//! [`install()`] does what `deps` does. Reading installed packages is the business of [`crate::project`].

mod added;
mod archive;
mod dump;
mod entry;
mod fetch;
mod git;
mod http;
mod hub;
mod install;
mod listed;
mod lock;
mod mask;
mod resolve;
mod semver;

use std::path::Path;

use serde_json::{Map, Value as Json};

pub use added::{Addition, Source};

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::project::profile::{Environment, Template};
use fetch::Fetch;
use http::Client;
use install::Installation;
use listed::{Listed, ProjectFile, Reading};
use lock::{Lock, Locked, Pin};
use mask::Mask;
use resolve::Resolver;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// `--vars`.
    pub vars: &'a Map<String, Json>,
    pub environment: &'a Environment,
    /// Write the lock file and install nothing.
    pub lock_only: bool,
    /// Choose versions anew.
    pub upgrade: bool,
    pub add: Option<&'a Addition>,
    /// Tell what adding a package would do, and do nothing.
    pub dry_run: bool,
}

/// What is worth telling while packages are installed.
#[derive(Clone, Debug)]
pub enum News {
    Said(String),
    Warned(Diagnostic),
}

/// Resolves, locks and installs the packages of a project. What is installed as the lock says stays as it is, and nothing
/// is fetched for it.
pub fn install(request: &Request, news: &dyn Fn(News)) -> Result<(), Diagnostics> {
    let mask = Mask::of(request.environment);
    let told = |what: News| {
        news(match what {
            News::Said(text) => News::Said(mask.all(&text)),
            News::Warned(warning) => News::Warned(masked(warning, &mask)),
        });
    };
    installed(request, &mask, &told)
        .map_err(|problems| Diagnostics(problems.0.into_iter().map(|problem| masked(problem, &mask)).collect()))
}

/// No secret in any text of a message; a line of a file is shown as it is written, or not at all.
fn masked(mut problem: Diagnostic, mask: &Mask) -> Diagnostic {
    problem.message = mask.all(&problem.message);
    problem.cause = problem.cause.map(|text| mask.all(&text));
    problem.help = problem.help.map(|text| mask.all(&text));
    if let Some(place) = &mut problem.place {
        let text = mask.all(place.line_text());
        if text != place.line_text() {
            let lines: Vec<&str> = place.file.text.lines().collect();
            let line = place.line();
            // The same line number, without the secret and all that is around it.
            let around = lines
                .iter()
                .enumerate()
                .map(|(i, _)| if i + 1 == line { text.as_str() } else { "" });
            let text = around.collect::<Vec<_>>().join("\n");
            let file = SourceFile::new(place.file.path.clone(), text);
            *place = crate::diagnostic::Place::at(&file, line, 1);
        }
    }
    problem
}

fn installed(request: &Request, mask: &Mask, news: &dyn Fn(News)) -> Result<(), Diagnostics> {
    let root = request.root;
    let template = Template::new(request.environment, request.vars);
    let reading = Reading {
        template: &template,
        mask,
    };
    let project = listed::read_project_file(root, "", &template)?;
    let mut listed = Listed::read(root, "", &reading)?;
    let mut lock = if request.upgrade {
        None
    } else {
        Lock::read(root, &reading)?
    };
    let installation = Installation::open(root, &project.install_path, &project.sources)?;
    let client = Client::new(mask.clone());
    let downloads = installation.downloads()?;
    let fetch = Fetch::new(&client, mask, request.environment, root, downloads);
    let resolver = Resolver {
        fetch: &fetch,
        reading: &reading,
        news,
    };
    if let Some(addition) = request.add {
        let edit = Edit::of(root, &listed, addition, &reading)?;
        let added = lock::sha1_of(&edit.entries);
        if request.dry_run {
            let packages = resolver.resolve(&project.name, &edit.entries)?;
            let text = lock::text_of(&packages, &added, mask);
            news(News::Said(format!("{} would be:\n{}", listed.file, edit.text)));
            news(News::Said(format!("{} would be:\n{text}", lock::LOCK)));
            return Ok(());
        }
        lock::write_whole(&listed.path(root), listed.file, &edit.text)?;
        for replaced in &edit.replaced {
            news(News::Said(format!("Took {replaced} out of {}", listed.file)));
        }
        news(News::Said(format!("Added {} to {}", addition.name, listed.file)));
        listed.entries = edit.entries;
    }
    if listed.entries.is_empty() {
        Lock::remove(root)?;
        installation.finish("packages: []\n")?;
        news(News::Said("No packages are asked for".to_owned()));
        return Ok(());
    }
    let sha1 = lock::sha1_of(&listed.entries);
    if lock.as_ref().is_some_and(|lock| lock.sha1.as_deref() != Some(&sha1)) {
        lock = None;
    }
    let lock = match lock {
        Some(lock) if lock.packages.iter().all(|locked| !locked.name.is_empty()) => lock,
        _ => {
            let packages = resolver.resolve(&project.name, &listed.entries)?;
            let text = lock::text_of(&packages, &sha1, mask);
            Lock::write(root, &text)?;
            news(News::Said(format!("Wrote {}", lock::LOCK)));
            Lock::of(packages, sha1, text)
        }
    };
    if request.lock_only {
        return Ok(());
    }
    put_in_place(&installation, &lock, &fetch, &project, news)
}

fn put_in_place(
    installation: &Installation,
    lock: &Lock,
    fetch: &Fetch,
    project: &ProjectFile,
    news: &dyn Fn(News),
) -> Result<(), Diagnostics> {
    if installation.is_current(lock, fetch) {
        news(News::Said(format!(
            "{} installed as {} says",
            counted(lock.packages.len()),
            lock::LOCK
        )));
        return Ok(());
    }
    for locked in &lock.packages {
        installation.add(locked, fetch)?;
        news(News::Said(format!("Installed {}", told(locked))));
        if let Some(newer) = newer(locked, fetch)? {
            news(News::Said(format!("  the newest version is {newer}")));
        }
    }
    installation.finish(&lock.text)?;
    news(News::Said(format!(
        "{} in {}",
        counted(lock.packages.len()),
        project.install_path
    )));
    Ok(())
}

/// How many packages there are, as the beginning of a sentence.
fn counted(count: usize) -> String {
    if count == 1 {
        "1 package is".to_owned()
    } else {
        format!("{count} packages are")
    }
}

fn told(locked: &Locked) -> String {
    match &locked.pin {
        Pin::Local { folder } => format!("{} from {folder}", locked.name),
        Pin::Hub { package, version } => format!("{package} {version}"),
        Pin::Git { written, revision, .. } => {
            let commit = revision.as_deref().unwrap_or("HEAD");
            format!(
                "{} from {written} at {}",
                locked.name,
                commit.get(..12).unwrap_or(commit)
            )
        }
        Pin::Tarball { written, name, .. } => format!("{name} from {written}"),
    }
}

/// The newest version of the hub, where another one is locked.
fn newer(locked: &Locked, fetch: &Fetch) -> Result<Option<String>, Diagnostic> {
    let Pin::Hub { package, version } = &locked.pin else {
        return Ok(None);
    };
    let prereleases = semver::Bound::parse(version).is_some_and(|version| version.is_prerelease());
    let versions = semver::installable(&fetch.hub.package(package)?.compatible(), prereleases);
    Ok(versions.last().filter(|last| *last != version).cloned())
}

/// A file with one more package in it.
struct Edit {
    text: String,
    entries: Vec<entry::Entry>,
    replaced: Vec<Json>,
}

impl Edit {
    fn of(root: &Path, listed: &Listed, addition: &Addition, reading: &Reading) -> Result<Self, Diagnostics> {
        let path = listed.path(root);
        let before = if path.is_file() {
            crate::project::read_text(&path, listed.file)?.text.clone()
        } else {
            String::new()
        };
        let (text, replaced) = added::with_added(listed.file, &before, addition)?;
        let entries = Listed::entries_of(&SourceFile::new(listed.file, text.clone()), listed.file, reading)?;
        Ok(Self {
            text,
            entries,
            replaced,
        })
    }
}
