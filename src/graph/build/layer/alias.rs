//! Other names of measures within metrics.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{Layer, items, name, name_of, place, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;
use crate::graph::build::check::what;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for metric in &layer.metrics {
        let params = metric.semantics.fields.get("type_params");
        let inputs: Vec<&Json> = params
            .into_iter()
            .flat_map(|params| items(&params["input_measures"]))
            .collect();
        required(metric, &inputs, problems);
        for input in inputs {
            let Some(alias) = input["alias"].as_str() else { continue };
            let part = "type_params.measure.alias";
            let owner = format!("measure `{}` of {}", name_of(input), what(metric));
            name::valid(alias, &owner, &place(metric, part), problems);
            if layer.measure(alias).is_some() {
                problems.push(
                    wrong(
                        metric,
                        part,
                        format!(
                            "the alias `{alias}` of measure `{}` is the name of a measure",
                            name_of(input)
                        ),
                    )
                    .help("choose another alias"),
                );
            }
            if let Some(other) = seen.insert(alias, metric) {
                let why = if other.id == metric.id {
                    "is there twice".to_owned()
                } else {
                    format!("is used in {} already", what(other))
                };
                let message = format!("the alias `{alias}` of measure `{}` {why}", name_of(input));
                problems.push(
                    wrong(metric, part, message)
                        .because("an alias is carried into every metric that is made from its metric")
                        .help("take the alias away where a metric is made from another, or choose another one"),
                );
            }
        }
    }
}

/// One measure under several conditions needs names to tell them apart.
fn required(metric: &Node, inputs: &[&Json], problems: &mut Diagnostics) {
    let mut told: Vec<&str> = Vec::new();
    for input in inputs {
        let name = name_of(input);
        let alike = inputs.iter().filter(|other| other["name"] == name).count();
        if alike > 1 && !input["filter"].is_null() && input["alias"].is_null() && !told.contains(&name) {
            told.push(name);
            problems.push(
                wrong(
                    metric,
                    "",
                    format!("measure `{name}` is read under different conditions without an alias"),
                )
                .help("give the measure an `alias` where it has a `filter`"),
            );
        }
    }
}
