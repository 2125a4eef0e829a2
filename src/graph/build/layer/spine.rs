//! Whether the time spines reach the dimensions of time.

use super::{Layer, doubtful, name, name_of};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;
use crate::project::GRANULARITIES;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    let rank = |granularity: &str| GRANULARITIES.iter().position(|known| *known == granularity);
    let mut seen: Vec<(&str, &Node)> = Vec::new();
    for node in &layer.spines {
        let spine = node.semantics.time_spine.as_ref();
        let column = spine.and_then(|spine| spine["standard_granularity_column"].as_str());
        let column = column.and_then(|column| node.columns.get(column));
        let Some(granularity) = column.and_then(|column| column.semantics.granularity.as_deref()) else {
            continue;
        };
        if let Some((_, other)) = seen.iter().find(|(known, _)| *known == granularity) {
            problems.push(name::doubled(node, other, granularity));
        }
        seen.push((granularity, node));
    }
    let finest = seen.iter().filter_map(|(granularity, _)| rank(granularity)).min();
    let Some(finest) = finest else { return };
    for model in &layer.models {
        for (index, dimension) in model.semantics.elements("dimensions").enumerate() {
            let granularity = dimension["type_params"]["time_granularity"].as_str();
            let Some(granularity) = granularity.filter(|name| rank(name) < Some(finest)) else {
                continue;
            };
            let message = format!(
                "dimension `{}` is of {granularity}, finer than the finest time spine",
                name_of(dimension)
            );
            let part = format!("dimensions.{index}.type_params.time_granularity");
            problems.push(
                doubtful(model, &part, message).help(format!("add a time spine of {granularity}, or make it coarser")),
            );
        }
    }
}
