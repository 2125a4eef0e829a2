//! What the entry of a function has beside that of a model.

use serde_json::{Map, Value as Json, json};

use super::object;
use crate::graph::FunctionSpec;

pub(super) fn function_entry(spec: &FunctionSpec) -> Map<String, Json> {
    let overloads = spec.overloads.iter().map(|overload| {
        json!({
            "defined_in": overload.defined_in,
            "arguments": overload.arguments,
            "returns": overload.returns,
            "description": overload.description,
            "raw_body": overload.source.text.trim(),
            "compiled_body": null,
        })
    });
    object(json!({
        "arguments": spec.arguments,
        "returns": spec.returns,
        "overloads": overloads.collect::<Vec<_>>(),
    }))
}
