//! The entry of what is built: models, seeds, tests and the like.

use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use super::checksum::checksum;
use super::config::config_entry;
use super::contract::{constraints, contract};
use super::exposure::exposure_entry;
use super::function::function_entry;
use super::object;
use super::semantic::semantic_entry;
use super::source::source_entry;
use super::unit_test::unit_test_entry;
use crate::graph::{Materialization, Node, NodeColumn, NodeId, Ref, ResourceType, TestSpec};
use crate::graph::{compiled_path, run_path};

/// What compiling made of a node.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    pub code: String,
    /// The ephemeral models in it, innermost first, each as the common table expression that it became.
    pub expressions: Vec<(NodeId, String)>,
}

/// What the entry of a node takes from around it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// The project's root, for the paths of seeds.
    pub root: &'a str,
    pub target_path: &'a str,
    /// Seconds since the epoch.
    pub created_at: f64,
    /// The file of a seed, where it could be read.
    pub seed_checksum: Option<&'a Json>,
    pub compiled: Option<&'a Compiled>,
    /// The node is running, so that it has been compiled.
    pub running: bool,
    pub primary_key: &'a [String],
}

impl Surroundings<'_> {
    fn is_compiled(&self) -> bool {
        self.running || self.compiled.is_some()
    }
}

/// The entry of an enabled or disabled node.
pub fn node_entry(node: &Node, around: Surroundings<'_>) -> Map<String, Json> {
    if let Some(spec) = &node.unit_test {
        return unit_test_entry(node, spec, around);
    }
    match node.resource_type {
        ResourceType::Source => source_entry(node, around),
        ResourceType::Exposure => exposure_entry(node, around),
        ResourceType::Metric | ResourceType::SemanticModel | ResourceType::SavedQuery => semantic_entry(node, around),
        _ => built_entry(node, around),
    }
}

/// The relation of a node in SQL; `None` where it leaves none in the database.
pub fn relation_name(node: &Node) -> Option<String> {
    let leaves_one = match node.resource_type {
        ResourceType::Model => node.config.materialized != Materialization::Ephemeral,
        ResourceType::Seed | ResourceType::Snapshot | ResourceType::Source | ResourceType::Function => true,
        ResourceType::Test => node.test.as_ref().is_some_and(|test| test.store_failures == Some(true)),
        _ => false,
    };
    leaves_one.then(|| node.relation.to_string())
}

fn built_entry(node: &Node, around: Surroundings<'_>) -> Map<String, Json> {
    let kind = node.resource_type;
    let checksum = match (checksum(node), around.seed_checksum) {
        (Some(checksum), _) => json!({ "name": "sha256", "checksum": checksum }),
        (None, Some(seed)) => seed.clone(),
        (None, None) => json!({ "name": "none", "checksum": "" }),
    };
    let ran = matches!(
        kind,
        ResourceType::Seed | ResourceType::Test | ResourceType::Snapshot | ResourceType::Function
    ) || (kind == ResourceType::Model && node.config.materialized != Materialization::Ephemeral);
    let mut entry = object(json!({
        "database": node.relation.database,
        "schema": node.relation.schema,
        "name": node.name,
        "resource_type": kind.name(),
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_path,
        "unique_id": &*node.id,
        "fqn": node.fqn,
        "alias": node.alias,
        "checksum": checksum,
        "config": config_entry(node),
        "tags": tags(node),
        "description": node.description,
        "columns": columns(node, around.is_compiled()),
        "meta": node.meta,
        "group": node.group,
        "docs": node.config.raw.get("docs").cloned().unwrap_or_else(|| json!({ "show": true, "node_color": null })),
        "patch_path": node.patch_path,
        "build_path": ran.then(|| run_path(around.target_path, node)),
        "unrendered_config": node.config.unrendered,
        "created_at": around.created_at,
        "relation_name": relation_name(node),
        "raw_code": raw_code(node),
        "doc_blocks": node.doc_blocks,
    }));
    if kind == ResourceType::Operation {
        // The first says which hook it is.
        entry["config"]["tags"] = json!(node.config.tags.get(1..));
        let index = node
            .name
            .rsplit('-')
            .next()
            .and_then(|index| index.parse::<usize>().ok());
        entry.insert("index".to_owned(), json!(index));
    }
    if kind == ResourceType::Seed {
        entry.extend(object(
            json!({ "root_path": package_root(node, around.root), "depends_on": { "macros": node.macros } }),
        ));
        return entry;
    }
    entry.extend(object(json!({
        "language": if node.is_python() { "python" } else { "sql" },
        "refs": refs(node),
        "sources": node.sources,
        "metrics": node.semantics.metrics,
        "functions": node.functions.called,
        "depends_on": depends_on(node),
        "compiled_path": around.compiled.map(|_| compiled_path(around.target_path, node)),
    })));
    if let Some(compiled) = around.compiled {
        let expression = |(id, sql): &(NodeId, String)| json!({ "id": &**id, "sql": sql });
        let expressions: Vec<Json> = compiled.expressions.iter().map(expression).collect();
        entry.extend(object(json!({
            "compiled": true,
            "compiled_code": compiled.code,
            "extra_ctes_injected": true,
            "extra_ctes": expressions,
        })));
    }
    entry.insert("contract".to_owned(), contract(node));
    if let Some(batch) = &node.batch {
        entry.insert("batch".to_owned(), batch.entry());
    }
    if let Some(spec) = &node.functions.spec {
        entry.extend(function_entry(spec));
    }
    match (&node.test, kind) {
        (Some(test), _) => entry.extend(test_entry(node, test)),
        (None, ResourceType::Model) => entry.extend(object(json!({
            "access": node.access,
            "constraints": constraints(&node.constraints, around.is_compiled()),
            "version": node.version.as_ref().map(|version| &version.name),
            "latest_version": node.version.as_ref().map(|version| &version.latest),
            "deprecation_date": node.deprecation_date,
            // Nobody looks for the key of what is switched off.
            "primary_key": if node.config.enabled { around.primary_key } else { &[] },
            "time_spine": node.semantics.time_spine,
        }))),
        _ => {}
    }
    entry
}

