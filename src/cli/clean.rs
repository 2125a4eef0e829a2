//! `clean`: delete the folders that the project calls its own output.

use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::jinja::Engine;
use crate::project::{Paths, Reader, YamlScope, project_file, read_project};
use crate::run::Level;

use super::arguments::Global;
use super::workspace::{Talk, find_root, given_vars};
use super::yaml_host::render_yaml;
use super::{Outcome, Status};

/// Folders that hold what people write; never deleted, whatever `clean-targets` says.
const SOURCES: [&str; 7] = ["models", "seeds", "macros", "tests", "snapshots", "analyses", ".git"];

pub(super) fn clean(global: &Global, talk: &Talk) -> Outcome {
    let (root, targets) = clean_targets(global)?;
    let mut problems = Diagnostics::default();
    for target in &targets {
        if let Err(diagnostic) = check(target) {
            problems.push(diagnostic);
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    for target in targets {
        let path = root.join(&target);
        if !path.exists() {
            continue;
        }
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.map_err(|error| {
            Diagnostic::error("file-not-written", format!("cannot delete {target}")).because(error.to_string())
        })?;
        talk.say(Level::Info, &format!("Deleted {target}"));
    }
    Ok(Status::Success)
}

fn clean_targets(global: &Global) -> Result<(PathBuf, Vec<String>), Diagnostics> {
    folders(global).map(|(root, paths)| (root, paths.clean))
}

/// What the project file names. Nothing else is read: a project whose packages or profile are missing can be cleaned too.
pub(super) fn folders(global: &Global) -> Result<(PathBuf, Paths), Diagnostics> {
    let root = find_root(global)?;
    let given = given_vars(global)?;
    let engine = Engine::new("project", &[], &[], &[])?;
    let scope = YamlScope {
        package: "project",
        vars: &IndexMap::new(),
    };
    let render = |text: &str| render_yaml(&engine, &given, &Json::Null, &scope, text);
    let (flavour, file) = project_file(&root)?;
    let mut reader = Reader::new(flavour, &render);
    // What needs a target cannot be rendered here; only folders matter.
    match read_project(&file, &mut reader) {
        Some(settings) if !reader.problems.0.iter().any(|problem| problem.code == "wrong-type") => {
            Ok((root, settings.paths))
        }
        _ => Err(reader.problems),
    }
}

/// Only what lies below the project and is no source of it.
fn check(target: &str) -> Result<(), Diagnostic> {
    let path = Path::new(target);
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    let first = parts.next();
    let outside = path.is_absolute()
        || first.is_none()
        || path
            .components()
            .any(|part| matches!(part, Component::ParentDir | Component::RootDir));
    let source = matches!(first, Some(Component::Normal(name)) if SOURCES.iter().any(|s| name == *s));
    if outside || source {
        return Err(
            Diagnostic::error("unsafe-clean", format!("`clean` does not delete `{target}`"))
                .because(if source {
                    "it holds what people write"
                } else {
                    "it lies outside the project, or is the project itself"
                })
                .help("take it out of clean-targets in the project file"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_output_only() {
        for allowed in ["target", "./logs", "dbt_packages", "out/of"] {
            assert!(check(allowed).is_ok(), "{allowed}");
        }
        for refused in ["/tmp", "..", "target/../..", ".", "models", "./seeds/raw", ""] {
            assert!(check(refused).is_err(), "{refused}");
        }
    }
}
