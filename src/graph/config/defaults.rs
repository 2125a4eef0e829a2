//! What dbt writes into a node's configuration where nobody says anything.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::graph::ResourceType;

/// Every key that dbt knows for the kind of node, with its default.
pub fn defaults(resource_type: ResourceType) -> IndexMap<String, Json> {
    let value = match resource_type {
        ResourceType::Test => json!({
            "enabled": true, "alias": null, "schema": "dbt_test__audit", "database": null, "tags": [], "meta": {},
            "group": null, "static_analysis": null, "materialized": "test", "severity": "ERROR",
            "store_failures": null, "store_failures_as": null, "sql_header": null, "where": null, "limit": null,
            "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0"
        }),
        ResourceType::Source => json!({
            "enabled": true, "event_time": null, "freshness": null, "loaded_at_field": null, "loaded_at_query": null,
            "meta": {}, "tags": []
        }),
        ResourceType::Exposure => json!({"enabled": true, "tags": [], "meta": {}}),
        ResourceType::Metric | ResourceType::SemanticModel => json!({"enabled": true, "group": null, "meta": {}}),
        ResourceType::SavedQuery => json!({
            "enabled": true, "group": null, "meta": {}, "export_as": null, "schema": null, "cache": {"enabled": false}
        }),
        ResourceType::UnitTest => json!({"tags": [], "meta": {}, "enabled": true, "static_analysis": null}),
        _ => node_defaults(resource_type),
    };
    match value {
        Json::Object(map) => map.into_iter().collect(),
        _ => IndexMap::new(),
    }
}

fn node_defaults(resource_type: ResourceType) -> Json {
    let materialized = match resource_type {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        ResourceType::Function => "function",
        _ => "view",
    };
    let mut value = json!({
        "enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null,
        "static_analysis": null, "materialized": materialized, "incremental_strategy": null, "batch_size": null,
        "lookback": 1, "begin": null, "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {},
        "column_types": {}, "full_refresh": null, "unique_key": null, "on_schema_change": "ignore",
        "on_configuration_change": "apply", "grants": {}, "packages": [],
        "docs": {"show": true, "node_color": null}, "contract": {"enforced": false, "alias_types": true},
        "event_time": null, "concurrent_batches": null
    });
    let more = match resource_type {
        ResourceType::Model => json!({
            "access": "protected", "freshness": null, "on_error": null,
            "latest_version_pointer": {"enabled": null, "alias": null}
        }),
        ResourceType::Function => json!({
            "type": "scalar", "volatility": null, "runtime_version": null, "entry_point": null,
            "snowflake": {"quote_args": true}
        }),
        ResourceType::Seed => json!({"delimiter": ",", "quote_columns": null}),
        ResourceType::Snapshot => json!({
            "strategy": null, "target_schema": null, "target_database": null, "updated_at": null, "check_cols": null,
            "snapshot_meta_column_names": {
                "dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null, "dbt_updated_at": null,
                "dbt_is_deleted": null
            },
            "dbt_valid_to_current": null
        }),
        _ => json!({}),
    };
    if let (Json::Object(value), Json::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}
