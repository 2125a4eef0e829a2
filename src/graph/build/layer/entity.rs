//! What a semantic model can be joined by.

use serde_json::Value as Json;

use super::{Layer, name_of, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    for model in &layer.models {
        primary(model, problems);
        natural(model, problems);
        validity(model, problems);
    }
}

fn of_kind<'a>(model: &'a Node, kind: &'static str) -> Vec<(String, &'a str)> {
    let entities = model.semantics.elements("entities").enumerate();
    entities
        .filter(|(_, entity)| entity["type"] == kind)
        .map(|(index, entity)| (format!("entities.{index}.type"), name_of(entity)))
        .collect()
}

/// What a semantic model says beside its entities.
pub(super) fn said_primary(model: &Node) -> Option<&str> {
    model.semantics.fields.get("primary_entity").and_then(Json::as_str)
}

fn primary(model: &Node, problems: &mut Diagnostics) {
    let found = of_kind(model, "primary");
    match (&found[..], said_primary(model)) {
        ([first, second, ..], _) => problems.push(
            wrong(
                model,
                &second.0,
                format!("entities `{}` and `{}` are both primary", first.1, second.1),
            )
            .help("keep one of them, and make the others `unique` or `foreign`"),
        ),
        ([one], Some(said)) => problems.push(
            wrong(
                model,
                "primary_entity",
                format!("`primary_entity: {said}` is said beside the primary entity `{}`", one.1),
            )
            .help("take one of them away"),
        ),
        ([], None) if model.semantics.elements("dimensions").next().is_some() => problems.push(
            wrong(model, "", "there are dimensions, but no primary entity")
                .help("make an entity `type: primary`, or write `primary_entity` where no column is one"),
        ),
        _ => {}
    }
}

fn has_validity(dimension: &Json) -> bool {
    dimension["type_params"]["validity_params"].is_object()
}

fn natural(model: &Node, problems: &mut Diagnostics) {
    let found = of_kind(model, "natural");
    let Some((part, name)) = found.first() else { return };
    if let Some((second, other)) = found.iter().find(|(_, other)| other != name) {
        problems.push(
            wrong(
                model,
                second,
                format!("entities `{name}` and `{other}` are both natural"),
            )
            .help("keep one of them"),
        );
    }
    if !model.semantics.elements("dimensions").any(has_validity) {
        problems.push(
            wrong(
                model,
                part,
                format!("entity `{name}` is natural, but no dimensions say when a row is valid"),
            )
            .help("give the dimensions of its start and end `validity_params`, or make the entity another type"),
        );
    }
}

/// Dimensions of the times between which a row is valid.
fn validity(model: &Node, problems: &mut Diagnostics) {
    let dimensions = model.semantics.elements("dimensions").enumerate();
    let found: Vec<(usize, &Json)> = dimensions.filter(|(_, dimension)| has_validity(dimension)).collect();
    let Some((index, _)) = found.first() else { return };
    let part = format!("dimensions.{index}.type_params.validity_params");
    let marked = |key: &str| {
        let marked = |(_, dimension): &&(usize, &Json)| dimension["type_params"]["validity_params"][key] == true;
        found.iter().filter(marked).count()
    };
    let mut push = |part: &str, message: &str, help: &str| problems.push(wrong(model, part, message).help(help));
    if found.len() != 2 || marked("is_start") != 1 || marked("is_end") != 1 {
        push(
            &part,
            "two dimensions must have `validity_params`, one with `is_start` and the other with `is_end`",
            "mark both ends, or none",
        );
    }
    if of_kind(model, "natural").is_empty() {
        push(
            &part,
            "dimensions say when a row is valid, but no entity is natural",
            "make the entity whose rows follow each other `type: natural`",
        );
    }
    for kind in ["primary", "unique"] {
        if let Some((entity, name)) = of_kind(model, kind).first() {
            push(
                entity,
                &format!("entity `{name}` is {kind}, though its rows are valid for a time only"),
                "make it `natural`, and write `primary_entity` where the dimensions need one",
            );
        }
    }
    if model.semantics.elements("measures").next().is_some() {
        push(
            "measures.0",
            "there are measures, though rows are valid for a time only",
            "move the measures to another semantic model",
        );
    }
}
