//! Which packages a project is read with: those that `deps` installed, or local ones where they are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::package::{RenderYaml, YamlScope};
use super::{Flavour, ProjectSettings, Reader, Section, Yaml, project_file, read_text};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// A package to read.
pub(super) struct Found {
    pub folder: PathBuf,
    /// What messages show before its files.
    pub shown: String,
}

/// Folders of the packages in use.
pub(super) fn find(root: &Path, own: &ProjectSettings, jinja: &RenderYaml, problems: &mut Diagnostics) -> Vec<Found> {
    let installed = in_folder(root, own);
    let listed = listed(root, own.flavour, jinja, problems);
    let (wanted, names) = match locked(root) {
        Some(locked) if !locked.is_empty() => (locked.len(), locked),
        _ => (listed.len(), Vec::new()),
    };
    let has = |name: &str| {
        installed
            .iter()
            .any(|found| found.folder.file_name().is_some_and(|there| there == name))
    };
    let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| !has(name)).collect();
    if missing.is_empty() && wanted == installed.len() {
        return installed;
    }
    if !listed.is_empty()
        && let Some(local) = all_local(root, &listed, own.flavour, jinja)
    {
        return beside(installed, local);
    }
    if let Some(first) = listed
        .first()
        .filter(|_| wanted > installed.len() || !missing.is_empty())
    {
        let wanted_names: Vec<&str> = if names.is_empty() {
            listed.iter().map(|package| package.shown.as_str()).collect()
        } else {
            missing
        };
        problems.push(
            Diagnostic::error(
                "packages-missing",
                format!("{wanted} packages are needed and {} are installed", installed.len()),
            )
            .at(first.place.clone())
            .because(format!("wanted: {}", wanted_names.join(", ")))
            .help(format!("run `assay deps`, which puts them into {}", own.paths.packages)),
        );
    } else if wanted < installed.len() {
        problems.push(
            Diagnostic::warning(
                "packages-left-over",
                format!(
                    "{} holds {} packages and {wanted} are asked for",
                    own.paths.packages,
                    installed.len()
                ),
            )
            .help("run `assay deps`, which leaves only those; all are read now"),
        );
    }
    installed
}

/// The packages in the folder that `deps` fills.
fn in_folder(root: &Path, own: &ProjectSettings) -> Vec<Found> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join(&own.paths.packages))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("dbt_project.yml").is_file() || path.join("project.yml").is_file())
        .collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| Found {
            shown: format!("{}/{}/", own.paths.packages, last_name(&folder)),
            folder,
        })
        .collect()
}

fn last_name(folder: &Path) -> String {
    folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Installed packages, and the local ones that are not among them.
fn beside(mut installed: Vec<Found>, local: Vec<(String, Found)>) -> Vec<Found> {
    for (name, found) in local {
        if !installed.iter().any(|there| last_name(&there.folder) == name) {
            installed.push(found);
        }
    }
    installed
}

/// The names in `package-lock.yml`; `None` where there is none that can be read. One without a name counts as unnamed.
fn locked(root: &Path) -> Option<Vec<String>> {
    let file = read_text(&root.join("package-lock.yml"), "package-lock.yml").ok()?;
    let yaml = Yaml::parse(&file).ok()?;
    let packages = yaml.get("packages")?.as_list()?;
    packages
        .iter()
        .map(|package| package.get("name").and_then(Yaml::as_str).map(str::to_owned))
        .collect()
}

/// Every package with its name, where all that are asked for are local, by packages as well as by the project. Paths count
/// from the project's folder, whoever asks.
fn all_local(
    root: &Path,
    listed: &[ListedPackage],
    flavour: Flavour,
    jinja: &RenderYaml,
) -> Option<Vec<(String, Found)>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut pending: Vec<Option<String>> = listed.iter().map(|package| package.local.clone()).collect();
    pending.reverse();
    while let Some(local) = pending.pop() {
        let local = local?;
        let folder = root.join(&local);
        if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
            continue;
        }
        // A folder that is not there is told when it is read.
        let name = project_file(&folder)
            .ok()
            .and_then(|(_, file)| Yaml::parse(&file).ok())
            .and_then(|yaml| yaml.get("name").and_then(Yaml::as_str).map(str::to_owned));
        let mut ignored = Diagnostics::default();
        let more = self::listed(&folder, flavour, jinja, &mut ignored);
        pending.extend(more.into_iter().rev().map(|package| package.local));
        let shown = format!("{}/", local.trim_end_matches('/'));
        found.push((name.unwrap_or_default(), Found { folder, shown }));
    }
    Some(found)
}

struct ListedPackage {
    shown: String,
    local: Option<String>,
    place: Place,
}

/// What `packages.yml` or `dependencies.yml` asks for. Only the folders of local packages are rendered: addresses may
/// hold secrets, which are none of the project's business.
fn listed(root: &Path, flavour: Flavour, jinja: &RenderYaml, problems: &mut Diagnostics) -> Vec<ListedPackage> {
    let mut listed = Vec::new();
    let vars = IndexMap::new();
    let scope = YamlScope {
        package: "",
        vars: &vars,
    };
    let jinja = |text: &str| jinja(&scope, text);
    let mut reader = Reader::new(flavour, &jinja);
    for name in ["packages.yml", "dependencies.yml"] {
        let path = root.join(name);
        if !path.is_file() {
            continue;
        }
        let yaml = match read_text(&path, name)
            .map_err(Diagnostics::from)
            .and_then(|file| Yaml::parse(&file))
        {
            Ok(yaml) => yaml,
            Err(more) => {
                problems.0.extend(more.0);
                continue;
            }
        };
        let Some(mut section) = Section::of(&yaml, name, &mut reader) else {
            continue;
        };
        for item in section.list("packages", &mut reader) {
            let text = |key: &str| item.get(key).and_then(Yaml::as_str).map(str::to_owned);
            let local = item
                .get("local")
                .map(|folder| reader.rendered(folder, &|_| false))
                .and_then(|folder| folder.as_str().map(str::to_owned));
            let shown = local
                .clone()
                .or_else(|| text("package"))
                .or_else(|| text("git"))
                .or_else(|| text("name"));
            listed.push(ListedPackage {
                shown: shown.unwrap_or_else(|| "a package".to_owned()),
                local,
                place: item.place.clone(),
            });
        }
        if let Some(projects) = section.take("projects") {
            reader.unsupported("projects that are used across accounts (`projects`)", &projects.place);
        }
    }
    problems.0.append(&mut reader.problems.0);
    listed
}
