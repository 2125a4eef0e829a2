//! `package-lock.yml`: which version of every package was chosen, in dbt's own form.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value as Json;
use sha1::{Digest, Sha1};

use super::dump::dumped;
use super::entry::{Entry, Origin, python_json};
use super::listed::{Reading, render};
use super::mask::Mask;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::project::Yaml;

pub(super) const LOCK: &str = "package-lock.yml";

/// One version of a package.
#[derive(Clone, Debug)]
pub(super) enum Pin {
    Local {
        folder: String,
    },
    Hub {
        package: String,
        version: String,
    },
    Git {
        url: String,
        written: String,
        /// In a lock, a commit.
        revision: Option<String>,
        subdirectory: Option<String>,
    },
    Tarball {
        url: String,
        written: String,
        name: String,
    },
}

impl Pin {
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Local { folder } => folder,
            Self::Hub { package, .. } => package,
            Self::Git { written, .. } => written,
            Self::Tarball { name, .. } => name,
        }
    }
}

/// A version of a package, and what its project is called.
#[derive(Clone, Debug)]
pub(super) struct Locked {
    pub pin: Pin,
    pub name: String,
}

/// The contents of a lock file.
#[derive(Debug)]
pub(super) struct Lock {
    pub packages: Vec<Locked>,
    /// Of what was asked for.
    pub sha1: Option<String>,
    /// The file as it is.
    pub text: String,
}

/// What dbt's `sha1_hash` is of these entries.
pub(super) fn sha1_of(entries: &[Entry]) -> String {
    let mut texts: Vec<String> = entries.iter().map(|entry| python_json(&entry.fingerprint)).collect();
    texts.sort();
    Sha1::digest(texts.join("\n"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The text of a lock file. No secret is in it.
pub(super) fn text_of(packages: &[Locked], sha1: &str, mask: &Mask) -> String {
    let packages: Vec<Json> = packages
        .iter()
        .map(|Locked { pin, name }| {
            let mut pairs: Vec<(&str, &str)> = vec![("name", name)];
            match pin {
                Pin::Local { folder } => pairs.push(("local", folder)),
                Pin::Hub { package, version } => pairs.extend([("package", &**package), ("version", &**version)]),
                Pin::Tarball { written, .. } => pairs.push(("tarball", written)),
                Pin::Git {
                    written,
                    revision,
                    subdirectory,
                    ..
                } => {
                    pairs.extend([("git", &**written), ("revision", revision.as_deref().unwrap_or("HEAD"))]);
                    pairs.extend(subdirectory.as_deref().map(|text| ("subdirectory", text)));
                }
            }
            pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), Json::String(mask.secrets(value))))
                .collect()
        })
        .collect();
    dumped(&serde_json::json!({"packages": packages, "sha1_hash": sha1}))
}

impl Lock {
    /// `None` where there is no such file.
    pub(super) fn read(root: &Path, reading: &Reading) -> Result<Option<Self>, Diagnostics> {
        let path = root.join(LOCK);
        if !path.is_file() {
            return Ok(None);
        }
        let file = crate::project::read_text(&path, LOCK)?;
        let broken = |problem: Diagnostic| problem.help("`assay deps --upgrade` writes the file anew");
        let yaml = Yaml::parse(&file).map_err(|problems| Diagnostics(problems.0.into_iter().map(broken).collect()))?;
        let items = yaml.get("packages").and_then(Yaml::as_list).unwrap_or_default();
        let mut packages = Vec::new();
        for item in items {
            let json = item.to_json();
            let wrong = |message: String| broken(Diagnostic::error("package-entry", message).at(item.place.clone()));
            let done = render(&json, reading.template).map_err(|(message, _)| wrong(reading.mask.all(&message)))?;
            let entry = Entry::read(&json, &done, Some(&item.place), LOCK, reading.mask)?;
            packages.push(locked(entry).ok_or_else(|| wrong("this is no version of a package".to_owned()))?);
        }
        Ok(Some(Self {
            packages,
            sha1: yaml.get("sha1_hash").and_then(Yaml::as_str).map(str::to_owned),
            text: file.text.clone(),
        }))
    }

    /// Writes a lock file, whole or not at all.
    pub(super) fn write(root: &Path, text: &str) -> Result<(), Diagnostic> {
        write_whole(&root.join(LOCK), LOCK, text)
    }

    /// Reads what has just been written.
    pub(super) fn of(packages: Vec<Locked>, sha1: String, text: String) -> Self {
        Self {
            packages,
            sha1: Some(sha1),
            text,
        }
    }

    /// Nothing is locked.
    pub(super) fn remove(root: &Path) -> Result<(), Diagnostic> {
        match std::fs::remove_file(root.join(LOCK)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Diagnostic::error("file-not-written", format!("cannot delete {LOCK}")).because(error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a file under its name when it is complete.
pub(super) fn write_whole(path: &Path, shown: &str, text: &str) -> Result<(), Diagnostic> {
    let failed = |error: std::io::Error| {
        Diagnostic::error("file-not-written", format!("cannot write {shown}")).because(error.to_string())
    };
    // Where the name is a link, the file behind it is the one to replace.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut file = tempfile::Builder::new()
        .prefix(".package")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn locked(entry: Entry) -> Option<Locked> {
    let name = entry.name.clone();
    Some(match entry.origin {
        Origin::Local { folder } => Locked {
            name: name.unwrap_or_default(),
            pin: Pin::Local { folder },
        },
        Origin::Hub { package, versions, .. } => Locked {
            name: name.unwrap_or_default(),
            pin: Pin::Hub {
                package,
                version: versions.into_iter().next()?,
            },
        },
        Origin::Git {
            url,
            written,
            revision,
            subdirectory,
            ..
        } => Locked {
            name: name.unwrap_or_default(),
            pin: Pin::Git {
                url,
                written,
                revision,
                subdirectory,
            },
        },
        Origin::Tarball { url, written, name } => Locked {
            name: name.clone(),
            pin: Pin::Tarball { url, written, name },
        },
    })
}

/// The packages of a lock file's text that were installed once, for comparison.
pub(super) fn same(text: &str, other: &str) -> bool {
    let parse = |text: &str| {
        Yaml::parse(&SourceFile::new(LOCK, text))
            .ok()
            .map(|yaml| yaml.to_json())
    };
    parse(text).is_some_and(|json| parse(other) == Some(json))
}
