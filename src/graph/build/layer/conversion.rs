//! Metrics of how many go on from one event to another.

use serde_json::Value as Json;

use super::{Layer, doubtful, items, name_of, window, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;
use crate::graph::build::check::what;

const PART: &str = "type_params.conversion_type_params";

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    for metric in &layer.metrics {
        let params = metric.semantics.fields.get("type_params");
        let Some(params) = params.map(|params| &params["conversion_type_params"]) else {
            continue;
        };
        if metric.semantics.kind() == "conversion" && params.is_object() {
            conversion(layer, metric, params, problems);
        }
    }
}

fn conversion(layer: &Layer, metric: &Node, params: &Json, problems: &mut Diagnostics) {
    let sides = ["base", "conversion"].map(|side| (side, semantic_model(layer, metric, params, side, problems)));
    let [(_, Some(base)), (_, Some(conversion))] = sides else {
        return;
    };
    let entity = params["entity"].as_str().unwrap_or_default();
    let mut lacking: Vec<&Node> = [base, conversion]
        .into_iter()
        .filter(|model| {
            !model
                .semantics
                .elements("entities")
                .any(|known| known["name"] == entity)
        })
        .collect();
    lacking.dedup_by_key(|model| &model.id);
    for model in lacking {
        problems.push(
            wrong(
                metric,
                &format!("{PART}.entity"),
                format!("{} has no entity `{entity}`", what(model)),
            )
            .help("name an entity that both semantic models have"),
        );
    }
    window::check(
        layer,
        metric,
        &format!("{PART}.window"),
        &params["window"],
        false,
        problems,
    );
    for (index, constant) in items(&params["constant_properties"]).enumerate() {
        for (key, model) in [("base_property", base), ("conversion_property", conversion)] {
            let name = constant[key].as_str().unwrap_or_default();
            let entities = model.semantics.elements("entities");
            if !entities
                .chain(model.semantics.elements("dimensions"))
                .any(|known| known["name"] == name)
            {
                problems.push(
                    wrong(
                        metric,
                        &format!("{PART}.constant_properties.{index}.{key}"),
                        format!("{} has no entity or dimension `{name}`", what(model)),
                    )
                    .help("correct the name"),
                );
            }
        }
    }
}

/// The semantic model of one of the two events, whose number must be a count.
fn semantic_model<'a>(
    layer: &Layer<'a>,
    metric: &Node,
    params: &Json,
    side: &str,
    problems: &mut Diagnostics,
) -> Option<&'a Node> {
    let (measure, other) = (&params[format!("{side}_measure")], &params[format!("{side}_metric")]);
    let (key, input) = if other.is_null() {
        ("measure", measure)
    } else {
        ("metric", other)
    };
    let part = format!("{PART}.{side}_{key}");
    let name = name_of(input);
    let (model, aggregation, expression) = if key == "measure" {
        let (model, measure) = layer.measure(name)?;
        (Some(model), &measure["agg"], &measure["expr"])
    } else {
        let input = layer.metric(name)?;
        if input.semantics.kind() != "simple" {
            problems.push(
                wrong(metric, &part, format!("metric `{name}` is not simple")).help("name a metric of `type: simple`"),
            );
        }
        let params = input.semantics.fields.get("type_params")?;
        let named = input.semantics.semantic_model();
        let model = layer.models.iter().find(|model| Some(model.name.as_str()) == named);
        if model.is_none() {
            problems.push(
                wrong(metric, &part, format!("metric `{name}` belongs to no semantic model"))
                    .help("write that metric below `metrics` of a model with `semantic_model: true`"),
            );
        }
        (
            model.copied(),
            &params["metric_aggregation_params"]["agg"],
            &params["expr"],
        )
    };
    let counts = matches!(aggregation.as_str(), Some("count" | "count_distinct"))
        || (*aggregation == "sum" && *expression == "1");
    if model.is_some() && !counts {
        let aggregation = aggregation.as_str().unwrap_or_default();
        problems.push(
            wrong(
                metric,
                &part,
                format!("{key} `{name}` has `agg: {aggregation}`, which does not count"),
            )
            .help("name one with `agg: count`, `agg: count_distinct` or `agg: sum` of 1"),
        );
    }
    if side == "conversion" && !input["filter"].is_null() {
        problems.push(
            doubtful(metric, &part, format!("the `filter` of `{name}` may have no effect"))
                .help("put the condition into the measure or the metric itself"),
        );
    }
    model
}
