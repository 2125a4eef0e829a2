//! A project with the packages that it uses.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value as Json;

use super::files::Files;
use super::installed::{self, Found};
use super::selectors::{NamedSelector, read_selectors};
use super::settings::VARS;
use super::{
    Flavour, Gate, NodeProperties, ProjectSettings, Properties, PropertyKind, Reader, Section, Yaml, project_file,
    read_project, read_text,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Place, SourceFile};

/// Where a string of YAML stands that holds Jinja: what `var` means there.
pub struct YamlScope<'a> {
    pub package: &'a str,
    /// The project's variables as that package sees them; none while the project file itself is read.
    pub vars: &'a IndexMap<String, Json>,
}

/// Renders a string of YAML that holds Jinja.
pub type RenderYaml<'a> = dyn Fn(&YamlScope, &str) -> Result<Json, Diagnostic> + 'a;

/// Text that descriptions fetch with `doc('name')`.
#[derive(Clone, Debug)]
pub struct DocBlock {
    pub name: String,
    pub text: String,
    pub path: String,
    pub original_path: String,
    pub place: Place,
}

/// A project file with all that it brings: the project itself, or one that it uses.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub root: PathBuf,
    pub settings: ProjectSettings,
    pub files: Files,
    pub properties: Properties,
    pub docs: Vec<DocBlock>,
}

impl Package {
    /// The properties file in which a place lies: `(below its folder, below the package's root)`.
    pub fn properties_file(&self, place: &Place) -> (&str, &str) {
        self.files
            .properties
            .iter()
            .find(|code| Arc::ptr_eq(&code.file, &place.file))
            .map_or(("", ""), |code| (&code.path, &code.original_path))
    }
}

/// Everything on disk.
#[derive(Clone, Debug)]
pub struct Project {
    pub root: PathBuf,
    /// The project itself first.
    pub packages: Vec<Package>,
    /// What `selectors.yml` names.
    pub selectors: Vec<NamedSelector>,
}

impl Project {
    /// Whether `state:` compares what `config()` and the properties say as it is written; by its values otherwise, which
    /// change with variables and the target.
    #[must_use]
    pub fn compares_what_is_written(&self) -> bool {
        let flag = self
            .own()
            .settings
            .flags
            .get("state_modified_compare_more_unrendered_values");
        flag != Some(&Json::Bool(false))
    }

