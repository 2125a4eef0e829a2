//! `manifest.json`, version 12 of dbt's schema.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::{Map, Value as Json, json};

use crate::graph::entry::{Compiled, GroupEntry, Surroundings, hex, node_entry, primary_keys, seed_checksum};
use crate::graph::{Graph, Node, NodeId, ResourceType};

use super::invocation::{Invocation, moment};

#[derive(Clone, Debug)]
pub struct MacroArgument {
    pub name: String,
    pub data_type: Option<String>,
    pub description: String,
}

#[derive(Clone, Debug)]
pub struct MacroEntry {
    pub package: String,
    /// With its prefix, such as `test_not_negative`.
    pub name: String,
    /// Below the project's root.
    pub original_path: String,
    /// The whole block.
    pub text: String,
    pub description: String,
    pub patch_path: Option<String>,
    pub arguments: Vec<MacroArgument>,
    /// Macros that it calls, as `macro.package.name`.
    pub depends_on: Vec<String>,
    /// Of a materialization.
    pub supported_languages: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub struct DocEntry {
    pub package: String,
    pub name: String,
    /// Below the resource folder.
    pub path: String,
    pub original_path: String,
    pub contents: String,
}

/// What a manifest lists.
#[derive(Clone, Debug, Default)]
pub struct Contents<'a> {
    /// Enabled nodes of every kind.
    pub nodes: Vec<&'a Node>,
    pub disabled: Vec<&'a Node>,
    pub macros: Vec<MacroEntry>,
    pub docs: Vec<DocEntry>,
    pub groups: Vec<GroupEntry>,
    pub selectors: Map<String, Json>,
    /// What the project says of quoting.
    pub quoting: Map<String, Json>,
    /// What was compiled so far.
    pub compiled: HashMap<NodeId, Compiled>,
}

impl<'a> Contents<'a> {
    /// The nodes of a graph; what else a project holds is for the caller to add.
    pub fn of(graph: &'a Graph) -> Self {
        Self {
            nodes: graph.nodes().map(|node| &**node).collect(),
            disabled: graph.disabled().iter().map(|node| &**node).collect(),
            ..Self::default()
        }
    }
}

/// The whole manifest. A seed's file is read for its checksum; one that is gone has none.
pub fn manifest(contents: &Contents<'_>, invocation: &Invocation, now: Timestamp) -> Json {
    let seeds: HashMap<&str, Json> = contents
        .nodes
        .iter()
        .chain(&contents.disabled)
        .filter(|node| node.resource_type == ResourceType::Seed)
        .map(|node| (&*node.id, seed_checksum(node, &invocation.root)))
        .collect();
    let root = invocation.root.to_string_lossy();
    let keys = primary_keys(&contents.nodes);
    let entry = |node: &Node| {
        let around = Surroundings {
            root: &root,
            target_path: &invocation.target_path,
            created_at: now.as_duration().as_secs_f64(),
            seed_checksum: seeds.get(&*node.id),
            compiled: contents.compiled.get(&node.id),
            running: false,
            primary_key: keys.get(&*node.id).map_or(&[], Vec::as_slice),
        };
        Json::Object(node_entry(node, around))
    };
    let (mut nodes, mut sources, mut exposures) = (Map::new(), Map::new(), Map::new());
    let (mut metrics, mut semantic_models, mut saved_queries) = (Map::new(), Map::new(), Map::new());
    let (mut unit_tests, mut functions) = (Map::new(), Map::new());
    for node in &contents.nodes {
        let list = match node.resource_type {
            ResourceType::Source => &mut sources,
            ResourceType::Exposure => &mut exposures,
            ResourceType::UnitTest => &mut unit_tests,
            ResourceType::Metric => &mut metrics,
            ResourceType::SemanticModel => &mut semantic_models,
            ResourceType::SavedQuery => &mut saved_queries,
            ResourceType::Function => &mut functions,
            _ => &mut nodes,
        };
        list.insert(node.id.to_string(), entry(node));
    }
    let mut disabled: Map<String, Json> = Map::new();
    for node in &contents.disabled {
        let list = disabled.entry(node.id.to_string()).or_insert_with(|| json!([]));
        if let Json::Array(list) = list {
            list.push(entry(node));
        }
    }
    let (parents, children) = neighbours(&contents.nodes);
    json!({
        "metadata": metadata(contents, invocation, now),
        "nodes": nodes,
        "sources": sources,
        "macros": macros(contents, now),
        "docs": docs(contents),
        "exposures": exposures,
        "metrics": metrics,
        "groups": groups(contents),
        "selectors": contents.selectors,
        "disabled": disabled,
        "parent_map": parents,
        "child_map": children,
        "group_map": group_map(contents),
        "saved_queries": saved_queries,
        "semantic_models": semantic_models,
        "unit_tests": unit_tests,
        "functions": functions,
    })
}

