//! `compile`: the SQL of nodes, without running it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::diagnostic::Diagnostics;
use crate::graph::{Materialization, Node, ResourceType};
use crate::postgres::{PooledConnection, find_relation};
use crate::run::{self, Compiled, Level, NodeResult, RunContext, RunResult};
use crate::sql::RelationKind;

use super::arguments::{CompileArguments, Global, ShowOutput};
use super::connect::connect;
use super::select::select;
use super::state::defer;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

const KINDS: [ResourceType; 6] = [
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Analysis,
    ResourceType::Function,
];

pub(super) async fn compile(global: &Global, talk: &Talk, arguments: &CompileArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "compile")?;
    let selected = match &arguments.inline {
        Some(_) => indexmap::IndexSet::new(),
        None => {
            select(
                &workspace,
                "compile",
                &arguments.selection,
                &KINDS,
                arguments.allow_empty,
            )?
            .nodes
        }
    };
    let connected = connect(&workspace, arguments.threads).await?;
    let compiled = async {
        let as_of = workspace.as_of(&connected, &selected).await?;
        let mut flags = workspace.flags("compile", connected.threads);
        flags.full_refresh = arguments.full_refresh;
        let context = workspace.context(&connected, flags, as_of, &selected);
        defer(&workspace, &context, &selected).await?;
        let connection = Arc::new(context.pool.get().await?);
        let mut shown = Vec::new();
        if let Some(sql) = &arguments.inline {
            let node = workspace.inline_node(sql);
            shown.push((None, run::compile_inline(&context, &node, Some(&connection))?));
        }
        let mut results = Vec::new();
        let mut problems = Diagnostics::default();
        for node in selected.iter().filter_map(|id| workspace.graph.node(id)) {
            let started = Timestamp::now();
            if node.resource_type == ResourceType::Seed {
                results.push(NodeResult::compiled(node, started, None));
                continue;
            }
            match one(&context, node, &connection).await {
                Ok(compiled) => {
                    // An ephemeral model is part of those that read it, and no result of its own, as in dbt.
                    if node.config.materialized != Materialization::Ephemeral {
                        results.push(NodeResult::compiled(node, started, Some(&compiled)));
                    }
                    shown.push((Some(node.name.clone()), compiled.sql));
                }
                Err(mut diagnostics) => problems.0.append(&mut diagnostics.0),
            }
        }
        if problems.has_errors() {
            Err(problems)
        } else {
            Ok((shown, results, context.made.take_compiled()))
        }
    };
    let outcome = compiled.await;
    connected.leave(outcome.is_ok()).await?;
    let (shown, results, compiled) = outcome?;
    let asked_for = arguments.inline.is_some() || !arguments.selection.select.is_empty();
    if asked_for && arguments.output == ShowOutput::Json {
        for (name, sql) in &shown {
            println!("{}", in_json(name.as_deref(), sql));
        }
    } else if let (true, [(_, sql)]) = (asked_for, &shown[..]) {
        println!("{}", sql.trim());
    } else {
        talk.say(
            Level::Info,
            &format!("Compiled {} nodes into {}", shown.len(), workspace.target_path()),
        );
    }
    workspace.write_artifacts(&RunResult {
        results,
        compiled,
        elapsed_seconds: Timestamp::now().duration_since(workspace.started()).as_secs_f64(),
        ..RunResult::nothing(workspace.started())
    })?;
    Ok(Status::Success)
}

/// One object a node; SQL of the command line has no name.
fn in_json(name: Option<&str>, sql: &str) -> String {
    let shown = match name {
        Some(name) => json!({ "node": name, "compiled": sql }),
        None => json!({ "compiled": sql }),
    };
    format!("{shown:#}")
}

/// The SQL that a run would use now: an incremental model renders as such where its table stands.
pub(super) async fn one(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    connection: &Arc<PooledConnection>,
) -> Result<Compiled, Diagnostics> {
    let mut incremental = false;
    if node.config.materialized == Materialization::Incremental
        && !node.config.full_refresh.unwrap_or(context.flags.full_refresh)
    {
        let found = find_relation(
            connection,
            &node.relation.stored_schema(),
            &node.relation.stored_identifier(),
        )
        .await
        .map_err(|error| error.diagnostic())?;
        let published = node.is_published() && context.gate.is_some();
        incremental = found.is_some_and(|r| published || r.kind == Some(RelationKind::Table));
    }
    let view = run::View {
        this: node.relation.clone(),
        incremental,
    };
    Ok(run::compile_node(context, node, &view, Some(connection))?)
}
