//! Answers for a template that renders while its node runs.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::{IndexMap, IndexSet};
use serde_json::Value as Json;

use crate::diagnostic::{Place, SourceFile};
use crate::graph::{Materialization, Node, NodeId, version_text};
use crate::jinja::{Host, Refusal};
use crate::postgres::{PooledConnection, SqlError, catalog, find_relation};
use crate::sql::{Column, Relation, RelationKind, Table, with_own_aliases};

use super::context::RunContext;
use super::event::{Event, Level};
use super::execute::word_at;
use super::seed::read_seed;
use super::thread::current_thread;
use super::transaction::Transaction;
use super::unit_test::Stage;

/// One render of one node.
pub struct RunHost {
    context: Arc<RunContext>,
    node: Arc<Node>,
    /// `None` where the render must do without the server.
    connection: Option<Arc<PooledConnection>>,
    /// Where the statements of the template belong together.
    transaction: Option<Arc<Transaction>>,
    /// Ephemeral models met on the way, in order.
    ephemeral: Mutex<IndexSet<NodeId>>,
    /// Stands for what changes from run to run, where the text only serves to tell definitions apart.
    stable: bool,
    /// Where a unit test renders the model that it tests.
    stage: Option<Arc<Stage>>,
    /// The text is that of a published model, or of an ephemeral one written into it.
    version: bool,
    /// What is read instead of other nodes.
    instead: Instead,
}

/// What a render reads in place of the relations that stand.
#[derive(Clone, Debug)]
pub(super) enum Instead {
    Nothing,
    /// Of one node, this relation.
    Part(NodeId, Relation),
    /// Of every node, the name that its readers know, so that texts of two runs can be compared.
    Names,
}

impl RunHost {
    #[must_use]
    pub fn new(context: &Arc<RunContext>, node: &Arc<Node>, connection: Option<Arc<PooledConnection>>) -> Self {
        Self {
            context: Arc::clone(context),
            node: Arc::clone(node),
            connection,
            transaction: None,
            ephemeral: Mutex::new(IndexSet::new()),
            stable: false,
            stage: None,
            version: context.gate.is_some() && node.is_published(),
            instead: Instead::Nothing,
        }
    }

    /// A host whose answers are the same in every run over the same project.
    #[must_use]
    pub fn stable(context: &Arc<RunContext>, node: &Arc<Node>) -> Self {
        Self {
            stable: true,
            ..Self::new(context, node, None)
        }
    }

    /// A host for an ephemeral model that is written into another node's text.
    #[must_use]
    pub fn within(self, published: bool) -> Self {
        Self {
            version: published,
            ..self
        }
    }

    /// A host that reads something else in place of other nodes.
    #[must_use]
    pub(super) fn reading(self, instead: Instead) -> Self {
        Self { instead, ..self }
    }

    /// A host whose statements share a transaction.
    #[must_use]
    pub(super) fn within_transaction(self, transaction: &Arc<Transaction>) -> Self {
        Self {
            transaction: Some(Arc::clone(transaction)),
            ..self
        }
    }

    /// A host that gives what a unit test gives.
    #[must_use]
    pub fn on(self, stage: &Arc<Stage>) -> Self {
        Self {
            stage: Some(Arc::clone(stage)),
            ..self
        }
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    pub fn is_empty_run(&self) -> bool {
        self.context.flags.empty
    }

    pub fn sample(&self) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
        self.context.flags.sample
    }

    pub fn is_stable(&self) -> bool {
        self.stable
    }

    pub fn is_version(&self) -> bool {
        self.version
    }

    pub fn ephemerals(&self) -> Vec<NodeId> {
        let met = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner);
        met.iter().cloned().collect()
    }

    fn connection(&self) -> Result<&PooledConnection, Refusal> {
        self.connection.as_deref().ok_or_else(|| {
            Refusal::new(
                "no-connection",
                "this template asks the database, which is not connected here",
            )
        })
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
    }

    /// Where another run built a node that this one reads from there.
    fn deferred(&self, target: &Node) -> Result<Option<Relation>, Refusal> {
        let ephemeral = target.config.materialized == Materialization::Ephemeral;
        let Some(there) = self.context.deferred(target).filter(|_| !self.stable && !ephemeral) else {
            return Ok(None);
        };
        let (own, other) = (&target.relation.database, &there.database);
        if own.is_some() && other.is_some() && own != other {
            let message = format!(
                "`{}` is not built here, and that of the other run is out of reach",
                target.name
            );
            return Err(Refusal::new("deferred-database", message).help(format!(
                "it is {there}, and PostgreSQL reads one database at a time: build `{}` here, or defer to a run in this database",
                target.name
            )));
        }
        Ok(Some(there.clone()))
    }

    fn readable(&self, target: &Arc<Node>) -> Relation {
        if target.config.materialized == Materialization::Ephemeral {
            let mut met = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner);
            met.insert(Arc::clone(&target.id));
            return Relation::new(None, "", format!("__dbt__cte__{}", target.relation.identifier))
                .of_kind(RelationKind::Ephemeral);
        }
        match &self.instead {
            Instead::Part(id, part) if *id == target.id => return part.clone(),
            Instead::Names => return target.relation.clone(),
            _ => {}
        }
        if self.stable {
            return target.relation.clone();
        }
        if self.version {
            return self.context.readable_version(target);
        }
        self.context.readable(target)
    }
}