fn metadata(contents: &Contents<'_>, invocation: &Invocation, now: Timestamp) -> Map<String, Json> {
    let mut metadata = invocation.metadata("manifest/v12", now);
    let id = hex(&Md5::digest(invocation.project.as_bytes()));
    for (key, value) in [
        ("project_name", invocation.project.as_str().into()),
        ("project_id", id.into()),
        ("user_id", Json::Null),
        ("send_anonymous_usage_stats", false.into()),
        ("adapter_type", "postgres".into()),
        ("quoting", quoting(&contents.quoting)),
        ("run_started_at", moment(invocation.started).into()),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    metadata
}

fn quoting(written: &Map<String, Json>) -> Json {
    let mut quoting = Map::new();
    for (part, default) in [
        ("database", Json::Bool(true)),
        ("schema", Json::Bool(true)),
        ("identifier", Json::Bool(true)),
        ("column", Json::Null),
    ] {
        quoting.insert(part.to_owned(), written.get(part).cloned().unwrap_or(default));
    }
    quoting.into()
}

fn neighbours(nodes: &[&Node]) -> (Map<String, Json>, Map<String, Json>) {
    let mut children: BTreeMap<&str, BTreeSet<&str>> = nodes.iter().map(|node| (&*node.id, BTreeSet::new())).collect();
    let mut parents = Map::new();
    for node in nodes {
        let own: BTreeSet<&str> = node.depends_on.iter().map(|id| &**id).collect();
        for parent in &own {
            if let Some(children) = children.get_mut(parent) {
                children.insert(&node.id);
            }
        }
        parents.insert(node.id.to_string(), json!(own));
    }
    let children = nodes
        .iter()
        .map(|node| (node.id.to_string(), json!(children[&*node.id])))
        .collect();
    (parents, children)
}

fn group_map(contents: &Contents<'_>) -> Map<String, Json> {
    let mut map: BTreeMap<&str, Vec<&str>> = contents.groups.iter().map(|group| (&*group.name, Vec::new())).collect();
    for node in &contents.nodes {
        if let Some(group) = &node.group {
            map.entry(group).or_default().push(&node.id);
        }
    }
    map.into_iter()
        .map(|(group, nodes)| (group.to_owned(), json!(nodes)))
        .collect()
}

fn macros(contents: &Contents<'_>, now: Timestamp) -> Map<String, Json> {
    let docs = json!({ "show": true, "node_color": null });
    let mut map = Map::new();
    for found in &contents.macros {
        let id = format!("macro.{}.{}", found.package, found.name);
        let argument = |a: &MacroArgument| json!({ "name": a.name, "type": a.data_type, "description": a.description });
        let entry = json!({
            "name": found.name,
            "resource_type": "macro",
            "package_name": found.package,
            "path": found.original_path,
            "original_file_path": found.original_path,
            "unique_id": id,
            "macro_sql": found.text,
            "depends_on": { "macros": found.depends_on },
            "description": found.description,
            "meta": {},
            "docs": docs,
            "config": { "meta": {}, "docs": docs },
            "patch_path": found.patch_path,
            "arguments": found.arguments.iter().map(argument).collect::<Vec<_>>(),
            "created_at": now.as_duration().as_secs_f64(),
            "supported_languages": found.supported_languages,
        });
        map.insert(id, entry);
    }
    map
}

fn docs(contents: &Contents<'_>) -> Map<String, Json> {
    let mut map = Map::new();
    for doc in &contents.docs {
        let id = format!("doc.{}.{}", doc.package, doc.name);
        let entry = json!({
            "name": doc.name,
            "resource_type": "doc",
            "package_name": doc.package,
            "path": doc.path,
            "original_file_path": doc.original_path,
            "unique_id": id,
            "block_contents": doc.contents,
        });
        map.insert(id, entry);
    }
    map
}

fn groups(contents: &Contents<'_>) -> Map<String, Json> {
    contents
        .groups
        .iter()
        .map(|group| (group.id(), group.entry()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::graph::select::shop;

    fn now() -> Timestamp {
        "2025-01-01T00:00:00Z".parse().expect("a time")
    }

    fn invocation() -> Invocation {
        Invocation {
            id: "00000000-0000-0000-0000-000000000000".to_owned(),
            started: now(),
            project: "shop".to_owned(),
            root: PathBuf::from(shop::FOLDER),
            target_path: "target".to_owned(),
            command: "build".to_owned(),
            args: Map::new(),
            env: Map::new(),
        }
    }

    fn ours(nodes: &[Arc<Node>]) -> Json {
        let dbts = shop::manifest();
        let compiled = nodes.iter().filter_map(|node| {
            let code = dbts["nodes"][&*node.id]["compiled_code"].as_str()?;
            Some((
                NodeId::clone(&node.id),
                Compiled {
                    code: code.to_owned(),
                    ..Compiled::default()
                },
            ))
        });
        let graph = shop::graph();
        let contents = Contents {
            compiled: compiled.collect(),
            groups: vec![GroupEntry {
                package: "shop".to_owned(),
                name: "finance".to_owned(),
                path: "marts/marts.yml".to_owned(),
                original_path: "models/marts/marts.yml".to_owned(),
                owner: json!({ "email": "finance@shop.example", "name": "Finance" }),
                description: None,
                config: [("meta".to_owned(), json!({}))].into_iter().collect(),
            }],
            ..Contents::of(&graph)
        };
        manifest(&contents, &invocation(), now())
    }

    /// What the two may tell differently, and why.
    const OTHERWISE: [&str; 7] = [
        // Which blocks a description was made from.
        "doc_blocks",
        // The time of writing, not of parsing.
        "created_at",
        // As written in files, which the rebuilt nodes of this test do not know.
        "unrendered_config",
        // The rebuilt nodes do not know their common table expressions.
        "extra_ctes",
        // The rebuilt path of the root.
        "root_path",
        // dbt adds the configuration of a generic test to its call.
        "raw_code",
        // The rebuilt nodes do not hold which keys were left to default.
        "quote_columns",
    ];

    fn compare(at: &str, ours: &Json, dbts: &Json, found: &mut Vec<String>) {
        match (ours, dbts) {
            (Json::Object(ours), Json::Object(dbts)) => {
                for key in ours.keys().chain(dbts.keys().filter(|key| !ours.contains_key(*key))) {
                    if !OTHERWISE.contains(&key.as_str()) {
                        let none = Json::String("no such key".to_owned());
                        let one = ours.get(key).unwrap_or(&none);
                        compare(&format!("{at}.{key}"), one, dbts.get(key).unwrap_or(&none), found);
                    }
                }
            }
            // dbt repeats or leaves out in a test's configuration what its tags do hold.
            _ if at.starts_with("nodes.test.") && at.ends_with(".config.tags") => {}
            (ours, dbts) if ours != dbts => found.push(format!("{at}: ours {ours}, dbt's {dbts}")),
            _ => {}
        }
    }

    #[test]
    fn says_of_every_node_what_dbt_says() {
        let nodes = shop::nodes();
        let (ours, dbts) = (ours(&nodes), shop::manifest());
        let mut found = Vec::new();
        for key in [
            "nodes",
            "sources",
            "exposures",
            "parent_map",
            "child_map",
            "group_map",
            "metadata",
        ] {
            compare(key, &ours[key], &dbts[key], &mut found);
        }
        assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
        let keys = |manifest: &Json| {
            manifest
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&ours), keys(&dbts));
    }
}
