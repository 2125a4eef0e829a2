//! From what a project asks for to one version of every package, those that packages ask for included.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::News;
use super::entry::{Entry, Origin};
use super::fetch::Fetch;
use super::listed::{Listed, Reading, read_project_file, render};
use super::lock::{Locked, Pin};
use super::semver::{Bound, Range, installable, newest};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Everything that is asked of one package; the first entry decides where it comes from.
#[derive(Clone, Debug)]
struct Wanted(Vec<Entry>);

/// Packages in the order in which they were first asked for.
#[derive(Debug, Default)]
struct Listing(Vec<Wanted>);

impl Wanted {
    /// The names that mean this package; the first is its own.
    fn names(&self) -> Vec<String> {
        match &self.0[0].origin {
            Origin::Local { folder } => vec![folder.clone()],
            Origin::Hub { package, .. } => vec![package.clone()],
            Origin::Tarball { url, .. } => vec![url.clone()],
            Origin::Git { url, subdirectory, .. } => {
                let other = url.strip_suffix(".git").map_or(format!("{url}.git"), str::to_owned);
                let below = subdirectory.as_ref().map(|s| format!("/{s}")).unwrap_or_default();
                vec![format!("{url}{below}"), format!("{other}{below}")]
            }
        }
    }

    fn shown(&self) -> String {
        self.0[0].shown()
    }

    /// At the first place in a file that asks for it.
    fn placed(&self, problem: Diagnostic) -> Diagnostic {
        match self.0.iter().find_map(|entry| entry.place.clone()) {
            Some(place) if problem.place.is_none() => problem.at(place),
            _ => problem,
        }
    }

    fn asked_by(&self, what: impl Fn(&Entry) -> String) -> String {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|entry| format!("{} asks for {}", entry.asked_by, what(entry)))
            .collect();
        lines.join("\n")
    }
}

impl Listing {
    fn of(entries: &[Entry]) -> Result<Self, Diagnostic> {
        let mut listing = Self::default();
        for entry in entries {
            listing.add(Wanted(vec![entry.clone()]))?;
        }
        Ok(listing)
    }

    /// Adds what is asked of a package to what is asked of it already. Gives its index.
    fn add(&mut self, wanted: Wanted) -> Result<usize, Diagnostic> {
        let names = wanted.names();
        let Some(index) = self.0.iter().position(|known| names.contains(&known.names()[0])) else {
            self.0.push(wanted);
            return Ok(self.0.len() - 1);
        };
        let known = &mut self.0[index];
        if std::mem::discriminant(&known.0[0].origin) != std::mem::discriminant(&wanted.0[0].origin) {
            let problem = Diagnostic::error(
                "package-conflict",
                format!("`{}` is asked for from two kinds of place", wanted.shown()),
            )
            .because(format!("by {} and by {}", known.0[0].asked_by, wanted.0[0].asked_by))
            .help("take it from one place");
            return Err(known.placed(problem));
        }
        known.0.extend(wanted.0);
        Ok(index)
    }
}

/// Names and transitive entries of a package.
struct Metadata {
    name: String,
    entries: Vec<Entry>,
    pin: Pin,
}

/// Resolves packages, telling what is odd about them.
pub(super) struct Resolver<'a> {
    pub fetch: &'a Fetch<'a>,
    pub reading: &'a Reading<'a>,
    pub news: &'a dyn Fn(News),
}

