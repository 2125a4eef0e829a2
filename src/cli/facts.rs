//! What the catalogue and the ledger know, for a plan.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexSet;

use crate::diagnostic::Diagnostics;
use crate::gate::version_relation;
use crate::graph::{Materialization, NodeId};
use crate::plan::{Current, Facts};
use crate::postgres::{Connection, catalog};
use crate::run::{self, RunContext};
use crate::sql::RelationKind;

use super::connect::ledger_is_there;
use super::workspace::Workspace;

/// What a command asks for, as far as the plan depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Tests hold up what is downstream of what they test, as in `build`.
    pub tests_block: bool,
    /// The selection builds something that the gate guards.
    pub gated: bool,
    pub full_refresh: bool,
}

/// Only looks. A ledger that nothing was ever written to is an empty one.
pub(super) async fn facts(
    workspace: &Workspace,
    context: &Arc<RunContext>,
    connection: &Connection,
    asked: Asked,
    selected: &IndexSet<NodeId>,
) -> Result<Facts, Diagnostics> {
    let nodes: Vec<_> = selected.iter().filter_map(|id| workspace.graph.node(id)).collect();
    let schemas: BTreeSet<String> = nodes
        .iter()
        .map(|node| node.relation.stored_schema().into_owned())
        .collect();
    let schemas: Vec<String> = schemas.into_iter().collect();
    let found = catalog::catalog(connection, &schemas)
        .await
        .map_err(|error| error.diagnostic())?;
    let mut relations: HashMap<(String, String), RelationKind> = HashMap::new();
    for relation in found.relations {
        if let Some(kind) = relation.kind {
            relations.insert((relation.schema, relation.name), kind);
        }
    }
    let mut facts = Facts {
        relations,
        full_refresh: asked.full_refresh,
        tests_block: asked.tests_block,
        holds_below_any: workspace.holds_below_any_parent(),
        ..Facts::default()
    };
    let Some(gate) = context.gate.as_ref().filter(|_| asked.gated) else {
        return Ok(facts);
    };
    let there = ledger_is_there(gate, connection).await?;
    let known = async {
        if !there {
            return Ok((HashMap::new(), HashMap::new()));
        }
        let current = gate.ledger.current(connection).await?;
        let seconds = gate.ledger.timings(connection).await?;
        Ok((current, seconds))
    };
    let (current, seconds) = known
        .await
        .map_err(|error: crate::postgres::SqlError| error.diagnostic())?;
    facts.seconds = seconds;
    facts.together = gate.together;
    let mut current = current;
    if schemas.contains(&gate.ledger.schema) {
        // Somebody dropped the published view: only a new version brings it back, a delta would go unseen.
        current.retain(|model, _| {
            let place = (gate.ledger.schema.clone(), model.clone());
            facts.relations.get(&place) == Some(&RelationKind::View)
        });
    }
    for node in workspace.graph.nodes().filter(|node| node.is_published()) {
        if let Some(version) = current.get(&node.relation.identifier) {
            context.set_standing(&node.id, version.relation.clone());
        }
    }
    facts.current = Some(
        current
            .into_iter()
            .map(|(model, version)| {
                let current = Current {
                    version_id: version.version_id,
                    relation: version.relation,
                    definition: version.definition,
                    rows: version.rows,
                };
                (model, current)
            })
            .collect(),
    );
    // Views that a plan brings along are not selected.
    let views = workspace.graph.nodes().filter(|node| {
        node.is_published() && node.config.materialized == Materialization::View && !selected.contains(&node.id)
    });
    for node in nodes.into_iter().chain(views) {
        if node.is_published() && node.config.materialized != Materialization::Ephemeral {
            let definition = run::definition(context, node)?;
            let version = version_relation(&node.relation, &definition, &context.flags.invocation_id);
            facts.versions.insert(Arc::clone(&node.id), version);
            facts.definitions.insert(Arc::clone(&node.id), definition);
        }
    }
    Ok(facts)
}
