//! Published models: a new version beside the one that readers see, or a delta that is audited before it is committed.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::gate::{Certificate, Ledger, NewVersion, TestEvidence, candidate_relation, fingerprint, stage_relation};
use crate::graph::{IncrementalStrategy, Materialization, Node, NodeId};
use crate::postgres::{SqlError, catalog, statements};
use crate::sql::{Relation, RelationKind};

use super::compile::Compiled;
use super::event::Level;
use super::execute::{Done, NodeRun};
use super::index::create_indexes;
use super::publication::unknown;
use super::result::Status;
use super::statement::{create_contracted_table, create_table_as, create_view_as};
use super::strategy::strategy_of;
use super::test::Verdict;

/// An audit that a delta went through.
pub(super) struct Audit {
    pub test: NodeId,
    pub verdict: Result<Verdict, Diagnostic>,
}

/// How a delta ended.
pub(super) struct DeltaEnd {
    pub done: Result<Done, Diagnostic>,
    pub audits: Vec<Audit>,
}

impl NodeRun {
    fn ledger(&self) -> Result<&Ledger, Diagnostic> {
        self.context
            .gate
            .as_ref()
            .map(|gate| &gate.ledger)
            .ok_or_else(|| Diagnostic::error("internal", "a published model was planned in a project without a gate"))
    }

    /// Builds, indexes and analyses a version; it stays a candidate until its audits have passed.
    pub(super) async fn version(&self, version: &Relation) -> Result<Done, Diagnostic> {
        let node = Arc::clone(&self.step.node);
        let view = node.config.materialized == Materialization::View;
        let kind = if view { RelationKind::View } else { RelationKind::Table };
        let compiled = self.compile(version, false)?;
        self.check_contract(&compiled).await?;
        let (before, after) = self.hooks(version)?;
        let new = NewVersion {
            model: &node.relation.identifier,
            node_id: &node.id,
            version,
            kind,
            definition: &self.step.definition,
        };
        let record = self
            .ledger()?
            .record_candidate_sql(&new, &self.context.flags.invocation_id);
        let begin = format!("begin;\n{before}");
        let rows = if let Some(by) = &node.config.partition_by {
            self.divided(&begin, version, by, &compiled, "").await?.rows
        } else {
            let create = if view {
                create_view_as(version, &compiled.sql, false)
            } else {
                new_table(version, &self.context.with_deferred_keys(&node), &compiled.sql)
            };
            self.note_sql(&create);
            let first = begin + &create;
            match self.connection.batch(&first).await {
                Ok(done) => done.last().copied().unwrap_or(0),
                Err(error) => return Err(self.refused(&error, &first, &compiled).await),
            }
        };
        let analyze = if view {
            String::new()
        } else {
            format!("analyze {version};\n")
        };
        let rest = format!(
            "{}{after}{analyze}{record};\n{}commit;\n",
            create_indexes(version, &node.config.indexes),
            set_rows(version, &self.ledger()?.schema, (!view).then_some(rows)),
        );
        if let Err(error) = self.connection.batch(&rest).await {
            return Err(self.refused(&error, &rest, &compiled).await);
        }
        self.context.set_readable(&node.id, version.clone().of_kind(kind));
        Ok(if view {
            Done::named("CREATE VIEW")
        } else {
            Done::rows("SELECT", rows)
        })
    }

    /// Evaluates the delta into a stage, applies it to the published version, audits the result, and commits both the
    /// rows and their certificate, or nothing.
    pub(super) async fn published_delta(&self, current: &Relation, version_id: i64, rows: Option<i64>) -> DeltaEnd {
        let mut audits = Vec::new();
        let done = self.try_delta(current, version_id, rows, &mut audits).await;
        DeltaEnd { done, audits }
    }

