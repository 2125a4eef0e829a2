//! `on-run-start` and `on-run-end`, and the schemas that a run builds in.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Node, ResourceType};
use crate::plan::{Action, Plan};
use crate::postgres::{Connection, PooledConnection};
use crate::sql::ident;

use super::compile::{View, compile_node};
use super::context::RunContext;

/// Runs the project's hooks of one kind (`on-run-start`, `on-run-end`), packages' included, in the order of the graph.
pub async fn run_project_hooks(
    context: &Arc<RunContext>,
    connection: &Arc<PooledConnection>,
    kind: &str,
) -> Result<(), Diagnostic> {
    let hooks: Vec<&Arc<Node>> = context
        .graph
        .nodes()
        .filter(|node| node.resource_type == ResourceType::Operation && node.config.tags.iter().any(|t| t == kind))
        .collect();
    for hook in hooks {
        let view = View {
            this: hook.relation.clone(),
            incremental: false,
        };
        let compiled = compile_node(context, hook, &view, Some(connection))?;
        if compiled.sql.trim().is_empty() {
            continue;
        }
        if let Err(error) = connection.batch(&compiled.sql).await {
            let _ = connection.batch("rollback").await;
            return Err(error
                .diagnostic()
                .at(Place::new(&compiled.file, 0..0))
                .frame(format!("the {kind} hook {}", hook.name), hook.declared.clone()));
        }
    }
    Ok(())
}

/// Makes the schemas that the plan builds in. The schemas of the gate are made by the gate.
pub async fn create_schemas(connection: &Connection, plan: &Plan) -> Result<(), Diagnostic> {
    let schemas: BTreeSet<&str> = plan
        .steps
        .values()
        .filter(|step| {
            let keeps = step
                .node
                .test
                .as_ref()
                .is_some_and(|test| test.store_failures == Some(true));
            match step.action {
                // Made here and not by each test, since tests that meet in making it would fail.
                Action::Test => keeps,
                Action::AuditInside { .. } | Action::Nothing => false,
                _ => !step.is_gated(),
            }
        })
        .map(|step| step.node.relation.schema.as_str())
        .collect();
    if schemas.is_empty() {
        return Ok(());
    }
    let sql: String = schemas
        .iter()
        .map(|schema| format!("create schema if not exists {};\n", ident(schema)))
        .collect();
    connection
        .batch(&sql)
        .await
        .map(drop)
        .map_err(|error| error.diagnostic())
}
