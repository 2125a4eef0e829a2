//! New rows into the version that readers see, audited before they are committed.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::gate::{Changes, NewVersion, candidate_relation, redress, stage_relation, version_relation};
use crate::graph::{Hook, IncrementalStrategy, NodeId};
use crate::postgres::{SqlError, catalog, ends_block};
use crate::sql::{Relation, RelationKind};

use super::compile::Compiled;
use super::event::Level;
use super::execute::{Done, NodeRun};
use super::publication::{publication, publish_alone, unknown};
use super::result::Status;
use super::statement::create_table_as;
use super::strategy::strategy_of;
use super::test::Verdict;
use super::touched::Touched;

/// An audit that a delta went through.
pub(super) struct Audit {
    pub test: NodeId,
    pub verdict: Result<Verdict, Diagnostic>,
    /// It looked at what the delta touched only.
    pub scoped: bool,
}

/// How a delta ended.
pub(super) struct DeltaEnd {
    pub done: Result<Done, Diagnostic>,
    pub audits: Vec<Audit>,
}

/// What applying a delta came to.
struct Applied {
    /// Rows that each statement touched.
    counts: Vec<u64>,
    /// Which parts of the key are NULL in rows of the delta.
    null_keys: Vec<Vec<bool>>,
    /// Rows that stood before are kept beside, to compare with.
    replaces: bool,
    /// Hooks ran with it.
    hooked: bool,
}

impl NodeRun {
    /// Evaluates the delta into a stage, applies it to the published version, audits the result, and commits both the
    /// rows and their certificate, or nothing.
    pub(super) async fn published_delta(&self, current: &Relation, version_id: i64, rows: Option<i64>) -> DeltaEnd {
        let mut audits = Vec::new();
        let done = Box::pin(self.try_delta(current, version_id, rows, &mut audits)).await;
        // Whichever way it ended: the audits read the target from inside its transaction, which is over.
        let id = &self.step.node.id;
        match self.shared.as_ref().and_then(|shared| shared.copy_of(id)) {
            // Until all of its set is published.
            Some(copy) => self.context.set_readable(id, copy),
            None => self.context.clear_readable(id),
        }
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
        let ledger = self.ledger()?;
        let run_id = &self.context.flags.invocation_id;
        let fence = ledger.fence_sql(run_id);
        let (stage, create, staged) = self.stage(&fence, &compiled).await?;
        let incoming = catalog::columns(&self.connection, &stage.schema, &stage.identifier)
            .await
            .map_err(|error| self.database_error(&error))?;
        let widened = version_relation(&node.relation, &self.step.definition, run_id);
        let (alter, columns) = self.align(current, &widened, &incoming).await?;
        // Readers must not wait for a change of columns, nor see it before its audits: it is made in a copy.
        let copies = !alter.is_empty();
        let target = if copies { &widened } else { current };
        if copies {
            self.check_can_copy(&alter)?;
        }
        let partitions = self.missing_partitions(current, &stage.to_string()).await?;
        if !partitions.is_empty() {
            // Empty partitions show nothing, and their locks must not last through the audits.
            let partitions = format!("begin;\n{fence}{partitions}commit;\n");
            if let Err(error) = self.connection.batch(&partitions).await {
                return Err(self.batch_refused(&error, &partitions, &compiled).await);
            }
        }
        let begun = self.connection.batch(&format!("begin;\n{fence}")).await;
        begun.map_err(|error| self.database_error(&error))?;
        if copies {
            let copy = self.copy_sql(current, target, &alter);
            self.note_sql(&copy);
            if let Err(error) = self.connection.batch(&copy).await {
                return Err(self.refused(&error, &copy, &compiled).await);
            }
        }
        let source = stage.to_string();
        let applied = self
            .within(self.apply(target, &source, &columns, &create, &compiled))
            .await?;
        self.context.set_readable(&node.id, target.clone());
        let touched = self
            .within(self.touch(target, &source, &columns, &applied.null_keys, applied.replaces))
            .await?;
        // What hooks do is not in the delta, and new columns are new in old rows, too.
        let plain = !applied.hooked && !copies;
        let narrow = plain && !self.context.flags.audit_full;
        let passed = self.audit(audits, Some(&touched).filter(|_| narrow)).await;
        if !passed {
            self.rollback().await;
            // What the audits found matters more than that it cannot be shown, say for a column that was rolled back too.
            if self.shared.is_none()
                && let Err(diagnostic) = self.keep_candidate(current, &stage, &columns, audits).await
            {
                self.warn(
                    "candidate-not-kept",
                    &format!("its candidate cannot be shown: {}", diagnostic.message),
                );
            }
            return Err(self.held_back(audits, staged));
        }
        let changes = touched.changes.filter(|_| plain);
        let evidence = self.evidence(audits, &touched);
        let rows = self.within(self.rows_after(target, rows_before, changes)).await?;
        let certificate = self.context.certificate(&node, "delta", evidence, rows);
        let sealed = async {
            ledger.certify(&self.connection, target, run_id, &certificate).await?;
            if !copies {
                let definition = &self.step.definition;
                ledger
                    .record_delta(&self.connection, version_id, run_id, definition, changes)
                    .await?;
            }
            let dress = self.redressed(current).await?;
            self.connection
                .batch(&format!("drop table {stage};\n{dress}commit;\n"))
                .await
        };
        match sealed.await {
            Ok(_) => {}
            Err(error) if error.lost && !copies && self.shared.is_none() => {
                self.ask_for_delta(version_id, &error).await?;
            }
            Err(error) => {
                self.rollback().await;
                return Err(self.database_error(&error));
            }
        }
        if let (true, Some(inside)) = (copies, &self.shared) {
            inside.note_copy(&node.id, target);
        } else if copies {
            publish_alone(&self.context, &self.connection, &node, target).await?;
        } else if plain {
            self.tell_gone(&touched);
        }
        let strategy = strategy_of(&node.config);
        let (verb, written) = match strategy {
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch => ("MERGE", applied.counts.iter().sum()),
            _ => ("INSERT 0", applied.counts.last().copied().unwrap_or(0)),
        };
        Ok(Done::rows(verb, written))
    }

