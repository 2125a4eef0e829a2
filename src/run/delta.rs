//! New rows into an incremental table that stands.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::graph::{IncrementalStrategy, OnSchemaChange};
use crate::postgres::catalog;
use crate::sql::{Column, Relation, ident};

use super::execute::{Done, NodeRun};
use super::revoke::{Kept, revoke_lost};
use super::statement::dress;
use super::strategy::{Batch, strategy_of};

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
            "create temporary table {source} on commit drop as (\n{}\n);\n",
            compiled.sql
        );
        let first = format!("begin;\n{before}{create}");
        if let Err(error) = self.connection.batch(&first).await {
            return Err(self.refused(&error, &first, &compiled).await);
        }
        let incoming = self.temporary_columns("assay_delta").await?;
        let widened = self.widen(&target, &incoming).await?;
        let (alter, columns) = match self.align(&target, &incoming).await {
            Ok(aligned) => aligned,
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let batch = Batch {
            target: &target,
            source: &source,
            columns: &columns,
            config: &node.config,
        };
        let statements = batch.statements().concat();
        let grants = [
            revoke_lost(&target, &node.config, Kept::Configured),
            dress(&target, &node, false),
            self.comments_on(&target, &columns),
        ]
        .concat();
        self.note_sql(&format!("{create}{widened}{alter}{statements}{grants}"));
        let mut counts = Vec::new();
        for (part, counted) in [(alter, false), (statements, true), (grants, false)] {
            match self.connection.batch(&part).await {
                Ok(done) if counted => counts = done,
                Ok(_) => {}
                Err(error) => return Err(self.refused(&error, &part, &compiled).await),
            }
        }
        self.commit(&target).await?;
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

    async fn temporary_columns(&self, name: &str) -> Result<Vec<Column>, Diagnostic> {
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

    /// What must be altered before the rows fit, and the columns that are then written: `on_schema_change`.
    pub(super) async fn align(
        &self,
        target: &Relation,
        incoming: &[Column],
    ) -> Result<(String, Vec<String>), Diagnostic> {
        let standing = catalog::columns(&self.connection, &target.stored_schema(), &target.stored_identifier())
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
