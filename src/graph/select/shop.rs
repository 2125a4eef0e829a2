//! The demo shop's nodes as dbt's own manifest tells them, for unit tests of what works on nodes.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Place, SourceFile};
use crate::graph::bare_node::bare_config;
use crate::graph::{
    Access, GenericTest, Graph, Materialization, Node, NodeColumn, NodeConfig, NodeId, Ref, ResourceType, Severity,
    SourceSpec, TestSpec,
};
use crate::sql::Relation;

use super::definition::Selectors;
use super::kinds;
use super::selection::{IndirectSelection, Selection};

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/shop");

/// A file of the fixture.
pub fn file(name: &str) -> String {
    let path = format!("{FOLDER}/{name}");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// dbt's manifest of the shop, without what changes from run to run.
pub fn manifest() -> Json {
    serde_json::from_str(&file("manifest.json")).expect("the manifest is JSON")
}

/// Every enabled node, in the manifest's order.
pub fn nodes() -> Vec<Arc<Node>> {
    let manifest = manifest();
    ["nodes", "sources", "exposures"]
        .into_iter()
        .flat_map(|key| {
            manifest[key]
                .as_object()
                .expect("a map of nodes")
                .values()
                .cloned()
                .collect::<Vec<_>>()
        })
        .map(|entry| Arc::new(node(&entry)))
        .collect()
}

/// The same as a graph.
pub fn graph() -> Graph {
    Graph::new("shop", nodes(), Vec::new()).unwrap_or_else(|e| panic!("{e}"))
}

/// One node by id.
pub fn named(id: &str) -> Arc<Node> {
    nodes()
        .into_iter()
        .find(|node| &*node.id == id)
        .unwrap_or_else(|| panic!("no {id}"))
}

/// An `ls` command taken apart.
#[derive(Default)]
pub struct Asked {
    pub options: IndexMap<String, Vec<String>>,
}

impl Asked {
    pub fn values(&self, option: &str) -> &[String] {
        self.options.get(option).map_or(&[], Vec::as_slice)
    }
}

/// Takes a line of `selectors.txt` or `listed.txt` apart; double quotes hold spaces.
pub fn asked(line: &str) -> Asked {
    let words = line.split('"').enumerate().flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    let mut asked = Asked::default();
    let mut option = String::new();
    for word in words.skip(1) {
        if word.starts_with("--") {
            option = word;
        } else {
            asked.options.entry(option.clone()).or_default().push(word);
        }
    }
    asked
}

/// The nodes that a command means, sorted by id.
pub fn chosen<'a>(nodes: &'a [Arc<Node>], asked: &Asked) -> Vec<&'a Node> {
    let kinds: Vec<ResourceType> = match asked.values("--resource-type") {
        [] => kinds::LIST.to_vec(),
        [all] if all == "all" => kinds::ALL.to_vec(),
        some => some.iter().map(|kind| read(&kind.as_str().into())).collect(),
    };
    let indirect = asked
        .values("--indirect-selection")
        .first()
        .map(|mode| IndirectSelection::parse(mode));
    let indirect = indirect
        .transpose()
        .unwrap_or_else(|e| panic!("{e}"))
        .unwrap_or_default();
    let resolved = Selection::parse(asked.values("--select"), asked.values("--exclude"))
        .and_then(|selection| {
            selection.resolve_among(
                nodes.iter().map(|node| &**node),
                "shop",
                &Selectors::default(),
                &kinds,
                indirect,
            )
        })
        .unwrap_or_else(|e| panic!("{e}"));
    let by_id = |id: &NodeId| nodes.iter().find(|node| node.id == *id).map(|node| &**node);
    resolved.nodes.iter().filter_map(by_id).collect()
}

/// The commands of a file with the answers below each.
pub fn answers(name: &str) -> Vec<(String, Vec<String>)> {
    let text = file(name);
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("  "), found.last_mut()) {
            (Some(answer), Some((_, answers))) => answers.push(answer.to_owned()),
            _ if line.starts_with("ls") => found.push((line.to_owned(), Vec::new())),
            _ => {}
        }
    }
    found
}