    /// The rows of the delta in a table of their own, the statements that made it, and how many they are.
    async fn stage(&self, fence: &str, compiled: &Compiled) -> Result<(Relation, String, u64), Diagnostic> {
        let stage = stage_relation(&self.step.node.relation);
        let create = format!(
            "drop table if exists {stage};\n{}{}",
            create_table_as(&stage, &compiled.sql, true),
            self.statistics(&stage.to_string())
        );
        // Fenced as well: a killed run's server process may still be at it when the next run looks for leftovers.
        let fenced = format!("begin;\n{fence}{create}commit;\n");
        match self.connection.repeatable_batch(&fenced).await {
            Ok(done) => Ok((stage, create, done.iter().copied().max().unwrap_or(0))),
            Err(error) => Err(self.refused(&error, &fenced, compiled).await),
        }
    }

    /// The delta between the model's hooks, which are rendered inside the transaction too, since a template can write.
    async fn apply(
        &self,
        target: &Relation,
        source: &str,
        columns: &[String],
        create: &str,
        compiled: &Compiled,
    ) -> Result<Applied, Diagnostic> {
        let config = &self.step.node.config;
        let before = self.hook_inside(&config.pre_hooks, target)?;
        if let Err(error) = self.connection.batch(&before).await {
            return Err(self.refused(&error, &before, compiled).await);
        }
        let null_keys = self.null_keys(source).await?;
        let statements = self.batch_statements(target, source, columns, &null_keys)?;
        let statements = statements.concat();
        self.note_sql(&format!("{create}{before}{statements}"));
        let replaces = self.keep_before(target, source, columns, &null_keys).await?;
        let counts = match self.connection.batch(&statements).await {
            Ok(counts) => counts,
            Err(error) => return Err(self.batch_refused(&error, &statements, compiled).await),
        };
        let after = self.hook_inside(&config.post_hooks, target)?;
        if let Err(error) = self.connection.batch(&after).await {
            return Err(self.refused(&error, &after, compiled).await);
        }
        Ok(Applied {
            counts,
            null_keys,
            replaces,
            hooked: !config.pre_hooks.is_empty() || !config.post_hooks.is_empty(),
        })
    }

    /// Hooks that may do anything but end the transaction around them.
    fn hook_inside(&self, hooks: &[Hook], this: &Relation) -> Result<String, Diagnostic> {
        let sql = self.hook_sql(hooks, this, true)?.concat();
        if !ends_block(&sql) {
            return Ok(sql);
        }
        let node = &self.step.node;
        Err(Diagnostic::error(
            "hook-ends-transaction",
            format!(
                "a hook of {} ends the transaction that its delta is audited in",
                node.name
            ),
        )
        .at(node.declared.clone())
        .because("readers would see the delta before its audits have run")
        .help("take `commit` and `rollback` out of the model's hooks"))
    }