    async fn try_delta(
        &self,
        current: &Relation,
        version_id: i64,
        rows_before: Option<i64>,
        audits: &mut Vec<Audit>,
    ) -> Result<Done, Diagnostic> {
        let node = Arc::clone(&self.step.node);
        let compiled = self.compile(current, true)?;
        self.check_contract(&compiled).await?;
        let (before, after) = self.hooks(current)?;
        if ends_transaction(&before) || ends_transaction(&after) {
            return Err(Diagnostic::error(
                "hook-ends-transaction",
                format!(
                    "a hook of {} ends the transaction that its delta is audited in",
                    node.name
                ),
            )
            .at(node.declared.clone())
            .because("readers would see the delta before its audits have run")
            .help("take `commit` and `rollback` out of the model's hooks"));
        }
        let stage = stage_relation(&node.relation);
        let create = format!(
            "drop table if exists {stage};\n{}",
            create_table_as(&stage, &compiled.sql, true)
        );
        let staged = match self.connection.repeatable_batch(&create).await {
            Ok(done) => done.last().copied().unwrap_or(0),
            Err(error) => return Err(self.refused(&error, &create, &compiled).await),
        };
        let incoming = catalog::columns(&self.connection, &stage.schema, &stage.identifier)
            .await
            .map_err(|error| self.database_error(&error))?;
        let (alter, columns) = self.align(current, &incoming).await?;
        let source = stage.to_string();
        let statements = self.batch_statements(current, &source, &columns).await?;
        let partitions = self.missing_partitions(current, &source).await?;
        self.note_sql(&format!("{create}{partitions}{alter}{}", statements.concat()));
        let fence = self.ledger()?.fence_sql(&self.context.flags.invocation_id);
        if !partitions.is_empty() {
            // Empty partitions show nothing, and their locks must not last through the audits.
            let partitions = format!("begin;\n{fence}{partitions}commit;\n");
            if let Err(error) = self.connection.batch(&partitions).await {
                return Err(self.batch_refused(&error, &partitions, &compiled).await);
            }
        }
        let mut counts = Vec::new();
        for (part, counted) in [
            (format!("begin;\n{fence}{before}{alter}"), false),
            (statements.concat(), true),
            (after, false),
        ] {
            match self.connection.batch(&part).await {
                Ok(done) if counted => counts = done,
                Ok(_) => {}
                Err(error) => return Err(self.batch_refused(&error, &part, &compiled).await),
            }
        }
        self.context.set_readable(&node.id, current.clone());
        let passed = self.audit(audits).await;
        if !passed {
            self.rollback().await;
            // What the audits found matters more than that it cannot be shown, say for a column that was rolled back too.
            if let Err(diagnostic) = self.keep_candidate(current, &stage, &columns, audits).await {
                self.warn(
                    "candidate-not-kept",
                    &format!("its candidate cannot be shown: {}", diagnostic.message),
                );
            }
            return Err(self.held_back(audits, staged));
        }
        let rows = self.rows_after(current, rows_before, &counts).await?;
        let certificate = Certificate {
            scope: "delta",
            tests: evidence(audits),
            rows,
            data_as_of: self.context.as_of.clone(),
        };
        let run_id = &self.context.flags.invocation_id;
        let ledger = self.ledger()?;
        let sealed = async {
            ledger.certify(&self.connection, current, run_id, &certificate).await?;
            ledger.record_delta(&self.connection, version_id, run_id).await?;
            self.connection.batch(&format!("drop table {stage};\ncommit;\n")).await
        };
        match sealed.await {
            Ok(_) => {}
            Err(error) if error.lost => self.ask_for_delta(version_id, &error).await?,
            Err(error) => {
                self.rollback().await;
                return Err(self.database_error(&error));
            }
        }
        let strategy = strategy_of(&node.config);
        let (verb, written) = match strategy {
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch => ("MERGE", counts.iter().sum()),
            _ => ("INSERT 0", counts.last().copied().unwrap_or(0)),
        };
        Ok(Done::rows(verb, written))
    }

    /// The connection broke while a delta was sealed: fails unless the ledger says that it is in.
    async fn ask_for_delta(&self, version_id: i64, lost: &SqlError) -> Result<(), Diagnostic> {
        let ledger = self.ledger()?;
        let asked = async {
            let connection = self.context.pool.beside().await?;
            let took = ledger.took_delta(&connection, version_id, &self.context.flags.invocation_id);
            took.await.map_err(|error| error.diagnostic())
        };
        match asked.await {
            Ok(true) => {
                let told = format!("{}; the ledger says that the delta is in", lost.message);
                let told = format!("{}: {told}", self.step.node.name);
                self.context.events.message(Level::Warn, told);
                Ok(())
            }
            Ok(false) => {
                self.connection.attempt_undone();
                Err(self.database_error(lost))
            }
            Err(second) => Err(unknown(&self.step.node.name, lost, &second)),
        }
    }

