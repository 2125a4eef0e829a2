//! `run-operation`: calls a macro of the project or a package.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexSet;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, nearest};
use crate::graph::Node;
use crate::jinja::MacroInfo;
use crate::run::{Operation, RunResult, run_operation};

use super::arguments::{Global, OperationArguments};
use super::connect::{connect, watch_signals};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn operation(global: &Global, talk: &Talk, arguments: &OperationArguments) -> Outcome {
    let given = given_arguments(arguments.args.as_deref())?;
    let workspace = Workspace::load(global, talk, "run-operation")?;
    let (node, found) = match (&arguments.name, &arguments.sql) {
        (Some(name), None) => {
            let (package, info) = find(&workspace, name)?;
            (operation_node(&workspace, info), Some((package, info)))
        }
        (None, Some(sql)) => (workspace.inline_node(sql), None),
        _ => {
            return Err(Diagnostic::error("invalid-argument", "nothing to run was named")
                .help("name a macro, or give a statement with --sql")
                .into());
        }
    };
    let operation = match &found {
        Some((package, info)) => Operation::Macro {
            info,
            package,
            arguments: &given,
        },
        None => Operation::Sql,
    };
    let connected = connect(&workspace, arguments.threads.or(Some(1))).await?;
    let ran = async {
        let nothing = IndexSet::new();
        let as_of = workspace.as_of(&connected, &nothing).await?;
        let flags = workspace.flags("run-operation", connected.threads);
        let context = workspace.context(&connected, flags, as_of, &nothing);
        let connection = Arc::new(context.pool.get().await?);
        let watch = watch_signals(&context.interrupt);
        let started = Timestamp::now();
        let result = run_operation(&context, &connection, &node, &operation).await;
        watch.abort();
        Ok::<_, Diagnostic>((started, result, context.interrupt.is_raised()))
    };
    let ran = ran.await;
    let left = connected.leave(ran.is_ok()).await;
    let (started, result, interrupted) = ran?;
    left?;
    let status = if result.status.is_failure() {
        Status::Failed
    } else {
        Status::Success
    };
    if let Some(diagnostic) = &result.diagnostic {
        talk.tell(diagnostic.clone());
    }
    workspace.write_artifacts(&RunResult {
        started,
        elapsed_seconds: result.execution_time_seconds,
        results: vec![result],
        published: Vec::new(),
        held_back: Vec::new(),
        compiled: HashMap::new(),
        interrupted,
    })?;
    Ok(status)
}

/// `--args`
fn given_arguments(text: Option<&str>) -> Result<Map<String, Json>, Diagnostic> {
    let wrong = |cause: String| {
        Diagnostic::error("invalid-argument", "`--args` is not a YAML mapping")
            .because(cause)
            .help("write it like this: --args '{name: value, other: 2}'")
    };
    match text.map(serde_yaml::from_str::<Json>) {
        None | Some(Ok(Json::Null)) => Ok(Map::new()),
        Some(Ok(Json::Object(arguments))) => Ok(arguments),
        Some(Ok(_)) => Err(wrong("it is YAML, but no mapping".to_owned())),
        Some(Err(error)) => Err(wrong(error.to_string())),
    }
}

/// The macro that a name means, and the package whose macros it sees first: of the package that is named; else of the root
/// project, then of any package, then of the built-in ones.
fn find<'w>(workspace: &'w Workspace, name: &str) -> Result<(String, &'w MacroInfo), Diagnostic> {
    let root = workspace.project_name();
    let (package, bare) = match name.split_once('.') {
        Some((package, bare)) => (Some(package), bare),
        None => (None, name),
    };
    let rank = |info: &&MacroInfo| match info.package.as_str() {
        package if package == root => 0,
        "dbt" => 2,
        _ => 1,
    };
    let found = workspace
        .engine
        .macros()
        .filter(|info| info.name == bare && package.is_none_or(|package| info.package == package))
        .min_by_key(rank);
    if let Some(info) = found {
        return Ok((package.unwrap_or(root).to_owned(), info));
    }
    let mut diagnostic = Diagnostic::error(
        "undefined-macro",
        match package {
            Some(package) => format!("the package `{package}` has no macro `{bare}`"),
            None => format!("no package has a macro `{bare}`"),
        },
    );
    let known = workspace.engine.macros().map(|info| info.name.as_str());
    let known = known.filter(|known| *known != bare);
    diagnostic = match nearest(bare, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("check the spelling, and that the package which defines it is installed"),
    };
    Err(diagnostic)
}

/// What stands for a node while the macro runs. It may refer to everything and has no configuration.
fn operation_node(workspace: &Workspace, info: &MacroInfo) -> Arc<Node> {
    let mut node = (*workspace.inline_node("")).clone();
    node.id = Arc::from(info.id.as_str());
    node.name.clone_from(&info.name);
    node.package.clone_from(&info.package);
    node.config.raw.clear();
    node.meta.clear();
    node.declared = info.place.clone();
    Arc::new(node)
}
