//! What must hold of the nodes together.

use std::collections::HashMap;
use std::sync::Arc;

use super::resolve::{ref_place, source_place};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::graph::{Materialization, Node, NodeId, ResourceType};
use crate::project::{ConfigTree, Gate, Project};

/// A node as messages name it.
pub(super) fn what(node: &Node) -> String {
    match &node.source_spec {
        Some(spec) => format!("source `{}.{}`", spec.source_name, node.name),
        None => format!("{} `{}`", node.resource_type.name().replace('_', " "), node.name),
    }
}

fn is_built(node: &Node) -> bool {
    matches!(
        node.resource_type,
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot
    ) && node.config.materialized != Materialization::Ephemeral
}

/// Two nodes must not build one relation.
pub(super) fn relations(nodes: &[Node], problems: &mut Diagnostics) {
    let mut seen: HashMap<String, &Node> = HashMap::new();
    for node in nodes.iter().filter(|node| is_built(node)) {
        let Some(other) = seen.insert(node.relation.to_string(), node) else {
            continue;
        };
        problems.push(
            Diagnostic::error(
                "same-relation",
                format!(
                    "{} and {} both build {}",
                    what(other),
                    what(node),
                    node.relation.plain()
                ),
            )
            .at(node.declared.clone())
            .because(format!("the other one is {}", other.declared))
            .help("give one of them another `alias` or `schema`"),
        );
    }
}

/// A group that a node names must be declared.
pub(super) fn groups(project: &Project, nodes: &[Node], problems: &mut Diagnostics) {
    let known: Vec<&str> = project
        .packages
        .iter()
        .flat_map(|package| &package.properties.groups)
        .map(|group| group.name.as_str())
        .collect();
    for node in nodes {
        let Some(group) = &node.group else { continue };
        if node.resource_type == ResourceType::Test || known.contains(&group.as_str()) {
            continue;
        }
        let diagnostic = Diagnostic::error(
            "missing-group",
            format!("{} belongs to group `{group}`, which is not declared", what(node)),
        )
        .at(node.declared.clone());
        problems.push(match nearest(group, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("declare it below `groups:` in a properties file"),
        });
    }
}

/// The schema of the ledger.
const LEDGER: &str = "assay";

/// The view of certificates in the published schema.
const EVIDENCE: &str = "published_models";

/// Public models go to the published schema, and nothing private may show through a published view.
pub(super) fn published(gate: &Gate, nodes: &mut [Node], problems: &mut Diagnostics) {
    for node in nodes.iter_mut().filter(|node| node.is_published()) {
        if node.config.materialized == Materialization::Ephemeral {
            problems.push(
                Diagnostic::error("published-ephemeral", format!("{} is public and ephemeral", what(node)))
                    .at(node.declared.clone())
                    .because("an ephemeral model leaves nothing in the database that readers could see")
                    .help("materialize it as a view or a table, or take `access: public` away"),
            );
        }
        if node.continues_on_error() {
            problems.push(
                Diagnostic::error(
                    "not-supported",
                    format!("{} is public, and has `on_error: continue`", what(node)),
                )
                .at(node.declared.clone())
                .because("what reads a published model is published with it or not at all")
                .help("take `on_error` or `access: public` away"),
            );
        }
        if node.config.pointer.is_some() {
            problems.push(
                Diagnostic::error(
                    "not-supported",
                    format!("{} is public, and has a `latest_version_pointer`", what(node)),
                )
                .at(node.declared.clone())
                .because("the view of the latest version would be no part of what is audited and published")
                .help("take `latest_version_pointer` or `access: public` away"),
            );
        }
        if node.config.unlogged {
            problems.push(
                Diagnostic::error("published-unlogged", format!("{} is public and unlogged", what(node)))
                    .at(node.declared.clone())
                    .because("a crash of the server empties an unlogged table, and readers would see it empty")
                    .help("take `unlogged` or `access: public` away"),
            );
        }
        if node.relation.identifier == EVIDENCE {
            problems.push(
                Diagnostic::error(
                    "published-name",
                    format!("{} cannot be published by its name", what(node)),
                )
                .at(node.declared.clone())
                .because("`published_models` is the view in which the gate shows its certificates")
                .help("give the model another `alias`"),
            );
        }
        gate.schema.clone_into(&mut node.relation.schema);
        node.relation.quoted = [true; 3];
    }
    relations_of_readers(gate, nodes, problems);
    let by_id: HashMap<&NodeId, &Node> = nodes.iter().map(|node| (&node.id, node)).collect();
    for view in nodes
        .iter()
        .filter(|node| node.is_published() && node.config.materialized == Materialization::View)
    {
        let mut seen: Vec<&NodeId> = Vec::new();
        let mut open: Vec<(&NodeId, &Node)> = view.depends_on.iter().map(|id| (id, view)).collect();
        while let Some((id, reader)) = open.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let Some(parent) = by_id.get(id) else { continue };
            if parent.config.materialized == Materialization::Ephemeral && parent.resource_type == ResourceType::Model {
                open.extend(parent.depends_on.iter().map(|id| (id, *parent)));
            } else if !parent.is_published() {
                problems.push(private_parent(view, reader, parent));
            }
        }
    }
}

