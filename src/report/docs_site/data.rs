//! What the page knows: the manifest, the catalogue and the last results, without what nobody looks at.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::gate::Certified;
use crate::graph::state::SECTIONS;
use crate::run::Measured;

/// Where everything on the page comes from.
pub struct Material<'a> {
    pub project: &'a str,
    pub target: &'a str,
    /// ISO 8601.
    pub generated_at: String,
    pub manifest: &'a Json,
    pub catalog: &'a Json,
    /// `run_results.json` of the last build, where there is one.
    pub run_results: Option<Json>,
    /// `sources.json`, where there is one.
    pub freshness: Option<Json>,
    pub certificates: Vec<Certified>,
    /// By schema and name.
    pub measured: IndexMap<(String, String), Measured>,
    /// The columns that a column is a copy of, by node and column.
    pub lineage: HashMap<String, Json>,
}

impl<'a> Material<'a> {
    /// A site of a manifest and a catalogue alone.
    #[must_use]
    pub fn new(project: &'a str, manifest: &'a Json, catalog: &'a Json) -> Self {
        Self {
            project,
            target: "",
            generated_at: String::new(),
            manifest,
            catalog,
            run_results: None,
            freshness: None,
            certificates: Vec::new(),
            measured: IndexMap::new(),
            lineage: HashMap::new(),
        }
    }
}

/// What is shown of a node as the manifest has it.
const SHOWN: [&str; 38] = [
    "name",
    "description",
    "label",
    "relation_name",
    "database",
    "schema",
    "alias",
    "identifier",
    "language",
    "access",
    "group",
    "version",
    "latest_version",
    "deprecation_date",
    "constraints",
    "source_name",
    "source_description",
    "loader",
    "loaded_at_field",
    "freshness",
    "type",
    "maturity",
    "url",
    "owner",
    "type_params",
    "filter",
    "entities",
    "dimensions",
    "measures",
    "query_params",
    "exports",
    "model",
    "given",
    "expect",
    "attached_node",
    "column_name",
    "arguments",
    "returns",
];

/// The packages that come with the program: their macros are no part of the project.
const BUILTIN: [&str; 2] = ["dbt", "dbt_postgres"];

/// Everything the page shows.
#[must_use]
pub fn data(material: &Material<'_>) -> Json {
    let manifest = material.manifest;
    let results = by_id(material.run_results.as_ref());
    let freshness = by_id(material.freshness.as_ref());
    let certificates: HashMap<&str, &Certified> =
        material.certificates.iter().map(|c| (c.node_id.as_str(), c)).collect();
    let mut nodes = Vec::new();
    for section in SECTIONS {
        for (id, node) in manifest[section].as_object().into_iter().flatten() {
            let mut entry = common(id, node);
            entry.insert("parents".to_owned(), manifest["parent_map"][id].clone());
            described(&mut entry, node);
            let table = [&material.catalog["nodes"][id], &material.catalog["sources"][id]];
            let table = table.into_iter().find(|table| table.is_object());
            entry.insert("columns".to_owned(), columns(node, table));
            stored(&mut entry, table, material);
            let lineage = material.lineage.get(id).cloned();
            let certificate = certificates.get(id.as_str()).map(|certificate| json!(certificate));
            let result = results.get(id.as_str()).map(|result| outcome(result));
            let fresh = freshness.get(id.as_str()).map(|result| freshness_of(result));
            for (key, value) in [
                ("lineage", lineage),
                ("certificate", certificate),
                ("result", result),
                ("fresh", fresh),
            ] {
                entry.extend(value.map(|value| (key.to_owned(), value)));
            }
            nodes.push(lean(entry));
        }
    }
    for (id, found) in manifest["macros"].as_object().into_iter().flatten() {
        if !found["package_name"]
            .as_str()
            .is_some_and(|name| BUILTIN.contains(&name))
        {
            nodes.push(macro_entry(id, found));
        }
    }
    json!({
        "project": material.project,
        "target": material.target,
        "generated_at": material.generated_at,
        "version": env!("CARGO_PKG_VERSION"),
        "results_at": material.run_results.as_ref().map(|results| &results["metadata"]["generated_at"]),
        "overview": overview(material),
        "groups": groups(manifest),
        "nodes": nodes,
    })
}

