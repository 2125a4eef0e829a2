//! From a folder to a graph: settings, target, files, macros, templates, in the order in which each needs the ones before.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{self, Graph, Job, Templates, Voice};
use crate::jinja::{Arg, DispatchRule, Engine, Global, MacroFile, RUNTIME_CONFIG, Render};
use crate::project::profile::{self, Environment, Request, Resolved, Target};
use crate::project::{Package, Project, RunHook, YamlScope, profile_name};

use super::yaml_host::render_yaml;

/// What is asked of the loader.
pub(super) struct Wanted<'a> {
    pub root: &'a Path,
    pub profile: Option<&'a str>,
    pub target: Option<&'a str>,
    pub profiles_dir: Option<&'a Path>,
    /// Whether `require-dbt-version` counts.
    pub checks_version: bool,
    /// `--vars`.
    pub vars: &'a Map<String, Json>,
    /// What every template is told of this call of the program.
    pub globals: &'a IndexMap<String, Global>,
    /// Who passes on what templates say.
    pub voice: &'a Voice,
}

/// A project that compiles.
pub(super) struct Loaded {
    pub project: Project,
    pub graph: Graph,
    pub engine: Engine,
    pub target: Target,
    pub warnings: Diagnostics,
}

/// The target alone: for commands that need no project.
pub(super) fn target(wanted: &Wanted<'_>) -> Result<(String, Resolved), Diagnostics> {
    let plain = Engine::new("project", &[], &[], &[])?;
    let scope = YamlScope {
        package: "project",
        vars: &IndexMap::new(),
    };
    let render = |text: &str| render_yaml(&plain, wanted.vars, &Json::Null, &scope, text);
    let (name, named) = profile_name(wanted.root, &render)?;
    let resolved = profile::resolve(
        &Request {
            project_dir: wanted.root,
            profile: wanted.profile.or(named.as_deref()),
            target: wanted.target,
            profiles_dir: wanted.profiles_dir,
            threads: None,
            vars: wanted.vars,
        },
        &Environment::of_process(),
    )?;
    Ok((name, resolved))
}

pub(super) fn load(wanted: &Wanted<'_>) -> Result<Loaded, Diagnostics> {
    let (name, resolved) = target(wanted)?;
    let target = resolved.target;
    let mut warnings = Diagnostics(resolved.warnings);
    let seen = target.json();
    let plain = Engine::new(&name, &[], &[], &[])?;
    let render = |scope: &YamlScope, text: &str| render_yaml(&plain, wanted.vars, &seen, scope, text);
    let (project, more) = Project::load(wanted.root, &render, wanted.checks_version)?;
    warnings.0.extend(more.0);
    let engine = engine(&project)?;
    let templates = EngineTemplates {
        engine: &engine,
        globals: globals(&project, &target, wanted.globals),
        voice: wanted.voice,
    };
    let place = graph::Target {
        database: target.dbname.clone(),
        schema: target.schema.clone(),
    };
    let given: IndexMap<String, Json> = wanted.vars.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let (graph, more) = graph::build(&project, &templates, &place, &given)?;
    warnings.0.extend(more.0);
    Ok(Loaded {
        project,
        graph,
        engine,
        target,
        warnings,
    })
}

fn engine(project: &Project) -> Result<Engine, Diagnostics> {
    let packages: Vec<String> = project.packages.iter().map(|package| package.name.clone()).collect();
    let files: Vec<MacroFile> = project
        .packages
        .iter()
        .flat_map(|package| {
            package.files.macros.iter().map(|code| MacroFile {
                package: package.name.clone(),
                file: std::sync::Arc::clone(&code.file),
            })
        })
        .collect();
    let dispatch: Vec<DispatchRule> = project
        .own()
        .settings
        .dispatch
        .iter()
        .map(|rule| DispatchRule {
            namespace: rule.namespace.clone(),
            search_order: rule.search_order.clone(),
        })
        .collect();
    Engine::new(&project.own().name, &packages, &files, &dispatch)
}

/// What every template sees, whatever its node.
pub(super) fn globals(
    project: &Project,
    target: &Target,
    invocation: &IndexMap<String, Global>,
) -> IndexMap<String, Global> {
    let mut globals = invocation.clone();
    globals.extend([
        ("target".to_owned(), Global::from(target.json())),
        ("database".to_owned(), Global::from(target.dbname.as_str())),
        ("schema".to_owned(), Global::from(target.schema.as_str())),
        ("project_name".to_owned(), Global::from(project.own().name.as_str())),
        (
            RUNTIME_CONFIG.to_owned(),
            Global::from(runtime_config(project, target, invocation.get("invocation_args_dict"))),
        ),
    ]);
    globals
}

