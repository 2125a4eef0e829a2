//! Whose rows these are: columns that hold, or lead to, the key of a person.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Graph, Materialization, Node, NodeId, ResourceType};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The `meta` key under which columns declare it.
const KEY: &str = "subject_key";

/// What a model says of itself that holds nobody's rows.
const NONE: &str = "none";

/// How a column tells whose row it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectKey {
    /// Such as `user_id`: what `erase --subject` calls it.
    pub name: String,
    pub held: Held,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// As it is.
    Plain,
    /// As a macro of the project makes it out of the plain value.
    Made { by: String },
    /// Not at all: the column is the key of something of the person, found in another model.
    Through { model: String, column: String },
}

impl SubjectKey {
    fn read(written: &Json) -> Result<Self, String> {
        if let Json::String(name) = written {
            return Ok(Self {
                name: name.clone(),
                held: Held::Plain,
            });
        }
        let Json::Object(entries) = written else {
            return Err("it is neither a name nor a mapping".to_owned());
        };
        let text = |key: &str| entries.get(key).and_then(Json::as_str).map(str::to_owned);
        if let Some(unknown) = entries
            .keys()
            .find(|key| !["name", "as", "through"].contains(&key.as_str()))
        {
            return Err(format!("`{unknown}` is none of name, as, through"));
        }
        let held = match (entries.get("as"), entries.get("through")) {
            (None, None) => Held::Plain,
            (Some(_), None) => Held::Made {
                by: text("as").ok_or("`as` is not the name of a macro")?,
            },
            (None, Some(_)) => {
                let through = text("through").unwrap_or_default();
                let (model, column) = through
                    .split_once('.')
                    .ok_or("`through` is not of the form model.column")?;
                Held::Through {
                    model: model.to_owned(),
                    column: column.to_owned(),
                }
            }
            (Some(_), Some(_)) => return Err("it has both `as` and `through`".to_owned()),
        };
        let name = text("name").ok_or("`name` is missing")?;
        Ok(Self { name, held })
    }
}

/// The columns of a node that declare a subject key.
#[must_use]
pub fn subject_keys(node: &Node) -> Vec<(&str, SubjectKey)> {
    let declared = node.columns.values().filter_map(|column| {
        let key = SubjectKey::read(column.meta.get(KEY)?).ok()?;
        Some((column.name.as_str(), key))
    });
    declared.collect()
}

fn is_nobodys(node: &Node) -> bool {
    node.meta.get(KEY).and_then(Json::as_str) == Some(NONE)
}

/// Whether a relation of its own keeps rows of the node, from run to run.
#[must_use]
pub fn keeps_rows(node: &Node) -> bool {
    let kinds = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
    let passing = [Materialization::View, Materialization::Ephemeral];
    kinds.contains(&node.resource_type) && !passing.contains(&node.config.materialized)
}

/// Where rows of a person can be, for some subject keys.
#[derive(Debug, Default)]
pub struct Reach {
    /// Models, seeds, snapshots and sources with a column that tells; children before their parents.
    pub told: Vec<Arc<Node>>,
    /// What is made of such rows, keeps rows itself, and does not tell whose they are.
    pub untold: Vec<Arc<Node>>,
    /// All that is made of such rows, and what they are read from.
    pub reached: HashSet<NodeId>,
}

/// Follows the keys through the graph.
#[must_use]
pub fn reach(graph: &Graph, names: &[&str]) -> Reach {
    let mut reach = Reach::default();
    for node in graph.topological() {
        let tells = subject_keys(node)
            .iter()
            .any(|(_, key)| names.contains(&key.name.as_str()));
        let flows = node.depends_on.iter().any(|parent| reach.reached.contains(parent));
        if !tells && (!flows || is_nobodys(node)) {
            continue;
        }
        reach.reached.insert(Arc::clone(&node.id));
        if tells {
            reach.told.push(Arc::clone(node));
        } else if keeps_rows(node) {
            reach.untold.push(Arc::clone(node));
        }
    }
    reach.told.reverse();
    reach
}

/// What is declared must be understood before anybody relies on it.
pub(super) fn check(nodes: &[Node], problems: &mut Diagnostics) {
    for node in nodes {
        let mut wrong = |what: String, cause: String| {
            problems.push(
                Diagnostic::error("wrong-value", what)
                    .at(node.declared.clone())
                    .because(cause)
                    .help("write `subject_key: user_id`, or a mapping of `name` and either `as: macro` or `through: model.column`"),
            );
        };
        if let Some(written) = node.meta.get(KEY)
            && written.as_str() != Some(NONE)
            && !matches!(node.resource_type, ResourceType::Test | ResourceType::Exposure)
        {
            let cause = "a whole model says `none` or nothing; keys are declared on columns".to_owned();
            wrong(format!("the `subject_key` of `{}` is wrong", node.name), cause);
        }
        for column in node.columns.values() {
            let Some(written) = column.meta.get(KEY) else { continue };
            let what = format!(
                "the `subject_key` of column `{}` of `{}` is wrong",
                column.name, node.name
            );
            match SubjectKey::read(written) {
                Err(cause) => wrong(what, cause),
                Ok(SubjectKey {
                    name,
                    held: Held::Through { model, .. },
                }) if !leads(nodes, &model, &name) => {
                    let cause = format!("no table `{model}` has a column that holds the key `{name}` itself");
                    wrong(what, cause);
                }
                Ok(_) => {}
            }
        }
    }
}

/// Whether a table of that name has a column that holds the key.
fn leads(nodes: &[Node], model: &str, name: &str) -> bool {
    let mut named = nodes.iter().filter(|node| node.name == model);
    named.any(|node| {
        if !keeps_rows(node) && node.resource_type != ResourceType::Source {
            return false;
        }
        let keys = subject_keys(node);
        let mut direct = keys.iter().filter(|(_, key)| !matches!(key.held, Held::Through { .. }));
        direct.any(|(_, key)| key.name == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn three_ways_to_declare_a_key() {
        let held = |written: Json| SubjectKey::read(&written).map(|key| key.held);
        assert_eq!(held(json!("user_id")), Ok(Held::Plain));
        assert_eq!(
            held(json!({"name": "user_id", "as": "pseudonym"})),
            Ok(Held::Made { by: "pseudonym".into() })
        );
        assert_eq!(
            held(json!({"name": "user_id", "through": "sessions.session_id"})),
            Ok(Held::Through {
                model: "sessions".into(),
                column: "session_id".into()
            })
        );
        for wrong in [
            json!(1),
            json!({"as": "pseudonym"}),
            json!({"name": "a", "through": "sessions"}),
            json!({"name": "a", "as": "b", "through": "c.d"}),
            json!({"name": "a", "likes": "b"}),
        ] {
            assert!(held(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
