//! Names that queries can tell apart.

use std::collections::HashMap;

use super::{Layer, doubtful, items, name_of, place, wrong};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::graph::Node;
use crate::graph::build::check::what;
use crate::project::GRANULARITIES;

/// What the program uses itself.
const TAKEN: [&str; 2] = ["metric_time", "mf_internal_uuid"];

/// Words that no warehouse takes for a column.
const KEYWORDS: [&str; 26] = [
    "and", "as", "create", "distinct", "for", "from", "full", "having", "in", "inner", "into", "is", "join", "left",
    "like", "natural", "not", "null", "on", "or", "right", "select", "union", "using", "where", "with",
];

/// The lists of a semantic model, and what one of them is called.
pub(super) const PARTS: [(&str, &str); 3] = [
    ("measures", "measure"),
    ("entities", "entity"),
    ("dimensions", "dimension"),
];

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    for node in layer.models.iter().chain(&layer.metrics).chain(&layer.queries) {
        valid(&node.name, &what(node), &node.declared, problems);
    }
    for nodes in [&layer.models, &layer.metrics, &layer.queries] {
        twice(nodes, problems);
    }
    for model in &layer.models {
        elements(model, problems);
    }
    custom(layer, problems);
}

/// Packages share one space of names.
fn twice(nodes: &[&Node], problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for node in nodes {
        if let Some(other) = seen.insert(&node.name, node) {
            problems.push(
                Diagnostic::error("duplicate-name", format!("there is more than one {}", what(node)))
                    .at(node.declared.clone())
                    .because(format!("the other one is {}", other.declared))
                    .help("rename one of them: packages share the names of the semantic layer"),
            );
        }
    }
}

/// A name of small letters, digits and single underscores.
pub(super) fn valid(name: &str, owner: &str, place: &Place, problems: &mut Diagnostics) {
    let bad = |why: &str, help: &str| {
        Diagnostic::error("bad-name", format!("{owner} cannot be called `{name}`"))
            .at(place.clone())
            .because(why)
            .help(help)
    };
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let plain = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(small)
        && name.chars().all(|c| small(c) || c == '_')
        && !name.contains("__");
    if !plain {
        problems.push(bad(
            "names of the semantic layer have at least two small letters, digits and single underscores, begin with a \
             letter and do not end with an underscore",
            "rename it",
        ));
    }
    if GRANULARITIES.contains(&name.to_lowercase().as_str()) {
        problems.push(bad("a period of time has this name", "rename it"));
    }
    if TAKEN.contains(&name.to_lowercase().as_str()) {
        problems.push(bad("queries use this name themselves", "rename it"));
    }
}

fn elements(model: &Node, problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (list, word) in PARTS {
        for (index, element) in model.semantics.elements(list).enumerate() {
            let name = name_of(element);
            let part = format!("{list}.{index}.name");
            valid(
                name,
                &format!("a {word} of {}", what(model)).replace("a e", "an e"),
                &place(model, &part),
                problems,
            );
            if KEYWORDS.contains(&name.to_lowercase().as_str()) {
                problems.push(
                    wrong(model, &part, format!("{word} `{name}` is a keyword of SQL"))
                        .help("rename it, and name the column in `expr`"),
                );
            }
            if let Some(other) = seen.insert(name, word) {
                problems.push(
                    wrong(model, &part, format!("{word} `{name}` has the name of another {other}"))
                        .help("rename one of them"),
                );
            }
        }
    }
    let relation = model.semantics.fields.get("node_relation");
    let relation = relation.and_then(|relation| relation["relation_name"].as_str());
    let mut parts = relation.unwrap_or_default().split('.');
    if let Some(keyword) = parts.find(|part| KEYWORDS.contains(&part.to_lowercase().as_str())) {
        problems.push(
            wrong(
                model,
                "model",
                format!("the relation has the keyword `{keyword}` in its name"),
            )
            .help("give the model another `alias`"),
        );
    }
}

/// Periods that time spines add.
fn custom(layer: &Layer, problems: &mut Diagnostics) {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for model in &layer.models {
        for (list, word) in &PARTS[1..] {
            taken.extend(model.semantics.elements(list).map(|element| (name_of(element), *word)));
        }
    }
    taken.extend(layer.metrics.iter().map(|metric| (metric.name.as_str(), "metric")));
    taken.extend(layer.models.iter().map(|model| (model.name.as_str(), "semantic model")));
    let mut seen: Vec<&str> = Vec::new();
    for node in &layer.spines {
        let spine = node.semantics.time_spine.as_ref();
        for name in spine
            .into_iter()
            .flat_map(|spine| items(&spine["custom_granularities"]))
            .map(name_of)
        {
            let owner = format!("a custom granularity of {}", what(node));
            valid(name, &owner, &node.declared, problems);
            if let Some(word) = taken.get(name) {
                problems.push(
                    wrong(
                        node,
                        "",
                        format!("custom granularity `{name}` has the name of a {word}"),
                    )
                    .help("rename one of them"),
                );
            }
            if seen.contains(&name) {
                problems.push(
                    wrong(node, "", format!("custom granularity `{name}` is there twice")).help("rename one of them"),
                );
            }
            seen.push(name);
        }
    }
}

/// A time spine of a period that another one has.
pub(super) fn doubled(node: &Node, other: &Node, granularity: &str) -> Diagnostic {
    doubtful(
        node,
        "",
        format!("{} is a time spine of `{granularity}` too", what(other)),
    )
    .help("take `time_spine` away from one of them")
}