    /// Runs every audit inside the open transaction. An audit that cannot run counts as failed.
    async fn audit(&self, audits: &mut Vec<Audit>) -> bool {
        let mut passed = true;
        for id in self.step.audits.iter().chain(&self.step.audits_of_views) {
            let Some(test) = self.context.graph.node(id).cloned() else {
                continue;
            };
            if self.step.audits_of_views.contains(id) && !self.suits_published_view(&test).await {
                continue;
            }
            let verdict = self.run_test(&test, false).await;
            let fatal = !matches!(&verdict, Ok(v) if v.status != Status::Fail);
            let broken = verdict.is_err();
            audits.push(Audit {
                test: Arc::clone(id),
                verdict,
            });
            passed &= !fatal;
            if broken {
                // The transaction is aborted; nothing else can be asked in it.
                break;
            }
        }
        passed
    }

    /// Whether a test of a published view can be asked of the view that stands. One that names a column which only the
    /// view's next definition has says nothing about what readers see now; the new version is tested with it.
    async fn suits_published_view(&self, test: &Arc<crate::graph::Node>) -> bool {
        // What does not compile is told by the test itself.
        let Ok(compiled) = self.compile_other(test) else {
            return true;
        };
        if self.connection.batch("savepoint assay_audit").await.is_err() {
            return true;
        }
        match self.connection.describe(&compiled.sql).await {
            Ok(_) => true,
            Err(error) => {
                // undefined_column, undefined_function, datatype_mismatch, invalid_text_representation
                let unsuited = ["42703", "42883", "42804", "22P02"].iter().any(|state| error.is(state));
                let back = self.connection.batch("rollback to savepoint assay_audit").await;
                !(unsuited && back.is_ok())
            }
        }
    }

    /// Leaves a view of what readers would have seen, and points the failing tests' compiled SQL at it.
    async fn keep_candidate(
        &self,
        current: &Relation,
        stage: &Relation,
        columns: &[String],
        audits: &mut [Audit],
    ) -> Result<(), Diagnostic> {
        let candidate = candidate_relation(&self.step.node.relation);
        let sql = candidate_sql(
            &candidate,
            current,
            stage,
            columns,
            self.step.node.config.unique_key.as_slice(),
        );
        self.connection
            .batch(&sql)
            .await
            .map_err(|error| self.database_error(&error))?;
        self.context.set_readable(&self.step.node.id, candidate);
        let mut compiled = Ok(());
        for audit in audits {
            let failed = matches!(&audit.verdict, Ok(v) if v.status == Status::Fail);
            if let (true, Some(test), Ok(verdict)) = (failed, self.context.graph.node(&audit.test), &mut audit.verdict)
            {
                match self.compile_other(&Arc::clone(test)) {
                    Ok(again) => verdict.compiled = again,
                    Err(diagnostic) => compiled = Err(diagnostic),
                }
            }
        }
        self.context.set_readable(&self.step.node.id, current.clone());
        compiled
    }

    fn held_back(&self, audits: &[Audit], staged: u64) -> Diagnostic {
        let failed: Vec<&str> = audits
            .iter()
            .filter(|a| !matches!(&a.verdict, Ok(v) if v.status != Status::Fail))
            .filter_map(|a| self.context.graph.node(&a.test).map(|n| n.name.as_str()))
            .collect();
        Diagnostic::error(
            "audit-failed",
            format!(
                "{} kept its certified rows: the delta of {staged} rows did not pass {}",
                self.step.node.name,
                failed.join(", ")
            ),
        )
        .at(self.step.node.declared.clone())
        .because("the delta was rolled back before anybody could read it")
        .help(format!(
            "look at what it would have been: assay show --candidate {}",
            self.step.node.name
        ))
    }