fn read<T: for<'de> Deserialize<'de>>(value: &Json) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{e}: {value}"))
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn maybe(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn node(entry: &Json) -> Node {
    let resource_type: ResourceType = read(&entry["resource_type"]);
    let original_path = text(&entry["original_file_path"]);
    let source = SourceFile::new(original_path.clone(), file(&original_path));
    let declared = declaration(&source, resource_type, entry);
    let identifier = maybe(&entry["identifier"])
        .or_else(|| maybe(&entry["alias"]))
        .unwrap_or_default();
    let depends_on = &entry["depends_on"];
    let test = (resource_type == ResourceType::Test).then(|| test(entry));
    let columns: IndexMap<String, Json> = entry.get("columns").map(read).unwrap_or_default();
    Node {
        id: NodeId::from(text(&entry["unique_id"])),
        resource_type,
        package: text(&entry["package_name"]),
        name: text(&entry["name"]),
        alias: text(&entry["alias"]),
        relation: Relation::new(entry["database"].as_str(), text(&entry["schema"]), identifier),
        path: text(&entry["path"]),
        fqn: read(&entry["fqn"]),
        source: match &test {
            Some(spec) if spec.generic.is_some() => SourceFile::new(original_path.clone(), text(&entry["raw_code"])),
            _ => source,
        },
        original_path,
        declared,
        patch_path: maybe(&entry["patch_path"]),
        config: config(entry),
        description: text(&entry["description"]),
        columns: columns
            .iter()
            .map(|(name, column)| (name.clone(), self::column(column)))
            .collect(),
        meta: entry.get("meta").map(read).unwrap_or_default(),
        access: entry.get("access").map(read).unwrap_or_default(),
        group: maybe(&entry["group"]),
        refs: entry["refs"].as_array().into_iter().flatten().map(reference).collect(),
        sources: entry.get("sources").map(read).unwrap_or_default(),
        depends_on: depends_on
            .get("nodes")
            .map(read::<Vec<String>>)
            .unwrap_or_default()
            .into_iter()
            .map(NodeId::from)
            .collect(),
        macros: depends_on.get("macros").map(read).unwrap_or_default(),
        test,
        doc_blocks: Vec::new(),
        unit_test: None,
        batch: None,
        semantics: crate::graph::Semantics::default(),
        functions: crate::graph::Functions::default(),
        source_spec: (resource_type == ResourceType::Source).then(|| SourceSpec {
            source_name: text(&entry["source_name"]),
            loaded_at_field: None,
            loaded_at_query: None,
            freshness: Some(crate::project::Freshness::default()),
            loader: String::new(),
            quoting: IndexMap::new(),
            written: ["unrendered_database", "unrendered_schema"]
                .map(|key| Some(entry[key].clone()).filter(|value| !value.is_null())),
            source_description: text(&entry["source_description"]),
        }),
        constraints: Vec::new(),
        version: None,
        deprecation_date: None,
        snapshot: None,
        part: None,
    }
}

/// A generic test is declared where its properties file names it; anything else is its file.
fn declaration(file: &Arc<SourceFile>, resource_type: ResourceType, entry: &Json) -> Place {
    let name = entry["test_metadata"]["name"]
        .as_str()
        .filter(|_| resource_type == ResourceType::Test);
    let found = name.and_then(|name| Some((file.text.find(name)?, name.len())));
    found.map_or_else(
        || Place::new(file, 0..0),
        |(at, length)| Place::new(file, at..at + length),
    )
}

fn reference(entry: &Json) -> Ref {
    Ref {
        package: maybe(&entry["package"]),
        name: text(&entry["name"]),
        version: Some(entry["version"].clone()).filter(|version| !version.is_null()),
    }
}

fn column(entry: &Json) -> NodeColumn {
    NodeColumn {
        doc_blocks: Vec::new(),
        semantics: crate::project::ColumnSemantics::default(),
        name: text(&entry["name"]),
        description: text(&entry["description"]),
        data_type: maybe(&entry["data_type"]),
        quote: entry["quote"].as_bool().unwrap_or(false),
        tags: read(&entry["tags"]),
        meta: read(&entry["meta"]),
        constraints: Vec::new(),
    }
}

fn test(entry: &Json) -> TestSpec {
    let config = &entry["config"];
    TestSpec {
        generic: entry.get("test_metadata").map(|metadata| GenericTest {
            config_call: String::new(),
            config_tags: Vec::new(),
            name: text(&metadata["name"]),
            namespace: maybe(&metadata["namespace"]),
            kwargs: read(&metadata["kwargs"]),
            column: maybe(&entry["column_name"]),
            attached: maybe(&entry["attached_node"]).map(NodeId::from),
        }),
        severity: if text(&config["severity"]).eq_ignore_ascii_case("warn") {
            Severity::Warn
        } else {
            Severity::Error
        },
        warn_if: text(&config["warn_if"]),
        error_if: text(&config["error_if"]),
        fail_calc: text(&config["fail_calc"]),
        limit: config["limit"].as_u64(),
        where_: maybe(&config["where"]),
        store_failures: config["store_failures"].as_bool(),
        stored_as_view: config["store_failures_as"] == "view",
        audit_scope: None,
        audit_keys: Vec::new(),
    }
}

fn config(entry: &Json) -> NodeConfig {
    let config = &entry["config"];
    let materialized_name = text(&config["materialized"]);
    let unique_key = match &config["unique_key"] {
        Json::String(key) => vec![key.clone()],
        Json::Array(keys) => keys.iter().map(text).collect(),
        _ => Vec::new(),
    };
    // The manifest does not tell what was written in so many words; what differs from dbt's defaults comes close.
    let unwritten =
        |value: &Json| value.is_null() || value == &Json::Object(Map::new()) || value == &Json::Array(vec![]);
    let mut raw: IndexMap<String, Json> = read::<IndexMap<String, Json>>(config)
        .into_iter()
        .filter(|(key, value)| !unwritten(value) && entry["unrendered_config"].get(key).is_some())
        .collect();
    if entry["resource_type"] == "exposure" {
        let own = ["type", "owner", "label", "maturity", "url"];
        raw.extend(own.map(|key| (key.to_owned(), entry[key].clone())));
    }
    NodeConfig {
        enabled: config["enabled"].as_bool().unwrap_or(true),
        materialized: serde_json::from_value(config["materialized"].clone()).unwrap_or(Materialization::Other),
        materialized_name,
        tags: entry.get("tags").map(read).unwrap_or_default(),
        unique_key,
        column_types: config.get("column_types").map(read).unwrap_or_default(),
        quote_columns: config["quote_columns"].as_bool().unwrap_or(false),
        raw,
        ..bare_config()
    }
}

#[test]
fn the_shop_is_whole() {
    let nodes = nodes();
    assert_eq!(nodes.len(), 36);
    assert_eq!(named("model.shop.orders").access, Access::Public);
}
