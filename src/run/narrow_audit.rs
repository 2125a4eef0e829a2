//! Audits of a delta that look at no more than what it touched.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::graph::{IncrementalStrategy, Node, NodeConfig, NodeId, ResourceType};
use crate::plan::{SCOPED_TESTS, Scope, Scoped, scope};
use crate::sql::{Relation, ident};

use super::compile::compile_instead;
use super::context::RunContext;
use super::execute::NodeRun;
use super::host::Instead;
use super::result::Status;
use super::strategy::{Batch, null_keys_query};
use super::test::Verdict;
use super::touched::{BEFORE, TOUCHED, Touched};

impl NodeRun {
    /// What each test of the model has to look at, where it can be narrowed.
    pub(super) fn scopes(&self) -> HashMap<NodeId, Scoped> {
        let own = &self.step.node.id;
        let tests = self.context.graph.children(own).into_iter();
        let tests = tests.filter(|test| test.resource_type == ResourceType::Test && test.config.enabled);
        let scopes = tests.filter_map(|test| Some((Arc::clone(&test.id), scope_of(&self.context, test, own).ok()?)));
        scopes.collect()
    }

    /// Runs a test over what the delta touched. `None` where it must look at everything: it cannot be narrowed, nobody
    /// vouches for the other rows, or something was found, which the whole relation is then asked about.
    pub(super) async fn scoped_test(&self, test: &Arc<Node>, touched: &Touched) -> Result<Option<Verdict>, Diagnostic> {
        let Some(scoped) = touched.scopes.get(&test.id) else {
            return Ok(None);
        };
        let looks_around = matches!(scoped.scope, Scope::Keys(_));
        let may_call = |name: &String| {
            touched
                .immutable
                .get(name)
                .is_some_and(|is_scalar| *is_scalar || looks_around)
        };
        if !scoped.functions.iter().all(may_call) {
            return Ok(None);
        }
        let Some(part) = self.part(test, &scoped.scope, touched).await? else {
            return Ok(None);
        };
        let compiled = self.compile_other(test)?;
        let compiled_at = Timestamp::now();
        let clean = match part {
            Part::Empty => true,
            Part::Rows(of, relation) => {
                let instead = Instead::Part(of, relation);
                let Ok(sql) = compile_instead(&self.context, test, instead, Some(&self.connection)) else {
                    return Ok(None);
                };
                let sql = format!("select from (\n{sql}\n) as assay_part limit 1");
                self.tried(&sql).await?.is_some_and(|found| found.is_empty())
            }
        };
        Ok(clean.then_some(Verdict {
            status: Status::Pass,
            failures: 0,
            message: None,
            compiled,
            compiled_at,
        }))
    }

    /// The rows that a test must look at, where somebody vouches for the rest.
    async fn part(&self, test: &Arc<Node>, scope: &Scope, touched: &Touched) -> Result<Option<Part>, Diagnostic> {
        let own = &self.step.node.id;
        let Some(Some(definition)) = touched.definitions.get(&test.id) else {
            return Ok(None);
        };
        let passed = |model: &NodeId| {
            let last = touched.last.get(&**model)?;
            let evidence = last.tests.iter().find(|evidence| *evidence.test == *test.id)?;
            let clean = evidence.status == "pass" && evidence.failures == 0;
            (clean && evidence.definition.as_deref() == Some(definition.as_str())).then_some(evidence)
        };
        match scope {
            Scope::Rows if passed(own).is_some() => Ok(Some(Part::Rows(Arc::clone(own), touched.rows.clone()))),
            Scope::Keys(columns) if passed(own).is_some() => {
                let unique = test.test.as_ref().is_some_and(|spec| spec.audit_scope.is_none());
                let Some(sql) = self.sharing(columns, touched, unique).await? else {
                    return Ok(None);
                };
                let part = self.make_part(&sql, touched).await?;
                Ok(part.map(|relation| Part::Rows(Arc::clone(own), relation)))
            }
            Scope::Parents {
                child,
                column,
                parent,
                field,
            } => {
                let state = |model: &NodeId| Some(touched.certified(&self.context, model)?.run_id.as_str());
                let vouched = |by: &NodeId, other: &NodeId| {
                    let evidence = passed(by)?;
                    evidence.beside.get(&**other).map(String::as_str)
                };
                let gone = if own == parent {
                    let known = vouched(parent, child).is_some_and(|run| Some(run) == state(child))
                        || vouched(child, parent).is_some_and(|run| Some(run) == state(parent));
                    if !known {
                        return Ok(None);
                    }
                    touched.gone.get(field).cloned()
                } else {
                    match (vouched(child, parent), vouched(parent, child)) {
                        (Some(run), _) if Some(run) == state(parent) => Some(None),
                        (_, Some(run)) if Some(run) == state(child) => Some(None),
                        (Some(run), _) => self
                            .context
                            .gone(parent)
                            .filter(|gone| gone.before == run)
                            .and_then(|gone| gone.tables.get(field).cloned()),
                        _ => None,
                    }
                };
                let Some(gone) = gone else { return Ok(None) };
                let orphans = gone.map(|gone| {
                    let child = self.context.graph.node(child).map(|node| self.context.readable(node));
                    child.map(|child| orphans_sql(&child, column, &gone, field))
                });
                let sql = match (own == child, orphans.flatten()) {
                    (true, None) => return Ok(Some(Part::Rows(Arc::clone(child), touched.rows.clone()))),
                    (true, Some(orphans)) => format!("select * from {}\nunion all\n{orphans}", ident(TOUCHED)),
                    (false, Some(orphans)) => orphans,
                    (false, None) => return Ok(Some(Part::Empty)),
                };
                let part = self.make_part(&sql, touched).await?;
                Ok(part.map(|relation| Part::Rows(Arc::clone(child), relation)))
            }
            _ => Ok(None),
        }
    }

