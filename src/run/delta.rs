//! New rows into an incremental table that stands.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::graph::{IncrementalStrategy, OnSchemaChange};
use crate::postgres::{Dependent, SqlError, catalog};
use crate::sql::{Column, Relation, ident};

use super::compile::Compiled;
use super::execute::{Done, NodeRun};
use super::revoke::{Kept, revoke_lost};
use super::statement::{dress, drop_dependents, restore_dependents};
use super::strategy::{Batch, null_keys_query, strategy_of};

impl NodeRun {
    /// In place, in one transaction, from a temporary table.
    pub(super) async fn delta(&self) -> Result<Done, Diagnostic> {
        let node = Arc::clone(&self.step.node);
        let target = node.relation.clone();
        self.check_batch_key()?;
        let compiled = self.compile(&target, true)?;
        self.check_contract(&compiled).await?;
        let before = self.pre_hooks(&target)?;
        let source = ident("assay_delta");
        let create = format!(
            "create temporary table {source} on commit drop as (\n{}\n);\n{}",
            compiled.sql,
            self.statistics(&source)
        );
        let first = format!("{}{before}{create}", self.begin());
        if let Err(error) = self.connection.batch(&first).await {
            return Err(self.refused(&error, &first, &compiled).await);
        }
        let incoming = self.temporary_columns("assay_delta").await?;
        let widened = self.widen(&target, &incoming).await?;
        let (alter, columns) = match self.align(&target, &target, &incoming).await {
            Ok(aligned) => aligned,
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let (alter, hanging) = self.around_views(&target, alter).await?;
        let statements = async {
            let null_keys = self.null_keys(&source).await?;
            self.batch_statements(&target, &source, &columns, &null_keys)
        };
        let statements = match statements.await {
            Ok(statements) => statements.concat(),
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let alter = match self.missing_partitions(&target, &source).await {
            Ok(partitions) => alter + &partitions,
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let grants = [
            revoke_lost(&target, &node.config, Kept::Configured),
            dress(&target, &node, false),
            self.comments_on(&target, &columns),
        ]
        .concat();
        let mut counts = Vec::new();
        let mut written = format!("{create}{widened}{alter}{statements}");
        self.note_sql(&written);
        for (part, counted) in [(alter, false), (statements, true)] {
            match self.connection.batch(&part).await {
                Ok(done) if counted => counts = done,
                Ok(_) => {}
                Err(error) => return Err(self.batch_refused(&error, &part, &compiled).await),
            }
        }
        // Only now, since a column may have gone with its index.
        let indexes = match self.index_changes(&target).await {
            Ok(indexes) => indexes,
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let rest = indexes + &grants;
        written.push_str(&rest);
        self.note_sql(&written);
        if let Err(error) = self.connection.batch(&rest).await {
            return Err(self.refused(&error, &rest, &compiled).await);
        }
        self.commit(&target).await?;
        self.report_lost(&hanging).await?;
        let rows = match strategy_of(&node.config) {
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch => counts.iter().sum(),
            _ => counts.last().copied().unwrap_or(0),
        };
        let verb = match strategy_of(&node.config) {
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch => "MERGE",
            _ => "INSERT 0",
        };
        Ok(Done::rows(verb, rows))
    }

    /// Views hold the type of a column and the column itself; they are made anew around the change. Where it fails the
    /// transaction is over.
    async fn around_views(&self, target: &Relation, alter: String) -> Result<(String, Vec<Dependent>), Diagnostic> {
        let holds = [" drop column ", " alter column "]
            .iter()
            .any(|words| alter.contains(words));
        if !holds {
            return Ok((alter, Vec::new()));
        }
        let hanging = self.hanging(target).await?;
        let sql = [drop_dependents(&hanging), alter, restore_dependents(&hanging)].concat();
        Ok((sql, hanging))
    }

    pub(super) fn batch<'a>(
        &'a self,
        target: &'a Relation,
        source: &'a str,
        columns: &'a [String],
        null_keys: &'a [Vec<bool>],
    ) -> Batch<'a> {
        Batch {
            target,
            source,
            columns,
            config: &self.step.node.config,
            null_keys,
        }
    }

    /// Gathers statistics of the rows of a delta, by which PostgreSQL tells that looking up their keys in an index is
    /// cheaper than reading the table. Autovacuum does not come by in time.
    pub(super) fn statistics(&self, source: &str) -> String {
        if self.step.node.config.unique_key.is_empty() {
            return String::new();
        }
        format!("analyze {source};\n")
    }

    /// The statements that apply the rows of `source`, which must stand already.
    pub(super) fn batch_statements(
        &self,
        target: &Relation,
        source: &str,
        columns: &[String],
        null_keys: &[Vec<bool>],
    ) -> Result<Vec<String>, Diagnostic> {
        let batch = self.batch(target, source, columns, null_keys);
        if let Some((cause, help)) = batch.problem() {
            let name = &self.step.node.name;
            return Err(
                Diagnostic::error("wrong-value", format!("the rows of {name} cannot be merged"))
                    .at(self.step.node.declared.clone())
                    .because(cause)
                    .help(help),
            );
        }
        Ok(batch.statements())
    }

    /// Which parts of the key are NULL together in rows of `source`.
    pub(super) async fn null_keys(&self, source: &str) -> Result<Vec<Vec<bool>>, Diagnostic> {
        let Some(query) = null_keys_query(source, &self.step.node.config) else {
            return Ok(Vec::new());
        };
        let rows = self.connection.query(&query, &[]).await;
        let rows = rows.map_err(|error| self.database_error(&error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The same as [`NodeRun::refused`]; says what PostgreSQL means where the batch has a key twice.
    pub(super) async fn batch_refused(&self, error: &SqlError, sent: &str, compiled: &Compiled) -> Diagnostic {
        if let Some(changed) = self.partition_refused(error) {
            self.rollback().await;
            return changed;
        }
        let diagnostic = self.refused(error, sent, compiled).await;
        let config = &self.step.node.config;
        // cardinality_violation
        if !error.is("21000") || config.unique_key.is_empty() {
            return diagnostic;
        }
        let key = config.unique_key.join(", ");
        let cause = diagnostic.cause.clone().unwrap_or_default();
        diagnostic
            .because(format!("{cause}\nthe query of the model gives several rows with the same unique_key ({key})"))
            .help("let the query keep one row of each key, say with `select distinct on`, or add a column to `unique_key`")
    }

    pub(super) async fn temporary_columns(&self, name: &str) -> Result<Vec<Column>, Diagnostic> {
        let rows = self
            .connection
            .query(
                "select a.attname::text, format_type(a.atttypid, a.atttypmod) from pg_attribute a
                 where a.attrelid = ('pg_temp.' || quote_ident($1))::regclass and a.attnum > 0 and not a.attisdropped
                 order by a.attnum",
                &[&name],
            )
            .await
            .map_err(|error| self.database_error(&error))?;
        Ok(rows
            .iter()
            .map(|row| Column {
                name: row.get(0),
                data_type: row.get(1),
            })
            .collect())
    }

    /// What must be altered in `target`, which has or will have the columns of `current`, before the rows fit, and the
    /// columns that are then written: `on_schema_change`.
    pub(super) async fn align(
        &self,
        current: &Relation,
        target: &Relation,
        incoming: &[Column],
    ) -> Result<(String, Vec<String>), Diagnostic> {
        let standing = catalog::columns(&self.connection, &current.stored_schema(), &current.stored_identifier())
            .await
            .map_err(|error| self.database_error(&error))?;
        let added: Vec<&Column> = incoming.iter().filter(|c| !has(&standing, &c.name)).collect();
        let removed: Vec<&Column> = standing.iter().filter(|c| !has(incoming, &c.name)).collect();
        let retyped: Vec<&Column> = incoming
            .iter()
            .filter(|c| standing.iter().any(|s| s.name == c.name && s.data_type != c.data_type))
            .collect();
        let mut alter = String::new();
        let policy = self.step.node.config.on_schema_change;
        let mut columns: Vec<String> = standing.iter().map(|c| c.name.clone()).collect();
        match policy {
            OnSchemaChange::Ignore => {
                if let Some(lost) = removed.first() {
                    return Err(self.out_of_step(
                        &standing,
                        incoming,
                        &format!("the query lost the column `{}`", lost.name),
                    ));
                }
            }
            OnSchemaChange::Fail => {
                if !(added.is_empty() && removed.is_empty() && retyped.is_empty()) {
                    return Err(self.out_of_step(&standing, incoming, "on_schema_change is `fail`"));
                }
            }
            OnSchemaChange::AppendNewColumns | OnSchemaChange::SyncAllColumns => {
                for column in &added {
                    let _ = writeln!(
                        alter,
                        "alter table {target} add column {} {};",
                        ident(&column.name),
                        column.data_type
                    );
                    columns.push(column.name.clone());
                }
            }
        }
        if policy == OnSchemaChange::AppendNewColumns {
            columns.retain(|c| has(incoming, c));
        }
        if policy == OnSchemaChange::SyncAllColumns {
            for column in &removed {
                let _ = writeln!(alter, "alter table {target} drop column {};", ident(&column.name));
                columns.retain(|c| *c != column.name);
            }
            for column in &retyped {
                let _ = writeln!(
                    alter,
                    "alter table {target} alter column {0} type {1} using {0}::{1};",
                    ident(&column.name),
                    column.data_type
                );
            }
        }
        Ok((alter, columns))
    }

    fn out_of_step(&self, standing: &[Column], incoming: &[Column], why: &str) -> Diagnostic {
        let list = |columns: &[Column]| {
            let shown: Vec<String> = columns.iter().map(|c| format!("{} {}", c.name, c.data_type)).collect();
            shown.join(", ")
        };
        Diagnostic::error(
            "schema-change",
            format!(
                "the columns of the incremental model {} and of its table are out of step",
                self.step.node.name
            ),
        )
        .at(self.step.node.declared.clone())
        .because(format!("{why}\ntable: {}\nquery: {}", list(standing), list(incoming)))
        .help("run it with --full-refresh, or set on_schema_change to append_new_columns or sync_all_columns")
    }
}

fn has(columns: &[Column], name: &str) -> bool {
    columns.iter().any(|c| c.name == name)
}
