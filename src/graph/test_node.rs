//! A plain model for unit tests of what works on nodes.

use std::sync::Arc;

use super::{Node, bare_node};
use crate::diagnostic::SourceFile;
use crate::sql::Relation;

/// `model.shop.<name>`, which reads the models named.
pub fn test_node(name: &str, parents: &[&str]) -> Node {
    let source = SourceFile::new(format!("models/{name}.sql"), "select 1 as id");
    let relation = Relation::new(Some("db"), "shop", name);
    Node {
        path: format!("{name}.sql"),
        depends_on: parents
            .iter()
            .map(|name| Arc::from(format!("model.shop.{name}")))
            .collect(),
        ..bare_node("shop", name, relation, source)
    }
}
