//! Metrics made from others, and along time.

use serde_json::Value as Json;

use super::{Layer, doubtful, items, name, name_of, place, window, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;
use crate::graph::build::check::what;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    for metric in &layer.metrics {
        let Some(params) = metric.semantics.fields.get("type_params") else {
            continue;
        };
        offsets(layer, metric, params, problems);
        if layer.nested_parameters {
            beside(metric, params, problems);
        }
        match metric.semantics.kind() {
            "derived" => derived(metric, params, problems),
            "cumulative" => cumulative(layer, metric, params, problems),
            "simple" => simple(layer, metric, params, problems),
            _ => {}
        }
    }
}

/// Parameters of cumulative metrics stood beside `measure` once.
fn beside(metric: &Node, params: &Json, problems: &mut Diagnostics) {
    for key in ["window", "grain_to_date"] {
        if !params[key].is_null() {
            problems.push(
                wrong(
                    metric,
                    &format!("type_params.{key}"),
                    format!("`{key}` belongs below `cumulative_type_params`"),
                )
                .help(format!(
                    "write `cumulative_type_params: {{{key}: ..}}`, or set the flag \
                     `require_nested_cumulative_type_params: false` in the project file"
                )),
            );
        }
    }
}

fn derived(metric: &Node, params: &Json, problems: &mut Diagnostics) {
    let inputs: Vec<&Json> = items(&params["metrics"]).collect();
    if inputs.is_empty() {
        problems.push(
            wrong(metric, "type_params", "it is derived, but names no metrics")
                .help("list what `expr` uses below `metrics`"),
        );
    }
    let expression = params["expr"].as_str().filter(|text| !text.is_empty());
    if expression.is_none() {
        problems
            .push(doubtful(metric, "type_params", "it is derived, but has no `expr`").help("write what to compute"));
    }
    for (index, input) in inputs.iter().enumerate() {
        let alias = input["alias"].as_str().filter(|alias| !alias.is_empty());
        if let Some(alias) = alias {
            let part = format!("type_params.metrics.{index}.alias");
            let owner = format!("metric `{}` within {}", name_of(input), what(metric));
            name::valid(alias, &owner, &place(metric, &part), problems);
            if inputs.iter().any(|other| other["name"] == alias) {
                let message = format!(
                    "the alias `{alias}` of `{}` is the name of one of its metrics",
                    name_of(input)
                );
                problems.push(wrong(metric, &part, message).help("choose another alias"));
            }
        }
        let used = alias.unwrap_or(name_of(input));
        if expression.is_some_and(|text| !text.contains(used)) {
            problems.push(
                doubtful(
                    metric,
                    &format!("type_params.metrics.{index}"),
                    format!("`expr` does not use `{used}`"),
                )
                .help("use it, or take it away from `metrics`"),
            );
        }
    }
}

/// Inputs of other times.
fn offsets(layer: &Layer, metric: &Node, params: &Json, problems: &mut Diagnostics) {
    for (index, input) in items(&params["metrics"]).enumerate() {
        let part = |key: &str| format!("type_params.metrics.{index}.{key}");
        let (length, grain) = (&input["offset_window"], &input["offset_to_grain"]);
        window::check(layer, metric, &part("offset_window"), length, true, problems);
        window::grain(metric, &part("offset_to_grain"), grain, problems);
        if !length.is_null() && !grain.is_null() {
            let message = format!("`{}` has both `offset_window` and `offset_to_grain`", name_of(input));
            problems.push(wrong(metric, &part("offset_to_grain"), message).help("keep one of them"));
        }
    }
}

fn cumulative(layer: &Layer, metric: &Node, params: &Json, problems: &mut Diagnostics) {
    let nested = &params["cumulative_type_params"];
    let part = |key: &str| format!("type_params.cumulative_type_params.{key}");
    let (outer, inner) = (&params["window"], &nested["window"]);
    if !outer.is_null() && !inner.is_null() && outer != inner {
        problems.push(
            wrong(
                metric,
                "type_params.window",
                "`window` is said twice, beside and below `cumulative_type_params`, and differs",
            )
            .help("keep the one below `cumulative_type_params`"),
        );
    }
    let length = if inner.is_null() { outer } else { inner };
    let grain = &nested["grain_to_date"];
    let grain = if grain.is_null() {
        &params["grain_to_date"]
    } else {
        grain
    };
    window::grain(metric, &part("grain_to_date"), grain, problems);
    window::check(layer, metric, &part("window"), length, false, problems);
    if !length.is_null() && !grain.is_null() {
        problems.push(
            wrong(
                metric,
                &part("grain_to_date"),
                "it has both `window` and `grain_to_date`",
            )
            .help("keep one of them"),
        );
    }
}

fn simple(layer: &Layer, metric: &Node, params: &Json, problems: &mut Diagnostics) {
    if params["metric_aggregation_params"]["agg"] == "count" && params["expr"].is_null() {
        problems.push(
            wrong(metric, "agg", "it counts, but has no `expr`")
                .help("write `expr: 1` to count all rows, or name a column"),
        );
    }
    let (Some(expression), Some(named)) = (params["expr"].as_str(), params["measure"]["name"].as_str()) else {
        return;
    };
    let Some((_, measure)) = layer.measure(named) else {
        return;
    };
    if measure["expr"] != expression && measure["name"] != expression {
        problems.push(
            doubtful(
                metric,
                "type_params.expr",
                "`expr` of a metric that is simple has no effect",
            )
            .help(format!("write it at measure `{named}`")),
        );
    }
}
