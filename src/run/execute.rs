//! One step, from its template to its result.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Hook, Node};
use crate::plan::{Action, Step};
use crate::postgres::{PooledConnection, SqlError};
use crate::sql::Relation;

use super::compile::{Compiled, View, compile_node};
use super::context::RunContext;
use super::hook::render_hooks;
use super::published_delta::Audit;
use super::result::{NodeResult, Span, Status};
use super::statement::{absent_columns, column_comments};
use super::test::Verdict;
use super::together::Inside;

/// The longest name that `PostgreSQL` keeps whole, in bytes; as dbt, we count characters.
const LONGEST_NAME: usize = 63;

/// What a materialization did, in the words of PostgreSQL's command tags.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub message: String,
    pub code: String,
    pub rows: Option<u64>,
}

impl Done {
    pub fn named(tag: &str) -> Self {
        Self {
            message: tag.to_owned(),
            code: tag.to_owned(),
            rows: None,
        }
    }

    /// `tag` is the command tag up to its count: `SELECT`, `INSERT 0`, `MERGE`.
    pub fn rows(tag: &str, rows: u64) -> Self {
        Self {
            message: format!("{tag} {rows}"),
            code: tag.split(' ').next().unwrap_or(tag).to_owned(),
            rows: Some(rows),
        }
    }
}

/// One step on one connection.
pub(super) struct NodeRun {
    pub context: Arc<RunContext>,
    pub step: Step,
    pub connection: Arc<PooledConnection>,
    pub thread: String,
    /// The transaction around it that goes on when it ends.
    pub shared: Option<Arc<Inside>>,
    /// When compiling ended, for the timing of the result.
    pub(super) compiled: std::sync::Mutex<Option<(Timestamp, Compiled)>>,
}

impl NodeRun {
    pub fn new(context: &Arc<RunContext>, step: Step, connection: PooledConnection, thread: String) -> Self {
        Self {
            context: Arc::clone(context),
            step,
            connection: Arc::new(connection),
            thread,
            shared: None,
            compiled: std::sync::Mutex::new(None),
        }
    }

