//! `semantic_manifest.json`: what dbt's semantic layer reads.

use serde_json::{Map, Value as Json, json};

use crate::graph::entry::relation_name;
use crate::graph::{Graph, Node, ResourceType};

/// The model that stood for the time spine before models could say it.
const FORMER_TIME_SPINE: &str = "metricflow_time_spine";

/// The semantic models, metrics and saved queries of a project, and its time spines.
#[must_use]
pub fn semantic_manifest(graph: &Graph) -> Json {
    let of_kind = |kind: ResourceType, entry: fn(&Node) -> Json| -> Vec<Json> {
        let nodes = graph.nodes().filter(|node| node.resource_type == kind);
        nodes.map(|node| entry(node)).collect()
    };
    let semantic_models = of_kind(ResourceType::SemanticModel, semantic_model);
    let former = graph.nodes().find(|node| {
        node.resource_type == ResourceType::Model
            && node.name == FORMER_TIME_SPINE
            && node.semantics.time_spine.is_none()
            && !semantic_models.is_empty()
    });
    let former: Vec<Json> = former
        .map(|node| json!({ "location": relation_name(node), "column_name": "date_day", "grain": "day" }))
        .into_iter()
        .collect();
    let time_spines: Vec<Json> = graph.nodes().filter_map(|node| time_spine(node)).collect();
    json!({
        "semantic_models": semantic_models,
        "metrics": of_kind(ResourceType::Metric, metric),
        "project_configuration": {
            "time_spine_table_configurations": former,
            "metadata": null,
            "dsi_package_version": { "major_version": "0", "minor_version": "213", "patch_version": "0" },
            "time_spines": time_spines,
        },
        "saved_queries": of_kind(ResourceType::SavedQuery, saved_query),
    })
}

fn field(node: &Node, key: &str) -> Json {
    node.semantics.fields.get(key).cloned().unwrap_or_default()
}

fn semantic_model(node: &Node) -> Json {
    let elements = |kind: &str| -> Vec<Json> {
        let with_metadata = |element: &Json| {
            let mut element: Map<String, Json> = element.as_object().cloned().unwrap_or_default();
            element.insert("metadata".to_owned(), Json::Null);
            Json::Object(element)
        };
        node.semantics.elements(kind).map(with_metadata).collect()
    };
    json!({
        "name": node.name,
        "defaults": field(node, "defaults"),
        "description": field(node, "description"),
        "node_relation": field(node, "node_relation"),
        "primary_entity": field(node, "primary_entity"),
        "entities": elements("entities"),
        "measures": elements("measures"),
        "dimensions": elements("dimensions"),
        "label": field(node, "label"),
        "metadata": null,
        "config": { "meta": node.meta },
    })
}

fn metric(node: &Node) -> Json {
    json!({
        "name": node.name,
        "description": node.description,
        "type": field(node, "type"),
        "datatype": null,
        "type_params": field(node, "type_params"),
        "filter": field(node, "filter"),
        "metadata": null,
        "label": field(node, "label"),
        "config": { "meta": node.meta },
        "time_granularity": field(node, "time_granularity"),
    })
}

fn saved_query(node: &Node) -> Json {
    let exports: Vec<Json> = node
        .semantics
        .elements("exports")
        .map(|export| {
            let config = &export["config"];
            json!({
                "name": export["name"],
                "config": {
                    "export_as": config["export_as"],
                    "schema_name": config["schema_name"],
                    "alias": config["alias"],
                },
            })
        })
        .collect();
    json!({
        "name": node.name,
        "query_params": field(node, "query_params"),
        "description": field(node, "description"),
        "metadata": null,
        "label": field(node, "label"),
        "exports": exports,
        "tags": node.config.tags,
    })
}

fn time_spine(node: &Node) -> Option<Json> {
    let spine = node.semantics.time_spine.as_ref()?;
    let column = spine["standard_granularity_column"].as_str()?;
    Some(json!({
        "node_relation": {
            "alias": node.alias,
            "schema_name": node.relation.schema,
            "database": node.relation.database,
            "relation_name": relation_name(node),
        },
        "primary_column": {
            "name": column,
            "time_granularity": node.columns.get(column)?.semantics.granularity,
        },
        "custom_granularities": spine["custom_granularities"],
    }))
}