    /// Refuses what a copy of the version would lose.
    fn check_can_copy(&self, alter: &str) -> Result<(), Diagnostic> {
        let node = &self.step.node;
        if !node.config.contract_enforced && node.config.partition_by.is_none() {
            return Ok(());
        }
        Err(
            Diagnostic::error("schema-change", format!("the columns of {} change", node.name))
                .at(node.declared.clone())
                .because(format!(
                    "a delta would have to change the version that readers see, and this one has a contract or partitions\n{}",
                    alter.trim()
                ))
                .help("run it with --full-refresh"),
        )
    }

    /// A candidate with the rows that readers see, and with the columns that the delta brings.
    fn copy_sql(&self, current: &Relation, target: &Relation, alter: &str) -> String {
        let node = &self.step.node;
        let new = NewVersion {
            model: &node.relation.identifier,
            node_id: &node.id,
            version: target,
            kind: RelationKind::Table,
            definition: &self.step.definition,
        };
        let ledger = self.context.gate.as_ref().map(|gate| &gate.ledger);
        let record = ledger.map_or_else(String::new, |ledger| {
            ledger.record_candidate_sql(&new, &self.context.flags.invocation_id)
        });
        let unlogged = if node.config.unlogged { "unlogged " } else { "" };
        format!(
            "create {unlogged}table {target} (like {current} including all);\n\
             insert into {target} select * from {current};\n{alter}{record};\n"
        )
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

    /// Work inside the delta's transaction, which is over where it fails.
    async fn within<T>(&self, work: impl Future<Output = Result<T, Diagnostic>>) -> Result<T, Diagnostic> {
        let done = work.await;
        if done.is_err() {
            self.rollback().await;
        }
        done
    }

    /// Grants and descriptions as the model says them now, for the view that stays.
    async fn redressed(&self, current: &Relation) -> Result<String, SqlError> {
        let Some(gate) = &self.context.gate else {
            return Ok(String::new());
        };
        redress(&self.connection, &publication(&self.step.node, current), &gate.readers).await
    }

    /// Runs every audit inside the open transaction. An audit that cannot run counts as failed.
    async fn audit(&self, audits: &mut Vec<Audit>, touched: Option<&Touched>) -> bool {
        let mut passed = true;
        for id in self.step.audits.iter().chain(&self.step.audits_of_views) {
            let Some(test) = self.context.graph.node(id).cloned() else {
                continue;
            };
            if self.step.audits_of_views.contains(id) && !self.suits_published_view(&test).await {
                continue;
            }
            let scoped = match touched {
                Some(touched) => self.scoped_test(&test, touched).await,
                None => Ok(None),
            };
            let (verdict, scoped) = match scoped {
                Ok(Some(verdict)) => (Ok(verdict), true),
                Ok(None) => (self.run_test(&test, false).await, false),
                Err(diagnostic) => (Err(diagnostic), false),
            };
            let fatal = !matches!(&verdict, Ok(v) if v.status != Status::Fail);
            let broken = verdict.is_err();
            audits.push(Audit {
                test: Arc::clone(id),
                verdict,
                scoped,
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
                // undefined_column, undefined_function, datatype_mismatch, invalid_text_representation, undefined_table
                let unsuited = ["42703", "42883", "42804", "22P02", "42P01"]
                    .iter()
                    .any(|state| error.is(state));
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
        compiled
    }

    fn held_back(&self, audits: &[Audit], staged: u64) -> Diagnostic {
        let failed: Vec<&str> = audits
            .iter()
            .filter(|a| !matches!(&a.verdict, Ok(v) if v.status != Status::Fail))
            .filter_map(|a| self.context.graph.node(&a.test).map(|n| n.name.as_str()))
            .collect();
        let name = &self.step.node.name;
        let help = if self.shared.is_none() {
            format!("look at what it would have been: assay show --candidate {name}")
        } else {
            "nothing of the delta stays, for all of its set is one transaction; the test's compiled SQL says what it looks for"
                .to_owned()
        };
        Diagnostic::error(
            "audit-failed",
            format!(
                "{name} kept its certified rows: the delta of {staged} rows did not pass {}",
                failed.join(", ")
            ),
        )
        .at(self.step.node.declared.clone())
        .because("the delta was rolled back before anybody could read it")
        .help(help)
    }

    async fn rows_after(
        &self,
        current: &Relation,
        before: Option<i64>,
        changes: Option<Changes>,
    ) -> Result<Option<i64>, Diagnostic> {
        if let (Some(before), Some(changes)) = (before, changes) {
            return Ok(Some(before + changes.added - changes.removed));
        }
        let counted = self
            .connection
            .query(&format!("select count(*) from {current}"), &[])
            .await
            .map_err(|error| self.database_error(&error))?;
        Ok(counted.first().map(|row| row.get(0)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