impl Host for RunHost {
    fn reference(&self, package: Option<&str>, name: &str, version: Option<&Json>) -> Result<Relation, Refusal> {
        let wanted = match version {
            Some(version) => format!("{name}.v{}", version_text(version)),
            None => name.to_owned(),
        };
        let target = self
            .context
            .graph
            .by_ref(package, &wanted, &self.node.package)
            .cloned()
            .ok_or_else(|| Refusal::new("missing-ref", format!("there is no node named `{wanted}`")))?;
        if let Some(stage) = &self.stage {
            return stage.input(&target);
        }
        let known = self.node.depends_on.contains(&target.id) || self.node.id == target.id;
        if !known && !self.stable {
            return Err(Refusal::new(
                "hidden-ref",
                format!("`{}` refers to `{name}` only now that it runs", self.node.name),
            )
            .help(format!(
                "the graph is made before anything runs; add this line to the file: -- depends_on: {{{{ ref('{name}') }}}}"
            )));
        }
        let is_macro = self.node.id.starts_with("macro.");
        if is_macro && target.config.materialized == Materialization::Ephemeral {
            return Err(Refusal::new(
                "ephemeral-in-operation",
                format!("`{name}` is ephemeral, and an operation has no text of its own to write it into"),
            )
            .help(format!(
                "make `{name}` a view, or run the statement with: compile --inline"
            )));
        }
        let relation = match self.deferred(&target)? {
            Some(there) => there,
            None => self.readable(&target),
        };
        Ok(self.narrowed(relation, &target))
    }

    fn source(&self, source: &str, table: &str) -> Result<Relation, Refusal> {
        let named = |node: &&Arc<Node>| {
            let spec = node.source_spec.as_ref();
            node.name == table && spec.is_some_and(|s| s.source_name == source)
        };
        let graph = &self.context.graph;
        // A macro may name a source only while it runs: it has nothing to wait for, and so needs no edge.
        graph
            .parents(&self.node.id)
            .into_iter()
            .find(named)
            .or_else(|| {
                graph
                    .nodes()
                    .find(|node| named(node) && node.package == self.node.package)
            })
            .or_else(|| graph.nodes().find(named))
            .map(|node| match &self.stage {
                Some(stage) => stage.input(node),
                None => Ok(self.narrowed(node.relation.clone(), node)),
            })
            .transpose()?
            .ok_or_else(|| Refusal::new("missing-source", format!("there is no source `{source}.{table}`")))
    }

    fn function(&self, package: Option<&str>, name: &str) -> Result<Relation, Refusal> {
        let found = self.context.graph.function(package, name, &self.node.package);
        let node = found.ok_or_else(|| Refusal::new("missing-function", format!("there is no function `{name}`")))?;
        Ok(self.deferred(node)?.unwrap_or_else(|| node.relation.clone()))
    }

    fn metric(&self, package: Option<&str>, name: &str) -> Result<String, Refusal> {
        let found = self.context.graph.metric(package, name, &self.node.package);
        found
            .map(|node| node.name.clone())
            .ok_or_else(|| Refusal::new("missing-metric", format!("there is no metric `{name}`")))
    }

    fn configure(&self, _values: IndexMap<String, Json>) -> Result<(), Refusal> {
        // Read while parsing.
        Ok(())
    }

    fn config(&self, key: &str) -> Option<Json> {
        if self.stage.is_some() {
            // As in dbt: a tested model is configured as a unit test, and nothing else.
            return (key == "materialized").then(|| Json::from("unit"));
        }
        if key == "snapshot_table_column_names" {
            // Every name, where the configuration may give some of them only.
            let columns = self.node.snapshot.as_ref().map(|snapshot| &snapshot.columns);
            return columns.and_then(|columns| serde_json::to_value(columns).ok());
        }
        self.node.config.raw.get(key).cloned()
    }