    async fn rows_after(
        &self,
        current: &Relation,
        before: Option<i64>,
        counts: &[u64],
    ) -> Result<Option<i64>, Diagnostic> {
        let signed = |n: &u64| i64::try_from(*n).unwrap_or(i64::MAX);
        if let (Some(before), Some((inserted, deleted)), false) = (
            before,
            counts.split_last(),
            strategy_of(&self.step.node.config) == IncrementalStrategy::Merge,
        ) {
            return Ok(Some(
                before + signed(inserted) - deleted.iter().map(signed).sum::<i64>(),
            ));
        }
        let counted = self
            .connection
            .query(&format!("select count(*) from {current}"), &[])
            .await
            .map_err(|error| self.database_error(&error))?;
        Ok(counted.first().map(|row| row.get(0)))
    }

    pub(super) fn compile_other(&self, node: &Arc<crate::graph::Node>) -> Result<Compiled, Diagnostic> {
        let view = super::compile::View {
            this: node.relation.clone(),
            incremental: false,
        };
        super::compile::compile_node(&self.context, node, &view, Some(&self.connection))
    }
}

/// Whether a statement of a hook would end the transaction around it.
fn ends_transaction(sql: &str) -> bool {
    statements(sql).into_iter().any(|statement| {
        let statement = statement.to_lowercase();
        let mut words = statement.split_whitespace();
        match words.next() {
            Some("commit" | "end" | "abort") => true,
            Some("rollback") => !words.any(|word| word == "to"),
            Some("prepare") => words.next() == Some("transaction"),
            _ => false,
        }
    })
}

/// How each audit ended, for the certificate.
fn evidence(audits: &[Audit]) -> Vec<TestEvidence> {
    audits
        .iter()
        .filter_map(|audit| {
            let verdict = audit.verdict.as_ref().ok()?;
            Some(TestEvidence {
                test: audit.test.to_string(),
                status: verdict.status.name().to_owned(),
                failures: verdict.failures,
            })
        })
        .collect()
}

fn set_rows(version: &Relation, schema: &str, rows: Option<u64>) -> String {
    rows.map_or_else(String::new, |rows| {
        format!(
            "update assay.versions set rows = {rows} where published_schema = {} and version_name = {};\n",
            crate::sql::literal(schema),
            crate::sql::literal(&version.identifier)
        )
    })
}

/// What the table would be after the delta: its rows whose key is not in the delta, and the delta.
fn candidate_sql(
    candidate: &Relation,
    current: &Relation,
    stage: &Relation,
    columns: &[String],
    key: &[String],
) -> String {
    use crate::sql::ident;
    let list: Vec<String> = columns.iter().map(|c| ident(c)).collect();
    let list = list.join(", ");
    let replaced = if key.is_empty() {
        String::new()
    } else {
        let same: Vec<String> = key
            .iter()
            .map(|k| format!("old.{0} is not distinct from new.{0}", ident(&k.to_lowercase())))
            .collect();
        format!(
            "\nwhere not exists (select from {stage} as new where {})",
            same.join(" and ")
        )
    };
    format!(
        "drop view if exists {candidate};\ncreate view {candidate} as\nselect {list} from {current} as old{replaced}\nunion all\nselect {list} from {stage};\n"
    )
}

/// A version's constraints carry a part of its name: versions stand side by side in one schema.
fn new_table(version: &Relation, node: &Node, sql: &str) -> String {
    if node.config.contract_enforced {
        let suffix = format!("__{}", &fingerprint(&[&version.identifier])[..10]);
        create_contracted_table(version, node, sql, &suffix)
    } else {
        create_table_as(version, sql, node.config.unlogged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_end_a_transaction() {
        for sql in [
            "COMMIT;",
            "select 1;\nend\n;",
            "rollback and chain",
            "prepare transaction 'a'",
        ] {
            assert!(ends_transaction(sql), "{sql}");
        }
        for sql in [
            "select 'commit;'",
            "rollback to savepoint a",
            "do $$ begin end; $$",
            "prepare p as select 1",
        ] {
            assert!(!ends_transaction(sql), "{sql}");
        }
    }

    #[test]
    fn the_candidate_of_a_delta() {
        let schema = |name: &str| Relation::new(None, "analytics__versions", name);
        insta::assert_snapshot!(candidate_sql(
            &schema("m__candidate"),
            &schema("m__0a_1b"),
            &schema("m__stage"),
            &["id".into(), "n".into()],
            &["id".into()]
        ));
    }
}
