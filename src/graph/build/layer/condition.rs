//! Conditions of metrics and saved queries.

use serde_json::Value as Json;

use super::item::{Within, named};
use super::{Layer, items, place};
use crate::diagnostic::{Diagnostic, Diagnostics, Level};
use crate::graph::Node;
use crate::graph::build::check::what;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    let custom = layer.custom_granularities();
    for metric in &layer.metrics {
        let fields = &metric.semantics.fields;
        let mut check = |part: &str, filter: &Json| one(metric, part, filter, &custom, problems);
        check("filter", fields.get("filter").unwrap_or(&Json::Null));
        let Some(params) = fields.get("type_params") else {
            continue;
        };
        for key in ["measure", "numerator", "denominator"] {
            check(&format!("type_params.{key}.filter"), &params[key]["filter"]);
        }
        for (index, input) in items(&params["metrics"]).enumerate() {
            check(&format!("type_params.metrics.{index}.filter"), &input["filter"]);
        }
    }
    for query in &layer.queries {
        if let Some(params) = query.semantics.fields.get("query_params") {
            one(query, "query_params.where", &params["where"], &custom, problems);
        }
    }
}

fn one(node: &Node, part: &str, filter: &Json, custom: &[&str], problems: &mut Diagnostics) {
    for (index, condition) in items(&filter["where_filters"]).enumerate() {
        let text = condition["where_sql_template"].as_str().unwrap_or_default();
        // Of a list each has its place; a single text has that of the key.
        let problem = Diagnostic::error(
            "bad-condition",
            format!("{} has a condition that means nothing", what(node)),
        )
        .at(place(node, &format!("{part}.{index}")));
        let read = named(text, Within::Elsewhere).and_then(|named| {
            for item in &named {
                item.element(custom, Within::Elsewhere)?;
            }
            Ok(named)
        });
        match read {
            Err(why) => problems.push(
                problem
                    .because(why)
                    .help("write \"{{ Dimension('order__channel') }} = 'web'\", say"),
            ),
            Ok(named) => {
                for grain in named.iter().filter_map(|item| item.unknown_grain(custom)) {
                    problems.push(
                        Diagnostic {
                            level: Level::Warning,
                            ..problem.clone()
                        }
                        .because(format!("`{grain}` is no period of time"))
                        .help("write a period such as `day` or `month`"),
                    );
                }
            }
        }
    }
}
