//! The project file: `project.yml`, or `dbt_project.yml` for a project that dbt runs too.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{ConfigTree, Entry, Flavour, Gate, Kind, Reader, RenderText, Section, Yaml};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceFile};

/// The dbt release whose behaviour is matched; `require-dbt-version` is held against it.
pub const DBT_VERSION: (u64, u64, u64) = (1, 12, 6);

/// Raw data to practise on, made once on the managed local server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Practice {
    /// A size that `assay generate --tier` knows.
    pub tier: String,
    pub seed: u64,
}

/// Where `adapter.dispatch` looks for the macros of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    pub namespace: String,
    pub search_order: Vec<String>,
}

/// Folders, relative to the project's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub models: Vec<String>,
    pub seeds: Vec<String>,
    pub tests: Vec<String>,
    pub analyses: Vec<String>,
    pub macros: Vec<String>,
    pub snapshots: Vec<String>,
    pub functions: Vec<String>,
    pub assets: Vec<String>,
    /// Empty: wherever the other folders are.
    pub docs: Vec<String>,
    pub target: String,
    pub log: String,
    pub packages: String,
    /// What `clean` removes.
    pub clean: Vec<String>,
}

/// A hook of the whole run.
#[derive(Clone, Debug)]
pub struct RunHook {
    pub sql: String,
    pub place: Place,
}

/// Everything that the project file says.
#[derive(Clone, Debug)]
pub struct ProjectSettings {
    pub file: Arc<SourceFile>,
    pub flavour: Flavour,
    pub name: String,
    pub version: Option<String>,
    pub profile: Option<String>,
    pub paths: Paths,
    /// As written: variables, and below the name of a package those of that package.
    pub vars: IndexMap<String, Json>,
    pub models: ConfigTree,
    pub seeds: ConfigTree,
    pub snapshots: ConfigTree,
    pub data_tests: ConfigTree,
    pub unit_tests: ConfigTree,
    pub sources: ConfigTree,
    pub exposures: ConfigTree,
    pub semantic_models: ConfigTree,
    pub metrics: ConfigTree,
    pub saved_queries: ConfigTree,
    pub functions: ConfigTree,
    pub on_run_start: Vec<RunHook>,
    pub on_run_end: Vec<RunHook>,
    pub quoting: IndexMap<String, Json>,
    pub dispatch: Vec<Dispatch>,
    pub query_comment: Option<Json>,
    pub flags: IndexMap<String, Json>,
    /// Models that are not public can be read from within the package only.
    pub restrict_access: bool,
    pub gate: Option<Gate>,
    pub practice: Option<Practice>,
    /// `PostgreSQL` settings for every connection.
    pub session: IndexMap<String, String>,
}

impl ProjectSettings {
    /// Which of database, schema and identifier are quoted: what `own` says, the project where that says nothing, and yes
    /// where nobody does.
    pub fn quoted<'a>(&'a self, own: impl Fn(&str) -> Option<&'a Json>) -> [bool; 3] {
        ["database", "schema", "identifier"].map(|part| {
            let of_project = || self.quoting.get(part);
            own(part)
                .filter(|own| !own.is_null())
                .or_else(of_project)
                .and_then(Json::as_bool)
                .unwrap_or(true)
        })
    }
}

/// Beside the project file: variables, in place of its `vars`.
pub(super) const VARS: &str = "vars.yml";

impl ProjectSettings {
    /// What `vars.yml` says; only one of the two files may.
    pub(super) fn take_vars(&mut self, vars: IndexMap<String, Json>, problems: &mut Diagnostics) {
        if vars.is_empty() {
            return;
        }
        if !self.vars.is_empty() {
            problems.push(
                Diagnostic::error("two-vars", format!("`vars` stand in {} and in {VARS}", self.file.path))
                    .at(Place::new(&self.file, 0..0))
                    .help("keep those of one file"),
            );
        }
        self.vars = vars;
    }
}

/// The project file in a folder, and which one it is. Fails where there is none or it cannot be read.
pub fn project_file(root: &Path) -> Result<(Flavour, Arc<SourceFile>), Diagnostic> {
    for (name, flavour) in [("project.yml", Flavour::Native), ("dbt_project.yml", Flavour::Dbt)] {
        let path = root.join(name);
        if path.is_file() {
            return Ok((flavour, super::read_text(&path, name)?));
        }
    }
    Err(Diagnostic::error(
        "no-project",
        format!("there is no project.yml or dbt_project.yml in {}", root.display()),
    )
    .help("go to the project's folder, or name it with --project-dir"))
}

