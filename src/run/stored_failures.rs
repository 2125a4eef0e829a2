//! Failing rows of a test, kept where people can look at them.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::graph::{Node, TestSpec};
use crate::postgres::find_relation;
use crate::sql::{RelationKind, create_schema};

use super::compile::Compiled;
use super::context::Flags;
use super::execute::NodeRun;
use super::statement::drop_relation_cascade;

/// As what the failing rows of a test are kept; `None` where they are not.
#[must_use]
pub fn stored_as(spec: &TestSpec, flags: &Flags) -> Option<RelationKind> {
    let kind = if spec.stored_as_view {
        RelationKind::View
    } else {
        RelationKind::Table
    };
    spec.store_failures.unwrap_or(flags.store_failures).then_some(kind)
}

impl NodeRun {
    /// Keeps the failing rows in place of those of the run before; gives the query that reads them back.
    pub(super) async fn store_failures(
        &self,
        test: &Arc<Node>,
        compiled: &Compiled,
        kind: RelationKind,
    ) -> Result<String, Diagnostic> {
        let place = &test.relation;
        let old = find_relation(&self.connection, &place.stored_schema(), &place.stored_identifier())
            .await
            .map_err(|error| self.database_error(&error))?;
        let old = old.and_then(|old| old.kind);
        let drop = old.map_or_else(String::new, |old| drop_relation_cascade(place, old));
        let limit = test.test.as_ref().and_then(|spec| spec.limit);
        let limit = limit.map_or_else(String::new, |limit| format!("\nlimit {limit}"));
        let what = if kind == RelationKind::View { "view" } else { "table" };
        let sql = format!(
            "begin;\n{}{drop}create {what} {place} as (\n{}{limit}\n);\ncommit;\n",
            create_schema(&place.stored_schema()),
            compiled.sql
        );
        if let Err(error) = self.connection.batch(&sql).await {
            let diagnostic = self.sql_error(test, &error, &sql, compiled);
            self.rollback().await;
            return Err(diagnostic);
        }
        Ok(format!("select * from {place}"))
    }
}
