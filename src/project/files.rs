//! The files of a project, by what their folders say they are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use super::ignored::Ignored;
use super::{ProjectSettings, read_text};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};

/// A file with a template in it.
#[derive(Clone, Debug)]
pub struct CodeFile {
    pub file: Arc<SourceFile>,
    /// Below its resource folder, such as `staging/stg_orders.sql`.
    pub path: String,
    /// Below the root of its package, such as `models/staging/stg_orders.sql`.
    pub original_path: String,
}

impl CodeFile {
    /// The file's name without its ending.
    pub fn stem(&self) -> &str {
        stem(&self.path)
    }
}

/// A CSV file, not read yet.
#[derive(Clone, Debug)]
pub struct SeedFile {
    pub disk: PathBuf,
    /// Below its resource folder.
    pub path: String,
    /// Below the root of its package.
    pub original_path: String,
    /// Relative to the root of the project, as messages show it.
    pub shown: String,
}

impl SeedFile {
    pub fn stem(&self) -> &str {
        stem(&self.path)
    }
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[derive(Clone, Debug, Default)]
pub struct Files {
    pub models: Vec<CodeFile>,
    pub seeds: Vec<SeedFile>,
    /// Macro files, and those of generic tests.
    pub macros: Vec<CodeFile>,
    pub tests: Vec<CodeFile>,
    pub analyses: Vec<CodeFile>,
    /// Files of `{% snapshot %}` blocks.
    pub snapshots: Vec<CodeFile>,
    /// Bodies of functions in the database.
    pub functions: Vec<CodeFile>,
    /// Rows of unit tests, CSV and SQL.
    pub fixtures: Vec<CodeFile>,
    pub properties: Vec<CodeFile>,
    /// Markdown, for `docs` blocks.
    pub docs: Vec<CodeFile>,
}

struct Found {
    disk: PathBuf,
    path: String,
    original_path: String,
    shown: String,
}

impl Found {
    /// In lower case: `ORDERS.SQL` is a model as well.
    fn ending(&self) -> String {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.')
            .map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase())
    }

    fn below(&self, folder: &str) -> bool {
        self.path.split('/').next() == Some(folder) && self.path.contains('/')
    }

    fn code(self, problems: &mut Diagnostics) -> Option<CodeFile> {
        match read_text(&self.disk, &self.shown) {
            Ok(file) => Some(CodeFile {
                file,
                path: self.path,
                original_path: self.original_path,
            }),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }
}

impl Files {
    /// Reads what is below the folders of a package. `prefix` leads from the project's root to the package's, and is
    /// empty for the project itself.
    pub fn find(root: &Path, prefix: &str, settings: &ProjectSettings, problems: &mut Diagnostics) -> Self {
        let mut files = Self::default();
        let paths = &settings.paths;
        let walk = Walk {
            root,
            prefix,
            settings,
            ignored: Ignored::read(root, prefix, problems),
        };
        let mut read = HashSet::new();
        for found in walk.all(&paths.models, problems) {
            match found.ending().as_str() {
                "sql" | "py" => files.models.extend(found.code(problems)),
                _ => files.described(found, &mut read, problems),
            }
        }
        for found in walk.all(&paths.seeds, problems) {
            if found.ending() == "csv" {
                files.seeds.push(SeedFile {
                    disk: found.disk,
                    path: found.path,
                    original_path: found.original_path,
                    shown: found.shown,
                });
            } else {
                files.described(found, &mut read, problems);
            }
        }
        for found in walk.all(&paths.macros, problems) {
            if found.ending() == "sql" {
                files.macros.extend(found.code(problems));
            } else {
                files.described(found, &mut read, problems);
            }
        }
        for found in walk.all(&paths.tests, problems) {
            match found.ending().as_str() {
                "sql" if found.below("generic") => files.macros.extend(found.code(problems)),
                "sql" | "csv" if found.below("fixtures") => files.fixtures.extend(found.code(problems)),
                "sql" => files.tests.extend(found.code(problems)),
                _ if found.below("fixtures") => {}
                _ => files.described(found, &mut read, problems),
            }
        }
        for found in walk.all(&paths.analyses, problems) {
            if found.ending() == "sql" {
                files.analyses.extend(found.code(problems));
            } else {
                files.described(found, &mut read, problems);
            }
        }
        for found in walk.all(&paths.snapshots, problems) {
            if found.ending() == "sql" {
                files.snapshots.extend(found.code(problems));
            } else {
                files.described(found, &mut read, problems);
            }
        }
        for found in walk.all(&paths.functions, problems) {
            match found.ending().as_str() {
                "sql" | "py" | "js" => files.functions.extend(found.code(problems)),
                _ => files.described(found, &mut read, problems),
            }
        }
        for found in walk.all(&paths.docs, problems) {
            files.described(found, &mut read, problems);
        }
        files
    }

    /// Properties and documentation may stand in any folder, and are read once.
    fn described(&mut self, found: Found, read: &mut HashSet<String>, problems: &mut Diagnostics) {
        let list = match found.ending().as_str() {
            "yml" | "yaml" => &mut self.properties,
            "md" => &mut self.docs,
            _ => return,
        };
        if read.insert(found.original_path.clone()) {
            list.extend(found.code(problems));
        }
    }
}

struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    settings: &'a ProjectSettings,
    ignored: Ignored,
}

impl Walk<'_> {
    /// The files below some folders, in the order of their names; hidden ones and what is built are left out.
    fn all(&self, folders: &[String], problems: &mut Diagnostics) -> Vec<Found> {
        let paths = &self.settings.paths;
        let skipped: Vec<PathBuf> = [&paths.target, &paths.log, &paths.packages]
            .into_iter()
            .map(|folder| self.root.join(folder))
            .collect();
        let mut all = Vec::new();
        for folder in folders {
            let base = self.root.join(folder);
            if !base.is_dir() {
                continue;
            }
            let walk = WalkDir::new(&base)
                .follow_links(true)
                .sort_by_file_name()
                .into_iter()
                .filter_entry(|entry| {
                    entry.depth() == 0
                        || !(entry.file_name().to_string_lossy().starts_with('.')
                            || (entry.file_type().is_dir() && skipped.iter().any(|path| path == entry.path())))
                });
            for entry in walk {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        problems.push(
                            Diagnostic::error("unreadable-file", format!("cannot read what is below {folder}"))
                                .because(error.to_string())
                                .help("remove the link or mend the permissions"),
                        );
                        continue;
                    }
                };
                if !entry.file_type().is_file() {
                    continue;
                }
                let Ok(below) = entry.path().strip_prefix(&base) else {
                    continue;
                };
                let path = slashes(below);
                let original_path = if matches!(folder.as_str(), "" | ".") {
                    path.clone()
                } else {
                    format!("{folder}/{path}")
                };
                if self.ignored.contains(&original_path) {
                    continue;
                }
                all.push(Found {
                    disk: entry.path().to_owned(),
                    shown: format!("{}{original_path}", self.prefix),
                    path,
                    original_path,
                });
            }
        }
        all
    }
}

fn slashes(path: &Path) -> String {
    path.components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}