    /// The rows that share the values of some columns with a touched one, or with one that the delta took away: what is
    /// left of a group may be wrong without it.
    async fn sharing(
        &self,
        columns: &[String],
        touched: &Touched,
        of_unique: bool,
    ) -> Result<Option<String>, Diagnostic> {
        let current = self.context.readable(&self.step.node);
        let config = NodeConfig {
            unique_key: columns.to_vec(),
            incremental_strategy: Some(IncrementalStrategy::DeleteInsert),
            ..self.step.node.config.clone()
        };
        let source = if touched.replaces && !of_unique {
            let list = columns.join(", ");
            let rows = format!(
                "select {list} from {}\nunion\nselect {list} from {}",
                ident(TOUCHED),
                ident(BEFORE)
            );
            let Some(keys) = self.make_part(&rows, touched).await? else {
                return Ok(None);
            };
            let keys = keys.to_string();
            self.tried(&format!("analyze {keys}")).await?;
            keys
        } else {
            touched.rows.to_string()
        };
        let null_keys = match null_keys_query(&source, &config).filter(|_| !of_unique) {
            Some(query) => match self.tried(&query).await? {
                Some(rows) => rows.iter().map(|row| row.get(0)).collect(),
                None => return Ok(None),
            },
            None => Vec::new(),
        };
        let batch = Batch {
            target: &current,
            source: &source,
            columns: &[],
            config: &config,
            null_keys: &null_keys,
        };
        Ok(batch.matched())
    }

    /// `None` where the rows cannot be had.
    async fn make_part(&self, rows: &str, touched: &Touched) -> Result<Option<Relation>, Diagnostic> {
        let name = format!("assay_part_{}", touched.parts.fetch_add(1, Ordering::Relaxed));
        let sql = format!("create temporary table {} on commit drop as\n{rows}", ident(&name));
        let made = self.tried(&sql).await?;
        Ok(made.map(|_| Relation::new(None, &touched.schema, name)))
    }
}

/// What a scoped test reads.
enum Part {
    /// Of this node, this relation only.
    Rows(NodeId, Relation),
    /// Nothing that it could object to.
    Empty,
}

/// The scope of a test after a delta of `owner`, as this project defines its tests.
pub fn scope_of(context: &RunContext, test: &Node, owner: &NodeId) -> Result<Scoped, String> {
    let overridden = |name: &str| {
        debug_assert!(SCOPED_TESTS.contains(&name), "only those are asked about");
        context
            .engine
            .overriding(&test.package, &format!("test_{name}"))
            .is_some()
    };
    scope(test, owner, &context.graph, &overridden)
}

fn orphans_sql(child: &Relation, column: &str, gone: &Relation, field: &str) -> String {
    format!("select * from {child} where {column} in (select {field} from {gone})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent() {
        let current = Relation::new(None, "analytics__versions", "m__0a_1b");
        let gone = Relation::new(None, "analytics__versions", "m__gone");
        insta::assert_snapshot!(orphans_sql(&current, "parent_id", &gone, "id"));
    }
}
