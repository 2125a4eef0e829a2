//! `ls`: the nodes that a selection means, one a line.

use std::io::{self, Write};

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, nearest};
use crate::graph::{Node, ResourceType};

use crate::graph::entry::{Surroundings, node_entry};

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListFormat {
    /// What selects the node: its dotted path, `source:..`, `exposure:..`.
    #[default]
    Selector,
    Name,
    /// The file that it is written in, below the project's root.
    Path,
    Json,
}

impl ListFormat {
    const NAMES: [(&str, Self); 4] = [
        ("selector", Self::Selector),
        ("name", Self::Name),
        ("path", Self::Path),
        ("json", Self::Json),
    ];

    /// Reads the value of `--output`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let names = || Self::NAMES.iter().map(|(name, _)| *name);
        if let Some((_, format)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*format);
        }
        let help = match nearest(text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Err(Diagnostic::error("invalid-argument", format!("`{text}` is not a form of output")).help(help))
    }
}

/// What JSON shows where no keys are asked for.
const KEYS: [&str; 11] = [
    "name",
    "resource_type",
    "package_name",
    "original_file_path",
    "unique_id",
    "alias",
    "source_name",
    "tags",
    "config",
    "depends_on",
    "direct_parents",
];

/// Writes the nodes in the order given. `keys` are those of `--output-keys`; one with dots looks inside, and one that
/// a node does not have is left out for it.
pub fn list<'a>(
    out: &mut impl Write,
    nodes: impl IntoIterator<Item = &'a Node>,
    format: ListFormat,
    keys: &[String],
) -> io::Result<()> {
    for node in nodes {
        match format {
            ListFormat::Selector => writeln!(out, "{}", selector(node))?,
            ListFormat::Name => writeln!(out, "{}", name(node))?,
            ListFormat::Path => writeln!(out, "{}", node.original_path)?,
            ListFormat::Json => writeln!(out, "{}", Json::Object(entry(node, keys)))?,
        }
    }
    Ok(())
}

fn selector(node: &Node) -> String {
    match node.resource_type {
        ResourceType::Source => format!("source:{}.{}", node.package, name(node)),
        ResourceType::Exposure => format!("exposure:{}.{}", node.package, node.name),
        ResourceType::Metric => format!("metric:{}.{}", node.package, node.name),
        ResourceType::SemanticModel => format!("semantic_model:{}.{}", node.package, node.name),
        ResourceType::SavedQuery => format!("saved_query:{}.{}", node.package, node.name),
        ResourceType::UnitTest => {
            let name = node.unit_test.as_ref().map(|test| test.full_name());
            format!("unit_test:{}.{}", node.package, name.unwrap_or_default())
        }
        _ => node.fqn.join("."),
    }
}

/// A version by its number too.
fn name(node: &Node) -> String {
    match &node.source_spec {
        Some(spec) => format!("{}.{}", spec.source_name, node.name),
        None => node.ref_names().swap_remove(0),
    }
}

fn entry(node: &Node, keys: &[String]) -> Map<String, Json> {
    let mut whole = node_entry(node, Surroundings::default());
    if node.resource_type == ResourceType::Model {
        let parents: Vec<Json> = node.depends_on.iter().map(|id| Json::from(&**id)).collect();
        whole.insert("direct_parents".to_owned(), parents.into());
    }
    if keys.is_empty() {
        whole.retain(|key, _| KEYS.contains(&key.as_str()));
        return whole;
    }
    let mut entry = Map::new();
    // Keys may come one by one or several between spaces, as dbt takes them.
    for key in keys.iter().flat_map(|key| key.split_whitespace()) {
        let path: Vec<&str> = key.split('.').collect();
        let mut value = whole.get(path[0]);
        for part in &path[1..] {
            value = value.and_then(|value| value.get(part)).filter(|value| !value.is_null());
        }
        if let Some(value) = value {
            entry.insert(key.to_owned(), value.clone());
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::select::shop;

    /// What dbt shows before it compiles differs from what a manifest written after a build holds: the macros that
    /// were called while running. Its tests also repeat tags in their configuration.
    fn without_macros(line: &str) -> Json {
        let mut entry: Json = serde_json::from_str(line).unwrap_or_else(|_| line.into());
        if let Some(depends_on) = entry.get_mut("depends_on") {
            depends_on["macros"] = Json::Null;
        }
        if entry["resource_type"] == "test" {
            entry["config"]["tags"] = Json::Null;
        }
        entry
    }

    #[test]
    fn lists_as_dbt_lists() {
        let nodes = shop::nodes();
        for (line, expected) in shop::answers("listed.txt") {
            let asked = shop::asked(&line);
            let format = asked.values("--output").first().map(|name| ListFormat::parse(name));
            let format = format.transpose().unwrap_or_else(|e| panic!("{e}")).unwrap_or_default();
            let mut out = Vec::new();
            list(
                &mut out,
                shop::chosen(&nodes, &asked),
                format,
                asked.values("--output-keys"),
            )
            .expect("written");
            let found = String::from_utf8(out).expect("text");
            let found: Vec<Json> = found.lines().map(without_macros).collect();
            let expected: Vec<Json> = expected.iter().map(|line| without_macros(line)).collect();
            assert_eq!(found, expected, "{line}");
            let keys = |entry: &Json| entry.as_object().map(|entry| entry.keys().cloned().collect::<Vec<_>>());
            assert_eq!(
                found.iter().map(keys).collect::<Vec<_>>(),
                expected.iter().map(keys).collect::<Vec<_>>()
            );
        }
    }
}