/// Folders and names in the project file's configuration that no node has: most often a slip.
pub(super) fn unused_paths(project: &Project, nodes: &[&Node], problems: &mut Diagnostics) {
    let settings = &project.own().settings;
    for (key, tree, kinds) in [
        (
            "models",
            &settings.models,
            &[ResourceType::Model, ResourceType::Analysis, ResourceType::Operation][..],
        ),
        ("seeds", &settings.seeds, &[ResourceType::Seed][..]),
        ("snapshots", &settings.snapshots, &[ResourceType::Snapshot][..]),
        ("data_tests", &settings.data_tests, &[ResourceType::Test][..]),
        ("functions", &settings.functions, &[ResourceType::Function][..]),
        ("sources", &settings.sources, &[ResourceType::Source][..]),
        ("unit_tests", &settings.unit_tests, &[ResourceType::UnitTest][..]),
        ("exposures", &settings.exposures, &[ResourceType::Exposure][..]),
    ] {
        let fqns: Vec<&[String]> = nodes
            .iter()
            .filter(|node| kinds.contains(&node.resource_type))
            .map(|node| &node.fqn[..])
            .collect();
        unused_below(tree, key, &fqns, 0, problems);
    }
}

/// `fqns` are those of the nodes below the tree, which lies `depth` names deep.
fn unused_below(tree: &ConfigTree, shown: &str, fqns: &[&[String]], depth: usize, problems: &mut Diagnostics) {
    for (name, below) in &tree.below {
        let shown = format!("{shown}.{name}");
        let inside: Vec<&[String]> = fqns
            .iter()
            .copied()
            .filter(|fqn| fqn.get(depth) == Some(name))
            .collect();
        if !inside.is_empty() {
            unused_below(below, &shown, &inside, depth + 1, problems);
            continue;
        }
        let mut diagnostic = Diagnostic::warning("unused-config", format!("`{shown}` configures nothing"));
        diagnostic.place.clone_from(&below.place);
        let known = fqns.iter().filter_map(|fqn| fqn.get(depth)).map(String::as_str);
        problems.push(match nearest(name, known) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("name a package, then folders and files below its resource folder"),
        });
    }
}

/// With the published schema in place, two nodes could meet there that did not meet before; and nothing else may be there,
/// where readers may look, nor beside the versions and the ledger, where Assay drops what it does not know.
fn relations_of_readers(gate: &Gate, nodes: &[Node], problems: &mut Diagnostics) {
    let versions = format!("{}__versions", gate.schema);
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for node in nodes.iter().filter(|node| leaves_something(node)) {
        let schema = node.relation.stored_schema();
        if schema == gate.schema && node.is_published() {
            if let Some(other) = seen.insert(&node.relation.identifier, node) {
                problems.push(
                    Diagnostic::error(
                        "same-relation",
                        format!(
                            "{} and {} would both be published as {}",
                            what(other),
                            what(node),
                            node.relation.plain()
                        ),
                    )
                    .at(node.declared.clone())
                    .because(format!("the other one is {}", other.declared))
                    .help("give one of them another `alias`"),
                );
            }
        } else if schema == gate.schema {
            let (does, help) = match node.resource_type {
                ResourceType::Model => (
                    "is not public, and would be built",
                    "give it `access: public`, or another schema",
                ),
                ResourceType::Test => ("would store its failures", "give the test another `schema`"),
                _ => ("would be built", "give it another schema"),
            };
            problems.push(
                Diagnostic::error(
                    "private-in-published-schema",
                    format!("{} {does} in the published schema `{schema}`", what(node)),
                )
                .at(node.declared.clone())
                .because("the published schema holds what readers may see, and nothing else")
                .help(help),
            );
        } else if schema == versions || schema == LEDGER {
            let holds = if schema == versions {
                "the versions of published models; what else is there is dropped"
            } else {
                "the ledger"
            };
            problems.push(
                Diagnostic::error("schema-of-the-gate", format!("{} would be in `{schema}`", what(node)))
                    .at(node.declared.clone())
                    .because(format!("that schema belongs to the gate: it holds {holds}"))
                    .help("give it another schema"),
            );
        }
    }
}

/// Whether a run can leave a relation or a function of this node in its schema.
fn leaves_something(node: &Node) -> bool {
    is_built(node)
        || match node.resource_type {
            ResourceType::Function => true,
            // `--store-failures` can be said on any command line, where the test does not forbid it.
            ResourceType::Test => node
                .test
                .as_ref()
                .is_some_and(|test| test.store_failures != Some(false)),
            _ => false,
        }
}

fn private_parent(view: &Node, reader: &Node, parent: &Node) -> Diagnostic {
    let through = if Arc::ptr_eq(&view.id, &reader.id) {
        String::new()
    } else {
        format!(" through `{}`", reader.name)
    };
    Diagnostic::error(
        "published-view-reads-private",
        format!(
            "the published view `{}` reads {}{through}, which is not published",
            view.name,
            what(parent)
        ),
    )
    .at(match &parent.source_spec {
        Some(spec) => source_place(reader, &spec.source_name, &parent.name),
        None => ref_place(reader, &parent.name),
    })
    .because("a view shows what is below it as it is now, audited or not")
    .help(if parent.resource_type == ResourceType::Model {
        format!(
            "materialize `{}` as a table, or give `{}` `access: public`",
            view.name, parent.name
        )
    } else {
        format!("materialize `{}` as a table", view.name)
    })
}