/// The project's name and the name of its profile, before anything else is read: a profile is needed to read the rest.
pub fn profile_name(root: &Path, jinja: &RenderText) -> Result<(String, Option<String>), Diagnostics> {
    let (flavour, file) = project_file(root)?;
    let (yaml, _) = Yaml::parse_as(&file, flavour.lenient())?;
    let mut reader = Reader::new(flavour, jinja);
    let Some(mut section) = Section::of(&yaml, file.path.clone(), &mut reader) else {
        return Err(reader.problems);
    };
    let name = section.required("name", &mut reader);
    let profile = section
        .take("profile")
        .map(|value| reader.rendered(value, &|_| false))
        .and_then(|value| value.as_str().map(str::to_owned));
    match name {
        Some(name) if !reader.problems.has_errors() => Ok((name, profile)),
        _ => Err(reader.problems),
    }
}

/// Reads the project file. Problems go to the reader; `None` where there is no telling what the project is.
pub fn read_project(file: &Arc<SourceFile>, reader: &mut Reader) -> Option<ProjectSettings> {
    let yaml = match Yaml::parse_as(file, reader.flavour.lenient()) {
        Ok((yaml, warnings)) => {
            reader.problems.0.extend(warnings.0);
            yaml
        }
        Err(problems) => {
            reader.problems.0.extend(problems.0);
            return None;
        }
    };
    let yaml = reader.rendered(&yaml, &|key| {
        matches!(
            key,
            "vars"
                | "on-run-start"
                | "on-run-end"
                | "pre-hook"
                | "post-hook"
                | "pre_hook"
                | "post_hook"
                | "query-comment"
        )
    });
    let mut section = Section::of(&yaml, file.path.clone(), reader)?;
    let name = section.required("name", reader);
    if let Some(name) = &name
        && !is_name(name)
    {
        reader.problems.push(
            Diagnostic::error("bad-name", format!("`{name}` cannot be a project's name"))
                .at(yaml
                    .get("name")
                    .map_or_else(|| yaml.place.clone(), |value| value.place.clone()))
                .help("use letters, digits and underscores, and no digit first"),
        );
    }
    let config_version = section.integer("config-version", reader);
    if config_version.is_some_and(|version| version != 2) {
        reader.problems.push(
            Diagnostic::error("config-version", "only `config-version: 2` is read").at(yaml
                .get("config-version")
                .map_or_else(|| yaml.place.clone(), |value| value.place.clone())),
        );
    }
    check_version(section.strings("require-dbt-version", reader), &section.place, reader);
    let data_tests = match (section.take("data_tests"), section.take("tests")) {
        (Some(_), Some(old)) => {
            reader.problems.push(
                Diagnostic::error("both-tests", "`tests` and `data_tests` mean the same")
                    .at(old.place.clone())
                    .help("keep `data_tests`"),
            );
            None
        }
        (new, old) => new.or(old),
    };
    let settings = ProjectSettings {
        file: Arc::clone(file),
        flavour: reader.flavour,
        name: name.unwrap_or_default(),
        version: section.scalar("version", reader),
        profile: section.text("profile", reader),
        paths: paths(&mut section, reader),
        vars: section.json_map("vars", reader),
        models: ConfigTree::read(section.take("models"), "models", reader),
        seeds: ConfigTree::read(section.take("seeds"), "seeds", reader),
        snapshots: ConfigTree::read(section.take("snapshots"), "snapshots", reader),
        data_tests: ConfigTree::read(data_tests, "data_tests", reader),
        unit_tests: ConfigTree::read(section.take("unit_tests"), "unit_tests", reader),
        sources: ConfigTree::read(section.take("sources"), "sources", reader),
        exposures: ConfigTree::read(section.take("exposures"), "exposures", reader),
        semantic_models: ConfigTree::read(section.take("semantic-models"), "semantic-models", reader),
        metrics: ConfigTree::read(section.take("metrics"), "metrics", reader),
        functions: ConfigTree::read(section.take("functions"), "functions", reader),
        saved_queries: ConfigTree::read(section.take("saved-queries"), "saved-queries", reader),
        on_run_start: run_hooks(section.take("on-run-start"), "on-run-start", reader),
        on_run_end: run_hooks(section.take("on-run-end"), "on-run-end", reader),
        quoting: section.json_map("quoting", reader),
        dispatch: dispatch(section.list("dispatch", reader), reader),
        query_comment: query_comment(&mut section, reader),
        flags: flags(&mut section, reader),
        restrict_access: section.flag("restrict-access", reader).unwrap_or(false),
        gate: section.take("gate").and_then(|yaml| super::gate::read(yaml, reader)),
        practice: section.take("local").and_then(|yaml| practice(yaml, reader)),
        session: session(section.map("session", reader), reader),
    };
    for ignored in ["dbt-cloud", "anchors"] {
        section.take(ignored);
    }
    section.finish(reader);
    Some(settings)
}

