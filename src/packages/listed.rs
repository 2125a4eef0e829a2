//! What a project asks for: `packages.yml`, or `packages:` in `dependencies.yml`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::entry::Entry;
use super::mask::Mask;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::project::profile::Template;
use crate::project::{Yaml, project_file, read_text};

/// The entries of a project, and the file that they are in.
#[derive(Debug)]
pub(super) struct Listed {
    /// `packages.yml` or `dependencies.yml`.
    pub file: &'static str,
    pub entries: Vec<Entry>,
}

/// What reading and rendering need.
pub(super) struct Reading<'a> {
    pub template: &'a Template,
    pub mask: &'a Mask,
}

const PACKAGES: &str = "packages.yml";
const DEPENDENCIES: &str = "dependencies.yml";

impl Listed {
    /// Reads the files in `folder`; `shown` stands before their names in messages.
    pub(super) fn read(folder: &Path, shown: &str, reading: &Reading) -> Result<Self, Diagnostics> {
        let packages = parsed(folder, PACKAGES, shown)?;
        let dependencies = parsed(folder, DEPENDENCIES, shown)?;
        let list = |yaml: &Option<Yaml>| yaml.as_ref().and_then(|yaml| yaml.get("packages")).cloned();
        if let Some(projects) = packages.as_ref().and_then(|yaml| yaml.get("projects")) {
            return Err(no_projects(projects).into());
        }
        if let Some(projects) = dependencies.as_ref().and_then(|yaml| yaml.get("projects"))
            && !projects.is_null()
            && projects.as_list().is_none_or(|list| !list.is_empty())
        {
            return Err(no_projects(projects).into());
        }
        let (file, yaml) = match (list(&packages), list(&dependencies)) {
            (Some(_), Some(both)) => {
                return Err(Diagnostic::error(
                    "package-entry",
                    format!("`packages` is written in both {PACKAGES} and {DEPENDENCIES}"),
                )
                .at(both.place)
                .help("keep them in one file")
                .into());
            }
            (_, Some(yaml)) => (DEPENDENCIES, Some(yaml)),
            (yaml, None) => (PACKAGES, yaml),
        };
        let shown = format!("{shown}{file}");
        if let (None, Some(yaml)) = (&yaml, packages.filter(|yaml| !yaml.is_null())) {
            return Err(
                Diagnostic::error("package-entry", format!("{PACKAGES} has no `packages`"))
                    .at(yaml.place)
                    .help("write `packages:` and a list below it")
                    .into(),
            );
        }
        let entries = match yaml {
            Some(yaml) => entries(&yaml, &shown, reading)?,
            None => Vec::new(),
        };
        Ok(Self { file, entries })
    }

    /// The entries of a file that is not written yet.
    pub(super) fn entries_of(
        file: &Arc<SourceFile>,
        shown: &str,
        reading: &Reading,
    ) -> Result<Vec<Entry>, Diagnostics> {
        match Yaml::parse(file)?.get("packages") {
            Some(yaml) => entries(yaml, shown, reading),
            None => Ok(Vec::new()),
        }
    }

    /// The file, which may not be there yet.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        root.join(self.file)
    }
}

