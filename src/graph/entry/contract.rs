//! The contract of a model: its constraints, and a checksum that changes when the contract does.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::checksum::sha256;
use crate::graph::python::repr;
use crate::graph::{Constraint, Materialization, Node};

/// Constraints as the manifest lists them. `to` of a foreign key is the relation once its model is compiled, the call
/// that was written before.
pub(super) fn constraints(constraints: &[Constraint], compiled: bool) -> Vec<Json> {
    let entry = |constraint: &Constraint| {
        let mut entry = json!(constraint);
        if compiled {
            entry["to"] = json!(constraint.referenced());
        }
        entry
    };
    constraints.iter().map(entry).collect()
}

/// `contract` of a node. The checksum is there where the contract is enforced: names, types and constraints of the columns
/// in the order of their names, and for what becomes a table its materialization and own constraints; all as Python
/// prints dbt's objects, so that both compare a model with what the other wrote.
pub(super) fn contract(node: &Node) -> Json {
    let enforced = node.config.contract_enforced;
    json!({ "enforced": enforced, "alias_types": alias_types(node), "checksum": enforced.then(|| checksum(node)) })
}

fn alias_types(node: &Node) -> bool {
    let written = node
        .config
        .raw
        .get("contract")
        .and_then(|contract| contract.get("alias_types"));
    written.and_then(Json::as_bool).unwrap_or(true)
}

fn checksum(node: &Node) -> String {
    let mut columns: Vec<_> = node.columns.values().collect();
    columns.sort_by(|one, other| one.name.cmp(&other.name));
    let mut text = String::new();
    for column in columns {
        let data_type = column.data_type.as_deref().unwrap_or("None");
        // Writing to a string cannot fail.
        let _ = write!(text, "|{}{data_type}{}", column.name, shown(&column.constraints));
    }
    let table = matches!(
        node.config.materialized,
        Materialization::Table | Materialization::Incremental
    );
    if table {
        let _ = write!(text, "{}{}", node.config.materialized_name, shown(&node.constraints));
    }
    sha256(text.as_bytes())
}

/// A list of constraints as Python prints it.
fn shown(constraints: &[Constraint]) -> String {
    let shown: Vec<String> = constraints.iter().map(one).collect();
    format!("[{}]", shown.join(", "))
}

fn one(constraint: &Constraint) -> String {
    let kind = json!(constraint.kind);
    let name = kind.as_str().unwrap_or_default();
    let class = match constraint.columns {
        Some(_) => "ModelLevelConstraint",
        None => "ColumnLevelConstraint",
    };
    let mut text = format!("{class}(type=<ConstraintType.{name}: '{name}'>");
    for (key, value) in [
        ("name", json!(constraint.name)),
        ("expression", json!(constraint.expression)),
        ("warn_unenforced", constraint.warn_unenforced.into()),
        ("warn_unsupported", constraint.warn_unsupported.into()),
        ("to", json!(constraint.to)),
        ("to_columns", json!(constraint.to_columns)),
    ] {
        let _ = write!(text, ", {key}={}", repr(&value));
    }
    if let Some(columns) = &constraint.columns {
        let _ = write!(text, ", columns={}", repr(&json!(columns)));
    }
    text + ")"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ConstraintKind;

    #[test]
    fn a_constraint_prints_as_a_dataclass() {
        let mut constraint = Constraint {
            kind: ConstraintKind::ForeignKey,
            name: Some("it's".to_owned()),
            expression: None,
            warn_unenforced: true,
            warn_unsupported: false,
            to: Some("ref('a')".to_owned()),
            relation: Some("\"d\".\"s\".\"a\"".to_owned()),
            to_columns: vec!["id".to_owned()],
            columns: None,
        };
        assert_eq!(
            shown(std::slice::from_ref(&constraint)),
            "[ColumnLevelConstraint(type=<ConstraintType.foreign_key: 'foreign_key'>, name=\"it's\", expression=None, \
             warn_unenforced=True, warn_unsupported=False, to=\"ref('a')\", to_columns=['id'])]"
        );
        constraint.columns = Some(vec!["a_id".to_owned()]);
        assert!(one(&constraint).starts_with("ModelLevelConstraint("));
        assert!(one(&constraint).ends_with("to_columns=['id'], columns=['a_id'])"));
        let list = [constraint];
        assert_eq!(constraints(&list, false)[0]["to"], "ref('a')");
        assert_eq!(constraints(&list, true)[0]["to"], "\"d\".\"s\".\"a\"");
    }
}