    /// Reads a project with its packages. The second value holds warnings; the error holds those and every error found.
    /// `checks_version` holds `require-dbt-version` of the project and its packages against the dbt that is matched.
    pub fn load(root: &Path, jinja: &RenderYaml, checks_version: bool) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut problems = Diagnostics::default();
        let (flavour, file) = project_file(root)?;
        let no_vars = IndexMap::new();
        let mut settings = Vec::new();
        let vars = variables_file(root, flavour, &mut problems);
        let own = read_settings_of(&file, flavour, jinja, &vars, &mut problems);
        let Some(mut own) = own else {
            return Err(problems);
        };
        own.take_vars(vars, &mut problems);
        let installed = installed::find(root, &own, jinja, &mut problems);
        settings.push((root.to_owned(), String::new(), own));
        for Found { folder, shown } in installed {
            match project_file(&folder) {
                Ok((_, file)) => {
                    let file = SourceFile::new(format!("{shown}{}", file.path), &file.text);
                    // Other people's packages are read as leniently as dbt reads them.
                    if let Some(package) = read_settings_of(&file, Flavour::Dbt, jinja, &no_vars, &mut problems) {
                        settings.push((folder, shown, package));
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        problems
            .0
            .retain(|problem| checks_version || problem.code != "dbt-version");
        report_same_names(&settings, &mut problems);
        let mut project = Self {
            root: root.to_owned(),
            packages: Vec::with_capacity(settings.len()),
            selectors: Vec::new(),
        };
        for (root, shown, settings) in settings {
            let files = Files::find(&root, &shown, &settings, &mut problems);
            project.packages.push(Package {
                name: settings.name.clone(),
                docs: doc_blocks(&files, &mut problems),
                root,
                settings,
                files,
                properties: Properties::default(),
            });
        }
        for index in 0..project.packages.len() {
            let package = &project.packages[index];
            let vars = project.vars(&package.name);
            let scope = YamlScope {
                package: &package.name,
                vars: &vars,
            };
            let jinja = |text: &str| jinja(&scope, text);
            let mut reader = Reader::new(package.settings.flavour, &jinja);
            let mut properties = Properties::default();
            for code in &package.files.properties {
                properties.read(&code.file, &mut reader);
            }
            if index > 0 {
                // Nobody can mend what other people's packages say.
                reader
                    .problems
                    .0
                    .retain(|problem| problem.level == Level::Error || problem.code == "not-supported");
            }
            problems.0.append(&mut reader.problems.0);
            if !project.compares_what_is_written() {
                let settings = properties.nodes.iter_mut().flat_map(|node| node.config.values_mut());
                settings.for_each(|setting| setting.written = None);
            }
            project.packages[index].properties = properties;
        }
        project.selectors = {
            let own = project.own();
            let vars = project.vars(&own.name);
            let scope = YamlScope {
                package: &own.name,
                vars: &vars,
            };
            let jinja = |text: &str| jinja(&scope, text);
            let mut reader = Reader::new(own.settings.flavour, &jinja);
            let selectors = read_selectors(root, &mut reader);
            problems.0.append(&mut reader.problems.0);
            selectors
        };
        if problems.has_errors() {
            return Err(problems);
        }
        Ok((project, problems))
    }

    /// The project that is being built, as opposed to the packages that it uses.
    pub fn own(&self) -> &Package {
        &self.packages[0]
    }

    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    pub fn gate(&self) -> Option<&Gate> {
        self.own().settings.gate.as_ref()
    }

    /// What the properties files say about a model, a seed, an analysis or a singular test: constraints, and whatever else
    /// a node does not carry itself.
    pub fn described(&self, package: &str, kind: PropertyKind, name: &str) -> Option<&NodeProperties> {
        let properties = &self.package(package)?.properties;
        let list = if kind == PropertyKind::Test {
            &properties.tests
        } else {
            &properties.nodes
        };
        list.iter().find(|entry| entry.kind == kind && entry.name == name)
    }

    /// The variables that a package sees, `--vars` left out: those of the project win over the package's own, and those
    /// for one package over those for all.
    pub fn vars(&self, package: &str) -> IndexMap<String, Json> {
        let mut vars = IndexMap::new();
        let mut add = |settings: &ProjectSettings| {
            vars.extend(settings.vars.clone());
            if let Some(Json::Object(own)) = settings.vars.get(package) {
                vars.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        };
        if package != self.own().name
            && let Some(package) = self.package(package)
        {
            add(&package.settings);
        }
        add(&self.own().settings);
        vars
    }
}

/// `vars.yml` beside the project file: its variables are known while that file is read.
fn variables_file(root: &Path, flavour: Flavour, problems: &mut Diagnostics) -> IndexMap<String, Json> {
    let path = root.join(VARS);
    if !path.is_file() {
        return IndexMap::new();
    }
    let file = match read_text(&path, VARS) {
        Ok(file) => file,
        Err(problem) => {
            problems.push(problem);
            return IndexMap::new();
        }
    };
    let plain = |text: &str| Ok(Json::from(text));
    let mut reader = Reader::new(flavour, &plain);
    let mut vars = IndexMap::new();
    match Yaml::parse(&file) {
        Ok(yaml) if yaml.is_null() => {}
        Ok(yaml) => {
            if let Some(mut section) = Section::of(&yaml, VARS, &mut reader) {
                vars = section.json_map("vars", &mut reader);
            }
        }
        Err(found) => problems.0.extend(found.0),
    }
    problems.0.append(&mut reader.problems.0);
    vars
}

fn read_settings_of(
    file: &Arc<SourceFile>,
    flavour: Flavour,
    jinja: &RenderYaml,
    vars: &IndexMap<String, Json>,
    problems: &mut Diagnostics,
) -> Option<ProjectSettings> {
    let scope = YamlScope { package: "", vars };
    let jinja = |text: &str| jinja(&scope, text);
    let mut reader = Reader::new(flavour, &jinja);
    let settings = read_project(file, &mut reader);
    problems.0.append(&mut reader.problems.0);
    settings
}

fn report_same_names(settings: &[(PathBuf, String, ProjectSettings)], problems: &mut Diagnostics) {
    for (i, (_, _, settings_here)) in settings.iter().enumerate() {
        if let Some((_, _, other)) = settings[..i]
            .iter()
            .find(|(_, _, other)| other.name == settings_here.name)
        {
            problems.push(
                Diagnostic::error("same-package", format!("two packages are called `{}`", other.name))
                    .at(Place::new(&settings_here.file, 0..0))
                    .because(format!("the other one is {}", other.file.path))
                    .help("remove one of them"),
            );
        }
    }
}

static DOCS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)\{%-?\s*docs\s+(\w+)\s*-?%\}(.*?)\{%-?\s*enddocs\s*-?%\}").expect("the pattern is fixed")
});

static RAW: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{%[-+]?\s*(?:raw|endraw)\s*[-+]?%\}\n?").expect("the pattern is fixed"));

/// What rendering leaves of the text of a docs block, in which nothing but raw parts means anything.
fn rendered(text: &str) -> String {
    RAW.replace_all(text, "").trim().to_owned()
}

fn doc_blocks(files: &Files, problems: &mut Diagnostics) -> Vec<DocBlock> {
    let mut blocks: Vec<DocBlock> = Vec::new();
    for code in &files.docs {
        for found in DOCS.captures_iter(&code.file.text) {
            let (Some(name), Some(text)) = (found.get(1), found.get(2)) else {
                continue;
            };
            let place = Place::new(&code.file, name.range());
            if let Some(other) = blocks.iter().find(|block| block.name == name.as_str()) {
                problems.push(
                    Diagnostic::error("duplicate-name", format!("two docs blocks are called `{}`", other.name))
                        .at(place)
                        .because(format!("the other one is at {}", other.place))
                        .help("rename one of them"),
                );
                continue;
            }
            blocks.push(DocBlock {
                name: name.as_str().to_owned(),
                text: rendered(text.as_str().trim()),
                path: code.path.clone(),
                original_path: code.original_path.clone(),
                place,
            });
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[expect(clippy::unnecessary_wraps, reason = "what `RenderYaml` asks for")]
    fn plain(_: &YamlScope, text: &str) -> Result<Json, Diagnostic> {
        Ok(Json::String(text.to_owned()))
    }

    #[test]
    fn folders_tell_what_files_are() {
        let folder = project(&[
            ("dbt_project.yml", "name: shop\nvars: {a: 1, dep: {b: 2}}\n"),
            ("models/staging/a.sql", "select 1"),
            ("models/.hidden.sql", "select 1"),
            ("models/a.yml", "models: [{name: a}]"),
            ("models/docs.md", "{% docs orders %}\nAll orders.\n{% enddocs %}"),
            ("tests/generic/t.sql", ""),
            ("tests/one.sql", ""),
            ("seeds/s.csv", "a\n1\n"),
            ("packages.yml", "packages:\n- local: ../dep\n"),
            ("dbt_packages/dep/dbt_project.yml", "name: dep\nvars: {b: 1, c: 3}\n"),
            ("dbt_packages/dep/models/d.sql", "select 1"),
        ]);
        let (project, warnings) = Project::load(folder.path(), &plain, true).unwrap();
        assert!(warnings.0.is_empty(), "{warnings}");
        let own = project.own();
        assert_eq!(own.files.models.len(), 1);
        assert_eq!(own.files.models[0].path, "staging/a.sql");
        assert_eq!(
            (own.files.tests.len(), own.files.macros.len(), own.files.seeds.len()),
            (1, 1, 1)
        );
        assert_eq!(own.docs[0].text, "All orders.");
        assert_eq!(
            project.packages[1].files.models[0].file.path,
            "dbt_packages/dep/models/d.sql"
        );
        let vars = project.vars("dep");
        assert_eq!((&vars["a"], &vars["b"], &vars["c"]), (&1.into(), &2.into(), &3.into()));
    }

    #[test]
    fn all_problems_of_all_files_at_once() {
        let folder = project(&[
            ("project.yml", "name: shop\nmodel-pathes: [m]\n"),
            ("models/a.yml", "models: [{name: a"),
            ("models/b.yml", "models: [{nam: a}]"),
            (
                "packages.yml",
                "packages:\n- package: dbt-labs/dbt_utils\n  version: 1.0.0\n",
            ),
        ]);
        let shown = Project::load(folder.path(), &plain, true).unwrap_err().to_string();
        for part in [
            "did you mean `model-paths`?",
            "error[yaml-syntax]",
            "models/b.yml:1:",
            "run `assay deps`",
        ] {
            assert!(shown.contains(part), "{part} is not in:\n{shown}");
        }
    }

    #[test]
    fn no_project() {
        let folder = tempfile::tempdir().unwrap();
        let shown = Project::load(folder.path(), &plain, true).unwrap_err().to_string();
        assert!(shown.contains("--project-dir"), "{shown}");
    }
}
