//! The configuration of a node as the manifest shows it: every key dbt knows, then every other that was written.

use serde_json::{Map, Value as Json, json};

use super::object;
use super::semantic::semantic_config;
use crate::graph::{Batch, Hook, Node, NodeConfig, ResourceType, Severity};

/// All keys with the values in force.
pub fn config_entry(node: &Node) -> Map<String, Json> {
    let mut entry = match node.resource_type {
        ResourceType::Source => source_config(node),
        ResourceType::Exposure => exposure_config(node),
        ResourceType::Metric | ResourceType::SemanticModel | ResourceType::SavedQuery => semantic_config(node),
        ResourceType::Test => test_config(node),
        _ => built_config(node),
    };
    // What an exposure says in its own fields is no configuration.
    if node.resource_type == ResourceType::Exposure {
        return entry;
    }
    // Keys that a source's own fields hold keep those.
    let fixed = node.resource_type == ResourceType::Source;
    for (key, value) in &node.config.raw {
        let key = if key == "pre_hook" || key == "post_hook" {
            key.replace('_', "-")
        } else {
            key.clone()
        };
        let known = entry.get(&key);
        if known.is_none_or(|known| known.is_null() && !fixed) {
            entry.insert(key, value.clone());
        }
    }
    entry
}

fn built_config(node: &Node) -> Map<String, Json> {
    let config = &node.config;
    let hooks = |hooks: &[Hook]| -> Vec<Json> {
        hooks
            .iter()
            .map(|hook| json!({ "sql": hook.sql, "transaction": hook.transaction, "index": null }))
            .collect()
    };
    let raw = |key: &str, default: Json| config.raw.get(key).cloned().unwrap_or(default);
    let unique_key = match &config.unique_key[..] {
        [] => Json::Null,
        [key] if !config.raw.get("unique_key").is_some_and(Json::is_array) => key.as_str().into(),
        keys => keys.to_vec().into(),
    };
    let mut entry = object(json!({
        "enabled": config.enabled,
        "alias": null,
        "schema": null,
        "database": null,
        "tags": config.tags,
        "meta": node.meta,
        "group": node.group,
        "static_analysis": null,
        "materialized": config.materialized_name,
        "incremental_strategy": raw("incremental_strategy", json!(config.incremental_strategy)),
        "batch_size": raw("batch_size", Json::Null),
        "lookback": raw("lookback", 1.into()),
        "begin": begin(config),
        "persist_docs": raw("persist_docs", json!({})),
        "post-hook": hooks(&config.post_hooks),
        "pre-hook": hooks(&config.pre_hooks),
        "quoting": raw("quoting", json!({})),
        "column_types": config.column_types,
        "full_refresh": config.full_refresh,
        "unique_key": unique_key,
        "on_schema_change": config.on_schema_change,
        "on_configuration_change": raw("on_configuration_change", "apply".into()),
        "grants": config.grants,
        "packages": raw("packages", json!([])),
        "docs": raw("docs", json!({ "show": true, "node_color": null })),
        "contract": raw("contract", json!({ "enforced": config.contract_enforced, "alias_types": true })),
        "event_time": raw("event_time", Json::Null),
        "concurrent_batches": raw("concurrent_batches", Json::Null),
    }));
    let more = match node.resource_type {
        ResourceType::Model => json!({
            "access": node.access,
            "freshness": raw("freshness", Json::Null),
            "on_error": null,
            "latest_version_pointer": raw("latest_version_pointer", json!({ "enabled": null, "alias": null })),
        }),
        ResourceType::Function => json!({
            "type": raw("type", "scalar".into()),
            "volatility": raw("volatility", Json::Null),
            "runtime_version": raw("runtime_version", Json::Null),
            "entry_point": raw("entry_point", Json::Null),
            "snowflake": raw("snowflake", json!({ "quote_args": true })),
        }),
        ResourceType::Seed => json!({
            "delimiter": config.delimiter,
            "quote_columns": config.raw.get("quote_columns").filter(|v| !v.is_null()).map(|_| config.quote_columns),
        }),
        _ => json!({}),
    };
    entry.extend(object(more));
    entry
}

/// As dbt writes a time.
fn begin(config: &NodeConfig) -> Json {
    match &config.microbatch {
        Some(spec) => Batch::written(spec.begin)
            .replace(' ', "T")
            .trim_end_matches("+00:00")
            .into(),
        None => config.raw.get("begin").cloned().unwrap_or(Json::Null),
    }
}

fn test_config(node: &Node) -> Map<String, Json> {
    let config = &node.config;
    let test = node.test.as_ref();
    let generic = test.and_then(|test| test.generic.as_ref());
    let twice = generic.map_or(&[][..], |generic| &generic.config_tags);
    let tags: Vec<&String> = twice.iter().chain(&config.tags).collect();
    let severity = test.map(|test| match (test.severity, config.raw.get("severity")) {
        // As written, for dbt keeps the case.
        (_, Some(written @ Json::String(_))) => written.clone(),
        (Severity::Warn, _) => "WARN".into(),
        (Severity::Error, _) => "ERROR".into(),
    });
    object(json!({
        "enabled": config.enabled,
        "alias": null,
        "schema": config.raw.get("schema").cloned().unwrap_or_else(|| "dbt_test__audit".into()),
        "database": null,
        "tags": tags,
        "meta": node.meta,
        "group": null,
        "static_analysis": null,
        "materialized": "test",
        "severity": severity,
        "store_failures": test.and_then(|test| test.store_failures),
        "store_failures_as": null,
        "sql_header": null,
        "where": test.and_then(|test| test.where_.clone()),
        "limit": test.and_then(|test| test.limit),
        "fail_calc": test.map(|test| test.fail_calc.clone()),
        "warn_if": test.map(|test| test.warn_if.clone()),
        "error_if": test.map(|test| test.error_if.clone()),
    }))
}

fn source_config(node: &Node) -> Map<String, Json> {
    let spec = node.source_spec.as_ref();
    object(json!({
        "enabled": node.config.enabled,
        "event_time": node.config.raw.get("event_time"),
        "freshness": freshness(node),
        "loaded_at_field": spec.and_then(|spec| spec.loaded_at_field.clone()),
        "loaded_at_query": spec.and_then(|spec| spec.loaded_at_query.clone()),
        "meta": node.meta,
        "tags": node.config.tags,
        "static_analysis": null,
    }))
}

/// The thresholds of a source; null where they are switched off.
pub fn freshness(node: &Node) -> Json {
    let spec = node.source_spec.as_ref();
    json!(spec.and_then(|spec| spec.freshness.as_ref()))
}

fn exposure_config(node: &Node) -> Map<String, Json> {
    object(json!({ "enabled": node.config.enabled, "tags": node.config.tags, "meta": node.meta }))
}