/// The items of `packages:`; everything that is wrong with them at once.
fn entries(yaml: &Yaml, shown: &str, reading: &Reading) -> Result<Vec<Entry>, Diagnostics> {
    if yaml.is_null() {
        return Ok(Vec::new());
    }
    let Some(items) = yaml.as_list() else {
        return Err(Diagnostic::error("package-entry", "`packages` is a list")
            .at(yaml.place.clone())
            .help("write a hyphen before each package")
            .into());
    };
    let mut problems = Diagnostics::default();
    let mut entries = Vec::new();
    for item in items {
        let read = rendered(item, reading)
            .and_then(|done| Entry::read(&item.to_json(), &done, Some(&item.place), shown, reading.mask));
        match read {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(entries)
    }
}

fn no_projects(projects: &Yaml) -> Diagnostic {
    Diagnostic::error("not-supported", "`projects` in dependencies.yml is not supported")
        .at(projects.place.clone())
        .because("dbt resolves references to other projects on its platform only")
        .help("list the other project below `packages`, by `git` or `local`")
}

fn parsed(folder: &Path, name: &str, shown: &str) -> Result<Option<Yaml>, Diagnostics> {
    let path = folder.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let file = read_text(&path, &format!("{shown}{name}"))?;
    Yaml::parse(&file).map(Some)
}

/// The value with every string rendered.
fn rendered(yaml: &Yaml, reading: &Reading) -> Result<Json, Diagnostic> {
    render(&yaml.to_json(), reading.template).map_err(|(message, help)| {
        let problem = Diagnostic::error(
            "package-entry",
            reading.mask.all(&format!("this cannot be rendered: {message}")),
        )
        .at(yaml.place.clone());
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    })
}

/// A value with every string in it rendered; the error is a message and what to do.
pub(super) fn render(value: &Json, template: &Template) -> Result<Json, (String, Option<String>)> {
    Ok(match value {
        Json::String(text) => template
            .render(text)
            .map_err(|error| (error.message.clone(), error.help))?,
        Json::Array(items) => Json::Array(
            items
                .iter()
                .map(|item| render(item, template))
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(map) => Json::Object(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), render(value, template)?)))
                .collect::<Result<_, (String, Option<String>)>>()?,
        ),
        other => other.clone(),
    })
}

/// What `deps` needs of a project file.
pub(super) struct ProjectFile {
    pub name: String,
    /// `packages-install-path`.
    pub install_path: String,
    /// Folders with what people write.
    pub sources: Vec<String>,
}

/// Reads just so much of a project file: the rest may need a target, and `deps` has none.
pub(super) fn read_project_file(folder: &Path, shown: &str, template: &Template) -> Result<ProjectFile, Diagnostics> {
    let (_, file) = project_file(folder)?;
    let file = SourceFile::new(format!("{shown}{}", file.path), &file.text);
    let yaml = Yaml::parse(&file)?;
    let text = |key: &str| -> Result<Option<String>, Diagnostic> {
        let Some(value) = yaml.get(key) else { return Ok(None) };
        let wrong = |message: String| Diagnostic::error("wrong-type", message).at(value.place.clone());
        match render(&value.to_json(), template) {
            Ok(Json::String(text)) => Ok(Some(text)),
            Ok(Json::Null) => Ok(None),
            Ok(_) => Err(wrong(format!("`{key}` is text")).help("put it into quotes")),
            Err((message, _)) => Err(wrong(format!("`{key}` cannot be rendered: {message}"))),
        }
    };
    let name = text("name")?.ok_or_else(|| {
        Diagnostic::error("missing-key", format!("{} has no `name`", file.path))
            .at(yaml.place.clone())
            .help("give the project a name")
    })?;
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
    {
        return Err(
            Diagnostic::error("bad-name", format!("`{name}` cannot be a project's name"))
                .at(yaml.get("name").map_or(yaml.place.clone(), |name| name.place.clone()))
                .help("use letters, digits and underscores, and no digit first")
                .into(),
        );
    }
    let install_path = text("packages-install-path")?.unwrap_or_else(|| "dbt_packages".to_owned());
    let mut sources = Vec::new();
    for (key, usual) in [
        ("model-paths", "models"),
        ("seed-paths", "seeds"),
        ("test-paths", "tests"),
        ("analysis-paths", "analyses"),
        ("macro-paths", "macros"),
        ("snapshot-paths", "snapshots"),
    ] {
        match yaml.get(key).and_then(Yaml::as_list) {
            Some(paths) => sources.extend(paths.iter().filter_map(|path| path.as_str().map(str::to_owned))),
            None => sources.push(usual.to_owned()),
        }
    }
    Ok(ProjectFile {
        name,
        install_path,
        sources,
    })
}
