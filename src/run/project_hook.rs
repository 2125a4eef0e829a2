//! `on-run-start` and `on-run-end`, and the schemas that a run builds in.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::json;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Node, ResourceType};
use crate::jinja::Global;
use crate::plan::{Action, Plan};
use crate::postgres::{Connection, Passing, PooledConnection};
use crate::sql::create_schema;

use super::compile::{Compiled, View, compile_with};
use super::context::{Flags, RunContext};
use super::event::Event;
use super::execute::ended;
use super::result::{NodeResult, RunResult, Status};
use super::stored_failures::stored_as;
use super::transaction::Transaction;

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    Start,
    End,
}

impl HookKind {
    /// dbt's word, which hooks carry as a tag.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "on-run-start",
            Self::End => "on-run-end",
        }
    }
}

/// What came of the hooks of one kind.
#[derive(Debug, Default)]
pub struct HooksEnd {
    /// In the order in which they ran; those after a failure are skipped.
    pub results: Vec<NodeResult>,
    /// A template that cannot be rendered: no statement of a hook failed, the command cannot go on.
    pub broken: Option<Diagnostic>,
}

impl HooksEnd {
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.broken.is_none() && !self.results.iter().any(|result| result.status.is_failure())
    }
}

/// Runs the hooks of one kind one after another: those of packages by their names, then the project's own. Every statement is
/// committed by itself. `more` is what their templates see besides the usual.
pub async fn run_project_hooks(
    context: &Arc<RunContext>,
    connection: &Arc<PooledConnection>,
    kind: HookKind,
    more: IndexMap<String, Global>,
) -> HooksEnd {
    let root = context.engine.root_package();
    let mut hooks: Vec<&Arc<Node>> = context
        .graph
        .nodes()
        .filter(|node| {
            node.resource_type == ResourceType::Operation && node.config.tags.iter().any(|t| t == kind.name())
        })
        .collect();
    // Stable: the hooks of a package stay in their order.
    hooks.sort_by_key(|node| (node.package == root, node.package.clone()));
    let mut end = HooksEnd::default();
    if hooks.is_empty() {
        return end;
    }
    let stop = {
        let (interrupt, pool) = (context.interrupt.clone(), context.pool.clone());
        tokio::spawn(async move {
            interrupt.raised().await;
            pool.cancel_all().await;
        })
    };
    let run = HookRun {
        context,
        kind,
        total: hooks.len(),
        transaction: Arc::new(Transaction::new(connection)),
        more,
    };
    if let Err(error) = run.transaction.clear().await {
        end.broken = Some(error.diagnostic());
    }
    for (position, hook) in hooks.into_iter().enumerate() {
        let index = position + 1;
        if end.broken.is_some() {
            break;
        }
        if end.is_success() && !context.interrupt.is_raised() {
            match run.run(index, hook).await {
                Ok(result) => end.results.push(result),
                Err(diagnostic) => end.broken = Some(diagnostic),
            }
        } else {
            end.results.push(run.skip(index, hook));
        }
    }
    run.transaction.rollback().await;
    // What a hook set is not meant for the nodes.
    connection.retire();
    stop.abort();
    end
}

struct HookRun<'a> {
    context: &'a Arc<RunContext>,
    kind: HookKind,
    total: usize,
    transaction: Arc<Transaction>,
    more: IndexMap<String, Global>,
}