    fn var(&self, package: &str, name: &str) -> Result<Option<Json>, Refusal> {
        if let Some(value) = self.stage.as_ref().and_then(|stage| stage.var(name)) {
            return Ok(Some(value));
        }
        if let Some(value) = self.context.vars.get(package, name) {
            return Ok(Some(value.clone()));
        }
        if name == "as_of" {
            if self.stable {
                return Ok(Some(Json::String("as_of".into())));
            }
            return Ok(self.context.as_of.clone().map(Json::String));
        }
        Ok(None)
    }

    fn env(&self, name: &str) -> Option<String> {
        let given = self.stage.as_ref().and_then(|stage| stage.env(name));
        given.or_else(|| std::env::var(name).ok())
    }

    fn overridden(&self, package: Option<&str>, name: &str) -> Option<Json> {
        self.stage.as_ref()?.macro_value(package, name)
    }

    fn called(&self, _macro_id: &str) {}

    fn query(&self, sql: &str) -> Result<Table, Refusal> {
        self.execute(sql, false, true)
    }

    fn execute(&self, sql: &str, auto_begin: bool, fetch: bool) -> Result<Table, Refusal> {
        let sql = &with_own_aliases(sql);
        let done = match &self.transaction {
            Some(transaction) => Self::wait(transaction.execute(sql, auto_begin, fetch)),
            None if fetch => Self::wait(self.connection()?.table(sql)),
            None => Self::wait(self.connection()?.run(sql)),
        };
        done.map_err(|error| refused_statement(&error, sql))
    }

    fn commit(&self) -> Result<(), Refusal> {
        let Some(transaction) = &self.transaction else {
            return Ok(());
        };
        match Self::wait(transaction.commit()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::new("no-transaction", "there is no open transaction to commit")
                .help("a statement opens one: {% call statement('main') %}, with `auto_begin` as it is")),
            Err(error) => Err(refusal(&error)),
        }
    }

    fn clear_transaction(&self) -> Result<(), Refusal> {
        match &self.transaction {
            Some(transaction) => Self::wait(transaction.clear()).map_err(|error| refusal(&error)),
            None => Ok(()),
        }
    }

    fn seed(&self) -> Result<Table, Refusal> {
        match read_seed(&self.context, &self.node) {
            Ok(seed) => Ok(seed.table()),
            Err(diagnostic) => Err(diagnostic.into()),
        }
    }

    fn write(&self, sql: &str) -> Result<(), Refusal> {
        let layout = &self.context.layout;
        layout.write(&layout.run(&self.node), sql).map_err(Refusal::from)
    }

    fn quoted(&self) -> [bool; 3] {
        self.context.quoted
    }

    fn relation(&self, schema: &str, identifier: &str) -> Result<Option<Relation>, Refusal> {
        let connection = self.connection()?;
        Self::wait(find_relation(connection, schema, identifier)).map_err(|error| refusal(&error))
    }

    fn columns(&self, relation: &Relation) -> Result<Vec<Column>, Refusal> {
        let connection = self.connection()?;
        Self::wait(catalog::columns(
            connection,
            &relation.stored_schema(),
            &relation.stored_identifier(),
        ))
        .map_err(|error| refusal(&error))
    }

    fn log(&self, message: &str, show: bool) {
        let severity = if show { Level::Info } else { Level::Debug };
        self.context.events.message(severity, message);
    }

    fn print(&self, text: &str) {
        if self.context.flags.print {
            self.context.events.tell(Event::Printed(text.to_owned()));
        }
    }

    fn thread(&self) -> String {
        current_thread()
    }

    fn warn(&self, message: &str) -> Result<(), Refusal> {
        const CODE: &str = "template-warning";
        if self.context.flags.warn_error.is_error(CODE) {
            return Err(Refusal::new(CODE, message));
        }
        self.context.warn(&self.node, CODE, message);
        Ok(())
    }
}

fn refusal(error: &SqlError) -> Refusal {
    error.diagnostic().into()
}

/// A statement of a macro's that the server refused, with its text and where in it.
fn refused_statement(error: &SqlError, sql: &str) -> Refusal {
    let mut refusal = refusal(error);
    let position = error.position.and_then(|position| position.checked_sub(1));
    if let Some((at, _)) = position.and_then(|position| sql.char_indices().nth(position)) {
        refusal.place = Some(Place::new(&SourceFile::new("the statement", sql), word_at(sql, at)));
    }
    refusal
}