impl Resolver<'_> {
    /// One pin for every package, in the order in which dbt locks them.
    pub(super) fn resolve(&self, project: &str, entries: &[Entry]) -> Result<Vec<Locked>, Diagnostics> {
        let mut pending = Listing::of(entries)?;
        let mut all = Listing::default();
        let mut opened: HashSet<String> = HashSet::new();
        while !pending.0.is_empty() {
            let mut next = Listing::default();
            for wanted in pending.0 {
                let index = all.add(wanted)?;
                let wanted = &all.0[index];
                let chosen = self.chosen(wanted)?;
                if !opened.insert(format!("{chosen:?}")) {
                    continue;
                }
                let found = self.metadata(wanted, &chosen)?;
                for entry in found.entries {
                    next.add(Wanted(vec![entry]))?;
                }
            }
            pending = next;
        }
        let mut locked: Vec<Locked> = Vec::new();
        for wanted in &all.0 {
            let chosen = self.chosen(wanted)?;
            let found = self.metadata(wanted, &chosen)?;
            self.warn(wanted, &chosen)?;
            let clash = |message: String, why: String| {
                let problem = Diagnostic::error("same-package", message)
                    .because(why)
                    .help("keep one of them");
                Diagnostics::from(wanted.placed(problem))
            };
            if found.name == project {
                return Err(clash(
                    format!("a package is called `{project}`, as the project itself"),
                    format!("it comes from {}", wanted.shown()),
                ));
            }
            if let Some(other) = locked.iter().find(|other| other.name == found.name) {
                return Err(clash(
                    format!("two packages are called `{}`", found.name),
                    format!("they come from {} and {}", other.pin.shown(), wanted.shown()),
                ));
            }
            locked.push(Locked {
                pin: found.pin,
                name: found.name,
            });
        }
        Ok(locked)
    }

    /// The version or revision that meets everything that is asked.
    fn chosen(&self, wanted: &Wanted) -> Result<Pin, Diagnostic> {
        match &wanted.0[0].origin {
            Origin::Local { folder } => Ok(Pin::Local { folder: folder.clone() }),
            Origin::Tarball { url, written, name } => Ok(Pin::Tarball {
                url: url.clone(),
                written: written.clone(),
                name: name.clone(),
            }),
            Origin::Git {
                url,
                written,
                subdirectory,
                ..
            } => {
                let mut revisions: Vec<&str> = Vec::new();
                for entry in &wanted.0 {
                    if let Origin::Git {
                        revision: Some(revision),
                        ..
                    } = &entry.origin
                        && !revisions.contains(&revision.as_str())
                    {
                        revisions.push(revision);
                    }
                }
                if revisions.len() > 1 {
                    let problem = Diagnostic::error(
                        "package-conflict",
                        format!("`{}` is asked for at {} revisions", wanted.shown(), revisions.len()),
                    )
                    .because(wanted.asked_by(|entry| match &entry.origin {
                        Origin::Git {
                            revision: Some(revision),
                            ..
                        } => format!("`{revision}`"),
                        _ => "any revision".to_owned(),
                    }))
                    .help("ask for the same revision everywhere");
                    return Err(wanted.placed(problem));
                }
                Ok(Pin::Git {
                    url: url.clone(),
                    written: written.clone(),
                    revision: revisions.first().map(|revision| (*revision).to_owned()),
                    subdirectory: subdirectory.clone(),
                })
            }
            Origin::Hub {
                package, prereleases, ..
            } => self.version(wanted, package, *prereleases),
        }
    }

    fn version(&self, wanted: &Wanted, package: &str, prereleases: bool) -> Result<Pin, Diagnostic> {
        let mut bounds = Vec::new();
        for entry in &wanted.0 {
            let Origin::Hub { versions, .. } = &entry.origin else {
                continue;
            };
            for text in versions {
                bounds.push(Bound::parse(text).ok_or_else(|| {
                    let problem = Diagnostic::error("package-version", format!("`{text}` is no version"))
                        .because(format!("{} asks for it of {package}", entry.asked_by))
                        .help(
                            "write three numbers, and `>=`, `>`, `<=`, `<` or nothing before them; bounds are a list",
                        );
                    match &entry.place {
                        Some(place) => problem.at(place.clone()),
                        None => problem,
                    }
                })?);
            }
        }
        let asked = || {
            wanted.asked_by(|entry| match &entry.origin {
                Origin::Hub { versions, .. } => versions.join(", "),
                _ => String::new(),
            })
        };
        let Some(range) = Range::reduce(&bounds) else {
            let problem = Diagnostic::error(
                "package-conflict",
                format!("no version of `{package}` meets everything that is asked of it"),
            )
            .because(asked())
            .help("change what packages.yml asks for, or take other versions of the packages that ask");
            return Err(wanted.placed(problem));
        };
        self.fetch
            .hub
            .check(package)
            .map_err(|problem| wanted.placed(problem))?;
        let listed = self.fetch.hub.package(package)?;
        let prereleases = prereleases || bounds.iter().any(Bound::is_prerelease);
        let versions = installable(&listed.compatible(), prereleases);
        let Some(version) = newest(&range, &versions) else {
            let problem = Diagnostic::error(
                "package-conflict",
                format!("the hub has no version of `{package}` within {range}"),
            )
            .because(format!("{}\nthe hub has {}", asked(), versions.join(", ")))
            .help("ask for one that is there; prereleases need `install_prerelease: true`");
            return Err(wanted.placed(problem));
        };
        Ok(Pin::Hub {
            package: package.to_owned(),
            version: version.clone(),
        })
    }

    fn metadata(&self, wanted: &Wanted, chosen: &Pin) -> Result<Metadata, Diagnostics> {
        let placed = |problem: Diagnostic| wanted.placed(problem);
        let (folder, pin) = match chosen {
            Pin::Hub { package, version } => return self.of_hub(wanted, package, version),
            Pin::Local { folder } => {
                let path = self.fetch.local(folder);
                if !path.is_dir() {
                    let problem = Diagnostic::error("package-not-found", format!("there is no folder {folder}"))
                        .because(format!(
                            "{} asks for it; it would be {}",
                            wanted.0[0].asked_by,
                            path.display()
                        ))
                        .help("paths count from the project's folder");
                    return Err(placed(problem).into());
                }
                (path, chosen.clone())
            }
            Pin::Git {
                url,
                written,
                revision,
                subdirectory,
            } => {
                let checkout = self
                    .fetch
                    .git(url, revision.as_deref(), subdirectory.as_deref())
                    .map_err(placed)?;
                let pin = Pin::Git {
                    url: url.clone(),
                    written: written.clone(),
                    revision: Some(checkout.commit),
                    subdirectory: subdirectory.clone(),
                };
                (checkout.folder, pin)
            }
            Pin::Tarball { url, name, .. } => (self.fetch.archive(url, name).map_err(placed)?, chosen.clone()),
        };
        let shown = format!("{}/", self.fetch.mask.all(&wanted.shown()).trim_end_matches('/'));
        let project = read_project_file(&folder, &shown, self.reading.template).map_err(|mut problems| {
            for problem in &mut problems.0 {
                if problem.code == "no-project" {
                    problem.message = format!("{} holds no project", wanted.shown());
                    problem.help = Some("name the folder of a dbt_project.yml".to_owned());
                    problem.place = wanted.0.iter().find_map(|entry| entry.place.clone());
                }
            }
            problems
        })?;
        let mut entries = Listed::read(&folder, &shown, self.reading)?.entries;
        for entry in &mut entries {
            // A place in a file that the user cannot change helps nobody.
            entry.place = None;
            entry.asked_by = format!("package {}", project.name);
        }
        let name = match &pin {
            Pin::Tarball { name, .. } => name.clone(),
            _ => project.name,
        };
        Ok(Metadata { name, entries, pin })
    }

    fn of_hub(&self, wanted: &Wanted, package: &str, version: &str) -> Result<Metadata, Diagnostics> {
        let listed = self.fetch.hub.package(package)?;
        let release = listed.release(version).map_err(|problem| wanted.placed(problem))?;
        let asked_by = format!("package {}", release.name);
        let entries = release
            .packages
            .iter()
            .map(|json| {
                let done: Json = render(json, self.reading.template).map_err(|(message, _)| {
                    Diagnostic::error("package-entry", self.fetch.mask.all(&message)).because(asked_by.clone())
                })?;
                Entry::read(json, &done, None, &asked_by, self.fetch.mask)
            })
            .collect::<Result<_, Diagnostic>>()?;
        Ok(Metadata {
            name: release.name.to_owned(),
            entries,
            pin: Pin::Hub {
                package: package.to_owned(),
                version: version.to_owned(),
            },
        })
    }

    fn warn(&self, wanted: &Wanted, chosen: &Pin) -> Result<(), Diagnostic> {
        match chosen {
            Pin::Git { revision, written, .. } => {
                let quiet = wanted.0.iter().any(|entry| {
                    matches!(
                        entry.origin,
                        Origin::Git {
                            warn_unpinned: false,
                            ..
                        }
                    )
                });
                let moving = revision
                    .as_deref()
                    .is_none_or(|revision| matches!(revision, "HEAD" | "main" | "master"));
                if moving && !quiet {
                    let at = revision.as_deref().unwrap_or("HEAD");
                    let warning = Diagnostic::warning(
                        "package-unpinned",
                        format!("{} is taken at `{at}`, which moves", self.fetch.mask.all(written)),
                    )
                    .help("name a tag or a commit as `revision`; `warn-unpinned: false` silences this");
                    (self.news)(News::Warned(wanted.placed(warning)));
                }
            }
            Pin::Hub { package, .. } => {
                if let Some(moved) = &self.fetch.hub.package(package)?.moved_to {
                    let warning = Diagnostic::warning("package-moved", format!("`{package}` is now `{moved}`"))
                        .help("change its name in packages.yml");
                    (self.news)(News::Warned(wanted.placed(warning)));
                }
            }
            Pin::Local { .. } | Pin::Tarball { .. } => {}
        }
        Ok(())
    }
}