    /// Within a transaction that others share.
    pub fn inside(
        context: &Arc<RunContext>,
        step: Step,
        connection: &Arc<PooledConnection>,
        inside: &Arc<Inside>,
        thread: String,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            step,
            connection: Arc::clone(connection),
            thread,
            shared: Some(Arc::clone(inside)),
            compiled: std::sync::Mutex::new(None),
        }
    }

    /// Runs the step; the first result is the step's own, the others are of audits that ran inside it.
    pub async fn execute(self) -> Vec<NodeResult> {
        let started = Timestamp::now();
        match self.context.query_comment.of(&self.context, &self.step.node) {
            Ok(comment) => self.connection.annotate(comment),
            Err(problem) => return vec![self.own_result(Err(problem), started)],
        }
        if let Action::Freshness = self.step.action {
            return vec![self.freshness(started).await];
        }
        if let Action::UnitTest = self.step.action {
            let node = Arc::clone(&self.step.node);
            let verdict = self.run_unit_test(&node).await;
            return vec![self.test_result(&node, verdict, started)];
        }
        if let Action::Test = self.step.action {
            let node = Arc::clone(&self.step.node);
            let verdict = self.run_test(&node, true).await;
            return vec![self.test_result(&node, verdict, started)];
        }
        if let Some(spec) = self.step.node.functions.spec.clone() {
            return vec![self.run_function(&spec, started).await];
        }
        let mut audits = Vec::new();
        let outcome = if matches!(self.step.action, Action::Jinja { .. }) {
            // The macro runs the hooks itself.
            self.materialize(&mut audits).await
        } else {
            self.materialize_between_hooks(&mut audits).await
        };
        let outcome = match outcome {
            Ok(done) => self.point_to_latest().await.map(|()| done),
            failed => failed,
        };
        let mut results = vec![self.own_result(outcome, started)];
        for audit in audits {
            let Some(test) = self.context.graph.node(&audit.test).cloned() else {
                continue;
            };
            // A view's audit is reported with the view; here only where it stopped the delta.
            let failed = !matches!(&audit.verdict, Ok(v) if v.status != Status::Fail);
            if failed || self.step.audits.contains(&audit.test) {
                results.push(self.test_result(&test, audit.verdict, started));
            }
        }
        results
    }

    async fn materialize_between_hooks(&self, audits: &mut Vec<Audit>) -> Result<Done, Diagnostic> {
        self.outside_hooks(true).await?;
        let done = self.materialize(audits).await?;
        self.outside_hooks(false).await.map(|()| done)
    }

    async fn materialize(&self, audits: &mut Vec<Audit>) -> Result<Done, Diagnostic> {
        match &self.step.action {
            Action::View { existing } => self.view(*existing).await,
            Action::Table { existing } | Action::Incremental { existing } => self.table(*existing).await,
            Action::Delta => self.delta().await,
            Action::Seed { existing } => self.seed(*existing).await,
            Action::Version { version, .. } => {
                self.check_fresh()?;
                self.version(version).await
            }
            Action::PublishedDelta {
                current,
                version_id,
                rows,
            } => {
                self.check_fresh()?;
                let end = self.published_delta(current, *version_id, *rows).await;
                *audits = end.audits;
                end.done
            }
            Action::Jinja {
                id: Ok(id),
                incremental,
            } => self.jinja(id, *incremental).await,
            Action::Jinja { id: Err(missing), .. } => Err(missing.clone()),
            Action::Microbatch { .. }
            | Action::Test
            | Action::UnitTest
            | Action::AuditInside { .. }
            | Action::Freshness
            | Action::Nothing => Err(Diagnostic::error(
                "internal",
                format!("{} builds nothing", self.step.node.id),
            )),
        }
    }

    pub fn compile(&self, this: &Relation, incremental: bool) -> Result<Compiled, Diagnostic> {
        let view = View {
            this: this.clone(),
            incremental,
        };
        let compiled = compile_node(&self.context, &self.step.node, &view, Some(&self.connection))?;
        self.note_compiled(&compiled);
        self.check_name()?;
        Ok(compiled)
    }

    /// `PostgreSQL` would cut the name off, and nothing would find the relation again.
    pub fn check_name(&self) -> Result<(), Diagnostic> {
        let name = &self.step.node.relation.identifier;
        if name.chars().count() <= LONGEST_NAME {
            return Ok(());
        }
        Err(Diagnostic::error(
            "long-name",
            format!("the name of the relation `{name}` is longer than {LONGEST_NAME} characters"),
        )
        .because(format!(
            "PostgreSQL keeps the first {LONGEST_NAME} bytes of a name only"
        ))
        .help("give it a shorter `alias`"))
    }

    /// Compiling has ended; for the timing and the artifact.
    pub fn note_compiled(&self, compiled: &Compiled) {
        let mut slot = self.compiled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *slot = Some((Timestamp::now(), compiled.clone()));
    }

    /// SQL that belongs into the transaction, before and after the node's own.
    pub fn hooks(&self, this: &Relation) -> Result<(String, String), Diagnostic> {
        let config = &self.step.node.config;
        Ok((
            self.hook_sql(&config.pre_hooks, this, true)?.concat(),
            self.hook_sql(&config.post_hooks, this, true)?.concat(),
        ))
    }

    /// The hooks before the node's own SQL; those after it come with [`NodeRun::commit`].
    pub fn pre_hooks(&self, this: &Relation) -> Result<String, Diagnostic> {
        Ok(self.hook_sql(&self.step.node.config.pre_hooks, this, true)?.concat())
    }

    /// Ends the open transaction with the hooks after the node's own SQL. They are rendered only now, since they may
    /// look at what the node has become. Where that fails the transaction is over.
    pub async fn commit(&self, this: &Relation) -> Result<(), Diagnostic> {
        let done = match self.hook_sql(&self.step.node.config.post_hooks, this, true) {
            Ok(hooks) => {
                let sql = format!("{}commit;\n", hooks.concat());
                self.connection
                    .batch(&sql)
                    .await
                    .map_err(|error| self.database_error(&error))
            }
            Err(diagnostic) => Err(diagnostic),
        };
        if let Err(diagnostic) = done {
            self.rollback().await;
            return Err(diagnostic);
        }
        Ok(())
    }

    pub(super) fn hook_sql(
        &self,
        hooks: &[Hook],
        this: &Relation,
        transaction: bool,
    ) -> Result<Vec<String>, Diagnostic> {
        let chosen: Vec<&Hook> = hooks.iter().filter(|h| h.transaction == transaction).collect();
        let incremental = matches!(self.step.action, Action::Delta | Action::PublishedDelta { .. });
        let view = View {
            this: this.clone(),
            incremental,
        };
        render_hooks(&self.context, &self.step.node, &chosen, &view, &self.connection)
    }

    /// Hooks that asked to run outside the transaction, each by itself.
    async fn outside_hooks(&self, before: bool) -> Result<(), Diagnostic> {
        let config = &self.step.node.config;
        let outside = |hooks: &[Hook]| hooks.iter().any(|hook| !hook.transaction);
        if self.step.is_gated() && (outside(&config.pre_hooks) || outside(&config.post_hooks)) {
            return Err(Diagnostic::error(
                "hook-outside-transaction",
                format!(
                    "a hook of the published model {} asks to run outside its transaction",
                    self.step.node.name
                ),
            )
            .at(self.step.node.declared.clone())
            .because("what it does would be visible before any audit")
            .help("take `transaction: false` out of the hook"));
        }
        let hooks = if before { &config.pre_hooks } else { &config.post_hooks };
        let this = self.context.readable(&self.step.node);
        for sql in self.hook_sql(hooks, &this, false)? {
            self.connection
                .batch(&sql)
                .await
                .map_err(|error| self.database_error(&error))?;
        }
        Ok(())
    }

    /// Compares the query's columns with an enforced contract before anything is built.
    pub async fn check_contract(&self, compiled: &Compiled) -> Result<(), Diagnostic> {
        let node = &self.step.node;
        if !node.config.contract_enforced {
            return Ok(());
        }
        let untyped = super::contract::untyped(node);
        if !untyped.is_empty() {
            return Err(Diagnostic::error(
                "contract-broken",
                format!("{} has an enforced contract and columns without a type", node.name),
            )
            .at(node.declared.clone())
            .because(format!("these have no data_type: {}", untyped.join(", ")))
            .help("give each column its data_type in the properties file"));
        }
        let found = match self.connection.describe(&compiled.sql).await {
            Ok(found) => found,
            Err(error) => return Err(self.sql_error(node, &error, &compiled.sql, compiled)),
        };
        let problems = super::contract::mismatches(&self.connection, node, &found)
            .await
            .map_err(|error| self.database_error(&error))?;
        let Some(problems) = problems else {
            return Ok(());
        };
        Err(
            Diagnostic::error("contract-broken", format!("{} does not keep its contract", node.name))
                .at(node.declared.clone())
                .because(problems)
                .help("change the query or the columns' data_type in the properties file, so that both say the same"),
        )
    }

    /// Writes what is sent to the server below `target/run`.
    pub fn note_sql(&self, sql: &str) {
        self.note_sql_of(&self.step.node, sql);
    }

    /// The same for a node that runs inside this step.
    pub fn note_sql_of(&self, node: &Node, sql: &str) {
        let path = self.context.layout.run(node);
        if let Err(diagnostic) = self.context.layout.write(&path, sql) {
            self.warn("sql-not-kept", &diagnostic.to_string());
        }
    }

    /// The statements that put the descriptions on the columns; a warning names columns that are described and not there.
    pub fn comments_on(&self, relation: &Relation, present: &[String]) -> String {
        let node = &self.step.node;
        let absent = absent_columns(node, present);
        if !absent.is_empty() {
            let (place, names) = (relation.plain(), absent.join(", "));
            self.warn(
                "undescribed-column",
                &format!("{place} has no such columns, though they are described: {names}"),
            );
        }
        column_comments(relation, node, present)
    }

    pub fn warn(&self, code: &'static str, message: &str) {
        self.context.warn(&self.step.node, code, message);
    }

    pub async fn rollback(&self) {
        // Where even this fails the connection is gone, and with it the transaction.
        let _ = self.connection.batch("rollback").await;
    }

    /// The transaction is over; says why, at the place in the compiled file.
    pub async fn refused(&self, error: &SqlError, sent: &str, compiled: &Compiled) -> Diagnostic {
        self.rollback().await;
        self.sql_error(&self.step.node, error, sent, compiled)
    }

    pub fn sql_error(&self, node: &Node, error: &SqlError, sent: &str, compiled: &Compiled) -> Diagnostic {
        let mut diagnostic = error.diagnostic();
        if error.lost || self.context.interrupt.is_raised() {
            return diagnostic;
        }
        diagnostic.place = Some(place_of(error, sent, compiled).unwrap_or_else(|| Place::new(&compiled.file, 0..0)));
        diagnostic.frame(self.context.describe(node), node.declared.clone())
    }

    pub fn database_error(&self, error: &SqlError) -> Diagnostic {
        let node = &self.step.node;
        error
            .diagnostic()
            .frame(self.context.describe(node), node.declared.clone())
    }

    pub(super) fn own_result(&self, outcome: Result<Done, Diagnostic>, started: Timestamp) -> NodeResult {
        let node = &self.step.node;
        let slot = self.compiled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let compiled = slot.as_ref().map(|(at, compiled)| (*at, compiled));
        let mut result = ended(node, Status::Success, started, &self.thread, compiled);
        result.relation_name = Some(node.relation.to_string());
        match outcome {
            Ok(done) => {
                result.message = Some(done.message);
                result.code = Some(done.code);
                result.rows_affected = done.rows;
            }
            Err(diagnostic) => {
                result.status = Status::Error;
                result.message = Some(diagnostic.message.clone());
                result.diagnostic = Some(diagnostic);
            }
        }
        result
    }

    fn test_result(&self, test: &Arc<Node>, verdict: Result<Verdict, Diagnostic>, started: Timestamp) -> NodeResult {
        let compiled = verdict.as_ref().ok().map(|v| (v.compiled_at, &v.compiled));
        let mut result = ended(test, Status::Pass, started, &self.thread, compiled);
        match verdict {
            Ok(verdict) => {
                result.status = verdict.status;
                result.failures = Some(verdict.failures);
                result.message = verdict.message;
                // A test is one row that counts.
                result.code = Some("SELECT".to_owned());
                result.rows_affected = Some(1);
            }
            Err(diagnostic) => {
                result.status = Status::Error;
                result.message = Some(diagnostic.message.clone());
                result.diagnostic = Some(diagnostic);
            }
        }
        result
    }
}

