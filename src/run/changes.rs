//! What a publication changes for its readers: a new version against the one that they see.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::Diagnostic;
use crate::gate::{Changes, same_definition};
use crate::graph::{ConstraintKind, Graph, Materialization, Node, NodeConfig, NodeId, ResourceType};
use crate::plan::{Action, Step};
use crate::postgres::{Connection, catalog};
use crate::sql::{Column, Relation};

use super::context::RunContext;
use super::event::Level;
use super::result::{NodeResult, Status};
use super::touched::changes_sql;

/// Rows added, changed and removed by each version of a set that is about to be published, by the version's name. What
/// cannot be counted is left out, and told; it keeps nothing from being published.
pub(super) async fn count_changes(
    context: &RunContext,
    connection: &Connection,
    versions: &[&Step],
    results: &IndexMap<NodeId, NodeResult>,
) -> HashMap<String, Changes> {
    let mut counted = HashMap::new();
    if context
        .gate
        .as_ref()
        .is_none_or(|gate| !gate.certification.record_changes)
    {
        return counted;
    }
    for step in versions {
        let node = &step.node;
        let Action::Version { version, .. } = &step.action else {
            continue;
        };
        let Some(before) = context.standing_version(&node.id) else {
            continue;
        };
        let counts = match node.config.materialized {
            Materialization::Table | Materialization::Incremental => true,
            // What it shows of other rows is counted where these are; to read all of it every night would cost too much.
            Materialization::View => !same_definition(&before, version),
            _ => false,
        };
        if !counts {
            continue;
        }
        let passed = |test: &NodeId| results.get(test).is_some_and(|result| result.status == Status::Pass);
        let key = key_of(&context.graph, node, &passed);
        match changes(connection, &before, version, &key, &node.config).await {
            Ok(Some(changes)) => {
                counted.insert(version.identifier.clone(), changes);
            }
            Ok(None) => {}
            Err(problem) => {
                let text = format!(
                    "{}: what its new version changes is not counted: {}",
                    node.name, problem.message
                );
                context.events.message(Level::Warn, text);
            }
        }
        if context.interrupt.is_raised() {
            break;
        }
    }
    counted
}

/// Columns that tell the rows of a model apart: its unique key, else the primary key of its contract, else a column
/// whose test for uniqueness passed. Empty where there is nothing of the kind.
pub fn key_of(graph: &Graph, node: &Arc<Node>, passed: &dyn Fn(&NodeId) -> bool) -> Vec<String> {
    if !node.config.unique_key.is_empty() {
        return node.config.unique_key.clone();
    }
    let primary = |kind: ConstraintKind| kind == ConstraintKind::PrimaryKey;
    if let Some(key) = node.constraints.iter().find(|constraint| primary(constraint.kind)) {
        return key.columns.clone().unwrap_or_default();
    }
    let keyed = node.columns.values();
    let keyed = keyed.filter(|column| column.constraints.iter().any(|constraint| primary(constraint.kind)));
    let keyed: Vec<String> = keyed.map(|column| column.name.clone()).collect();
    if !keyed.is_empty() {
        return keyed;
    }
    let tests = graph.children(&node.id);
    let tests = tests
        .into_iter()
        .filter(|test| test.resource_type == ResourceType::Test && passed(&test.id));
    let unique = tests.filter_map(|test| {
        let spec = test.test.as_ref()?;
        let generic = spec.generic.as_ref()?;
        let own = generic.namespace.is_none() && generic.attached.as_ref() == Some(&node.id);
        (generic.name == "unique" && own && spec.where_.is_none()).then(|| generic.column.clone())?
    });
    unique.min().into_iter().collect()
}

/// `None` where the two have no column in common.
async fn changes(
    connection: &Connection,
    before: &Relation,
    after: &Relation,
    key: &[String],
    config: &NodeConfig,
) -> Result<Option<Changes>, Diagnostic> {
    let failed = |error: crate::postgres::SqlError| error.diagnostic();
    let columns = |of: &Relation| {
        let (schema, name) = (of.stored_schema().into_owned(), of.stored_identifier().into_owned());
        async move { catalog::columns(connection, &schema, &name).await }
    };
    let (old, new) = (
        columns(before).await.map_err(failed)?,
        columns(after).await.map_err(failed)?,
    );
    let common: Vec<Column> = new.into_iter().filter(|column| old.contains(column)).collect();
    if common.is_empty() {
        return Ok(None);
    }
    let (before, after) = (before.to_string(), after.to_string());
    let ask = |key: &[String]| {
        let config = NodeConfig {
            unique_key: key.to_vec(),
            ..config.clone()
        };
        let sql = changes_sql(&before, &after, &common, &config);
        async move { connection.query(&sql, &[]).await }
    };
    let rows = match ask(key).await {
        // undefined_column: a part of the key is one of the columns that changed.
        Err(error) if error.is("42703") && !key.is_empty() => ask(&[]).await,
        asked => asked,
    };
    let rows = rows.map_err(failed)?;
    Ok(rows.first().map(|row| Changes {
        added: row.get(0),
        changed: row.get(1),
        removed: row.get(2),
    }))
}
