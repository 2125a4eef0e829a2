//! Labels that readers can tell apart.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::name::PARTS;
use super::{Layer, name_of, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;
use crate::graph::build::check::what;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    for nodes in [&layer.metrics, &layer.models] {
        of_nodes(nodes, problems);
    }
    let mut entities: HashMap<&str, (&str, &Node)> = HashMap::new();
    for model in &layer.models {
        of_elements(model, problems);
        for (index, entity) in model.semantics.elements("entities").enumerate() {
            let Some(label) = entity["label"].as_str() else {
                continue;
            };
            let (first, other) = *entities.entry(name_of(entity)).or_insert((label, model));
            if first != label {
                let message = format!(
                    "entity `{}` has the label `{label}`, but `{first}` in {}",
                    name_of(entity),
                    what(other)
                );
                let part = format!("entities.{index}.label");
                problems.push(wrong(model, &part, message).help("give it one label, or none in one of them"));
            }
        }
    }
}

fn of_nodes(nodes: &[&Node], problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for node in nodes {
        let label = node.semantics.fields.get("label").and_then(Json::as_str);
        let Some(label) = label else { continue };
        match seen.get(label) {
            Some(other) => problems.push(
                wrong(
                    node,
                    "label",
                    format!("the label `{label}` is that of {} already", what(other)),
                )
                .help("give one of them another `label`"),
            ),
            None => {
                seen.insert(label, node);
            }
        }
    }
}

fn of_elements(model: &Node, problems: &mut Diagnostics) {
    for (list, word) in PARTS {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for (index, element) in model.semantics.elements(list).enumerate() {
            let Some(label) = element["label"].as_str() else {
                continue;
            };
            if let Some(other) = seen.insert(label, name_of(element)) {
                let message = format!("{word} `{}` has the label `{label}` of `{other}`", name_of(element));
                let part = format!("{list}.{index}.label");
                problems.push(wrong(model, &part, message).help("give one of them another `label`"));
            }
        }
    }
}