/// A result that ends now.
pub(super) fn ended(
    node: &Arc<Node>,
    status: Status,
    started: Timestamp,
    thread: &str,
    compiled: Option<(Timestamp, &Compiled)>,
) -> NodeResult {
    let now = Timestamp::now();
    let mut result = NodeResult::skipped(Arc::clone(node), None);
    result.status = status;
    thread.clone_into(&mut result.thread);
    result.execution_time_seconds = now.duration_since(started).as_secs_f64();
    let compiled_at = compiled.map_or(started, |(at, _)| at);
    result.compile = Some(Span {
        started,
        completed: compiled_at,
    });
    result.execute = Some(Span {
        started: compiled_at,
        completed: now,
    });
    if let Some((_, compiled)) = compiled {
        result.compiled_code = Some(compiled.sql.clone());
        result.compiled_path = Some(compiled.path.clone());
    }
    result
}

/// Where in the compiled file the server found the error: its position counts characters of what was sent.
pub(super) fn place_of(error: &SqlError, sent: &str, compiled: &Compiled) -> Option<Place> {
    let at = sent.char_indices().nth(error.position?.checked_sub(1)?)?.0;
    let start = sent.find(&compiled.sql)?;
    let offset = at.checked_sub(start).filter(|o| *o <= compiled.sql.len())?;
    Some(Place::new(&compiled.file, word_at(&compiled.sql, offset)))
}

/// The word that begins at a place, or the character there.
pub(super) fn word_at(sql: &str, offset: usize) -> Range<usize> {
    let rest = sql.get(offset..).unwrap_or_default();
    let word = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '"'))
        .unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    offset..offset + word.max(first)
}
