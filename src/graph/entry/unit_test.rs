//! The entry of a unit test.

use serde_json::{Map, Value as Json, json};

use super::node::{Surroundings, depends_on};
use super::{object, sha256};
use crate::graph::{Node, UnitTestSpec};
use crate::project::{Fixture, WrittenRows};

pub(super) fn unit_test_entry(node: &Node, spec: &UnitTestSpec, around: Surroundings<'_>) -> Map<String, Json> {
    let properties = &spec.properties;
    let given: Vec<Json> = properties
        .given
        .iter()
        .map(|given| {
            let mut entry = object(json!({ "input": given.input }));
            entry.extend(fixture(&given.fixture));
            Json::Object(entry)
        })
        .collect();
    let expect = Json::Object(fixture(&properties.expect));
    let overrides = properties
        .overrides
        .as_ref()
        .map(|overrides| json!({ "macros": overrides.macros, "vars": overrides.vars, "env_vars": overrides.env_vars }));
    let versions = (properties.included.is_some() || properties.excluded.is_some())
        .then(|| json!({ "include": properties.included, "exclude": properties.excluded }));
    let asked = json!([properties.model, versions, given, expect, overrides]).to_string();
    object(json!({
        "model": properties.model,
        "given": given,
        "expect": expect,
        "name": node.name,
        "resource_type": "unit_test",
        "package_name": node.package,
        "path": node.path,
        "original_file_path": node.original_path,
        "unique_id": &*node.id,
        "fqn": node.fqn,
        "description": node.description,
        "overrides": overrides,
        "depends_on": depends_on(node),
        "config": {
            "tags": node.config.tags,
            "meta": node.meta,
            "enabled": node.config.enabled,
            "static_analysis": node.config.raw.get("static_analysis"),
        },
        "checksum": sha256(asked.as_bytes()),
        "schema": node.relation.schema,
        "created_at": around.created_at,
        "versions": versions,
        "version": spec.version,
    }))
}

fn fixture(fixture: &Fixture) -> Map<String, Json> {
    let rows = match &fixture.rows {
        None => Json::Null,
        Some(WrittenRows::Rows(rows)) => json!(rows),
        Some(WrittenRows::Text(text)) => text.as_str().into(),
    };
    object(json!({ "rows": rows, "format": fixture.format.name(), "fixture": fixture.file }))
}