/// Each tag once.
fn tags(node: &Node) -> Vec<&String> {
    let generic = node.test.as_ref().and_then(|test| test.generic.as_ref());
    let first = generic.map_or(&[][..], |generic| &generic.config_tags);
    let all: IndexSet<&String> = first.iter().chain(&node.config.tags).collect();
    all.into_iter().collect()
}

/// The folder of the package that a file is in.
fn package_root(node: &Node, root: &str) -> String {
    let within = node.source.path.strip_suffix(&node.original_path).unwrap_or_default();
    match within.trim_end_matches('/') {
        "" => root.to_owned(),
        within => format!("{root}/{within}"),
    }
}

/// dbt keeps a generic test as a call that it fills in itself.
fn raw_code(node: &Node) -> String {
    match node.test.as_ref().and_then(|test| test.generic.as_ref()) {
        Some(generic) => {
            let namespace = generic
                .namespace
                .as_deref()
                .map(|name| format!("{name}."))
                .unwrap_or_default();
            format!(
                "{{{{ {namespace}test_{}(**_dbt_generic_test_kwargs) }}}}{}",
                generic.name, generic.config_call
            )
        }
        None if node.resource_type == ResourceType::Seed => String::new(),
        None if node.resource_type == ResourceType::Snapshot => node.raw_code().to_owned(),
        None => node.source.text.trim().to_owned(),
    }
}

fn test_entry(node: &Node, test: &TestSpec) -> Map<String, Json> {
    let Some(generic) = &test.generic else {
        return Map::new();
    };
    // The part of the properties file that the test stands in: `models.orders`, `sources.server`.
    let attached = generic
        .attached
        .as_deref()
        .or_else(|| node.depends_on.first().map(|id| &**id));
    let key_name = attached.and_then(|id| {
        let mut parts = id.split('.');
        let (kind, name) = (parts.next()?, parts.nth(1)?);
        Some(format!("{kind}s.{name}"))
    });
    object(json!({
        "column_name": generic.column,
        "file_key_name": key_name,
        // dbt leaves this empty for a test on a source.
        "attached_node": generic.attached.as_deref().filter(|id| !id.starts_with("source.")),
        "test_metadata": { "name": generic.name, "kwargs": generic.kwargs, "namespace": generic.namespace },
    }))
}

pub(super) fn depends_on(node: &Node) -> Json {
    let nodes: Vec<&str> = node.depends_on.iter().map(|id| &**id).collect();
    json!({ "macros": node.macros, "nodes": nodes })
}

pub(super) fn refs(node: &Node) -> Vec<Json> {
    let entry = |r: &Ref| json!({ "name": r.name, "package": r.package, "version": r.version });
    node.refs.iter().map(entry).collect()
}

pub(super) fn columns(node: &Node, compiled: bool) -> Map<String, Json> {
    let entry = |column: &NodeColumn| {
        json!({
            "name": column.name,
            "description": column.description,
            "meta": column.meta,
            "data_type": column.data_type,
            "constraints": constraints(&column.constraints, compiled),
            "quote": column.quote.then_some(true),
            "config": { "meta": column.meta, "tags": column.tags },
            "tags": column.tags,
            "granularity": column.semantics.granularity,
            "dimension": column.semantics.dimension,
            "entity": column.semantics.entity,
            "doc_blocks": column.doc_blocks,
        })
    };
    node.columns
        .iter()
        .map(|(name, column)| (name.clone(), entry(column)))
        .collect()
}