/// The value of `query-comment` as it is; a job's label is a thing of other databases.
fn query_comment(section: &mut Section, reader: &mut Reader) -> Option<Json> {
    let entry = section.entry("query-comment")?;
    if let Some(label) = entry.value.get("job-label").or_else(|| entry.value.get("job_label"))
        && label.to_json() != Json::Bool(false)
    {
        reader.problems.push(
            Diagnostic::warning(
                "no-effect",
                "`job-label` of `query-comment` has no effect on PostgreSQL",
            )
            .at(label.place.clone())
            .help("take it out; the comment itself is sent with each statement"),
        );
    }
    Some(entry.value.to_json())
}

/// Whether a project or a package may be called so.
pub fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Names that dbt had before 1.0, and what they are now.
const FORMER_PATHS: [(&str, &str); 2] = [("source-paths", "model-paths"), ("data-paths", "seed-paths")];

/// Paths under a name of before 1.0 count where the name of today is not there, as in dbt.
fn former_paths(section: &mut Section, reader: &mut Reader) -> [Option<Vec<String>>; 2] {
    FORMER_PATHS.map(|(former, name)| {
        let entry = section.entry(former)?;
        let today = section.entry(name);
        let mut diagnostic = Diagnostic::error("former-name", format!("`{former}` is called `{name}` now"));
        if today.is_none() {
            diagnostic.level = reader.flavour.lenient();
        }
        reader
            .problems
            .push(diagnostic.at(entry.place.clone()).help(format!("write `{name}`")));
        section.strings(former, reader)
    })
}

fn paths(section: &mut Section, reader: &mut Reader) -> Paths {
    let [former_models, former_seeds] = former_paths(section, reader);
    let mut paths = |key: &'static str, default: &[&str]| {
        section
            .strings(key, reader)
            .unwrap_or_else(|| default.iter().map(|path| (*path).to_owned()).collect())
            .into_iter()
            .map(|path| path.trim_end_matches('/').trim_start_matches("./").to_owned())
            .collect::<Vec<_>>()
    };
    let one = |mut paths: Vec<String>, default: &str| {
        if paths.is_empty() {
            default.to_owned()
        } else {
            paths.swap_remove(0)
        }
    };
    let models = paths("model-paths", &["models"]);
    let seeds = paths("seed-paths", &["seeds"]);
    Paths {
        models: former_models.unwrap_or(models),
        seeds: former_seeds.unwrap_or(seeds),
        tests: paths("test-paths", &["tests"]),
        analyses: paths("analysis-paths", &["analyses"]),
        macros: paths("macro-paths", &["macros"]),
        snapshots: paths("snapshot-paths", &["snapshots"]),
        functions: paths("function-paths", &["functions"]),
        assets: paths("asset-paths", &[]),
        docs: paths("docs-paths", &[]),
        target: one(paths("target-path", &["target"]), "target"),
        log: one(paths("log-path", &["logs"]), "logs"),
        packages: one(paths("packages-install-path", &["dbt_packages"]), "dbt_packages"),
        clean: paths("clean-targets", &["target"]),
    }
}

fn run_hooks(yaml: Option<&Yaml>, key: &str, reader: &mut Reader) -> Vec<RunHook> {
    let Some(yaml) = yaml else { return Vec::new() };
    let one = std::slice::from_ref(yaml);
    let items = yaml.as_list().unwrap_or(one);
    let mut hooks = Vec::new();
    for item in items {
        let sql = match &item.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Null => continue,
            _ => item.get("sql").and_then(Yaml::as_str).map(str::to_owned),
        };
        match sql {
            Some(sql) => hooks.push(RunHook {
                sql,
                place: item.place.clone(),
            }),
            None => reader.wrong_type(key, "SQL text, or a list of it", item),
        }
    }
    hooks
}

fn dispatch(items: &[Yaml], reader: &mut Reader) -> Vec<Dispatch> {
    let mut rules = Vec::new();
    for item in items {
        let Some(mut section) = Section::of(item, "an entry of `dispatch`", reader) else {
            continue;
        };
        let namespace = section.required("macro_namespace", reader);
        let search_order = section.strings("search_order", reader).unwrap_or_default();
        section.finish(reader);
        if let Some(namespace) = namespace {
            rules.push(Dispatch {
                namespace,
                search_order,
            });
        }
    }
    rules
}

/// `local: {generate: nano, seed: 42}`.
fn practice(yaml: &Yaml, reader: &mut Reader) -> Option<Practice> {
    let mut section = Section::of(yaml, "`local`", reader)?;
    let tier = section.required("generate", reader);
    let seed = section.integer("seed", reader).unwrap_or(42);
    section.finish(reader);
    Some(Practice {
        tier: tier?,
        seed: u64::try_from(seed).unwrap_or_default(),
    })
}