/// What every page begins with.
fn common(id: &str, node: &Json) -> Map<String, Json> {
    let of_config = |key: &str| Some(&node["config"][key]).filter(|value| is_something(value));
    let docs = of_config("docs").unwrap_or(&node["docs"]);
    let mut entry = Map::new();
    entry.insert("id".to_owned(), id.into());
    let kind = node["resource_type"]
        .as_str()
        .unwrap_or_else(|| id.split('.').next().unwrap_or(id));
    entry.insert("kind".to_owned(), kind.into());
    entry.insert("package".to_owned(), node["package_name"].clone());
    entry.insert("path".to_owned(), node["original_file_path"].clone());
    entry.insert("tags".to_owned(), of_config("tags").unwrap_or(&node["tags"]).clone());
    entry.insert("meta".to_owned(), of_config("meta").unwrap_or(&node["meta"]).clone());
    entry.insert("color".to_owned(), docs["node_color"].clone());
    entry.insert("hidden".to_owned(), (docs["show"] == false).into());
    entry
}

fn described(entry: &mut Map<String, Json>, node: &Json) {
    for key in SHOWN {
        entry.insert(key.to_owned(), node[key].clone());
    }
    let config = &node["config"];
    for key in ["materialized", "severity", "grants"] {
        entry.insert(key.to_owned(), config[key].clone());
    }
    if entry["kind"] == "model" || entry["kind"] == "snapshot" {
        entry.insert("contract".to_owned(), config["contract"]["enforced"].clone());
    }
    entry.insert("test".to_owned(), node["test_metadata"].clone());
    entry.insert("raw".to_owned(), node["raw_code"].clone());
    if node["compiled_code"] != node["raw_code"] {
        entry.insert("compiled".to_owned(), node["compiled_code"].clone());
    }
    let macros = node["depends_on"]["macros"].as_array().into_iter().flatten();
    let macros: Vec<&Json> = macros.filter(|id| !is_builtin(id)).collect();
    entry.insert("macros".to_owned(), json!(macros));
    let settings = config.as_object().into_iter().flatten();
    let settings = settings.filter(|(key, value)| is_something(value) && !SAID_ELSEWHERE.contains(&key.as_str()));
    let settings: Map<String, Json> = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    entry.insert("config".to_owned(), settings.into());
}

/// Settings with a place of their own on the page, or that say nothing by being there.
const SAID_ELSEWHERE: [&str; 15] = [
    "enabled",
    "materialized",
    "tags",
    "meta",
    "docs",
    "group",
    "access",
    "grants",
    "contract",
    "packages",
    "on_configuration_change",
    "on_schema_change",
    "quoting",
    "column_types",
    "persist_docs",
];

fn is_builtin(id: &Json) -> bool {
    let package = id.as_str().and_then(|id| id.split('.').nth(1));
    package.is_some_and(|package| BUILTIN.contains(&package))
}

/// The columns of the relation in its order, then those that are described and not there.
fn columns(node: &Json, table: Option<&Json>) -> Json {
    let described = &node["columns"];
    let entry = |name: &str, stored: Option<&Json>| {
        let exact = Some(&described[name]).filter(|column| column.is_object());
        let folded = || {
            let mut all = described.as_object().into_iter().flatten();
            all.find(|(other, _)| other.to_lowercase() == name.to_lowercase())
                .map(|(_, column)| column)
        };
        let column = exact.or_else(folded).unwrap_or(&Json::Null);
        let comment = stored.map_or(&Json::Null, |stored| &stored["comment"]);
        let described_as = Some(&column["description"]).filter(|text| is_something(text));
        let mut entry = Map::new();
        entry.insert("name".to_owned(), name.into());
        let stored_type = stored.map_or(&Json::Null, |stored| &stored["type"]);
        let known = Some(stored_type).filter(|name| !name.is_null());
        entry.insert("type".to_owned(), known.unwrap_or(&column["data_type"]).clone());
        entry.insert("description".to_owned(), described_as.unwrap_or(comment).clone());
        entry.insert("tags".to_owned(), column["tags"].clone());
        entry.insert("meta".to_owned(), column["meta"].clone());
        entry.insert("constraints".to_owned(), column["constraints"].clone());
        entry.insert("absent".to_owned(), (table.is_some() && stored.is_none()).into());
        lean(entry)
    };
    let mut columns = Vec::new();
    let mut seen = Vec::new();
    let stored = table.and_then(|table| table["columns"].as_object());
    for (name, stored) in stored.into_iter().flatten() {
        seen.push(name.to_lowercase());
        columns.push(entry(name, Some(stored)));
    }
    for (name, _) in described.as_object().into_iter().flatten() {
        if !seen.contains(&name.to_lowercase()) {
            columns.push(entry(name, None));
        }
    }
    columns.into()
}

