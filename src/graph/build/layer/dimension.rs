//! What a semantic model can be cut by.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::entity::said_primary;
use super::name::PARTS;
use super::{Layer, doubtful, has_time_dimension, name_of, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;
use crate::graph::build::check::what;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    one_kind(layer, problems);
    alike(layer, problems);
    pairs(layer, problems);
    for model in &layer.models {
        times(model, problems);
    }
}

/// A name is that of measures, of entities or of dimensions.
fn one_kind(layer: &Layer, problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, (&str, &Node)> = HashMap::new();
    for model in &layer.models {
        for (list, word) in PARTS {
            for (index, element) in model.semantics.elements(list).enumerate() {
                let name = name_of(element);
                let (first, other) = *seen.entry(name).or_insert((word, model));
                // Within one semantic model it is a name that is there twice.
                if first != word && other.id != model.id {
                    let message = format!("{word} `{name}` has the name of a {first} of {}", what(other));
                    let part = format!("{list}.{index}.name");
                    problems.push(wrong(model, &part, message).help("rename one of them"));
                }
            }
        }
    }
}

/// Dimensions of one name are of one type everywhere.
fn alike(layer: &Layer, problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, (&Json, &Node)> = HashMap::new();
    for model in &layer.models {
        for (index, dimension) in model.semantics.elements("dimensions").enumerate() {
            let name = name_of(dimension);
            let (first, other) = *seen.entry(name).or_insert((dimension, model));
            for key in ["type", "is_partition"] {
                if first[key] != dimension[key] {
                    let word = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let message = format!(
                        "dimension `{name}` has `{key}: {}`, but `{key}: {}` in {}",
                        word(&dimension[key]),
                        word(&first[key]),
                        what(other)
                    );
                    let part = format!("dimensions.{index}.{key}");
                    problems.push(wrong(model, &part, message).help("make them the same, or rename one of them"));
                }
            }
        }
    }
}

/// A primary entity with a dimension means one column.
fn pairs(layer: &Layer, problems: &mut Diagnostics) {
    let mut seen: HashMap<(&str, &str), &Node> = HashMap::new();
    for model in &layer.models {
        let mut entities = model.semantics.elements("entities");
        let primary = entities.find(|entity| entity["type"] == "primary").map(name_of);
        let Some(primary) = said_primary(model).or(primary) else {
            continue;
        };
        for (index, dimension) in model.semantics.elements("dimensions").enumerate() {
            let name = name_of(dimension);
            match seen.get(&(primary, name)) {
                Some(other) if other.id != model.id => problems.push(
                    wrong(
                        model,
                        &format!("dimensions.{index}.name"),
                        format!("`{primary}__{name}` is a dimension of {} already", what(other)),
                    )
                    .help("rename the dimension or the primary entity"),
                ),
                _ => {
                    seen.insert((primary, name), model);
                }
            }
        }
    }
}

fn times(model: &Node, problems: &mut Diagnostics) {
    let defaults = model.semantics.fields.get("defaults");
    if let Some(name) = defaults.and_then(|defaults| defaults["agg_time_dimension"].as_str())
        && !has_time_dimension(model, name)
    {
        problems.push(
            wrong(
                model,
                "defaults.agg_time_dimension",
                format!("`agg_time_dimension: {name}` is no dimension of time here"),
            )
            .help(format!("add a dimension `{name}` of `type: time`, or name another one")),
        );
    }
    for (index, dimension) in model.semantics.elements("dimensions").enumerate() {
        if dimension["type"] == "time" && dimension["type_params"]["time_granularity"].is_null() {
            let message = format!("dimension `{}` of time has no `time_granularity`", name_of(dimension));
            let part = format!("dimensions.{index}");
            problems.push(doubtful(model, &part, message).help("write `type_params: {time_granularity: day}`, say"));
        }
    }
}