fn session(entries: &[Entry], reader: &mut Reader) -> IndexMap<String, String> {
    let mut session = IndexMap::new();
    for entry in entries {
        let value = match &entry.value.kind {
            Kind::String(text) => text.clone(),
            Kind::Number(number) => number.to_string(),
            Kind::Bool(true) => "on".to_owned(),
            Kind::Bool(false) => "off".to_owned(),
            _ => {
                reader.wrong_type(&entry.key, "one value of a PostgreSQL setting", &entry.value);
                continue;
            }
        };
        session.insert(entry.key.clone(), value);
    }
    session
}

/// Holds conditions such as `>=1.6.0` or `[">=1.6.0", "<2.0.0"]` against the dbt release that is matched.
fn check_version(conditions: Option<Vec<String>>, place: &Place, reader: &mut Reader) {
    for condition in conditions.unwrap_or_default().iter().flat_map(|text| text.split(',')) {
        let condition = condition.trim();
        let operator: String = condition.chars().take_while(|c| "<>=!".contains(*c)).collect();
        let Some(wanted) = version_numbers(condition[operator.len()..].trim()) else {
            reader.problems.push(
                Diagnostic::error(
                    "wrong-value",
                    format!("`require-dbt-version: {condition}` is no version condition"),
                )
                .at(place.clone())
                .help("write it as `>=1.6.0`, or as a list: [\">=1.6.0\", \"<2.0.0\"]"),
            );
            continue;
        };
        let holds = match operator.as_str() {
            ">" => DBT_VERSION > wanted,
            ">=" => DBT_VERSION >= wanted,
            "<" => DBT_VERSION < wanted,
            "<=" => DBT_VERSION <= wanted,
            "!=" => DBT_VERSION != wanted,
            _ => (DBT_VERSION.0, DBT_VERSION.1) == (wanted.0, wanted.1),
        };
        if !holds {
            let (major, minor, patch) = DBT_VERSION;
            reader.problems.push(
                Diagnostic::error(
                    "dbt-version",
                    format!(
                        "the project wants dbt {condition}, and this engine behaves as dbt {major}.{minor}.{patch}"
                    ),
                )
                .at(place.clone())
                .help("widen `require-dbt-version` if the project works with this release, or try with --no-version-check"),
            );
        }
    }
}

fn version_numbers(text: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = text.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    let major = numbers.next()??;
    Some((
        major,
        numbers.next().unwrap_or(Some(0))?,
        numbers.next().unwrap_or(Some(0))?,
    ))
}

fn flags(section: &mut Section, reader: &mut Reader) -> IndexMap<String, Json> {
    super::flags::warn(section.map("flags", reader), reader);
    section.json_map("flags", reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, flavour: Flavour) -> (Option<ProjectSettings>, String) {
        let jinja = |text: &str| Ok(Json::String(text.replace("{{ env_var('R') }}", "bi")));
        let mut reader = Reader::new(flavour, &jinja);
        let settings = read_project(&SourceFile::new("project.yml", text), &mut reader);
        (settings, reader.problems.to_string())
    }

    #[test]
    fn a_whole_file() {
        let (settings, problems) = read(
            "name: shop\nversion: 1.0\ngate: {schema: analytics, readers: \"{{ env_var('R') }}\"}\n\
             session: {work_mem: 64MB, jit: off}\non-run-end: ['{{ x() }}']\nrequire-dbt-version: ['>=1.6.0', '<2.0.0']\n",
            Flavour::Native,
        );
        let settings = settings.unwrap();
        assert_eq!(problems, "");
        assert_eq!(
            settings.gate,
            Some(Gate {
                schema: "analytics".to_owned(),
                readers: vec!["bi".to_owned()],
                keep: 3,
                keep_days: 0,
                keep_removed: false,
                together: false,
                sets: Vec::new(),
                certification: crate::project::Certification::default(),
            })
        );
        assert_eq!(settings.session["jit"], "off");
        assert_eq!(settings.on_run_end[0].sql, "{{ x() }}");
        assert_eq!(settings.paths.models, ["models"]);
    }

    #[test]
    fn slips() {
        let (_, problems) = read(
            "nme: shop\nmodel-path: [x]\nrequire-dbt-version: '>=2.0.0'\n",
            Flavour::Native,
        );
        assert!(problems.contains("project.yml has no `name`"), "{problems}");
        assert!(problems.contains("did you mean `model-paths`?"), "{problems}");
        assert!(problems.contains("the project wants dbt >=2.0.0"), "{problems}");
        let (_, problems) = read("name: shop\nmodel-path: [x]\n", Flavour::Dbt);
        assert!(problems.starts_with("warning[unknown-key]"), "{problems}");
    }
}
