//! Saved queries ask for what there is.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::item::{Item, Within, named};
use super::{Layer, items, name_of, wrong};
use crate::diagnostic::{Diagnostics, nearest};
use crate::graph::Node;

const LIKE: &str = "write Dimension('order__channel') or TimeDimension('metric_time', 'day'), say";

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    let mut known: HashSet<&str> = layer.metrics.iter().map(|metric| metric.name.as_str()).collect();
    known.insert("metric_time");
    for model in &layer.models {
        for list in ["dimensions", "entities"] {
            known.extend(model.semantics.elements(list).map(name_of));
        }
    }
    for query in &layer.queries {
        if let Some(params) = query.semantics.fields.get("query_params") {
            one(layer, query, params, &known, problems);
        }
    }
}

fn one(layer: &Layer, query: &Node, params: &Json, known: &HashSet<&str>, problems: &mut Diagnostics) {
    let custom = layer.custom_granularities();
    let mut asked: Vec<Item> = Vec::new();
    let metrics = items(&params["metrics"]).filter_map(Json::as_str);
    asked.extend(metrics.filter_map(|name| {
        named(&format!("{{{{Metric('{name}')}}}}"), Within::Elsewhere)
            .ok()?
            .pop()
    }));
    let mut complete = true;
    for (index, text) in items(&params["group_by"]).filter_map(Json::as_str).enumerate() {
        let part = format!("query_params.group_by.{index}");
        match single(text, &custom, Within::Elsewhere) {
            Err(why) => {
                complete = false;
                problems.push(
                    wrong(query, &part, format!("it cannot be grouped by `{text}`"))
                        .because(why)
                        .help(LIKE),
                );
            }
            Ok((item, element)) => {
                if !known.contains(element.as_str()) {
                    let problem = wrong(query, &part, format!("there is no `{element}` to group by"));
                    problems.push(match nearest(&element, known.iter().copied()) {
                        Some(near) => problem.help(format!("did you mean `{near}`?")),
                        None => problem.help("name a dimension or an entity of a semantic model"),
                    });
                }
                asked.push(item);
            }
        }
    }
    for (index, text) in items(&params["order_by"]).filter_map(Json::as_str).enumerate() {
        if !complete {
            break;
        }
        let part = format!("query_params.order_by.{index}");
        let found = named(&format!("{{{{{text}}}}}"), Within::OrderBy);
        let found = found.and_then(|found| <[Item; 1]>::try_from(found).map_err(|_| NOT_ONE.to_owned()));
        match found {
            Err(why) => problems.push(
                wrong(query, &part, format!("it cannot be ordered by `{text}`"))
                    .because(why)
                    .help("write Metric('revenue').descending(True), say"),
            ),
            Ok([item]) if !asked.contains(&item.clone().unordered()) => problems.push(
                wrong(
                    query,
                    &part,
                    format!("it is ordered by `{text}`, which it does not ask for"),
                )
                .help("order by one of `metrics` or `group_by`, written in the same way"),
            ),
            Ok(_) => {}
        }
    }
    if let Some(limit) = params["limit"].as_i64().filter(|limit| *limit < 0) {
        problems.push(
            wrong(query, "query_params.limit", format!("it has `limit: {limit}`")).help("write 0 or more, or no limit"),
        );
    }
}

const NOT_ONE: &str = "it is not one Dimension, TimeDimension, Entity or Metric";

fn single(text: &str, custom: &[&str], within: Within) -> Result<(Item, String), String> {
    let found = named(&format!("{{{{{text}}}}}"), within)?;
    let [item] = <[Item; 1]>::try_from(found).map_err(|_| NOT_ONE.to_owned())?;
    let element = item.element(custom, within)?.to_owned();
    Ok((item, element))
}
