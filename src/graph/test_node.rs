//! A plain model for unit tests of what works on nodes.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Access, Materialization, Node, NodeConfig, OnSchemaChange, ResourceType};
use crate::diagnostic::{Place, SourceFile};
use crate::sql::Relation;

/// `model.shop.<name>`, which reads the models named.
pub fn test_node(name: &str, parents: &[&str]) -> Node {
    let original_path = format!("models/{name}.sql");
    let source = SourceFile::new(&original_path, "select 1 as id");
    Node {
        id: Arc::from(format!("model.shop.{name}")),
        resource_type: ResourceType::Model,
        package: "shop".to_owned(),
        name: name.to_owned(),
        alias: name.to_owned(),
        relation: Relation::new(Some("db"), "shop", name),
        path: format!("{name}.sql"),
        original_path,
        fqn: vec!["shop".to_owned(), name.to_owned()],
        declared: Place::new(&source, 0..0),
        source,
        patch_path: None,
        config: test_config(),
        description: String::new(),
        columns: IndexMap::new(),
        meta: IndexMap::new(),
        access: Access::Protected,
        group: None,
        refs: Vec::new(),
        sources: Vec::new(),
        depends_on: parents
            .iter()
            .map(|name| Arc::from(format!("model.shop.{name}")))
            .collect(),
        macros: Vec::new(),
        test: None,
        source_spec: None,
        constraints: Vec::new(),
        version: None,
        deprecation_date: None,
        snapshot: None,
        part: None,
        doc_blocks: Vec::new(),
        unit_test: None,
        batch: None,
        semantics: crate::graph::Semantics::default(),
    }
}

/// A view with nothing else said.
fn test_config() -> NodeConfig {
    NodeConfig {
        enabled: true,
        materialized: Materialization::View,
        materialized_name: "view".to_owned(),
        tags: Vec::new(),
        unique_key: Vec::new(),
        incremental_strategy: None,
        on_schema_change: OnSchemaChange::Ignore,
        incremental_predicates: Vec::new(),
        merge_update_columns: None,
        merge_exclude_columns: None,
        full_refresh: None,
        microbatch: None,
        indexes: Vec::new(),
        unlogged: false,
        pre_hooks: Vec::new(),
        post_hooks: Vec::new(),
        grants: IndexMap::new(),
        persist_docs_relation: false,
        persist_docs_columns: false,
        contract_enforced: false,
        column_types: IndexMap::new(),
        delimiter: ',',
        quote_columns: false,
        raw: IndexMap::new(),
    }
}