impl HookRun<'_> {
    async fn run(&self, index: usize, hook: &Arc<Node>) -> Result<NodeResult, Diagnostic> {
        let started = Timestamp::now();
        let view = View {
            this: hook.relation.clone(),
            incremental: false,
        };
        let compiled = compile_with(self.context, hook, &view, &self.transaction, &self.more)?;
        let compiled_at = Timestamp::now();
        self.context.tell(Event::NodeStarted {
            index,
            total: self.total,
            node: Arc::clone(hook),
            thread: "MainThread".to_owned(),
        });
        let done = if compiled.sql.trim().is_empty() {
            Ok(())
        } else {
            self.transaction.execute(&compiled.sql, false, false).await.map(drop)
        };
        let status = if done.is_ok() { Status::Success } else { Status::Error };
        let mut result = ended(hook, status, started, "main", Some((compiled_at, &compiled)));
        let name = self.name(index, hook);
        match done {
            Ok(()) => {
                result.message = Some(format!("{name} passed"));
                result.failures = Some(0);
            }
            Err(error) => {
                result.message = Some(format!("{name} failed, error:\n {}", error.message));
                result.failures = Some(1);
                result.diagnostic = Some(self.placed(&error, hook, &compiled));
            }
        }
        self.tell(index, &result);
        Ok(result)
    }

    fn placed(&self, error: &crate::postgres::SqlError, hook: &Node, compiled: &Compiled) -> Diagnostic {
        let place = super::execute::place_of(error, &compiled.sql, compiled);
        error
            .diagnostic()
            .at(place.unwrap_or_else(|| Place::new(&compiled.file, 0..0)))
            .frame(
                format!("the {} hook {}", self.kind.name(), hook.name),
                hook.declared.clone(),
            )
    }

    fn skip(&self, index: usize, hook: &Arc<Node>) -> NodeResult {
        let mut result = NodeResult::skipped(Arc::clone(hook), None);
        "main".clone_into(&mut result.thread);
        result.failures = Some(1);
        result.message = Some(format!("{} skipped", self.name(index, hook)));
        self.tell(index, &result);
        result
    }

    fn tell(&self, index: usize, result: &NodeResult) {
        self.context.tell(Event::NodeFinished {
            index,
            total: self.total,
            result: Arc::new(result.clone()),
        });
    }

    /// dbt counts all hooks of a kind, whatever their packages.
    fn name(&self, index: usize, hook: &Node) -> String {
        format!("{}.{}.{}", hook.package, self.kind.name(), index - 1)
    }
}

/// What `on-run-end` hooks see of a run: `results`, `schemas`, `database_schemas`.
#[must_use]
pub fn end_context(context: &RunContext, start: &HooksEnd, run: &RunResult) -> IndexMap<String, Global> {
    let results: Vec<&NodeResult> = start.results.iter().chain(&run.results).collect();
    let places: BTreeSet<(Option<&str>, &str)> = results
        .iter()
        .filter(|result| {
            let relational = matches!(
                result.node.resource_type,
                ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot | ResourceType::Function
            );
            relational && !matches!(result.status, Status::Error | Status::Fail | Status::Skipped)
        })
        .map(|result| {
            let relation = &result.node.relation;
            (relation.database.as_deref(), relation.schema.as_str())
        })
        .collect();
    let schemas: BTreeSet<&str> = places.iter().map(|(_, schema)| *schema).collect();
    // dbt leaves out the hooks before it, unless they failed; where they kept everything from starting, all is left out.
    let nothing = run.results.iter().all(|result| result.thread == "MainThread");
    let shown = results
        .iter()
        .filter(|result| !nothing && (result.thread != "main" || result.status == Status::Error))
        .map(|result| result.entry_for_templates(&context.layout))
        .collect();
    IndexMap::from([
        ("results".to_owned(), Global::Records(Arc::new(shown))),
        ("schemas".to_owned(), Global::from(json!(schemas))),
        ("database_schemas".to_owned(), Global::from(json!(places))),
    ])
}

/// Makes the schemas that the plan builds in. The schemas of the gate are made by the gate.
pub async fn create_schemas(connection: &Connection, plan: &Plan, flags: &Flags) -> Result<(), Diagnostic> {
    let schemas: BTreeSet<Cow<str>> = plan
        .steps
        .values()
        .filter(|step| {
            let keeps = step
                .node
                .test
                .as_ref()
                .is_some_and(|test| stored_as(test, flags).is_some());
            match step.action {
                // Made here and not by each test, since tests that meet in making it would fail.
                Action::Test => keeps,
                Action::UnitTest | Action::AuditInside { .. } | Action::Nothing => false,
                _ => !step.is_gated(),
            }
        })
        .map(|step| step.node.relation.stored_schema())
        .collect();
    if schemas.is_empty() {
        return Ok(());
    }
    let sql: String = schemas.iter().map(|schema| create_schema(schema)).collect();
    let mut made = connection.batch(&sql).await;
    // Two runs that make the same schema at the same time meet in it, `if not exists` or not.
    for _ in 0..3 {
        if !matches!(&made, Err(error) if error.passing() == Some(Passing::Conflict)) {
            break;
        }
        made = connection.batch(&sql).await;
    }
    made.map(drop).map_err(|error| error.diagnostic())
}
