//! Building a node with a materialization written in Jinja.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::diagnostic::{Diagnostic, Frame, Place, SourceFile};
use crate::graph::{Hook, entry};
use crate::jinja::{Global, Render};
use crate::postgres::SqlError;

use super::compile::{Compiled, View, compile_within};
use super::execute::{Done, NodeRun, place_of, word_at};
use super::host::RunHost;
use super::transaction::{Failed, Transaction};

impl NodeRun {
    /// Calls the materialization macro with dbt's context for it. What it leaves uncommitted is undone.
    pub(super) async fn jinja(&self, id: &str, incremental: bool) -> Result<Done, Diagnostic> {
        let transaction = Arc::new(Transaction::new(&self.connection).beginning_with(self.in_turn()));
        let done = self.call_materialization(id, incremental, &transaction);
        transaction.rollback().await;
        // Temporary tables and settings end with the session, as in dbt.
        self.connection.retire();
        done
    }

    fn call_materialization(
        &self,
        id: &str,
        incremental: bool,
        transaction: &Arc<Transaction>,
    ) -> Result<Done, Diagnostic> {
        let node = &self.step.node;
        let view = View {
            this: node.relation.clone(),
            incremental,
        };
        let compiled = compile_within(&self.context, node, &view, transaction)?;
        self.note_compiled(&compiled);
        let mut globals = self.context.globals(node, &view);
        let layout = &self.context.layout;
        let model = entry::node_entry(
            node,
            entry::Surroundings {
                root: &layout.root.display().to_string(),
                target_path: &layout.target_path,
                compiled: Some(&entry::Compiled {
                    code: compiled.sql.clone(),
                    ..entry::Compiled::default()
                }),
                ..entry::Surroundings::default()
            },
        );
        let database = node.relation.database.as_deref().unwrap_or_default();
        for (name, value) in [
            ("sql", Json::from(compiled.sql.as_str())),
            ("compiled_code", Json::from(compiled.sql.as_str())),
            ("pre_hooks", hook_list(&node.config.pre_hooks)),
            ("post_hooks", hook_list(&node.config.post_hooks)),
            ("database", Json::from(database)),
            ("defer_relation", Json::Null),
        ] {
            globals.insert(name.to_owned(), Global::from(value));
        }
        let model = Json::Object(model);
        let model = match &node.batch {
            Some(batch) => Global::batch(move || model.clone(), batch.start, batch.end),
            None => Global::from(model),
        };
        globals.insert("model".to_owned(), model);
        let host =
            RunHost::new(&self.context, node, Some(Arc::clone(&self.connection))).within_transaction(transaction);
        let made = self.context.engine.materialize(
            &Render {
                package: &node.package,
                within: &self.context.describe(node),
                source: &node.source,
                part: None,
                host: Arc::new(host),
                execute: true,
                globals,
            },
            id,
            &node.config.materialized_name,
        );
        match made {
            Ok(made) => Ok(Done {
                message: made.main.message,
                code: made.main.code,
                rows: made.main.rows,
            }),
            Err(diagnostic) => Err(self.placed(diagnostic, &compiled, transaction.failed())),
        }
    }

    /// A statement that the server refused: the place in the compiled file, or in what was sent, and below it the macros that
    /// led there.
    fn placed(&self, diagnostic: Diagnostic, compiled: &Compiled, failed: Option<Failed>) -> Diagnostic {
        let node = &self.step.node;
        let Some(Failed { error, sent }) = failed.filter(|failed| diagnostic.message == failed.error.message) else {
            return diagnostic.frame(self.context.describe(node), node.declared.clone());
        };
        let mut placed = error.diagnostic();
        if error.lost || self.context.interrupt.is_raised() {
            return placed;
        }
        placed.place =
            place_of(&error, &sent, compiled).or_else(|| place_in(&error, &sent, &self.context.layout.run(node)));
        if let Some(place) = diagnostic.place.filter(|_| error.position.is_none()) {
            let within = "a statement".to_owned();
            placed.frames.push(Frame { within, place });
        }
        placed.frames.extend(diagnostic.frames);
        placed.frame(self.context.describe(node), node.declared.clone())
    }
}

/// Where in the text that was sent the server found the error.
fn place_in(error: &SqlError, sent: &str, path: &str) -> Option<Place> {
    let at = sent.char_indices().nth(error.position?.checked_sub(1)?)?.0;
    let file = SourceFile::new(path, sent);
    Some(Place::new(&file, word_at(sent, at)))
}

/// Hooks as `pre_hooks` and `post_hooks` show them.
fn hook_list(hooks: &[Hook]) -> Json {
    hooks
        .iter()
        .map(|hook| json!({"sql": hook.sql, "transaction": hook.transaction, "index": null}))
        .collect()
}
