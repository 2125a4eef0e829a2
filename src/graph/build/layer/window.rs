//! Lengths of time of metrics.

use serde_json::Value as Json;

use super::{Layer, is_standard, wrong};
use crate::diagnostic::Diagnostics;
use crate::graph::Node;

/// A window of a known period; custom ones only where they can be used.
pub(super) fn check(
    layer: &Layer,
    metric: &Node,
    part: &str,
    window: &Json,
    allow_custom: bool,
    problems: &mut Diagnostics,
) {
    let Some(period) = window["granularity"].as_str() else {
        return;
    };
    let custom = layer.custom_granularities();
    let known = |period: &str| is_standard(period) || custom.contains(&period);
    let period = period.strip_suffix('s').filter(|one| known(one)).unwrap_or(period);
    let count = &window["count"];
    if !known(period) {
        problems.push(
            wrong(metric, part, format!("`{count} {period}` is of no known period"))
                .help("write a period such as `day` or `month`"),
        );
    } else if !allow_custom && !is_standard(period) {
        problems.push(custom_here(metric, part, period));
    }
}

/// A grain, which no custom period can be.
pub(super) fn grain(metric: &Node, part: &str, grain: &Json, problems: &mut Diagnostics) {
    if let Some(grain) = grain.as_str()
        && !is_standard(grain)
    {
        problems.push(custom_here(metric, part, grain));
    }
}

fn custom_here(metric: &Node, part: &str, period: &str) -> crate::diagnostic::Diagnostic {
    wrong(metric, part, format!("`{period}` is no period that can stand here"))
        .because("custom granularities are not supported for this key")
        .help("write a period such as `day` or `month`")
}
