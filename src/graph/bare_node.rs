//! A node of which nothing is said: SQL that is typed on the command line belongs to none of the project's.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Access, Materialization, Node, NodeConfig, OnSchemaChange, ResourceType};
use crate::diagnostic::{Place, SourceFile};
use crate::sql::Relation;

/// A view that reads nothing, `model.<package>.<name>`, at `relation`.
#[must_use]
pub fn bare_node(package: &str, name: &str, relation: Relation, source: Arc<SourceFile>) -> Node {
    Node {
        id: Arc::from(format!("model.{package}.{name}")),
        resource_type: ResourceType::Model,
        package: package.to_owned(),
        name: name.to_owned(),
        alias: name.to_owned(),
        relation,
        path: source.path.clone(),
        original_path: source.path.clone(),
        fqn: vec![package.to_owned(), name.to_owned()],
        declared: Place::new(&source, 0..0),
        source,
        patch_path: None,
        config: bare_config(),
        description: String::new(),
        columns: IndexMap::new(),
        meta: IndexMap::new(),
        access: Access::Protected,
        group: None,
        refs: Vec::new(),
        sources: Vec::new(),
        depends_on: Vec::new(),
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
        semantics: super::Semantics::default(),
        functions: super::Functions::default(),
    }
}

/// A view with nothing else said.
pub(super) fn bare_config() -> NodeConfig {
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
        partition_by: None,
        require_fresh: None,
        certify_within: None,
        unlogged: false,
        publish_set: None,
        pointer: None,
        pre_hooks: Vec::new(),
        post_hooks: Vec::new(),
        grants: IndexMap::new(),
        persist_docs_relation: false,
        persist_docs_columns: false,
        contract_enforced: false,
        column_types: IndexMap::new(),
        delimiter: ",".to_owned(),
        quote_columns: false,
        raw: IndexMap::new(),
        unrendered: IndexMap::new(),
    }
}
