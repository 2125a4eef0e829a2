//! `clone`: views in the target on what another run built.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::graph::{Graph, Materialization, Node, NodeId, ResourceType};
use crate::plan::{Facts, Plan};
use crate::run::{self, Event, Level, NodeResult, RunResult, create_schemas};
use crate::sql::{Relation, RelationKind};

use super::arguments::{CloneArguments, Global};
use super::connect::{Connected, connect, watch_signals};
use super::facts::{Asked, facts};
use super::select::select;
use super::state::{previous_manifest, relations};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

const KINDS: [ResourceType; 3] = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];

pub(super) async fn clone(global: &Global, talk: &Talk, arguments: &CloneArguments) -> Outcome {
    let mut workspace = Workspace::load(global, talk, "clone")?;
    let there = relations(&workspace, &previous_manifest(&workspace)?);
    let mut selected = select(&workspace, "clone", &arguments.selection, &KINDS, arguments.allow_empty)?.nodes;
    let node = |id: &NodeId| workspace.graph.node(id).cloned();
    selected.retain(|id| node(id).is_some_and(|node| node.config.materialized != Materialization::Ephemeral));
    refuse_published(&workspace, &selected)?;
    let connected = connect(&workspace, arguments.threads).await?;
    let whole = Arc::clone(&workspace.graph);
    let done = clones(&mut workspace, &connected, arguments, &selected, &there).await;
    // What is written down is the project, and not the views that stand in for it.
    workspace.graph = whole;
    connected.leave(done.is_ok()).await?;
    let result = done?;
    workspace.write_artifacts(&result)?;
    let status = if result.is_success() {
        Status::Success
    } else {
        Status::Failed
    };
    talk.events.tell(Event::Finished(Arc::new(result)));
    Ok(status)
}

/// A published name shows what has passed its audits here, and nothing else.
fn refuse_published(workspace: &Workspace, selected: &IndexSet<NodeId>) -> Result<(), Diagnostics> {
    if workspace.gate().is_none() {
        return Ok(());
    }
    let mut problems = Diagnostics::default();
    let nodes = selected.iter().filter_map(|id| workspace.graph.node(id));
    for node in nodes.filter(|node| node.is_published()) {
        let message = format!("the published model {} cannot be cloned", node.name);
        problems.push(
            Diagnostic::error("published-clone", message)
                .at(node.declared.clone())
                .because("readers would see rows that no audit of this project has passed")
                .help("build it, or leave it out: --exclude access:public"),
        );
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}

async fn clones(
    workspace: &mut Workspace,
    connected: &Connected,
    arguments: &CloneArguments,
    selected: &IndexSet<NodeId>,
    there: &HashMap<NodeId, Relation>,
) -> Result<RunResult, Diagnostics> {
    let asked = Asked {
        tests_block: false,
        gated: false,
        full_refresh: arguments.full_refresh,
    };
    let mut flags = workspace.flags("clone", connected.threads);
    flags.full_refresh = arguments.full_refresh;
    let looking = workspace.context(connected, flags.clone(), None, selected);
    let connection = Arc::new(looking.pool.get().await?);
    let found = facts(workspace, &looking, &connection, asked, selected).await?;
    let mut results = Vec::new();
    let mut views = IndexMap::new();
    for node in selected.iter().filter_map(|id| workspace.graph.node(id)) {
        match why_not(node, there.get(&node.id), &found, arguments.full_refresh) {
            Some(why) => {
                workspace.talk.say(Level::Info, &why);
                results.push(untouched(node));
            }
            None => {
                if let Some(relation) = there.get(&node.id) {
                    views.insert(Arc::clone(&node.id), Arc::new(view(node, relation)));
                }
            }
        }
    }
    let nodes = workspace.graph.nodes().map(|node| views.get(&node.id).unwrap_or(node));
    let graph = Graph::new(
        workspace.graph.root_package().to_owned(),
        nodes.cloned().collect::<Vec<_>>(),
        workspace.graph.disabled().to_vec(),
    );
    let graph = graph.map_err(|bad| Diagnostic::error("internal", bad.to_string()))?;
    workspace.graph = Arc::new(graph);
    let made: IndexSet<NodeId> = views.keys().cloned().collect();
    let mut found = found;
    found.macros = workspace.builders(&made)?;
    let context = workspace.context(connected, flags, None, selected);
    let plan = Plan::new(&workspace.graph, &made, &found);
    create_schemas(&connection, &plan, &context.flags).await?;
    drop(connection);
    let watch = watch_signals(&context.interrupt);
    workspace.talk.events.tell(Event::Started {
        nodes: plan.steps.len(),
        threads: connected.threads,
        target: connected.target.name.clone(),
    });
    let mut result = run::run(&context, plan).await;
    watch.abort();
    result.results.extend(results);
    Ok(result)
}

/// Why a node is left as it is.
fn why_not(node: &Node, there: Option<&Relation>, found: &Facts, full_refresh: bool) -> Option<String> {
    let Some(there) = there else {
        return Some(format!("{} is not in the other run: nothing to clone", node.id));
    };
    let own = &node.relation;
    let place = (own.stored_schema().into_owned(), own.stored_identifier().into_owned());
    let same_database = own.database.is_none() || there.database.is_none() || own.database == there.database;
    if same_database
        && (there.stored_schema(), there.stored_identifier()) == (own.stored_schema(), own.stored_identifier())
    {
        return Some(format!("{own} is what the other run built: it stays as it is"));
    }
    (found.relations.contains_key(&place) && !full_refresh).then(|| format!("{own} is there already"))
}

fn untouched(node: &Arc<Node>) -> NodeResult {
    let mut result = NodeResult::compiled(node, Timestamp::now(), None);
    result.message = Some("No-op".to_owned());
    result
}

/// The node as a view on the other run's relation, with its grants, hooks and descriptions.
fn view(node: &Node, there: &Relation) -> Node {
    let mut view = node.clone();
    if node.resource_type == ResourceType::Snapshot {
        // Its compiled SQL lies in a folder named for the file that declares it.
        view.original_path = format!("{}/{}.sql", node.original_path, node.name);
    }
    view.resource_type = ResourceType::Model;
    view.source = SourceFile::new(node.source.path.clone(), format!("select * from {there}"));
    view.part = None;
    view.snapshot = None;
    view.version = None;
    view.constraints.clear();
    view.relation.kind = Some(RelationKind::View);
    view.config.materialized = Materialization::View;
    "view".clone_into(&mut view.config.materialized_name);
    view.config.raw.insert("materialized".to_owned(), "view".into());
    view.config.contract_enforced = false;
    view.config.microbatch = None;
    view.config.incremental_strategy = None;
    view.config.pointer = None;
    // Each stands by itself; what hooks refer to must be known all the same.
    if view.config.pre_hooks.is_empty() && view.config.post_hooks.is_empty() {
        view.depends_on.clear();
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::test_node;

    #[test]
    fn a_clone_is_a_view_on_the_other_relation() {
        let node = test_node("a", &["b"]);
        let there = Relation::new(Some("db"), "prod", "A \"quoted\" name");
        let view = view(&node, &there);
        insta::assert_snapshot!(view.source.text, @r#"select * from "db"."prod"."A ""quoted"" name""#);
        assert!(view.depends_on.is_empty());
        let own = node.relation.clone();
        let found = Facts::default();
        assert!(why_not(&node, None, &found, true).is_some());
        assert!(why_not(&node, Some(&own), &found, true).is_some());
        assert!(why_not(&node, Some(&there), &found, false).is_none());
    }
}
