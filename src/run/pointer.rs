//! The view that always shows the latest version of a model (`latest_version_pointer`).

use std::sync::{Arc, Mutex};

use crate::diagnostic::{Diagnostic, Place, SourceFile};
use crate::graph::{Materialization, Node};
use crate::plan::{Action, Step};
use crate::postgres::find_relation;

use super::execute::NodeRun;
use super::materialization::{Builder, builder};

impl NodeRun {
    /// Makes the view, where the model that was built is to have one.
    pub(super) async fn point_to_latest(&self) -> Result<(), Diagnostic> {
        let Some(name) = &self.step.node.config.pointer else {
            return Ok(());
        };
        let node = Arc::new(pointer(&self.step.node, name));
        let place = (node.relation.stored_schema(), node.relation.stored_identifier());
        let existing = find_relation(&self.connection, &place.0, &place.1)
            .await
            .map_err(|error| self.database_error(&error))?;
        let context = &self.context;
        let action = match builder(&context.engine, context.graph.root_package(), false, &node) {
            Builder::Jinja { id, .. } => Action::Jinja {
                id: Ok(id),
                incremental: false,
            },
            _ => Action::View {
                existing: existing.and_then(|relation| relation.kind),
            },
        };
        let run = Self {
            shared: self.shared.clone(),
            context: Arc::clone(context),
            step: Step {
                node,
                action,
                ..self.step.clone()
            },
            connection: Arc::clone(&self.connection),
            thread: self.thread.clone(),
            compiled: Mutex::new(None),
        };
        match &run.step.action {
            Action::Jinja { id: Ok(id), .. } => run.jinja(id, false).await.map(drop),
            Action::View { existing } => run.view(*existing).await.map(drop),
            _ => Ok(()),
        }
    }
}

/// A view of everything in the model: with its grants, and without its hooks and descriptions.
fn pointer(model: &Node, name: &str) -> Node {
    let mut node = model.clone();
    let stem = |path: &str| {
        format!(
            "{}__latest_version_pointer.sql",
            path.strip_suffix(".sql").unwrap_or(path)
        )
    };
    (node.path, node.original_path) = (stem(&model.path), stem(&model.original_path));
    node.id = Arc::from(format!("{}__latest_version_pointer", model.id));
    node.source = SourceFile::new(&node.original_path, format!("select * from {}", model.relation));
    node.declared = Place::new(&model.source, 0..0);
    name.clone_into(&mut node.alias);
    node.relation = model.relation.sibling(name);
    let config = &mut node.config;
    config.materialized = Materialization::View;
    "view".clone_into(&mut config.materialized_name);
    config.pre_hooks.clear();
    config.post_hooks.clear();
    config.persist_docs_relation = false;
    config.persist_docs_columns = false;
    config.pointer = None;
    for (key, value) in [("materialized", "view".into()), ("persist_docs", serde_json::json!({}))] {
        config.raw.insert(key.to_owned(), value);
    }
    node
}