/// `builtins.ref.config`: the project file, the target and the command line under dbt's names.
fn runtime_config(project: &Project, target: &Target, args: Option<&Global>) -> Json {
    let args = match args {
        Some(Global::Data(args)) => (**args).clone(),
        _ => json!({}),
    };
    let dependencies: Map<String, Json> = project
        .packages
        .iter()
        .map(|package| (package.name.clone(), settings_of(package)))
        .collect();
    let mut config = settings_of(project.own());
    if let Json::Object(config) = &mut config {
        config.insert("project_root".into(), project.root.display().to_string().into());
        config.insert("profile_name".into(), target.profile_name.clone().into());
        config.insert("target_name".into(), target.name.clone().into());
        config.insert("threads".into(), target.threads.into());
        config.insert("credentials".into(), target.json());
        config.insert(
            "cli_vars".into(),
            args.get("vars").cloned().unwrap_or_else(|| json!({})),
        );
        config.insert("args".into(), args);
        config.insert("dependencies".into(), dependencies.into());
    }
    config
}

fn settings_of(package: &Package) -> Json {
    let settings = &package.settings;
    let hooks = |hooks: &[RunHook]| hooks.iter().map(|hook| hook.sql.clone()).collect::<Vec<_>>();
    let paths = &settings.paths;
    json!({
        "project_name": package.name,
        "version": settings.version,
        "config_version": 2,
        "project_root": package.root.display().to_string(),
        "vars": settings.vars,
        "flags": settings.flags,
        "quoting": settings.quoting,
        "model_paths": paths.models,
        "macro_paths": paths.macros,
        "seed_paths": paths.seeds,
        "test_paths": paths.tests,
        "analysis_paths": paths.analyses,
        "snapshot_paths": paths.snapshots,
        "function_paths": paths.functions,
        "docs_paths": paths.docs,
        "target_path": paths.target,
        "log_path": paths.log,
        "packages_install_path": paths.packages,
        "clean_targets": paths.clean,
        "on_run_start": hooks(&settings.on_run_start),
        "on_run_end": hooks(&settings.on_run_end),
        "restrict_access": settings.restrict_access,
    })
}

/// The engine as building a graph needs it.
pub(super) struct EngineTemplates<'a> {
    pub engine: &'a Engine,
    pub globals: IndexMap<String, Global>,
    pub voice: &'a Voice,
}

impl EngineTemplates<'_> {
    fn request<'r>(&self, job: &Job<'r>) -> Render<'r> {
        let mut globals = self.globals.clone();
        globals.insert("this".to_owned(), Global::from(job.this.clone()));
        globals.insert("model".to_owned(), Global::from(job.node.clone()));
        globals.insert("is_incremental".to_owned(), Global::from(false));
        Render {
            package: job.package,
            within: job.within,
            source: job.source,
            part: None,
            host: std::sync::Arc::clone(&job.host),
            execute: false,
            globals,
        }
    }
}

impl Templates for EngineTemplates<'_> {
    fn render(&self, job: &Job) -> Result<String, Diagnostic> {
        self.engine.render(&self.request(job))
    }

    fn call(&self, job: &Job, name: &str, args: &[Json]) -> Result<String, Diagnostic> {
        let mut request = self.request(job);
        request
            .globals
            .insert("node".to_owned(), Global::from(job.node.clone()));
        let args: Vec<Arg> = args.iter().map(|value| Arg::from(value.clone())).collect();
        Ok(self.engine.call(&request, name, &args, &IndexMap::new())?.text())
    }

    fn has_macro(&self, package: &str, name: &str) -> bool {
        self.engine.has_macro(Some(package), name)
    }

    fn instead_of(&self, wanted: &str, package: &str, name: &str) -> Option<String> {
        self.engine.instead_of(wanted, package, name)
    }

    fn voice(&self) -> Voice {
        self.voice.clone()
    }

    fn macros(&self) -> Vec<(String, String)> {
        self.engine
            .macros()
            .map(|m| (m.package.clone(), m.name.clone()))
            .collect()
    }
}