/// What the database says of the relation.
fn stored(entry: &mut Map<String, Json>, table: Option<&Json>, material: &Material<'_>) {
    let Some(table) = table else { return };
    let metadata = &table["metadata"];
    entry.insert("stored_as".to_owned(), metadata["type"].clone());
    entry.insert("held_by".to_owned(), metadata["owner"].clone());
    if entry["description"].as_str().is_none_or(str::is_empty) {
        entry.insert("description".to_owned(), metadata["comment"].clone());
    }
    let stats = table["stats"].as_object().into_iter().flatten();
    let stats: Vec<&Json> = stats
        .map(|(_, stat)| stat)
        .filter(|stat| stat["include"] == true)
        .collect();
    entry.insert("stats".to_owned(), json!(stats));
    let name = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
    if let Some(measured) = material.measured.get(&(name("schema"), name("name"))) {
        entry.insert("rows".to_owned(), json!(measured.rows));
        entry.insert(
            "bytes".to_owned(),
            json!((measured.bytes > 0).then_some(measured.bytes)),
        );
        let grants: BTreeMap<&String, &Vec<String>> = measured.grants.iter().collect();
        entry.insert("granted".to_owned(), json!(grants));
    }
}

/// The results of an artifact by the ids of their nodes.
fn by_id(artifact: Option<&Json>) -> HashMap<&str, &Json> {
    let results = artifact.and_then(|artifact| artifact["results"].as_array());
    let results = results.into_iter().flatten();
    results
        .filter_map(|result| Some((result["unique_id"].as_str()?, result)))
        .collect()
}

fn outcome(result: &Json) -> Json {
    let timing = result["timing"].as_array().and_then(|timing| timing.last());
    lean(Map::from_iter([
        ("status".to_owned(), result["status"].clone()),
        ("failures".to_owned(), result["failures"].clone()),
        ("message".to_owned(), result["message"].clone()),
        ("seconds".to_owned(), result["execution_time"].clone()),
        (
            "at".to_owned(),
            timing.map_or(Json::Null, |timing| timing["completed_at"].clone()),
        ),
    ]))
}

fn freshness_of(result: &Json) -> Json {
    let keys = [
        "status",
        "max_loaded_at",
        "snapshotted_at",
        "max_loaded_at_time_ago_in_s",
        "error",
    ];
    lean(
        keys.into_iter()
            .map(|key| (key.to_owned(), result[key].clone()))
            .collect(),
    )
}

fn macro_entry(id: &str, found: &Json) -> Json {
    let mut entry = common(id, found);
    entry.insert("kind".to_owned(), "macro".into());
    for (key, from) in [
        ("name", "name"),
        ("description", "description"),
        ("arguments", "arguments"),
        ("raw", "macro_sql"),
    ] {
        entry.insert(key.to_owned(), found[from].clone());
    }
    let called = found["depends_on"]["macros"].as_array().into_iter().flatten();
    let called: Vec<&Json> = called.filter(|id| !is_builtin(id)).collect();
    entry.insert("macros".to_owned(), json!(called));
    lean(entry)
}

fn groups(manifest: &Json) -> Json {
    let groups = manifest["groups"].as_object().into_iter().flatten();
    let groups = groups.map(|(_, group)| {
        lean(
            ["name", "package_name", "owner", "description"]
                .into_iter()
                .map(|key| (key.to_owned(), group[key].clone()))
                .collect(),
        )
    });
    groups.collect()
}

/// What the project writes about itself in `{% docs __overview__ %}`.
fn overview(material: &Material<'_>) -> Json {
    let id = format!("doc.{}.__overview__", material.project);
    material.manifest["docs"][&id]["block_contents"].clone()
}

/// Whether a value says anything.
fn is_something(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::Object(map) => !map.is_empty(),
        Json::Bool(_) | Json::Number(_) => true,
    }
}

/// Without what says nothing.
fn lean(mut entry: Map<String, Json>) -> Json {
    entry.retain(|_, value| is_something(value) && *value != Json::Bool(false));
    entry.into()
}
